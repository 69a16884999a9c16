//! Resolving what a request names, the scopes of a token, and the right to read. The right to write is the store's
//! to judge, in the transaction of the write.

use chat_common::event::server::ServerRole;
use chat_common::model::RoomSummary;
use chat_common::rest::Scope;
use chat_common::{RoomName, RoomRef, Timestamp, UserName};

use super::{Caller, Error, Result, Services};
use crate::domain::Refusal;
use crate::domain::permission::{self, Standing};
use crate::storage::{Access, FOREVER_MS, RoomView, UserRow};

/// A user by name.
pub(super) async fn user(s: &Services, name: &UserName) -> Result<UserRow> {
    Ok(s.store.user_by_name(name).await?.ok_or(Refusal::USER)?)
}

/// The name of the room meant; makes nothing. What the token does not cover is `not_found`.
async fn name_of(s: &Services, caller: &Caller, room: &RoomRef) -> Result<RoomName> {
    let name = match room {
        RoomRef::Room(name) => name.clone(),
        RoomRef::Direct(peer) => RoomName::direct(caller.user.id, peer_of(s, caller, peer).await?.user.id),
    };
    covered(caller, &name)?;
    Ok(name)
}

/// The other one of a direct conversation that is to be.
pub(super) async fn peer_of(s: &Services, caller: &Caller, peer: &UserName) -> Result<UserRow> {
    let peer = user(s, peer).await?;
    if peer.user.id == caller.user.id {
        return Err(Error::invalid("room", "this is your own name; a direct conversation needs another user"));
    }
    Ok(peer)
}

/// `not_found` for a room that the token is not for.
pub(super) fn covered(caller: &Caller, room: &RoomName) -> Result<()> {
    if caller.covers(room) { Ok(()) } else { Err(Refusal::ROOM.into()) }
}

/// The room of a read: the caller's token has `read`, and the caller may read it.
pub(super) async fn readable(s: &Services, caller: &Caller, room: &RoomRef) -> Result<Access> {
    caller.needs(Scope::Read)?;
    let name = name_of(s, caller, room).await?;
    let access = s.store.access(caller.user.id, &name, s.now()).await?.ok_or(Refusal::ROOM)?;
    may_read(caller, &access)?;
    Ok(access)
}

/// The room of a write: the caller's token has `send`. The store judges the rest.
pub(super) async fn writable(s: &Services, caller: &Caller, room: &RoomRef) -> Result<RoomName> {
    caller.needs(Scope::Send)?;
    name_of(s, caller, room).await
}

/// The room of something told but not stored (typing, an own event): a member that is not muted, and in a direct
/// conversation not blocked.
pub(super) async fn speakable(s: &Services, caller: &Caller, room: &RoomRef) -> Result<Access> {
    caller.needs(Scope::Send)?;
    let name = name_of(s, caller, room).await?;
    let now = s.now();
    let access = s.store.access(caller.user.id, &name, now).await?.ok_or(Refusal::ROOM)?;
    may_read(caller, &access)?;
    let Some(membership) = &access.membership else {
        return Err(Refusal::Forbidden("you are not a member of this room; join it first").into());
    };
    permission::writable(membership.muted_until, now)?;
    if let Some(peer) = &access.peer
        && s.store.blocks(peer.id).await?.contains(&caller.user.id)
    {
        return Err(Refusal::Forbidden("this user does not take messages from you").into());
    }
    Ok(access)
}

/// Whether the caller may read the room, by the same table as the writes. What it may not see is `not_found`.
pub(super) fn may_read(caller: &Caller, access: &Access) -> Result<()> {
    let standing = Standing {
        kind: access.room.kind,
        role: access.membership.as_ref().map(|m| m.role),
        admin: caller.role == ServerRole::Admin,
        banned: access.banned_until.map(ends),
    };
    Ok(standing.check(permission::Action::Read)?)
}

/// A stored end; `None`: there is none.
fn ends(until: Timestamp) -> Option<Timestamp> {
    Some(until).filter(|t| *t < Timestamp::from_millis(FOREVER_MS))
}

/// `banned` until a stored time.
pub(super) fn banned(until: Timestamp) -> Error {
    Refusal::Banned { until: ends(until) }.into()
}

/// A room as clients see it.
pub(super) async fn summary(s: &Services, view: RoomView) -> Result<RoomSummary> {
    let present = super::presence::count(s, view.access.room.id).await?;
    let RoomView { access, unread, mentions } = view;
    let (room, membership) = (access.room, access.membership);
    let now = s.now();
    Ok(RoomSummary {
        kind: room.kind,
        peer: access.peer,
        topic: room.topic,
        role: membership.as_ref().map(|m| m.role),
        first: room.first,
        head: room.head,
        read: membership.as_ref().map(|m| m.read).unwrap_or_default(),
        unread,
        mentions,
        members: room.members,
        present,
        muted_until: membership.and_then(|m| m.muted_until).filter(|until| *until > now),
        retention_days: Some(room.retention_days.unwrap_or(s.limits.retention_days)).filter(|days| *days > 0),
        room: room.name,
    })
}

/// The room as the caller sees it now.
pub(super) async fn view(s: &Services, caller: &Caller, room: &RoomName) -> Result<RoomSummary> {
    let view = s.store.view(caller.user.id, room, s.now()).await?.ok_or(Refusal::ROOM)?;
    may_read(caller, &view.access)?;
    summary(s, view).await
}
