//! Members and moderation.

use chat_common::event::Empty;
use chat_common::event::member::{Ban, Kick, List, ListReply, Mute, SetRole, Unban};

use super::{Caller, Result, Services};

/// `member:list`
pub async fn list(s: &Services, caller: &Caller, req: List) -> Result<ListReply> {
    let _ = (s, caller, req);
    todo!()
}

/// `member:kick`
pub async fn kick(s: &Services, caller: &Caller, req: Kick) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `member:ban`
pub async fn ban(s: &Services, caller: &Caller, req: Ban) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `member:unban`
pub async fn unban(s: &Services, caller: &Caller, req: Unban) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `member:mute`
pub async fn mute(s: &Services, caller: &Caller, req: Mute) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}

/// `member:role`
pub async fn role(s: &Services, caller: &Caller, req: SetRole) -> Result<Empty> {
    let _ = (s, caller, req);
    todo!()
}
