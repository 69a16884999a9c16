//! Incoming webhooks with their bots.

use async_trait::async_trait;
use chat_common::model::{Role, RoomKind};
use chat_common::{RoomName, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, audit, rows, standing, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{HookRow, Hooks, NewUser, RoomRow, Signing, StoreResult};

const COLUMNS: &str = "h.id, r.name, h.bot, h.name, h.created_at, h.signing FROM hooks h JOIN rooms r ON r.id = h.room";

fn hook(row: &Row<'_>) -> rusqlite::Result<HookRow> {
    let (room, name): (String, String) = (row.get(1)?, row.get(3)?);
    Ok(HookRow {
        id: row.get(0)?,
        room: RoomName::parse(&room).map_err(|_| rows::bad(1, "room name"))?,
        bot: rows::user_id(row.get(2)?),
        name: UserName::parse(&name).map_err(|_| rows::bad(3, "user name"))?,
        created_at: Timestamp::from_millis(row.get(4)?),
        signing: Signing(row.get(5)?),
    })
}

/// A room that the actor may moderate; the owner of the machine (`None`) may everywhere but in conversations of two.
pub(super) fn moderated(
    conn: &Connection,
    actor: Option<UserId>,
    name: &RoomName,
    now: Timestamp,
) -> StoreResult<RoomRow> {
    match actor {
        Some(actor) => Ok(standing::scene(conn, actor, name, Action::Moderate, now)?.room),
        None => Ok(standing::room(conn, name)?.filter(|room| room.kind != RoomKind::Direct).ok_or(Refusal::ROOM)?),
    }
}

fn create(
    conn: &Connection,
    actor: Option<UserId>,
    new: &HookRow,
    hash: &[u8; 32],
    bot: &NewUser,
    most: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let room = moderated(conn, actor, &new.room, at)?;
    let there: u32 =
        conn.prepare_cached("SELECT count(*) FROM hooks WHERE room = ?1")?.query_row([room.id.0], |row| row.get(0))?;
    if there >= most {
        return Err(Refusal::Forbidden("this room has too many webhooks; delete one first").into());
    }
    users::create(conn, bot)?;
    standing::add_member(conn, &room, bot.id, Role::Member, at)?;
    conn.prepare_cached(
        "INSERT INTO hooks (id, hash, room, bot, name, created_at, signing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        new.id,
        hash,
        room.id.0,
        rows::user_in(bot.id),
        new.name.as_str(),
        at.as_millis(),
        new.signing.0
    ])?;
    audit::add(conn, actor, "hook:create", room.name.as_str(), Some(new.name.as_str()), at)?;
    standing::room_again(conn, room.id)
}

fn rotate(
    conn: &Connection,
    actor: Option<UserId>,
    room: &RoomName,
    id: &str,
    hash: &[u8; 32],
    signing: &Signing,
    at: Timestamp,
) -> StoreResult<Option<HookRow>> {
    let room = moderated(conn, actor, room, at)?;
    let changed = conn
        .prepare_cached("UPDATE hooks SET hash = ?3, signing = ?4 WHERE id = ?1 AND room = ?2")?
        .execute(params![id, room.id.0, hash, signing.0])?;
    if changed == 0 {
        return Ok(None);
    }
    let found = by_address(conn, id, hash)?;
    let name = found.as_ref().map(|hook| hook.name.as_str());
    audit::add(conn, actor, "hook:rotate", room.name.as_str(), name, at)?;
    Ok(found)
}

fn delete(conn: &Connection, actor: Option<UserId>, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
    let room = moderated(conn, actor, room, at)?;
    let name: Option<String> = conn
        .prepare_cached("DELETE FROM hooks WHERE id = ?1 AND room = ?2 RETURNING name")?
        .query_row(params![id, room.id.0], |row| row.get(0))
        .optional()?;
    if let Some(name) = &name {
        audit::add(conn, actor, "hook:delete", room.name.as_str(), Some(name), at)?;
    }
    Ok(name.is_some())
}

fn of(conn: &Connection, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
    let room = moderated(conn, actor, room, now)?;
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
        actor: Option<UserId>,
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

    async fn hooks(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>> {
        let room = room.clone();
        self.read(move |c| of(c, actor, &room, now)).await
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
        self.write(move |c| rotate(c, actor, &room, &id, &hash, &signing, at)).await
    }

    async fn delete_hook(&self, actor: Option<UserId>, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| delete(c, actor, &room, &id, at)).await
    }
}
