//! Kick, ban, unban, mute, role: each writes the audit, and the authority row where connections end by it.

use chat_common::event::server::Removal;
use chat_common::model::Role;
use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::change::told;
use super::entry::{self, Body};
use super::standing::{self, Scene};
use super::{audit, authority, rows, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{Authority, FOREVER_MS, Moderation, RoomChange, RoomId, StoreResult};

/// Whom it is done to.
struct Target {
    id: UserId,
    role: Option<Role>,
    banned_until: Option<Timestamp>,
    muted_until: Option<Timestamp>,
}

/// Moderates.
pub(super) fn moderate(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    what: &Moderation,
    reason: Option<String>,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let action = if matches!(what, Moderation::Role(_)) { Action::SetRole } else { Action::Moderate };
    let Scene { room, standing, .. } = standing::scene(conn, actor, room, action, at)?;
    let row = users::known(conn, user)?;
    let member = standing::of(conn, room.id, user)?;
    standing.check_target(member.standing(&room, users::is_admin(&row), at).rank())?;
    let target = Target {
        id: user,
        role: member.role,
        banned_until: member.banned_until.filter(|until| *until > at),
        muted_until: member.muted_until.filter(|until| *until > at),
    };
    if target.role.is_none() && !matches!(what, Moderation::Ban { .. } | Moderation::Unban) {
        return Err(Refusal::NotFound { what: "member" }.into());
    }
    let detail = reason.clone();
    let body = match what {
        Moderation::Kick => Some(kick(conn, room.id, &target, reason, at)?),
        Moderation::Ban { until } => ban(conn, room.id, &target, *until, reason, at)?,
        Moderation::Unban => return unban(conn, actor, room.id, &room.name, &row.user.name, &target, at),
        Moderation::Mute { until } => mute(conn, room.id, &target, *until, at)?,
        Moderation::Role(role) => set_role(conn, room.id, &target, *role)?,
    };
    let Some(body) = body else { return told(conn, room.id, None) };
    let name = match what {
        Moderation::Kick => "member:kick",
        Moderation::Ban { .. } => "member:ban",
        Moderation::Unban => "member:unban",
        Moderation::Mute { .. } => "member:mute",
        Moderation::Role(_) => "member:role",
    };
    let (seq, _) = entry::add(conn, room.id, actor, None, &body, at)?;
    let subject = format!("{} in {}", row.user.name, room.name);
    audit::add(conn, Some(actor), name, &subject, detail.as_deref(), at)?;
    told(conn, room.id, Some(seq))
}

fn remove(conn: &Connection, room: RoomId, user: UserId, at: Timestamp) -> StoreResult<()> {
    standing::remove_member(conn, room, user)?;
    authority::add(conn, &Authority::Room { user, room }, at)
}

fn kick(conn: &Connection, room: RoomId, target: &Target, reason: Option<String>, at: Timestamp) -> StoreResult<Body> {
    remove(conn, room, target.id, at)?;
    conn.prepare_cached(
        "INSERT INTO sanctions (room, user, kicked) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET kicked = 1",
    )?
    .execute(params![room.0, rows::user_in(target.id)])?;
    Ok(Body::Removed { user: target.id, how: Removal::Kick, reason })
}

fn ban(
    conn: &Connection,
    room: RoomId,
    target: &Target,
    until: Option<Timestamp>,
    reason: Option<String>,
    at: Timestamp,
) -> StoreResult<Option<Body>> {
    let until = until.unwrap_or_else(|| Timestamp::from_millis(FOREVER_MS));
    if until <= at {
        let message = "the ban would be over already; give a time to come, or none".into();
        return Err(Refusal::Invalid { field: "until", message }.into());
    }
    if target.role.is_none() && target.banned_until == Some(until) {
        return Ok(None);
    }
    remove(conn, room, target.id, at)?;
    conn.prepare_cached(
        "INSERT INTO sanctions (room, user, banned_until) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET banned_until = excluded.banned_until",
    )?
    .execute(params![room.0, rows::user_in(target.id), until.as_millis()])?;
    Ok(Some(Body::Removed { user: target.id, how: Removal::Ban, reason }))
}

/// Tells no entry: nobody's view of the room changes by it.
fn unban(
    conn: &Connection,
    actor: UserId,
    room: RoomId,
    room_name: &RoomName,
    name: &chat_common::UserName,
    target: &Target,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    if target.banned_until.is_some() {
        conn.prepare_cached("UPDATE sanctions SET banned_until = NULL WHERE room = ?1 AND user = ?2")?
            .execute(params![room.0, rows::user_in(target.id)])?;
        audit::add(conn, Some(actor), "member:unban", &format!("{name} in {room_name}"), None, at)?;
    }
    told(conn, room, None)
}

fn mute(
    conn: &Connection,
    room: RoomId,
    target: &Target,
    until: Timestamp,
    at: Timestamp,
) -> StoreResult<Option<Body>> {
    let wish = Some(until).filter(|until| *until > at);
    if wish == target.muted_until {
        return Ok(None);
    }
    conn.prepare_cached(
        "INSERT INTO sanctions (room, user, muted_until) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET muted_until = excluded.muted_until",
    )?
    .execute(params![room.0, rows::user_in(target.id), rows::millis(wish)])?;
    Ok(Some(Body::Member { user: target.id, role: None, muted_until: Some(until) }))
}

fn set_role(conn: &Connection, room: RoomId, target: &Target, role: Role) -> StoreResult<Option<Body>> {
    if role == Role::Owner {
        let message = "an owner is made by handing the room over (room:transfer)".into();
        return Err(Refusal::Invalid { field: "role", message }.into());
    }
    if target.role == Some(role) {
        return Ok(None);
    }
    conn.prepare_cached("UPDATE members SET role = ?3 WHERE room = ?1 AND user = ?2")?.execute(params![
        room.0,
        rows::user_in(target.id),
        rows::role_in(role)
    ])?;
    Ok(Some(Body::Member { user: target.id, role: Some(role), muted_until: None }))
}
