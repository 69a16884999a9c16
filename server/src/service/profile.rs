//! Users: looking one up, one's own profile, blocking.

use chat_common::event::Empty;
use chat_common::event::user::{Block, Get, SetProfile, UserReply};

use super::{Caller, Result, Services};

/// `user:get`
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<UserReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `profile:set`
pub async fn set(s: &Services, caller: &Caller, req: SetProfile) -> Result<UserReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `user:block`
pub async fn block(s: &Services, caller: &Caller, req: Block) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
