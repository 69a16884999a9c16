//! `reaction:set`

use chat_common::event::Empty;
use chat_common::event::message::React;

use crate::service::limiter::Action;
use crate::service::{Caller, Result, Services, access, tell};

/// `reaction:set`
pub async fn react(s: &Services, caller: &Caller, req: React) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    s.limiter.take(Action::Message(caller.user.id), &s.limits, s.now())?;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let change = s2.store.react(actor, &room, req.seq, req.emoji, req.on, at).await?;
        tell::change(&s2, &change).await;
        Ok(Empty {})
    })
    .await
}
