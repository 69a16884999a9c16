//! Becoming a member and ceasing to be one; who is one.

use chat_common::model::{Member, Role, RoomKind};
use chat_common::{RoomName, Timestamp, UserId, UserName};
use rusqlite::{Connection, OptionalExtension, params};

use super::standing::{self, Scene};
use super::{rows, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{RoomId, RoomRow, StoreResult};

/// Becomes a member; true: newly.
pub(super) fn join(
    conn: &Connection,
    user: UserId,
    room: &RoomName,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, member, .. } = standing::scene(conn, user, room, Action::Join, at)?;
    if member.role.is_some() {
        return Ok((room, false));
    }
    standing::room_for_one_more(conn, user, max_rooms)?;
    standing::add_member(conn, &room, user, Role::Member, at)?;
    Ok((standing::room_again(conn, room.id)?, true))
}

/// Ends the membership; true: it was one.
pub(super) fn leave(conn: &Connection, user: UserId, room: &RoomName, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, .. } = standing::scene(conn, user, room, Action::Leave, at)?;
    let was = standing::remove_member(conn, room.id, user)?;
    Ok((standing::room_again(conn, room.id)?, was))
}

/// Makes `user` a member by another's word; true: newly.
pub(super) fn invite(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::Invite, at)?;
    let guest = users::known(conn, user)?;
    let member = standing::of(conn, room.id, user)?;
    if member.role.is_some() {
        return Ok((room, false));
    }
    if let Some(until) = member.standing(&room, users::is_admin(&guest), at).banned {
        return Err(Refusal::Banned { until }.into());
    }
    standing::room_for_one_more(conn, user, max_rooms)?;
    standing::add_member(conn, &room, user, Role::Member, at)?;
    Ok((standing::room_again(conn, room.id)?, true))
}

/// Members by name, from after `after`.
pub(super) fn page(conn: &Connection, room: RoomId, after: Option<&UserName>, limit: u32) -> StoreResult<Vec<Member>> {
    let after = after.map_or("", UserName::as_str);
    let all: u32 = conn
        .prepare_cached("SELECT members FROM rooms WHERE id = ?1")?
        .query_row([room.0], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    // Names are in order among all users only. Where most of them are in the room, a page is soon found by walking
    // them; it is given up at half of what sorting all members would look at.
    let steps = all / 2;
    if steps > limit {
        let walk = "(SELECT * FROM users WHERE name > ?2 ORDER BY name LIMIT ?4) u
            CROSS JOIN members m ON m.room = ?1 AND m.user = u.id";
        let found = of_source(conn, walk, params![room.0, after, limit, steps])?;
        if found.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok(found);
        }
    }
    let sort = "members m JOIN users u ON u.id = m.user AND m.room = ?1 AND u.name > ?2";
    of_source(conn, sort, params![room.0, after, limit])
}

/// Members (`m`) of the room `?1` that are users (`u`) of `source`, the first `?3` by name.
fn of_source(conn: &Connection, source: &str, key: impl rusqlite::Params) -> StoreResult<Vec<Member>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {}, m.role, m.joined_at, s.muted_until
         FROM {source} LEFT JOIN sanctions s ON s.room = m.room AND s.user = m.user
         ORDER BY u.name LIMIT ?3",
        rows::USER
    ))?;
    let found = statement.query_map(key, |row| {
        Ok(Member {
            user: rows::user(row, 0)?.user,
            role: rows::role(8, row.get(8)?)?,
            joined_at: Timestamp::from_millis(row.get(9)?),
            muted_until: rows::time(row.get(10)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// All members' ids.
pub(super) fn ids(conn: &Connection, room: RoomId) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached("SELECT user FROM members WHERE room = ?1")?;
    let found = statement.query_map([room.0], |row| Ok(rows::user_id(row.get(0)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Those of `users` that share a room with `asker`, itself included.
pub(super) fn sharing(conn: &Connection, asker: UserId, users: Vec<UserId>) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM members a JOIN members b ON b.room = a.room AND b.user = ?2 WHERE a.user = ?1)",
    )?;
    let mut out = Vec::new();
    for user in users {
        let shares = user == asker
            || statement.query_row(params![rows::user_in(asker), rows::user_in(user)], |row| row.get(0))?;
        if shares {
            out.push(user);
        }
    }
    Ok(out)
}

/// The other one of a direct conversation.
pub(super) fn peer(conn: &Connection, room: &RoomRow, of: UserId) -> StoreResult<Option<UserId>> {
    if room.kind != RoomKind::Direct {
        return Ok(None);
    }
    let (low, high): (i64, i64) = conn
        .prepare_cached("SELECT low, high FROM rooms WHERE id = ?1")?
        .query_row([room.id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(rows::user_id(if low == rows::user_in(of) { high } else { low })))
}
