//! Finding messages by their text.

use chat_common::event::history::{Search, SearchReply};

use super::{Caller, Result, Services};

/// `search`
pub async fn search(s: &Services, caller: &Caller, req: Search) -> Result<SearchReply> {
    let _ = (s, caller, req);
    todo!()
}
