//! Retention, and the texts of erased users: messages blanked step by step, one entry for each step.

use async_trait::async_trait;
use chat_common::model::RoomKind;
use chat_common::{RoomName, Seq, Timestamp, UserId};
use futures_util::FutureExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::change::{self, Target, told};
use super::standing::{self, Scene};
use super::{PostgresStore, archive, audit, entry, erase, rows};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::body::Body;
use crate::storage::keep::Place;
use crate::storage::{BLANKED_AT_ONCE, Blanked, DAY_MS, Keep, NOBODY, RoomChange, RoomId, RoomRow, StoreResult};

/// For how many days a room keeps texts.
async fn set_retention(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    room: &RoomName,
    days: Option<u32>,
    shown: u32,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let room = match actor {
        Some(actor) => {
            let Scene { room, .. } = standing::scene(conn, actor, room, Action::SetRetention, at).await?;
            room
        }
        None => standing::room_alone(conn, room).await?.ok_or(Refusal::ROOM)?,
    };
    if room.kind == RoomKind::Direct {
        return Err(Refusal::Forbidden("direct conversations go by the server's default").into());
    }
    if room.retention_days == days {
        return told(conn, room.id, None).await;
    }
    sqlx::query("UPDATE rooms SET retention_days = $2 WHERE id = $1")
        .bind(room.id.0)
        .bind(days.map(|days| i32::try_from(days).unwrap_or(i32::MAX)))
        .execute(&mut *conn)
        .await?;
    let detail = days.map_or("default".to_owned(), |days| if days == 0 { "off".to_owned() } else { days.to_string() });
    audit::add(conn, actor, "room:retention", room.name.as_str(), Some(&detail), at).await?;
    let body = Body::Room { topic: None, kind: None, owner: None, retention_days: Some(shown) };
    let (seq, _) = entry::add(conn, room.id, actor.unwrap_or(NOBODY), None, &body, at).await?;
    told(conn, room.id, Some(seq)).await
}

/// The next step of what is due.
async fn blank_next(conn: &mut PgConnection, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
    match erased(conn, at).await? {
        Some(done) => Ok(Some(done)),
        None => outdated(conn, default_days, at).await,
    }
}

/// Locks a room; false: it is gone.
async fn lock(conn: &mut PgConnection, room: i64) -> StoreResult<bool> {
    let there: Option<i64> =
        sqlx::query_scalar("SELECT id FROM rooms WHERE id = $1 AND name IS NOT NULL FOR NO KEY UPDATE")
            .bind(room)
            .fetch_optional(conn)
            .await?;
    Ok(there.is_some())
}

/// Texts of a user that was erased with them.
async fn erased(conn: &mut PgConnection, at: Timestamp) -> StoreResult<Option<Blanked>> {
    loop {
        let wish: Option<(i64, i64, i64)> =
            sqlx::query_as("SELECT user_id, room, seq FROM erasures ORDER BY user_id LIMIT 1")
                .fetch_optional(&mut *conn)
                .await?;
        let Some((user, room, seq)) = wish else { return Ok(None) };
        let next: Option<(i64, i64)> = sqlx::query_as(
            "SELECT r.id, r.head FROM rooms r WHERE r.id >= $1 AND r.name IS NOT NULL AND EXISTS
               (SELECT 1 FROM messages m WHERE m.room = r.id AND m.sender = $2)
             ORDER BY r.id LIMIT 1",
        )
        .bind(room)
        .bind(user)
        .fetch_optional(&mut *conn)
        .await?;
        let Some((next, head)) = next else {
            sqlx::query("DELETE FROM erasures WHERE user_id = $1").bind(user).execute(&mut *conn).await?;
            continue;
        };
        let place = Place { room: next, after: if next == room { seq } else { 0 }, head };
        let found = match lock(conn, next).await? {
            true => {
                let found = sqlx::query(
                    "SELECT id, seq, sender, text, text_seq, deleted FROM messages
                     WHERE room = $1 AND seq > $2 AND seq <= $3 AND sender = $4 AND NOT deleted ORDER BY seq LIMIT $5",
                )
                .bind(next)
                .bind(place.after)
                .bind(place.end())
                .bind(user)
                .bind(i64::from(BLANKED_AT_ONCE))
                .fetch_all(&mut *conn)
                .await?;
                targets(&found)?
            }
            false => Vec::new(),
        };
        // Another node may be further already.
        let (room, seq) = place.then(found.len(), found.last().map(|(seq, _)| rows::seq_in(*seq)));
        sqlx::query("UPDATE erasures SET room = $2, seq = $3 WHERE user_id = $1 AND (room, seq) < ($2, $3)")
            .bind(user)
            .bind(room)
            .bind(seq)
            .execute(&mut *conn)
            .await?;
        return blank(conn, RoomId(next), &found, Some(rows::user_id(user)), at).await.map(Some);
    }
}

/// Texts that are older than their room keeps them.
async fn outdated(conn: &mut PgConnection, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
    let due: Option<(i64, i64)> = sqlx::query_as(
        "SELECT r.id, $1 - coalesce(r.retention_days, $2)::bigint * $3 FROM rooms r
         WHERE r.name IS NOT NULL AND coalesce(r.retention_days, $2) > 0 AND EXISTS
           (SELECT 1 FROM messages m WHERE m.room = r.id
              AND m.seq = (SELECT min(seq) FROM messages n WHERE n.room = r.id AND n.seq > r.blanked)
              AND m.at < $1 - coalesce(r.retention_days, $2)::bigint * $3)
         ORDER BY r.id LIMIT 1",
    )
    .bind(at.as_millis())
    .bind(i32::try_from(default_days).unwrap_or(i32::MAX))
    .bind(DAY_MS)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((room, before)) = due else { return Ok(None) };
    let locked = lock(conn, room).await?;
    // Another node may have been faster: what stands there now counts.
    let found = sqlx::query(
        "SELECT m.id, m.seq, m.sender, m.text, m.text_seq, m.deleted FROM messages m JOIN rooms r ON r.id = m.room
         WHERE m.room = $1 AND m.seq > r.blanked AND m.at < $2 ORDER BY m.seq LIMIT $3",
    )
    .bind(room)
    .bind(before)
    .bind(i64::from(BLANKED_AT_ONCE))
    .fetch_all(&mut *conn)
    .await?;
    let found = if locked { targets(&found)? } else { Vec::new() };
    let done = blank(conn, RoomId(room), &found, None, at).await?;
    sqlx::query("UPDATE rooms SET blanked = greatest(blanked, $2) WHERE id = $1")
        .bind(room)
        .bind(rows::seq_in(done.through))
        .execute(&mut *conn)
        .await?;
    Ok(Some(done))
}

fn targets(found: &[PgRow]) -> StoreResult<Vec<(Seq, Target)>> {
    let target = |row: &PgRow| {
        let target = Target {
            id: row.try_get(0)?,
            sender: rows::user_id(row.try_get(2)?),
            text: row.try_get(3)?,
            text_seq: rows::seq(row.try_get(4)?),
            deleted: row.try_get(5)?,
        };
        Ok((rows::seq(row.try_get(1)?), target))
    };
    found.iter().map(target).collect()
}

async fn blank(
    conn: &mut PgConnection,
    room: RoomId,
    found: &[(Seq, Target)],
    user: Option<UserId>,
    at: Timestamp,
) -> StoreResult<Blanked> {
    let through = found.last().map_or(Seq::ZERO, |(seq, _)| *seq);
    let messages = u32::try_from(found.iter().filter(|(_, target)| !target.deleted).count()).unwrap_or(u32::MAX);
    if messages == 0 {
        return Ok(Blanked { messages, change: None, through });
    }
    let (by, _) = entry::add(conn, room, NOBODY, None, &Body::Blanked { through, user }, at).await?;
    for (seq, target) in found.iter().filter(|(_, target)| !target.deleted) {
        change::blank(conn, room, *seq, target, by).await?;
    }
    Ok(Blanked { messages, change: Some(told(conn, room, Some(by)).await?), through })
}

#[async_trait]
impl Keep for PostgresStore {
    async fn set_retention(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        days: Option<u32>,
        told: u32,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| async move { set_retention(c, actor, &room, days, told, at).await }.boxed()).await
    }

    async fn blank_next(&self, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
        let done = self.write(move |c| async move { blank_next(c, default_days, at).await }.boxed()).await?;
        if done.is_some() {
            self.follower.ring();
        }
        Ok(done)
    }

    async fn erase_user(
        &self,
        actor: Option<UserId>,
        user: UserId,
        texts: bool,
        at: Timestamp,
    ) -> StoreResult<Vec<RoomRow>> {
        self.write(move |c| async move { erase::erase(c, actor, user, texts, at).await }.boxed()).await
    }

    async fn repair_index(&self) -> StoreResult<()> {
        let mut lent = self.pool.take().await?;
        archive::repair_index(&mut lent.conn).await?;
        self.pool.give_back(lent);
        self.follower.ring();
        Ok(())
    }
}
