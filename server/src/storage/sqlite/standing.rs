//! How an actor stands to a room: what every write asks before it writes.

use chat_common::model::{Role, User};
use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::cache::CachedMember;
use super::{rows, users};
use crate::domain::Refusal;
use crate::domain::permission::{Action, Standing};
use crate::storage::{RoomId, RoomRow, StoreResult};

/// Membership and sanctions of a user in a room.
pub(super) fn of(conn: &Connection, room: RoomId, user: UserId) -> StoreResult<CachedMember> {
    let key = params![room.0, rows::user_in(user)];
    let role = conn
        .prepare_cached("SELECT role FROM members WHERE room = ?1 AND user = ?2")?
        .query_row(key, |row| rows::role(0, row.get(0)?))
        .optional()?;
    let (banned_until, muted_until, kicked) = conn
        .prepare_cached("SELECT banned_until, muted_until, kicked FROM sanctions WHERE room = ?1 AND user = ?2")?
        .query_row(key, |row| Ok((rows::time(row.get(0)?), rows::time(row.get(1)?), row.get(2)?)))
        .optional()?
        .unwrap_or((None, None, false));
    Ok(CachedMember { role, muted_until, banned_until, kicked })
}

impl CachedMember {
    /// For the permission table.
    pub fn standing(&self, room: &RoomRow, admin: bool, now: Timestamp) -> Standing {
        let banned = self.banned_until.filter(|until| *until > now).map(rows::end_of);
        Standing { kind: room.kind, role: self.role, admin, banned }
    }
}

/// Who is banned from a room at `now`, by name, and until when.
pub(super) fn bans(conn: &Connection, room: RoomId, now: Timestamp) -> StoreResult<Vec<(User, Timestamp)>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {}, s.banned_until FROM sanctions s JOIN users u ON u.id = s.user
         WHERE s.room = ?1 AND s.banned_until > ?2 ORDER BY u.name",
        rows::USER
    ))?;
    let found = statement.query_map(params![room.0, now.as_millis()], |row| {
        Ok((rows::user(row, 0)?.user, Timestamp::from_millis(row.get(8)?)))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A room by name.
pub(super) fn room(conn: &Connection, name: &RoomName) -> StoreResult<Option<RoomRow>> {
    Ok(conn
        .prepare_cached(
            "SELECT id, name, kind, topic, first, head, members, retention_days FROM rooms WHERE name = ?1",
        )?
        .query_row([name.as_str()], rows::room)
        .optional()?)
}

/// A room by id, as it stands now in the transaction.
pub(super) fn room_again(conn: &Connection, id: RoomId) -> StoreResult<RoomRow> {
    Ok(conn
        .prepare_cached("SELECT id, name, kind, topic, first, head, members, retention_days FROM rooms WHERE id = ?1")?
        .query_row([id.0], rows::room)?)
}

/// A room and how an actor stands to it.
pub(super) struct Scene {
    pub room: RoomRow,
    pub member: CachedMember,
    pub standing: Standing,
}

/// Looks both up and refuses what the actor may not do: `NotFound` for a room it may not see.
pub(super) fn scene(
    conn: &Connection,
    actor: UserId,
    name: &RoomName,
    action: Action,
    now: Timestamp,
) -> StoreResult<Scene> {
    let actor = users::active(conn, actor, now)?;
    let room = room(conn, name)?.ok_or(Refusal::ROOM)?;
    let member = of(conn, room.id, actor.user.id)?;
    let standing = member.standing(&room, users::is_admin(&actor), now);
    standing.check(action)?;
    Ok(Scene { room, member, standing })
}

/// Refuses one room more than a user may be in; direct conversations don't count.
pub(super) fn room_for_one_more(conn: &Connection, user: UserId, max_rooms: u32) -> StoreResult<()> {
    let rooms: u32 = conn
        .prepare_cached(
            "SELECT count(*) FROM members m JOIN rooms r ON r.id = m.room WHERE m.user = ?1 AND r.kind <> 2",
        )?
        .query_row([rows::user_in(user)], |row| row.get(0))?;
    if rooms >= max_rooms {
        return Err(Refusal::Forbidden("too many rooms; leave one first").into());
    }
    Ok(())
}

/// Adds a member, read up to `read`; a kick is forgotten by it.
pub(super) fn add_member(
    conn: &Connection,
    room: &RoomRow,
    user: UserId,
    role: Role,
    at: Timestamp,
) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO members (room, user, role, read, joined_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            room.id.0,
            rows::user_in(user),
            rows::role_in(role),
            rows::seq_in(room.head),
            at.as_millis()
        ])?;
    conn.prepare_cached("UPDATE rooms SET members = members + 1 WHERE id = ?1")?.execute([room.id.0])?;
    conn.prepare_cached("UPDATE sanctions SET kicked = 0 WHERE room = ?1 AND user = ?2 AND kicked <> 0")?
        .execute(params![room.id.0, rows::user_in(user)])?;
    Ok(())
}

/// Ends a membership; true: it was one. Where the owner goes, the eldest moderator, else the eldest member follows.
pub(super) fn remove_member(conn: &Connection, room: RoomId, user: UserId) -> StoreResult<bool> {
    let was: Option<i64> = conn
        .prepare_cached("DELETE FROM members WHERE room = ?1 AND user = ?2 RETURNING role")?
        .query_row(params![room.0, rows::user_in(user)], |row| row.get(0))
        .optional()?;
    let Some(role) = was else { return Ok(false) };
    conn.prepare_cached("UPDATE rooms SET members = members - 1 WHERE id = ?1")?.execute([room.0])?;
    if role == rows::role_in(Role::Owner) {
        conn.prepare_cached(
            "UPDATE members SET role = 3 WHERE room = ?1 AND user =
               (SELECT user FROM members WHERE room = ?1 ORDER BY role DESC, joined_at, user LIMIT 1)
               AND NOT EXISTS (SELECT 1 FROM members WHERE room = ?1 AND role = 3)",
        )?
        .execute([room.0])?;
    }
    Ok(true)
}
