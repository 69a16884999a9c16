//! Sending a message and what happens to it afterwards.

use chat_common::event::Empty;
use chat_common::event::message::{Delete, Edit, React, Send, SendReply};

use super::{Caller, Result, Services};

/// `message:send`
pub async fn send(s: &Services, caller: &Caller, req: Send) -> Result<SendReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `message:edit`
pub async fn edit(s: &Services, caller: &Caller, req: Edit) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `message:delete`
pub async fn delete(s: &Services, caller: &Caller, req: Delete) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `reaction:set`
pub async fn react(s: &Services, caller: &Caller, req: React) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
