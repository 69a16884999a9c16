//! Following rooms: `room:join`, `room:subscribe`, `room:unsubscribe`, `session:resume`.
//!
//! The order is what counts. A pending subscription is found by a kick; then the right is checked; then it becomes
//! active; then the log is read. So nothing is told after a kick, and nothing falls between the log and the live
//! events.

use std::sync::Arc;

use chat_common::event::Empty;
use chat_common::event::room::{Join, JoinReply, Leave, Resume, ResumeReply, Subscribe, Unsubscribe};
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

/// `room:leave`: this node's connections of the user stop following before the reply; other nodes hear of it.
pub(super) async fn leave(cx: &Cx, req: Leave) -> Result<Empty> {
    let found = rooms::find(cx.services(), &cx.caller, &req.room).await;
    let reply = rooms::leave(cx.services(), &cx.caller, req).await?;
    if let Ok((room, _)) = found {
        cx.gateway.hub.leave(room, cx.conn.user);
    }
    Ok(reply)
}

/// `session:resume`; only members' rooms are resumed.
pub(super) async fn resume(cx: &Cx, req: Resume) -> Result<ResumeReply> {
    let hub = &cx.gateway.hub;
    let (before, _) = sync::resumable(cx.services(), &cx.caller, &req).await?;
    for (room, name) in &before {
        pend(cx, *room, name)?;
    }
    let resumed = resume_pending(cx, &req, &before).await;
    let followed = |name: &RoomName| resumed.as_ref().is_ok_and(|reply| !reply.gone.contains(name));
    for (room, _) in before.iter().filter(|(_, name)| !followed(name)) {
        hub.unsubscribe(*room, cx.conn.id);
    }
    resumed
}

async fn resume_pending(cx: &Cx, req: &Resume, pending: &[(RoomId, RoomName)]) -> Result<ResumeReply> {
    let (live, _) = sync::resumable(cx.services(), &cx.caller, req).await?;
    for (room, _) in pending.iter().filter(|found| live.contains(found)) {
        activate(cx, *room, true).await?;
    }
    let mut reply = sync::resume(cx.services(), &cx.caller, req).await?;
    for (room, name) in pending {
        let since = reply.rooms.get(name).map_or(Seq::ZERO, |sync| sync.head);
        // A room that could not be followed must not look as if it were.
        if !cx.gateway.hub.settle(*room, &cx.conn, true, since) && !reply.gone.contains(name) {
            reply.rooms.remove(name);
            reply.gone.push(name.clone());
        }
    }
    Ok(reply)
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
        if hub.settle(room, &cx.conn, reply.room.role.is_some(), reply.sync.head) {
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
