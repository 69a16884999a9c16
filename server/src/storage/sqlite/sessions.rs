//! Sessions and their refresh tokens, which are known by hash alone.

use chat_common::{Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{authority, rows};
use crate::storage::{Authority, Rotation, SessionRow, StoreResult};

/// How long a replaced refresh token still works.
const GRACE_MS: i64 = 60_000;

const COLUMNS: &str = "s.id, s.user, s.agent, s.created_at, s.used_at, s.expires_at";

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        user: rows::user_id(row.get(1)?),
        agent: row.get(2)?,
        created_at: Timestamp::from_millis(row.get(3)?),
        used_at: Timestamp::from_millis(row.get(4)?),
        expires_at: Timestamp::from_millis(row.get(5)?),
    })
}

/// Opens a session; those that are long over go.
pub(super) fn create(conn: &Connection, new: &SessionRow, refresh: &[u8; 32]) -> StoreResult<()> {
    conn.prepare_cached(
        "DELETE FROM spent_refreshes WHERE session IN
           (SELECT id FROM sessions WHERE user = ?1 AND expires_at <= ?2)",
    )?
    .execute(params![rows::user_in(new.user), new.created_at.as_millis()])?;
    conn.prepare_cached("DELETE FROM sessions WHERE user = ?1 AND expires_at <= ?2")?
        .execute(params![rows::user_in(new.user), new.created_at.as_millis()])?;
    conn.prepare_cached(
        "INSERT INTO sessions (id, user, agent, created_at, used_at, expires_at, refresh)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        new.id,
        rows::user_in(new.user),
        new.agent,
        new.created_at.as_millis(),
        new.used_at.as_millis(),
        new.expires_at.as_millis(),
        refresh
    ])?;
    Ok(())
}

/// Replaces a refresh token by its successor.
pub(super) fn rotate(
    conn: &Connection,
    presented: &[u8; 32],
    successor: &[u8; 32],
    expires_at: Timestamp,
    now: Timestamp,
) -> StoreResult<Rotation> {
    if let Some(current) = by_current(conn, presented)? {
        if current.expires_at <= now {
            return Ok(Rotation::Unknown);
        }
        conn.prepare_cached("UPDATE sessions SET refresh = ?2, used_at = ?3, expires_at = ?4 WHERE id = ?1")?
            .execute(params![current.id, successor, now.as_millis(), expires_at.as_millis()])?;
        conn.prepare_cached("INSERT OR REPLACE INTO spent_refreshes (hash, session, at) VALUES (?1, ?2, ?3)")?
            .execute(params![presented, current.id, now.as_millis()])?;
        return Ok(Rotation::Valid(SessionRow { used_at: now, expires_at, ..current }));
    }
    let Some((id, spent_at)) = spent(conn, presented)? else { return Ok(Rotation::Unknown) };
    let Some(found) = by_id(conn, &id, now)? else { return Ok(Rotation::Unknown) };
    if now.as_millis() - spent_at <= GRACE_MS {
        return Ok(Rotation::Valid(found));
    }
    revoke(conn, found.user, &found.id, now)?;
    Ok(Rotation::Reused)
}

fn by_current(conn: &Connection, refresh: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM sessions s WHERE s.refresh = ?1"))?
        .query_row([refresh], session)
        .optional()?)
}

fn spent(conn: &Connection, refresh: &[u8; 32]) -> StoreResult<Option<(String, i64)>> {
    Ok(conn
        .prepare_cached("SELECT session, at FROM spent_refreshes WHERE hash = ?1")?
        .query_row([refresh], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// One that is neither revoked nor expired.
pub(super) fn by_id(conn: &Connection, id: &str, now: Timestamp) -> StoreResult<Option<SessionRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM sessions s WHERE s.id = ?1 AND s.expires_at > ?2"))?
        .query_row(params![id, now.as_millis()], session)
        .optional()?)
}

/// The session that a refresh token, current or replaced, belongs to.
pub(super) fn by_refresh(conn: &Connection, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>> {
    match by_current(conn, hash)? {
        Some(found) => Ok(Some(found)),
        None => match spent(conn, hash)? {
            Some((id, _)) => by_id(conn, &id, Timestamp::from_millis(0)),
            None => Ok(None),
        },
    }
}

/// A user's live ones, newest first.
pub(super) fn of(conn: &Connection, user: UserId, now: Timestamp) -> StoreResult<Vec<SessionRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM sessions s WHERE s.user = ?1 AND s.expires_at > ?2 ORDER BY s.created_at DESC, s.id"
    ))?;
    let found = statement.query_map(params![rows::user_in(user), now.as_millis()], session)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Ends one session of a user; false if there is none such.
pub(super) fn revoke(conn: &Connection, user: UserId, id: &str, at: Timestamp) -> StoreResult<bool> {
    let ended = conn
        .prepare_cached("DELETE FROM sessions WHERE id = ?1 AND user = ?2")?
        .execute(params![id, rows::user_in(user)])?;
    if ended == 0 {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM spent_refreshes WHERE session = ?1")?.execute([id])?;
    authority::add(conn, &Authority::Session(id.to_owned()), at)?;
    Ok(true)
}

/// Ends all sessions of a user but `keep`, and tells it.
pub(super) fn revoke_all(conn: &Connection, user: UserId, keep: Option<&str>, at: Timestamp) -> StoreResult<()> {
    forget(conn, user, keep)?;
    authority::add(conn, &Authority::User { user, except: keep.map(str::to_owned) }, at)
}

/// Ends all sessions of a user; another authority row tells it.
pub(super) fn forget_all(conn: &Connection, user: UserId) -> StoreResult<()> {
    forget(conn, user, None)
}

fn forget(conn: &Connection, user: UserId, keep: Option<&str>) -> StoreResult<()> {
    let key = params![rows::user_in(user), keep.unwrap_or_default()];
    conn.prepare_cached(
        "DELETE FROM spent_refreshes WHERE session IN (SELECT id FROM sessions WHERE user = ?1 AND id <> ?2)",
    )?
    .execute(key)?;
    conn.prepare_cached("DELETE FROM sessions WHERE user = ?1 AND id <> ?2")?.execute(key)?;
    Ok(())
}
