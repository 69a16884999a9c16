//! `message:edit`

use chat_common::event::Empty;
use chat_common::event::message::Edit;
use chat_common::text;

use crate::domain::mention;
use crate::service::limiter::Action;
use crate::service::{Caller, Error, Result, Services, access, tell};

/// `message:edit`
pub async fn edit(s: &Services, caller: &Caller, req: Edit) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let text = text::clean(&req.text, s.limits.text_bytes).map_err(|e| Error::text("text", &e))?;
    s.limiter.take(Action::Message(caller.user.id), &s.limits, s.now())?;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let mentions = mention::names(&text);
        let change = s2.store.edit(actor, &room, req.seq, text, mentions, at).await?;
        tell::change(&s2, &change).await;
        Ok(Empty {})
    })
    .await
}
