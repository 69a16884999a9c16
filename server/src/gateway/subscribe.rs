//! Following rooms: `room:join`, `room:subscribe`, `room:unsubscribe`, `session:resume`.
//!
//! The order is what counts. A pending subscription is found by a kick; then the right is checked; then it becomes
//! active; then the log is read. So nothing is told after a kick, and nothing falls between the log and the live
//! events.

use std::sync::Arc;

use chat_common::event::Empty;
use chat_common::event::room::{Join, JoinReply, Resume, ResumeReply, Subscribe, Unsubscribe};
use chat_common::{Epoch, RoomName, RoomRef, Seq};

use crate::domain::Refusal;
use crate::service::{Error, Result, rooms, sync};
use crate::storage::RoomId;

use super::Cx;
use super::hub::Refused;

/// A room may change under a subscription (kicked and back, deleted and made anew); so often it is tried again.
const TRIES: usize = 3;

/// `room:join`
pub(super) async fn join(cx: &Cx, req: Join) -> Result<JoinReply> {
    let (room, name) = rooms::join(cx.services(), &cx.caller, &req.room).await?;
    follow(cx, room, name, req.after, req.epoch.as_ref()).await
}

/// `room:subscribe`
pub(super) async fn subscribe(cx: &Cx, req: Subscribe) -> Result<JoinReply> {
    let (room, name) = rooms::find(cx.services(), &cx.caller, &req.room).await?;
    follow(cx, room, name, req.after, req.epoch.as_ref()).await
}

/// `room:unsubscribe`; what is not followed is `ok`, too.
pub(super) async fn unsubscribe(cx: &Cx, req: Unsubscribe) -> Result<Empty> {
    let room = match &req.room {
        RoomRef::Room(name) => cx.gateway.hub.followed(cx.conn.id, name),
        RoomRef::Direct(_) => Some(rooms::find(cx.services(), &cx.caller, &req.room).await?.0),
    };
    if let Some(room) = room {
        cx.gateway.hub.unsubscribe(room, cx.conn.id);
    }
    Ok(Empty {})
}

/// `session:resume`
pub(super) async fn resume(cx: &Cx, req: Resume) -> Result<ResumeReply> {
    let hub = &cx.gateway.hub;
    let (before, _) = sync::resumable(cx.services(), &cx.caller, &req).await?;
    for (room, name) in &before {
        pend(cx, *room, name)?;
    }
    let (now, _) = sync::resumable(cx.services(), &cx.caller, &req).await.inspect_err(|_| drop_all(cx, &before))?;
    let member_of = cx.services().store.rooms_of(cx.conn.user).await.inspect_err(|_| drop_all(cx, &before))?;
    let mut lost = Vec::new();
    for (room, name) in &before {
        let member = member_of.iter().any(|(id, _)| id == room);
        let active = now.contains(&(*room, name.clone())) && activate(cx, *room, member).await?;
        if !active {
            hub.unsubscribe(*room, cx.conn.id);
            lost.push(name.clone());
        }
    }
    let mut reply = sync::resume(cx.services(), &cx.caller, &req).await.inspect_err(|_| drop_all(cx, &before))?;
    for (room, name) in &before {
        let member = member_of.iter().any(|(id, _)| id == room);
        if reply.gone.contains(name) {
            hub.unsubscribe(*room, cx.conn.id);
        } else if !hub.settle(*room, &cx.conn, member) && !lost.contains(name) {
            lost.push(name.clone());
        }
    }
    for name in lost {
        // A room that could not be followed must not look as if it were.
        if reply.rooms.remove(&name).is_some() && !reply.gone.contains(&name) {
            reply.gone.push(name);
        }
    }
    Ok(reply)
}

fn drop_all(cx: &Cx, rooms: &[(RoomId, RoomName)]) {
    for (room, _) in rooms {
        cx.gateway.hub.unsubscribe(*room, cx.conn.id);
    }
}

async fn follow(
    cx: &Cx,
    mut room: RoomId,
    name: RoomName,
    after: Option<Seq>,
    epoch: Option<&Epoch>,
) -> Result<JoinReply> {
    let hub = &cx.gateway.hub;
    let by_name = RoomRef::Room(name.clone());
    for _ in 0..TRIES {
        pend(cx, room, &name)?;
        let (checked, _) = rooms::find(cx.services(), &cx.caller, &by_name)
            .await
            .inspect_err(|_| hub.unsubscribe(room, cx.conn.id))?;
        if checked != room {
            hub.unsubscribe(room, cx.conn.id);
            room = checked;
            continue;
        }
        if !activate(cx, room, false).await.inspect_err(|_| hub.unsubscribe(room, cx.conn.id))? {
            continue;
        }
        let reply = rooms::enter(cx.services(), &cx.caller, &name, after, epoch)
            .await
            .inspect_err(|_| hub.unsubscribe(room, cx.conn.id))?;
        if hub.settle(room, &cx.conn, reply.room.role.is_some()) {
            return Ok(reply);
        }
    }
    hub.unsubscribe(room, cx.conn.id);
    Err(Error::Unavailable)
}

fn pend(cx: &Cx, room: RoomId, name: &RoomName) -> Result<()> {
    // Public rooms can be followed without being a member, so as many again.
    let max = cx.services().limits.rooms_per_user as usize * 2;
    cx.gateway.hub.pend(room, name, &cx.conn, max).map_err(|refused| match refused {
        Refused::TooMany => {
            Error::Refused(Refusal::Forbidden("this connection follows too many rooms; unsubscribe from some"))
        }
        Refused::Ended => Error::Unavailable,
    })
}

async fn activate(cx: &Cx, room: RoomId, member: bool) -> Result<bool> {
    let hub = &cx.gateway.hub;
    let head = if hub.needs_head(room) {
        match cx.services().store.bounds(room).await? {
            Some((_, head)) => Some(head),
            None => return Ok(false),
        }
    } else {
        None
    };
    Ok(hub.activate(room, &cx.conn, head, member))
}

/// Where a subscription of `conn` was ended by a row of the authority log, the row may be older than its return.
pub(super) async fn is_member(
    services: &Arc<crate::service::Services>,
    user: chat_common::UserId,
    name: &RoomName,
) -> Result<bool> {
    let access = services.store.access(user, name, services.clock.now()).await?;
    Ok(access.is_some_and(|a| a.membership.is_some() && a.banned_until.is_none()))
}
