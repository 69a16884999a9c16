//! Catching up: what a client is missing of its rooms.

use crate::storage::RoomId;
use chat_common::RoomName;
use chat_common::event::room::{Resume, ResumeReply, SyncRequest};
use chat_common::event::server::Ready;
use chat_common::model::Sync;

use super::{Caller, Result, Services};

/// `room:sync`
pub async fn sync(s: &Services, caller: &Caller, req: SyncRequest) -> Result<Sync> {
    let _ = (s, caller, req);
    todo!()
}

/// First half of `session:resume`: which of the rooms the caller may still read (for the edge to subscribe), which are gone.
pub async fn resumable(
    s: &Services,
    caller: &Caller,
    req: &Resume,
) -> Result<(Vec<(RoomId, RoomName)>, Vec<RoomName>)> {
    let _ = (s, caller, req);
    todo!()
}

/// Second half of `session:resume`: checks again and gives all that is missing, room by room, at most 48 KiB.
pub async fn resume(s: &Services, caller: &Caller, req: &Resume) -> Result<ResumeReply> {
    let _ = (s, caller, req);
    todo!()
}

/// The first event on a connection.
pub async fn ready(s: &Services, caller: &Caller) -> Result<Ready> {
    let _ = (s, caller);
    todo!()
}
