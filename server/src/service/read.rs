//! How far one has read.

use chat_common::event::Empty;
use chat_common::event::history::Mark;
use chat_common::event::server::Hint;

use super::{Caller, Result, Services, access, tell};

/// `read:mark`
pub async fn mark(s: &Services, caller: &Caller, req: Mark) -> Result<Empty> {
    let access = access::readable(s, caller, &req.room).await?;
    let (s2, user, conn) = (s.clone(), caller.user.id, caller.conn);
    s.finish(async move {
        let room = access.room.name;
        let state = s2.store.mark_read(user, &room, req.seq, req.force.unwrap_or(false)).await?;
        if state.moved {
            let hint = Hint::ReadChanged { room, read: state.read, unread: state.unread, mentions: state.mentions };
            tell::user(&s2, user, hint, conn).await;
        }
        Ok(Empty {})
    })
    .await
}
