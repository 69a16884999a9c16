//! Joining, subscribing, leaving.

use chat_common::event::Empty;
use chat_common::event::room::{JoinReply, Leave};
use chat_common::page::json_len;
use chat_common::rest::Scope;
use chat_common::{Epoch, RoomName, RoomRef, Seq, UserId};

use crate::domain::Refusal;
use crate::service::limiter::Action;
use crate::service::{Caller, Result, Services, access, members, page, presence, sync, tell};
use crate::storage::RoomId;

/// Members in the first page of a join.
const MEMBERS: u32 = 60;
/// Of those present in it.
const PRESENT: usize = 60;

/// First half of `room:join`: becomes a member (or opens the direct conversation). The edge then subscribes the
/// connection and calls [`enter`], which checks again, so that nothing falls between.
pub async fn join(s: &Services, caller: &Caller, req: &RoomRef) -> Result<(RoomId, RoomName)> {
    let (room, peer) = match req {
        RoomRef::Room(name) => (name.clone(), None),
        RoomRef::Direct(name) => {
            let peer = access::peer_of(s, caller, name).await?.user.id;
            (RoomName::direct(caller.user.id, peer), Some(peer))
        }
    };
    access::covered(caller, &room)?;
    let known = s.store.access(caller.user.id, &room, s.now()).await?;
    if let Some(known) = known.filter(|a| a.membership.is_some()) {
        caller.needs(Scope::Read)?;
        return Ok((known.room.id, known.room.name));
    }
    caller.needs(Scope::Send)?;
    let (s2, caller2) = (s.clone(), caller.clone());
    s.finish(async move {
        if let Some(peer) = peer {
            return open_direct(&s2, &caller2, peer).await;
        }
        let (row, new) = s2.store.join(caller2.user.id, &room, s2.limits.rooms_per_user, s2.now()).await?;
        if new {
            tell::joined(&s2, &row, &caller2.user, caller2.conn).await;
        }
        Ok((row.id, row.name))
    })
    .await
}

/// The direct conversation with `peer`, made at need. The peer learns of it with the first message.
pub(in crate::service) async fn open_direct(s: &Services, caller: &Caller, peer: UserId) -> Result<(RoomId, RoomName)> {
    let action = Action::OpenDirect(caller.user.id);
    s.limiter.take(action, &s.limits, s.now())?;
    let (row, new) = match s.store.ensure_direct(caller.user.id, peer, s.now()).await {
        Ok(made) => made,
        Err(error) => {
            s.limiter.give_back(action, &s.limits);
            return Err(error.into());
        }
    };
    if new {
        s.presence.forget_members(row.id);
        tell::added(s, &row, caller.user.id, caller.conn).await;
    } else {
        s.limiter.give_back(action, &s.limits);
    }
    Ok((row.id, row.name))
}

/// First half of `room:subscribe`: the room, if the caller may read it.
pub async fn find(s: &Services, caller: &Caller, room: &RoomRef) -> Result<(RoomId, RoomName)> {
    let access = access::readable(s, caller, room).await?;
    Ok((access.room.id, access.room.name))
}

/// Second half of `room:join` and `room:subscribe`: checks the right to read again and gives all a client needs to
/// show the room, at most 48 KiB. Told entries may overlap it.
pub async fn enter(
    s: &Services,
    caller: &Caller,
    room: &RoomName,
    after: Option<Seq>,
    epoch: Option<&Epoch>,
) -> Result<JoinReply> {
    caller.needs(Scope::Read)?;
    access::covered(caller, room)?;
    let view = s.store.view(caller.user.id, room, s.now()).await?.ok_or(Refusal::ROOM)?;
    access::may_read(caller, &view.access)?;
    let access = view.access.clone();
    let summary = access::summary(s, view).await?;
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE + json_len(&summary));
    // A quarter for the members, a sixth for who is present, the rest for what was said.
    let (members, _) = members::page_of(s, access.room.id, None, MEMBERS, budget / 4).await?;
    let present = presence::present(s, access.room.id, PRESENT, budget / 6).await?;
    let budget = budget.saturating_sub(json_len(&members) + json_len(&present));
    let known = after.zip(epoch);
    let sync = sync::missing(s, caller, &access.room, known, false, budget).await?;
    Ok(JoinReply { room: summary, members, present, sync })
}

/// `room:leave`; tells by `Signal::Left`, on which the edge unsubscribes.
pub async fn leave(s: &Services, caller: &Caller, req: Leave) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let (s2, caller2) = (s.clone(), caller.clone());
    s.finish(async move {
        let (row, was) = s2.store.leave(caller2.user.id, &room, s2.now()).await?;
        if was {
            tell::left(&s2, &row, &caller2.user, caller2.conn).await;
        }
        Ok(Empty {})
    })
    .await
}
