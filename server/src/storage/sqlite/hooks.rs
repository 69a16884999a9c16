//! Incoming webhooks with their bots.

use async_trait::async_trait;
use chat_common::model::Role;
use chat_common::{RoomName, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, audit, rows, standing, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{HookRow, Hooks, NewUser, RoomRow, StoreResult};

const COLUMNS: &str = "h.id, r.name, h.bot, h.name, h.created_at FROM hooks h JOIN rooms r ON r.id = h.room";

fn hook(row: &Row<'_>) -> rusqlite::Result<HookRow> {
    let (room, name): (String, String) = (row.get(1)?, row.get(3)?);
    Ok(HookRow {
        id: row.get(0)?,
        room: RoomName::parse(&room).map_err(|_| rows::bad(1, "room name"))?,
        bot: rows::user_id(row.get(2)?),
        name: UserName::parse(&name).map_err(|_| rows::bad(3, "user name"))?,
        created_at: Timestamp::from_millis(row.get(4)?),
    })
}

fn create(
    conn: &Connection,
    actor: UserId,
    new: &HookRow,
    hash: &[u8; 32],
    bot: &NewUser,
    most: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let room = standing::scene(conn, actor, &new.room, Action::Moderate, at)?.room;
    let there: u32 =
        conn.prepare_cached("SELECT count(*) FROM hooks WHERE room = ?1")?.query_row([room.id.0], |row| row.get(0))?;
    if there >= most {
        return Err(Refusal::Forbidden("this room has too many webhooks; delete one first").into());
    }
    users::create(conn, bot)?;
    standing::add_member(conn, &room, bot.id, Role::Member, at)?;
    conn.prepare_cached("INSERT INTO hooks (id, hash, room, bot, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![new.id, hash, room.id.0, rows::user_in(bot.id), new.name.as_str(), at.as_millis()])?;
    audit::add(conn, Some(actor), "hook:create", room.name.as_str(), Some(new.name.as_str()), at)?;
    standing::room_again(conn, room.id)
}

fn delete(conn: &Connection, actor: UserId, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
    let room = standing::scene(conn, actor, room, Action::Moderate, at)?.room;
    let name: Option<String> = conn
        .prepare_cached("DELETE FROM hooks WHERE id = ?1 AND room = ?2 RETURNING name")?
        .query_row(params![id, room.id.0], |row| row.get(0))
        .optional()?;
    if let Some(name) = &name {
        audit::add(conn, Some(actor), "hook:delete", room.name.as_str(), Some(name), at)?;
    }
    Ok(name.is_some())
}

fn of(conn: &Connection, actor: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
    let room = standing::scene(conn, actor, room, Action::Moderate, now)?.room;
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE h.room = ?1 ORDER BY h.created_at DESC, h.id"))?;
    let found = statement.query_map([room.id.0], hook)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn by_address(conn: &Connection, id: &str, hash: &[u8; 32]) -> StoreResult<Option<HookRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE h.id = ?1 AND h.hash = ?2 AND r.name IS NOT NULL"))?
        .query_row(params![id, hash], hook)
        .optional()?)
}

#[async_trait]
impl Hooks for SqliteStore {
    async fn create_hook(
        &self,
        actor: UserId,
        hook: HookRow,
        hash: [u8; 32],
        bot: NewUser,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow> {
        self.write(move |c| create(c, actor, &hook, &hash, &bot, most, at)).await
    }

    async fn hook(&self, id: &str, hash: [u8; 32]) -> StoreResult<Option<HookRow>> {
        let id = id.to_owned();
        self.read(move |c| by_address(c, &id, &hash)).await
    }

    async fn hooks(&self, actor: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
        let room = room.clone();
        self.read(move |c| of(c, actor, &room, now)).await
    }

    async fn delete_hook(&self, actor: UserId, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| delete(c, actor, &room, &id, at)).await
    }
}
