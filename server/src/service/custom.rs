//! An application's own events.

use chat_common::event::Empty;
use chat_common::event::custom::Send;

use super::{Caller, Result, Services};

/// `event:send`
pub async fn send(s: &Services, caller: &Caller, req: Send) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
