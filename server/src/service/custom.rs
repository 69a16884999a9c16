//! An application's own events.

use chat_common::event::Empty;
use chat_common::event::custom::Send;
use chat_common::event::server::Hint;
use chat_common::page::json_len;

use super::limiter::Action;
use super::{Caller, Error, Result, Services, access, tell};

/// Characters of a name.
const NAME: usize = 64;

/// `event:send`
pub async fn send(s: &Services, caller: &Caller, req: Send) -> Result<Empty> {
    let named = (1..=NAME).contains(&req.name.len())
        && req.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'));
    if !named {
        return Err(Error::invalid("name", "a name has 1 to 64 of A-Z a-z 0-9 . _ : -"));
    }
    let got = json_len(&req.data);
    if got > s.limits.custom_bytes {
        return Err(Error::TooLarge { field: "data", got, max: s.limits.custom_bytes });
    }
    let access = access::speakable(s, caller, &req.room).await?;
    s.limiter.take(Action::Message(caller.user.id), &s.limits, s.now())?;
    let hint = Hint::Custom { room: access.room.name, from: caller.user.clone(), name: req.name, data: req.data };
    tell::room(s, access.room.id, hint, None).await;
    Ok(Empty {})
}
