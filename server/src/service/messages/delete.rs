//! `message:delete`

use chat_common::event::Empty;
use chat_common::event::message::Delete;

use crate::service::{Caller, Result, Services, access, tell};

/// `message:delete`. Not limited by the rate of messages: who keeps order has much to delete at once.
pub async fn delete(s: &Services, caller: &Caller, req: Delete) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let change = s2.store.delete(actor, &room, req.seq, at).await?;
        tell::change(&s2, &change).await;
        Ok(Empty {})
    })
    .await
}
