//! Finding, making, changing, entering and leaving rooms.

use crate::storage::RoomId;
use chat_common::event::Empty;
use chat_common::event::room::{
    Create, Delete, Invite, Join, JoinReply, Leave, List, ListReply, RoomReply, Subscribe, Transfer, Update,
};
use chat_common::{RoomName, RoomRef};

use super::{Caller, Result, Services};

/// `room:list`
pub async fn list(s: &Services, caller: &Caller, req: List) -> Result<ListReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `room:create`
pub async fn create(s: &Services, caller: &Caller, req: Create) -> Result<RoomReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `room:delete`
pub async fn delete(s: &Services, caller: &Caller, req: Delete) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// First half of `room:join`: becomes a member (or opens the direct conversation). The edge then subscribes the
/// connection and calls [`enter`], which checks again, so that nothing falls between.
pub async fn join(s: &Services, caller: &Caller, req: &RoomRef) -> Result<(RoomId, RoomName)> {
    let _ = (s, caller, req);
    todo!()
}

/// First half of `room:subscribe`: the room, if the caller may read it.
pub async fn find(s: &Services, caller: &Caller, room: &RoomRef) -> Result<(RoomId, RoomName)> {
    let _ = (s, caller, room);
    todo!()
}

/// Second half of `room:join` and `room:subscribe`: checks the right to read again and gives all a client needs to
/// show the room, at most 48 KiB. Told entries may overlap it.
pub async fn enter(
    s: &Services,
    caller: &Caller,
    room: &RoomName,
    after: Option<chat_common::Seq>,
    epoch: Option<&chat_common::Epoch>,
) -> Result<JoinReply> {
    let _ = (s, caller, room, after, epoch);
    todo!()
}

/// `room:leave`; tells by `Signal::Left`, on which the edge unsubscribes.
pub async fn leave(s: &Services, caller: &Caller, req: Leave) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `room:update`
pub async fn update(s: &Services, caller: &Caller, req: Update) -> Result<RoomReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `room:invite`
pub async fn invite(s: &Services, caller: &Caller, req: Invite) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `room:transfer`
pub async fn transfer(s: &Services, caller: &Caller, req: Transfer) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// The one payload type that the edge passes through to [`find`] and [`enter`].
pub type SubscribeRequest = Subscribe;
/// The one payload type that the edge passes through to [`join`] and [`enter`].
pub type JoinRequest = Join;
