//! Who is there, and who is typing.

use std::sync::Arc;

use chat_common::UserId;
use chat_common::event::Empty;
use chat_common::event::presence::{Get, GetReply, Set, Typing};

use crate::cluster::ConnId;

use super::{Caller, Result, Services};

/// Who is there, on this node.
#[derive(Debug, Default)]
pub struct Presence {}

/// A connection of `user` begins: online at once, told to its rooms.
pub async fn connected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let _ = (s, user, conn);
    todo!()
}

/// A connection ended: offline 10 s after the last one.
pub fn disconnected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let _ = (s, user, conn);
    todo!()
}

/// `presence:set`
pub async fn set(s: &Services, caller: &Caller, req: Set) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `presence:get`
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<GetReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `typing`; expires after 6 s.
pub async fn typing(s: &Arc<Services>, caller: &Caller, req: Typing) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
