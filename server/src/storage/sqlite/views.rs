//! Rooms as one user stands to them.

use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{members, read, rows};
use crate::storage::{Access, Membership, RoomId, RoomRow, RoomView, StoreResult};

/// A room with the user's (`?1`) membership and sanctions.
const SELECT: &str = "SELECT r.id, r.name, r.kind, r.topic, r.first, r.head, r.members, r.retention_days,
      m.role, m.read, m.joined_at, s.muted_until, s.banned_until
    FROM rooms r LEFT JOIN members m ON m.room = r.id AND m.user = ?1
    LEFT JOIN sanctions s ON s.room = r.id AND s.user = ?1";

fn base(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Access> {
    let membership = match row.get::<_, Option<i64>>(8)? {
        Some(role) => Some(Membership {
            role: rows::role(8, role)?,
            read: rows::seq(row.get(9)?),
            joined_at: Timestamp::from_millis(row.get(10)?),
            muted_until: rows::time(row.get(11)?).filter(|until| *until > now),
        }),
        None => None,
    };
    let banned_until = rows::time(row.get(12)?).filter(|until| *until > now);
    Ok(Access { room: rows::room(row)?, membership, banned_until, peer: None })
}

fn with_peer(conn: &Connection, user: UserId, mut access: Access) -> StoreResult<Access> {
    if let Some(peer) = members::peer(conn, &access.room, user)? {
        access.peer = Some(rows::Users::default().get(conn, peer)?);
    }
    Ok(access)
}

fn with_counts(conn: &Connection, user: UserId, access: Access) -> StoreResult<RoomView> {
    let access = with_peer(conn, user, access)?;
    let (unread, mentions) = match &access.membership {
        Some(membership) => read::unread(conn, access.room.id, user, membership.read)?,
        None => (0, 0),
    };
    Ok(RoomView { access, unread, mentions })
}

/// The room by name.
pub(super) fn access(conn: &Connection, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<Access>> {
    let found = conn
        .prepare_cached(&format!("{SELECT} WHERE r.name = ?2"))?
        .query_row(params![rows::user_in(user), room.as_str()], |row| base(row, now))
        .optional()?;
    found.map(|access| with_peer(conn, user, access)).transpose()
}

/// As [`access`], with the counts.
pub(super) fn view(conn: &Connection, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<RoomView>> {
    access(conn, user, room, now)?.map(|access| with_counts(conn, user, access)).transpose()
}

fn views(
    conn: &Connection,
    user: UserId,
    sql: &str,
    key: impl rusqlite::Params,
    now: Timestamp,
) -> StoreResult<Vec<RoomView>> {
    let mut statement = conn.prepare_cached(sql)?;
    let found: Vec<Access> = statement.query_map(key, |row| base(row, now))?.collect::<Result<_, _>>()?;
    found.into_iter().map(|access| with_counts(conn, user, access)).collect()
}

/// The rooms that a user is a member of, by name, from after `after`.
pub(super) fn of(
    conn: &Connection,
    user: UserId,
    after: Option<&RoomName>,
    limit: u32,
    now: Timestamp,
) -> StoreResult<Vec<RoomView>> {
    // From the user's own rows, not from all rooms.
    let own = SELECT.replace("rooms r LEFT JOIN members m ON", "members m CROSS JOIN rooms r ON");
    let sql = format!("{own} WHERE r.name > ?2 ORDER BY r.name LIMIT ?3");
    views(conn, user, &sql, params![rows::user_in(user), after.map_or("", RoomName::as_str), limit], now)
}

/// Public rooms and the user's own, by name, from after `after`; `query`: part of the name or topic, folded.
pub(super) fn list(
    conn: &Connection,
    user: UserId,
    query: Option<&str>,
    after: Option<&RoomName>,
    limit: u32,
    now: Timestamp,
) -> StoreResult<Vec<RoomView>> {
    let sql = format!(
        "{SELECT} WHERE r.name > ?2 AND (r.kind = 0 OR m.user IS NOT NULL) AND instr(r.folded, ?4) > 0
         ORDER BY r.name LIMIT ?3"
    );
    let key = params![rows::user_in(user), after.map_or("", RoomName::as_str), limit, query.unwrap_or_default()];
    views(conn, user, &sql, key, now)
}

/// All rooms but direct conversations, by name, from after `after`; `query`: part of the name or topic, folded.
pub(super) fn all(
    conn: &Connection,
    query: Option<&str>,
    after: Option<&RoomName>,
    limit: u32,
) -> StoreResult<Vec<RoomRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, name, kind, topic, first, head, members, retention_days FROM rooms
         WHERE name > ?1 AND kind <> 2 AND instr(folded, ?2) > 0 ORDER BY name LIMIT ?3",
    )?;
    let key = params![after.map_or("", RoomName::as_str), query.unwrap_or_default(), limit];
    let found = statement.query_map(key, rows::room)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Ids and names of the rooms that a user is a member of.
pub(super) fn rooms_of(conn: &Connection, user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>> {
    let mut statement =
        conn.prepare_cached("SELECT r.id, r.name FROM members m JOIN rooms r ON r.id = m.room WHERE m.user = ?1")?;
    let found = statement.query_map([rows::user_in(user)], |row| {
        let name: String = row.get(1)?;
        Ok((RoomId(row.get(0)?), RoomName::parse(&name).map_err(|_| rows::bad(1, "room name"))?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
