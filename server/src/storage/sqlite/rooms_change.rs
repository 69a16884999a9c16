//! Making rooms, changing them, handing them over, deleting them.

use chat_common::model::{Role, RoomKind};
use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::change::told;
use super::entry::{self, Body};
use super::standing::{self, Scene};
use super::{audit, authority, purge, rows, tokens, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::{Authority, RoomChange, RoomRow, StoreError, StoreResult};

fn insert(
    conn: &Connection,
    name: &RoomName,
    kind: RoomKind,
    topic: &str,
    peers: Option<(UserId, UserId)>,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let (low, high) = peers.map(|(a, b)| (rows::user_in(a.min(b)), rows::user_in(a.max(b)))).unzip();
    conn.prepare_cached(
        "INSERT INTO rooms (name, kind, topic, folded, low, high, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        name.as_str(),
        rows::kind_in(kind),
        topic,
        folded(name, topic),
        low,
        high,
        at.as_millis()
    ])?;
    standing::room(conn, name)?.ok_or_else(|| StoreError::Internal("a new room is not there".into()))
}

/// What a room is looked for by.
fn folded(name: &RoomName, topic: &str) -> String {
    format!("{name} {}", chat_common::text::fold(topic))
}

/// Makes a room with its owner as first member.
pub(super) fn create(
    conn: &Connection,
    owner: UserId,
    name: &RoomName,
    kind: RoomKind,
    topic: &str,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    users::active(conn, owner, at)?;
    if kind == RoomKind::Direct || name.is_direct() {
        let message = "a direct conversation is opened as @name; other rooms don't begin with dm-".into();
        return Err(Refusal::Invalid { field: "room", message }.into());
    }
    if standing::room(conn, name)?.is_some() {
        return Err(Refusal::Conflict("this room's name is taken; choose another").into());
    }
    standing::room_for_one_more(conn, owner, max_rooms)?;
    let room = insert(conn, name, kind, topic, None, at)?;
    standing::add_member(conn, &room, owner, Role::Owner, at)?;
    standing::room_again(conn, room.id)
}

/// The direct conversation of two users, made at need; true: made now.
pub(super) fn ensure_direct(
    conn: &Connection,
    actor: UserId,
    other: UserId,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    users::active(conn, actor, at)?;
    users::known(conn, other)?;
    if actor == other {
        let message = "a direct conversation needs another user".into();
        return Err(Refusal::Invalid { field: "room", message }.into());
    }
    let name = RoomName::direct(actor, other);
    if let Some(room) = standing::room(conn, &name)? {
        return Ok((room, false));
    }
    if tokens::has_blocked(conn, other, actor)? {
        return Err(Refusal::Forbidden("this user does not take direct messages from you").into());
    }
    let room = insert(conn, &name, RoomKind::Direct, "", Some((actor, other)), at)?;
    standing::add_member(conn, &room, actor, Role::Member, at)?;
    standing::add_member(conn, &room, other, Role::Member, at)?;
    Ok((standing::room_again(conn, room.id)?, true))
}

/// Topic: moderators; kind: the owner.
pub(super) fn update(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    topic: Option<String>,
    kind: Option<RoomKind>,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let action = if kind.is_some() { Action::SetKind } else { Action::SetTopic };
    let Scene { room, .. } = standing::scene(conn, actor, room, action, at)?;
    if kind == Some(RoomKind::Direct) {
        let message = "a room is public or private".into();
        return Err(Refusal::Invalid { field: "kind", message }.into());
    }
    let topic = topic.filter(|topic| *topic != room.topic);
    let kind = kind.filter(|kind| *kind != room.kind);
    if topic.is_none() && kind.is_none() {
        return told(conn, room.id, None);
    }
    let (new_topic, new_kind) = (topic.as_deref().unwrap_or(&room.topic), kind.unwrap_or(room.kind));
    conn.prepare_cached("UPDATE rooms SET topic = ?2, kind = ?3, folded = ?4 WHERE id = ?1")?.execute(params![
        room.id.0,
        new_topic,
        rows::kind_in(new_kind),
        folded(&room.name, new_topic)
    ])?;
    if let Some(kind) = kind {
        let detail = if kind == RoomKind::Private { "private" } else { "public" };
        audit::add(conn, Some(actor), "room:kind", room.name.as_str(), Some(detail), at)?;
    }
    if kind == Some(RoomKind::Private) {
        authority::add(conn, &Authority::RoomClosed(room.id), at)?;
    }
    let (seq, _) =
        entry::add(conn, room.id, actor, None, &Body::Room { topic, kind, owner: None, retention_days: None }, at)?;
    told(conn, room.id, Some(seq))
}

/// Makes another member the owner; the old one becomes moderator.
pub(super) fn transfer(
    conn: &Connection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::Transfer, at)?;
    let heir = users::known(conn, user)?;
    match standing::of(conn, room.id, user)?.role {
        None => return Err(Refusal::NotFound { what: "member" }.into()),
        Some(Role::Owner) => return told(conn, room.id, None),
        Some(_) => {}
    }
    conn.prepare_cached("UPDATE members SET role = 2 WHERE room = ?1 AND role = 3")?.execute([room.id.0])?;
    conn.prepare_cached("UPDATE members SET role = 3 WHERE room = ?1 AND user = ?2")?
        .execute(params![room.id.0, rows::user_in(user)])?;
    audit::add(conn, Some(actor), "room:transfer", room.name.as_str(), Some(heir.user.name.as_str()), at)?;
    let body = Body::Room { topic: None, kind: None, owner: Some(user), retention_days: None };
    let (seq, _) = entry::add(conn, room.id, actor, None, &body, at)?;
    told(conn, room.id, Some(seq))
}

/// Deletes a room: it is gone at once; a large one's rows follow in slices.
pub(super) fn delete(conn: &Connection, actor: UserId, room: &RoomName, at: Timestamp) -> StoreResult<RoomRow> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::DeleteRoom, at)?;
    conn.prepare_cached("UPDATE rooms SET name = NULL, topic = '', folded = '', members = 0 WHERE id = ?1")?
        .execute([room.id.0])?;
    conn.prepare_cached("DELETE FROM members WHERE room = ?1")?.execute([room.id.0])?;
    purge::messages(conn, room.id)?;
    audit::add(conn, Some(actor), "room:delete", room.name.as_str(), None, at)?;
    authority::add(conn, &Authority::RoomDeleted(room.id), at)?;
    Ok(room)
}
