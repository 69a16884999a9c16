//! Incoming webhooks with their bots.

use async_trait::async_trait;
use chat_common::model::{Role, RoomKind};
use chat_common::{RoomName, Timestamp, UserId, UserName};
use futures_util::FutureExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{PostgresStore, audit, error, rows, standing, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{HookRow, Hooks, NewUser, RoomRow, Signing, StoreResult};

macro_rules! select_hook {
    ($rest:literal) => {
        concat!(
            "SELECT h.id, r.name, h.bot, h.name, h.created_at, h.signing FROM hooks h JOIN rooms r ON r.id = h.room ",
            $rest
        )
    };
}

fn hook(row: &PgRow) -> StoreResult<HookRow> {
    let (room, name): (&str, &str) = (row.try_get(1)?, row.try_get(3)?);
    Ok(HookRow {
        id: row.try_get(0)?,
        room: RoomName::parse(room).map_err(|_| error::damaged("room name"))?,
        bot: rows::user_id(row.try_get(2)?),
        name: UserName::parse(name).map_err(|_| error::damaged("user name"))?,
        created_at: Timestamp::from_millis(row.try_get(4)?),
        signing: Signing(row.try_get(5)?),
    })
}

/// The owner of the machine may everywhere but in conversations of two.
pub(super) fn of_the_machine(room: Option<RoomRow>) -> StoreResult<RoomRow> {
    Ok(room.filter(|room| room.kind != RoomKind::Direct).ok_or(Refusal::ROOM)?)
}

/// A room that the actor may moderate; nothing is locked.
pub(super) async fn moderated(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    name: &RoomName,
    now: Timestamp,
) -> StoreResult<RoomRow> {
    match actor {
        Some(actor) => Ok(standing::glance(conn, actor, name, Action::Moderate, now).await?.room),
        None => of_the_machine(standing::room(conn, name).await?),
    }
}

async fn create(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    new: &HookRow,
    hash: &[u8; 32],
    bot: &NewUser,
    most: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let room = match actor {
        Some(actor) => standing::scene(conn, actor, &new.room, Action::Moderate, at).await?.room,
        None => of_the_machine(standing::room_alone(conn, &new.room).await?)?,
    };
    let there: i64 =
        sqlx::query_scalar("SELECT count(*) FROM hooks WHERE room = $1").bind(room.id.0).fetch_one(&mut *conn).await?;
    if there >= i64::from(most) {
        return Err(Refusal::Forbidden("this room has too many webhooks; delete one first").into());
    }
    users::create(conn, bot).await?;
    standing::add_member(conn, &room, bot.id, Role::Member, at).await?;
    sqlx::query(
        "INSERT INTO hooks (id, hash, room, bot, name, created_at, signing) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&new.id)
    .bind(hash.as_slice())
    .bind(room.id.0)
    .bind(rows::user_in(bot.id))
    .bind(new.name.as_str())
    .bind(at.as_millis())
    .bind(&new.signing.0)
    .execute(&mut *conn)
    .await?;
    audit::add(conn, actor, "hook:create", room.name.as_str(), Some(new.name.as_str()), at).await?;
    standing::room_again(conn, room.id).await
}

async fn rotate(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    room: &RoomName,
    id: &str,
    hash: &[u8; 32],
    signing: &Signing,
    at: Timestamp,
) -> StoreResult<Option<HookRow>> {
    let room = moderated(conn, actor, room, at).await?;
    let changed = sqlx::query("UPDATE hooks SET hash = $3, signing = $4 WHERE id = $1 AND room = $2")
        .bind(id)
        .bind(room.id.0)
        .bind(hash.as_slice())
        .bind(&signing.0)
        .execute(&mut *conn)
        .await?;
    if changed.rows_affected() == 0 {
        return Ok(None);
    }
    let found = by_address(conn, id, hash).await?;
    let name = found.as_ref().map(|hook| hook.name.as_str());
    audit::add(conn, actor, "hook:rotate", room.name.as_str(), name, at).await?;
    Ok(found)
}

async fn delete(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    room: &RoomName,
    id: &str,
    at: Timestamp,
) -> StoreResult<bool> {
    let room = moderated(conn, actor, room, at).await?;
    let name: Option<String> = sqlx::query_scalar("DELETE FROM hooks WHERE id = $1 AND room = $2 RETURNING name")
        .bind(id)
        .bind(room.id.0)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(name) = &name {
        audit::add(conn, actor, "hook:delete", room.name.as_str(), Some(name), at).await?;
    }
    Ok(name.is_some())
}

async fn of(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    room: &RoomName,
    now: Timestamp,
) -> StoreResult<Vec<HookRow>> {
    let room = moderated(conn, actor, room, now).await?;
    let found = sqlx::query(select_hook!("WHERE h.room = $1 ORDER BY h.created_at DESC, h.id"))
        .bind(room.id.0)
        .fetch_all(conn)
        .await?;
    found.iter().map(hook).collect()
}

async fn by_address(conn: &mut PgConnection, id: &str, hash: &[u8; 32]) -> StoreResult<Option<HookRow>> {
    let row = sqlx::query(select_hook!("WHERE h.id = $1 AND h.hash = $2 AND r.name IS NOT NULL"))
        .bind(id)
        .bind(hash.as_slice())
        .fetch_optional(conn)
        .await?;
    row.map(|row| hook(&row)).transpose()
}

#[async_trait]
impl Hooks for PostgresStore {
    async fn create_hook(
        &self,
        actor: Option<UserId>,
        hook: HookRow,
        hash: [u8; 32],
        bot: NewUser,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow> {
        self.write(move |c| async move { create(c, actor, &hook, &hash, &bot, most, at).await }.boxed()).await
    }

    async fn hook(&self, id: &str, hash: [u8; 32]) -> StoreResult<Option<HookRow>> {
        let id = id.to_owned();
        self.read(move |c| async move { by_address(c, &id, &hash).await }.boxed()).await
    }

    async fn hooks(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
        let room = room.clone();
        self.read(move |c| async move { of(c, actor, &room, now).await }.boxed()).await
    }

    async fn rotate_hook(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        hash: [u8; 32],
        signing: Signing,
        at: Timestamp,
    ) -> StoreResult<Option<HookRow>> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| async move { rotate(c, actor, &room, &id, &hash, &signing, at).await }.boxed()).await
    }

    async fn delete_hook(&self, actor: Option<UserId>, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| async move { delete(c, actor, &room, &id, at).await }.boxed()).await
    }
}
