//! Pages of messages and threads.

use chat_common::event::history::{Get, GetReply, Thread, ThreadReply};

use super::{Caller, Result, Services};

/// `history:get`
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<GetReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `thread:get`
pub async fn thread(s: &Services, caller: &Caller, req: Thread) -> Result<ThreadReply> {
    let _ = (s, caller, req);
    todo!()
}
