//! Incoming webhooks with their bots.

use async_trait::async_trait;
use chat_common::model::Role;
use chat_common::{RoomName, Timestamp, UserId, UserName};
use futures_util::FutureExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::{PostgresStore, audit, error, rows, standing, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{HookRow, Hooks, NewUser, RoomRow, StoreResult};

macro_rules! select_hook {
    ($rest:literal) => {
        concat!("SELECT h.id, r.name, h.bot, h.name, h.created_at FROM hooks h JOIN rooms r ON r.id = h.room ", $rest)
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
    })
}

async fn create(
    conn: &mut PgConnection,
    actor: UserId,
    new: &HookRow,
    hash: &[u8; 32],
    bot: &NewUser,
    most: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let room = standing::scene(conn, actor, &new.room, Action::Moderate, at).await?.room;
    let there: i64 =
        sqlx::query_scalar("SELECT count(*) FROM hooks WHERE room = $1").bind(room.id.0).fetch_one(&mut *conn).await?;
    if there >= i64::from(most) {
        return Err(Refusal::Forbidden("this room has too many webhooks; delete one first").into());
    }
    users::create(conn, bot).await?;
    standing::add_member(conn, &room, bot.id, Role::Member, at).await?;
    sqlx::query("INSERT INTO hooks (id, hash, room, bot, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&new.id)
        .bind(hash.as_slice())
        .bind(room.id.0)
        .bind(rows::user_in(bot.id))
        .bind(new.name.as_str())
        .bind(at.as_millis())
        .execute(&mut *conn)
        .await?;
    audit::add(conn, Some(actor), "hook:create", room.name.as_str(), Some(new.name.as_str()), at).await?;
    standing::room_again(conn, room.id).await
}

async fn delete(conn: &mut PgConnection, actor: UserId, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
    let room = standing::glance(conn, actor, room, Action::Moderate, at).await?.room;
    let name: Option<String> = sqlx::query_scalar("DELETE FROM hooks WHERE id = $1 AND room = $2 RETURNING name")
        .bind(id)
        .bind(room.id.0)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(name) = &name {
        audit::add(conn, Some(actor), "hook:delete", room.name.as_str(), Some(name), at).await?;
    }
    Ok(name.is_some())
}

async fn of(conn: &mut PgConnection, actor: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
    let room = standing::glance(conn, actor, room, Action::Moderate, now).await?.room;
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
        actor: UserId,
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

    async fn hooks(&self, actor: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
        let room = room.clone();
        self.read(move |c| async move { of(c, actor, &room, now).await }.boxed()).await
    }

    async fn delete_hook(&self, actor: UserId, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| async move { delete(c, actor, &room, &id, at).await }.boxed()).await
    }
}
