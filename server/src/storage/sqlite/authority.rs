//! The rows that end connections; every node reads them each second.

use chat_common::Timestamp;
use rusqlite::{Connection, params};

use super::rows;
use crate::storage::{Authority, RoomId, StoreResult};

/// Rows older than this have been read by every node that lives.
const KEEP_MS: i64 = 24 * 60 * 60 * 1_000;

/// Adds a row; drops those that nobody needs any more.
pub(super) fn add(conn: &Connection, what: &Authority, at: Timestamp) -> StoreResult<()> {
    let (kind, user, room, key) = match what {
        Authority::Session(id) => ("session", None, None, Some(id.as_str())),
        Authority::User { user, except } => ("user", Some(*user), None, except.as_deref()),
        Authority::Token(id) => ("token", None, None, Some(id.as_str())),
        Authority::Banned(user) => ("banned", Some(*user), None, None),
        Authority::Room { user, room } => ("room", Some(*user), Some(*room), None),
        Authority::RoomClosed(room) => ("room_closed", None, Some(*room), None),
        Authority::RoomDeleted(room) => ("room_deleted", None, Some(*room), None),
        Authority::Changed(user) => ("changed", Some(*user), None, None),
    };
    conn.prepare_cached("INSERT INTO authority_log (at, kind, user, room, key) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![at.as_millis(), kind, user.map(rows::user_in), room.map(|r| r.0), key])?;
    conn.prepare_cached(
        "DELETE FROM authority_log WHERE id IN
           (SELECT id FROM (SELECT id, at FROM authority_log ORDER BY id LIMIT 16) WHERE at < ?1)",
    )?
    .execute([at.as_millis() - KEEP_MS])?;
    Ok(())
}

/// The rows after `cursor`, oldest first, and the new cursor.
pub(super) fn since(conn: &Connection, cursor: Option<i64>) -> StoreResult<(Vec<Authority>, i64)> {
    let newest: i64 = conn
        .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'authority_log'), 0)")?
        .query_row([], |row| row.get(0))?;
    let Some(cursor) = cursor else { return Ok((Vec::new(), newest)) };
    let mut statement =
        conn.prepare_cached("SELECT kind, user, room, key FROM authority_log WHERE id > ?1 ORDER BY id")?;
    let found = statement.query_map([cursor], |row| {
        let kind: String = row.get(0)?;
        let user = row.get::<_, Option<i64>>(1)?.map(rows::user_id);
        let room = row.get::<_, Option<i64>>(2)?.map(RoomId);
        let key: Option<String> = row.get(3)?;
        Ok(match (kind.as_str(), user, room, key) {
            ("session", _, _, Some(id)) => Authority::Session(id),
            ("user", Some(user), _, except) => Authority::User { user, except },
            ("token", _, _, Some(id)) => Authority::Token(id),
            ("banned", Some(user), _, _) => Authority::Banned(user),
            ("room", Some(user), Some(room), _) => Authority::Room { user, room },
            ("room_closed", _, Some(room), _) => Authority::RoomClosed(room),
            ("room_deleted", _, Some(room), _) => Authority::RoomDeleted(room),
            ("changed", Some(user), _, _) => Authority::Changed(user),
            _ => return Err(rows::bad(0, "kind of authority")),
        })
    })?;
    Ok((found.collect::<Result<_, _>>()?, newest.max(cursor)))
}
