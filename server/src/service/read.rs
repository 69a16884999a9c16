//! How far one has read.

use chat_common::event::Empty;
use chat_common::event::history::Mark;

use super::{Caller, Result, Services};

/// `read:mark`
pub async fn mark(s: &Services, caller: &Caller, req: Mark) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
