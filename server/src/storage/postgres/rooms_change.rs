//! Making rooms, changing them, handing them over, deleting them.

use chat_common::model::{Role, RoomKind};
use chat_common::{RoomName, Timestamp, UserId};
use sqlx::PgConnection;

use super::change::told;
use super::standing::{self, Scene};
use super::{audit, authority, entry, purge, rows, tokens, users};
use crate::domain::Refusal;
use crate::domain::permission::Action;
use crate::storage::body::Body;
use crate::storage::{Authority, RoomChange, RoomRow, StoreResult};

/// A new room; `None` where another one has the name, be it since this moment.
async fn insert(
    conn: &mut PgConnection,
    name: &RoomName,
    kind: RoomKind,
    topic: &str,
    peers: Option<(UserId, UserId)>,
    at: Timestamp,
) -> StoreResult<Option<RoomRow>> {
    let (low, high) = peers.map(|(a, b)| (rows::user_in(a.min(b)), rows::user_in(a.max(b)))).unzip();
    let made = sqlx::query(
        "INSERT INTO rooms (name, kind, topic, folded, low, high, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO NOTHING RETURNING id, name, kind, topic, first, head, members,
           retention_days",
    )
    .bind(name.as_str())
    .bind(rows::kind_in(kind))
    .bind(topic)
    .bind(folded(name, topic))
    .bind(low)
    .bind(high)
    .bind(at.as_millis())
    .fetch_optional(conn)
    .await?;
    made.map(|row| rows::room(&row, 0)).transpose()
}

/// What a room is looked for by.
fn folded(name: &RoomName, topic: &str) -> String {
    format!("{name} {}", chat_common::text::fold(topic))
}

/// Makes a room with its owner as first member.
pub(super) async fn create(
    conn: &mut PgConnection,
    owner: UserId,
    name: &RoomName,
    kind: RoomKind,
    topic: &str,
    max_rooms: u32,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    const TAKEN: Refusal = Refusal::Conflict("this room's name is taken; choose another");
    users::active(conn, owner, at).await?;
    if kind == RoomKind::Direct || name.is_direct() {
        let message = "a direct conversation is opened as @name; other rooms don't begin with dm-".into();
        return Err(Refusal::Invalid { field: "room", message }.into());
    }
    if standing::room(conn, name).await?.is_some() {
        return Err(TAKEN.into());
    }
    standing::room_for_one_more(conn, owner, max_rooms).await?;
    let room = insert(conn, name, kind, topic, None, at).await?.ok_or(TAKEN)?;
    standing::add_member(conn, &room, owner, Role::Owner, at).await?;
    standing::room_again(conn, room.id).await
}

/// The direct conversation of two users, made at need; true: made now.
pub(super) async fn ensure_direct(
    conn: &mut PgConnection,
    actor: UserId,
    other: UserId,
    at: Timestamp,
) -> StoreResult<(RoomRow, bool)> {
    users::active(conn, actor, at).await?;
    users::known(conn, other).await?;
    if actor == other {
        let message = "a direct conversation needs another user".into();
        return Err(Refusal::Invalid { field: "room", message }.into());
    }
    let name = RoomName::direct(actor, other);
    if let Some(room) = standing::room(conn, &name).await? {
        return Ok((room, false));
    }
    if tokens::has_blocked(conn, other, actor).await? {
        return Err(Refusal::Forbidden("this user does not take direct messages from you").into());
    }
    let Some(room) = insert(conn, &name, RoomKind::Direct, "", Some((actor, other)), at).await? else {
        // The other one was quicker.
        return Ok((standing::room(conn, &name).await?.ok_or(Refusal::ROOM)?, false));
    };
    standing::add_member(conn, &room, actor, Role::Member, at).await?;
    standing::add_member(conn, &room, other, Role::Member, at).await?;
    Ok((standing::room_again(conn, room.id).await?, true))
}

/// Topic: moderators; kind: the owner.
pub(super) async fn update(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    topic: Option<String>,
    kind: Option<RoomKind>,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let action = if kind.is_some() { Action::SetKind } else { Action::SetTopic };
    let Scene { room, .. } = standing::scene(conn, actor, room, action, at).await?;
    if kind == Some(RoomKind::Direct) {
        let message = "a room is public or private".into();
        return Err(Refusal::Invalid { field: "kind", message }.into());
    }
    let topic = topic.filter(|topic| *topic != room.topic);
    let kind = kind.filter(|kind| *kind != room.kind);
    if topic.is_none() && kind.is_none() {
        return told(conn, room.id, None).await;
    }
    let (new_topic, new_kind) = (topic.as_deref().unwrap_or(&room.topic), kind.unwrap_or(room.kind));
    sqlx::query("UPDATE rooms SET topic = $2, kind = $3, folded = $4 WHERE id = $1")
        .bind(room.id.0)
        .bind(new_topic)
        .bind(rows::kind_in(new_kind))
        .bind(folded(&room.name, new_topic))
        .execute(&mut *conn)
        .await?;
    if let Some(kind) = kind {
        let detail = if kind == RoomKind::Private { "private" } else { "public" };
        audit::add(conn, Some(actor), "room:kind", room.name.as_str(), Some(detail), at).await?;
    }
    let (seq, _) =
        entry::add(conn, room.id, actor, None, &Body::Room { topic, kind, owner: None, retention_days: None }, at)
            .await?;
    let change = told(conn, room.id, Some(seq)).await?;
    if kind == Some(RoomKind::Private) {
        authority::add(conn, &Authority::RoomClosed(room.id), at).await?;
    }
    Ok(change)
}

/// Makes another member the owner; the old one becomes moderator.
pub(super) async fn transfer(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    user: UserId,
    at: Timestamp,
) -> StoreResult<RoomChange> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::Transfer, at).await?;
    let heir = users::known(conn, user).await?;
    match standing::of(conn, room.id, user).await?.role {
        None => return Err(Refusal::NotFound { what: "member" }.into()),
        Some(Role::Owner) => return told(conn, room.id, None).await,
        Some(_) => {}
    }
    sqlx::query(
        "UPDATE members SET role = CASE WHEN user_id = $2 THEN 3 ELSE 2 END
         WHERE room = $1 AND (role = 3 OR user_id = $2)",
    )
    .bind(room.id.0)
    .bind(rows::user_in(user))
    .execute(&mut *conn)
    .await?;
    audit::add(conn, Some(actor), "room:transfer", room.name.as_str(), Some(heir.user.name.as_str()), at).await?;
    let body = Body::Room { topic: None, kind: None, owner: Some(user), retention_days: None };
    let (seq, _) = entry::add(conn, room.id, actor, None, &body, at).await?;
    told(conn, room.id, Some(seq)).await
}

/// Deletes a room: it is gone at once; a large one's rows follow in slices.
pub(super) async fn delete(
    conn: &mut PgConnection,
    actor: UserId,
    room: &RoomName,
    at: Timestamp,
) -> StoreResult<RoomRow> {
    let Scene { room, .. } = standing::scene(conn, actor, room, Action::DeleteRoom, at).await?;
    sqlx::query("UPDATE rooms SET name = NULL, topic = '', folded = '', members = 0 WHERE id = $1")
        .bind(room.id.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM members WHERE room = $1").bind(room.id.0).execute(&mut *conn).await?;
    purge::messages(conn, room.id).await?;
    audit::add(conn, Some(actor), "room:delete", room.name.as_str(), None, at).await?;
    authority::add(conn, &Authority::RoomDeleted(room.id), at).await?;
    Ok(room)
}
