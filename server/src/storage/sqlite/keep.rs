//! Retention, and the texts of erased users: messages blanked step by step, one entry for each step.

use async_trait::async_trait;
use chat_common::{RoomName, Seq, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::change::{self, Target, told};
use super::entry::{self, Body};
use super::standing::{self, Scene};
use super::{SqliteStore, audit, erase, index, rows};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::keep::Place;
use crate::storage::{BLANKED_AT_ONCE, Blanked, DAY_MS, Keep, NOBODY, RoomChange, RoomId, RoomRow, StoreResult};

/// For how many days a room keeps texts.
fn set_retention(
    conn: &Connection,
    actor: Option<UserId>,
    room: &RoomName,
    days: Option<u32>,
    shown: u32,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let room = match actor {
        Some(actor) => {
            let Scene { room, .. } = standing::scene(conn, actor, room, Action::SetRetention, at)?;
            room
        }
        None => standing::room(conn, room)?.ok_or(Refusal::ROOM)?,
    };
    if room.kind == chat_common::model::RoomKind::Direct {
        return Err(Refusal::Forbidden("direct conversations go by the server's default").into());
    }
    if room.retention_days == days {
        return told(conn, room.id, None);
    }
    conn.prepare_cached("UPDATE rooms SET retention_days = ?2 WHERE id = ?1")?.execute(params![room.id.0, days])?;
    let detail = days.map_or("default".to_owned(), |days| if days == 0 { "off".to_owned() } else { days.to_string() });
    audit::add(conn, actor, "room:retention", room.name.as_str(), Some(&detail), at)?;
    let body = Body::Room { topic: None, kind: None, owner: None, retention_days: Some(shown) };
    let (seq, _) = entry::add(conn, room.id, actor.unwrap_or(NOBODY), None, &body, at)?;
    told(conn, room.id, Some(seq))
}

/// The next step of what is due.
fn blank_next(conn: &Connection, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
    let done = match erased(conn, at)? {
        Some(done) => Some(done),
        None => outdated(conn, default_days, at)?,
    };
    if done.is_none() {
        index::release(conn)?;
    }
    Ok(done)
}

/// Texts of a user that was erased with them.
fn erased(conn: &Connection, at: Timestamp) -> StoreResult<Option<Blanked>> {
    loop {
        let wish: Option<(i64, i64, i64)> = conn
            .prepare_cached("SELECT user, room, seq FROM erasures ORDER BY user LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((user, room, seq)) = wish else { return Ok(None) };
        let next: Option<(i64, i64)> = conn
            .prepare_cached(
                "SELECT r.id, r.head FROM rooms r WHERE r.id >= ?1 AND r.name IS NOT NULL AND EXISTS
                   (SELECT 1 FROM messages m WHERE m.room = r.id AND m.sender = ?2)
                 ORDER BY r.id LIMIT 1",
            )?
            .query_row(params![room, user], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((next, head)) = next else {
            conn.prepare_cached("DELETE FROM erasures WHERE user = ?1")?.execute([user])?;
            continue;
        };
        let place = Place { room: next, after: if next == room { seq } else { 0 }, head };
        // Along the log, where the last step stopped: the user's own index would begin anew each time.
        let sql = "SELECT id, seq, sender, text, text_seq, deleted FROM messages INDEXED BY messages_log
                   WHERE room = ?1 AND seq > ?2 AND seq <= ?3 AND sender = ?4 AND deleted = 0 ORDER BY seq LIMIT ?5";
        let found = targets(conn, sql, params![next, place.after, place.end(), user, BLANKED_AT_ONCE])?;
        let (room, seq) = place.then(found.len(), found.last().map(|(seq, _)| rows::seq_in(*seq)));
        conn.prepare_cached("UPDATE erasures SET room = ?2, seq = ?3 WHERE user = ?1")?.execute([user, room, seq])?;
        return blank(conn, RoomId(next), &found, Some(rows::user_id(user)), at).map(Some);
    }
}

/// Texts that are older than their room keeps them.
fn outdated(conn: &Connection, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
    let due: Option<(i64, i64, i64)> = conn
        .prepare_cached(
            "SELECT r.id, r.blanked, ?1 - coalesce(r.retention_days, ?2) * ?3 FROM rooms r
             WHERE r.name IS NOT NULL AND coalesce(r.retention_days, ?2) > 0 AND EXISTS
               (SELECT 1 FROM messages m WHERE m.room = r.id
                  AND m.seq = (SELECT min(seq) FROM messages n WHERE n.room = r.id AND n.seq > r.blanked)
                  AND m.at < ?1 - coalesce(r.retention_days, ?2) * ?3)
             ORDER BY r.id LIMIT 1",
        )?
        .query_row(params![at.as_millis(), default_days, DAY_MS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((room, after, before)) = due else { return Ok(None) };
    let sql = "SELECT id, seq, sender, text, text_seq, deleted FROM messages
               WHERE room = ?1 AND seq > ?2 AND at < ?3 ORDER BY seq LIMIT ?4";
    let found = targets(conn, sql, params![room, after, before, BLANKED_AT_ONCE])?;
    let done = blank(conn, RoomId(room), &found, None, at)?;
    conn.prepare_cached("UPDATE rooms SET blanked = ?2 WHERE id = ?1")?
        .execute(params![room, rows::seq_in(done.through)])?;
    Ok(Some(done))
}

fn targets(conn: &Connection, sql: &str, key: impl Params) -> StoreResult<Vec<(Seq, Target)>> {
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(key, |row| {
        let target = Target {
            id: row.get(0)?,
            sender: rows::user_id(row.get(2)?),
            text: row.get(3)?,
            text_seq: rows::seq(row.get(4)?),
            deleted: row.get(5)?,
        };
        Ok((rows::seq(row.get(1)?), target))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn blank(
    conn: &Connection,
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
    let (by, _) = entry::add(conn, room, NOBODY, None, &Body::Blanked { through, user }, at)?;
    index::in_bulk(conn, || {
        let mut there = found.iter().filter(|(_, target)| !target.deleted);
        there.try_for_each(|(seq, target)| change::blank(conn, room, *seq, target, by))
    })?;
    Ok(Blanked { messages, change: Some(told(conn, room, Some(by))?), through })
}

#[async_trait]
impl Keep for SqliteStore {
    async fn set_retention(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        days: Option<u32>,
        told: u32,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| set_retention(c, actor, &room, days, told, at)).await
    }

    async fn blank_next(&self, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>> {
        self.write(move |c| blank_next(c, default_days, at)).await
    }

    async fn erase_user(
        &self,
        actor: Option<UserId>,
        user: UserId,
        texts: bool,
        at: Timestamp,
    ) -> StoreResult<Vec<RoomRow>> {
        self.write(move |c| erase::erase(c, actor, user, texts, at)).await
    }

    async fn repair_index(&self) -> StoreResult<()> {
        self.write(index::anew).await
    }
}
