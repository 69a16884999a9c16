//! API tokens with their bots, invitations, blocks.

use chat_common::{RoomName, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{authority, error, rows, users};
use crate::domain::Refusal;
use crate::storage::{Authority, InviteRow, NewUser, StoreResult, TokenRow};

const COLUMNS: &str = "id, owner, bot, name, scopes, rooms, created_at, expires_at";

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let name: String = row.get(3)?;
    let scopes: String = row.get(4)?;
    let rooms: Option<String> = row.get(5)?;
    let rooms: Option<Vec<RoomName>> =
        rooms.map(|rooms| serde_json::from_str(&rooms)).transpose().map_err(|_| rows::bad(5, "list of rooms"))?;
    Ok(TokenRow {
        id: row.get(0)?,
        owner: rows::user_id(row.get(1)?),
        bot: rows::user_id(row.get(2)?),
        name: UserName::parse(&name).map_err(|_| rows::bad(3, "user name"))?,
        scopes: serde_json::from_str(&scopes).map_err(|_| rows::bad(4, "list of scopes"))?,
        rooms,
        created_at: Timestamp::from_millis(row.get(6)?),
        expires_at: rows::time(row.get(7)?),
    })
}

/// Stores an API token and makes its bot.
pub(super) fn create(conn: &Connection, new: &TokenRow, hash: &[u8; 32], bot: &NewUser) -> StoreResult<()> {
    users::create(conn, bot)?;
    let json = |value: Result<String, serde_json::Error>| value.map_err(|_| error::damaged("token"));
    let scopes = json(serde_json::to_string(&new.scopes))?;
    let rooms = new.rooms.as_ref().map(|rooms| json(serde_json::to_string(rooms))).transpose()?;
    conn.prepare_cached(
        "INSERT INTO tokens (id, hash, owner, bot, name, scopes, rooms, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.id,
        hash,
        rows::user_in(new.owner),
        rows::user_in(new.bot),
        new.name.as_str(),
        scopes,
        rooms,
        new.created_at.as_millis(),
        rows::millis(new.expires_at)
    ])?;
    Ok(())
}

/// By the secret's hash.
pub(super) fn by_hash(conn: &Connection, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM tokens WHERE hash = ?1"))?
        .query_row([hash], token)
        .optional()?)
}

/// An owner's, newest first.
pub(super) fn of(conn: &Connection, owner: UserId) -> StoreResult<Vec<TokenRow>> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM tokens WHERE owner = ?1 ORDER BY created_at DESC, id"))?;
    let found = statement.query_map([rows::user_in(owner)], token)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Deletes one; its bot stays as the author of what it sent.
pub(super) fn delete(conn: &Connection, owner: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
    let deleted = conn
        .prepare_cached("DELETE FROM tokens WHERE id = ?1 AND owner = ?2")?
        .execute(params![id, rows::user_in(owner)])?;
    if deleted > 0 {
        authority::add(conn, &Authority::Token(id.to_owned()), at)?;
    }
    Ok(deleted > 0)
}

/// Stores an invitation.
pub(super) fn create_invite(conn: &Connection, new: &InviteRow, at: Timestamp) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO invites (id, code_hash, by, uses_left, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        new.id,
        new.code_hash,
        new.by.map(rows::user_in),
        new.uses_left,
        at.as_millis(),
        new.expires_at.as_millis()
    ])?;
    Ok(())
}

/// Those still good, newest first.
pub(super) fn invites(conn: &Connection, now: Timestamp) -> StoreResult<Vec<InviteRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, code_hash, by, uses_left, expires_at FROM invites
         WHERE uses_left > 0 AND expires_at > ?1 ORDER BY created_at DESC, id",
    )?;
    let found = statement.query_map([now.as_millis()], |row| {
        Ok(InviteRow {
            id: row.get(0)?,
            code_hash: row.get(1)?,
            by: row.get::<_, Option<i64>>(2)?.map(rows::user_id),
            uses_left: row.get(3)?,
            expires_at: Timestamp::from_millis(row.get(4)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Deletes an invitation.
pub(super) fn delete_invite(conn: &Connection, id: &str) -> StoreResult<bool> {
    Ok(conn.prepare_cached("DELETE FROM invites WHERE id = ?1")?.execute([id])? > 0)
}

/// Blocks or unblocks another user.
pub(super) fn set_block(conn: &Connection, user: UserId, other: UserId, on: bool, at: Timestamp) -> StoreResult<()> {
    if user == other {
        let message = "nobody can block themselves".into();
        return Err(Refusal::Invalid { field: "user", message }.into());
    }
    users::known(conn, other)?;
    let (user, other) = (rows::user_in(user), rows::user_in(other));
    if on {
        conn.prepare_cached("INSERT OR IGNORE INTO blocks (user, other, at) VALUES (?1, ?2, ?3)")?.execute(params![
            user,
            other,
            at.as_millis()
        ])?;
    } else {
        conn.prepare_cached("DELETE FROM blocks WHERE user = ?1 AND other = ?2")?.execute(params![user, other])?;
    }
    Ok(())
}

/// Whom a user has blocked.
pub(super) fn blocks(conn: &Connection, user: UserId) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached("SELECT other FROM blocks WHERE user = ?1 ORDER BY at, other")?;
    let found = statement.query_map([rows::user_in(user)], |row| Ok(rows::user_id(row.get(0)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Whether `user` has blocked `other`.
pub(super) fn has_blocked(conn: &Connection, user: UserId, other: UserId) -> StoreResult<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM blocks WHERE user = ?1 AND other = ?2)")?
        .query_row(params![rows::user_in(user), rows::user_in(other)], |row| row.get(0))?)
}
