//! Pages of messages and threads.

use chat_common::Seq;
use chat_common::event::history::{Get, GetReply, Thread, ThreadReply};

use super::page::{self, Keep};
use super::{Caller, Error, Result, Services, access};
use crate::domain::Refusal;
use crate::storage::Page;

/// `history:get`
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<GetReply> {
    let page = match (req.before, req.after, req.around) {
        (None, None, None) => Page::Latest,
        (Some(seq), None, None) => Page::Before(seq),
        (None, Some(seq), None) => Page::After(seq),
        (None, None, Some(seq)) => Page::Around(seq),
        _ => return Err(Error::invalid("before", "pass only one of `before`, `after` and `around`")),
    };
    let access = access::readable(s, caller, &req.room).await?;
    let limit = page::limit(req.limit, s.limits.history_page);
    let mut found = s.store.messages(caller.user.id, access.room.id, page, limit).await?;
    let keep = match page {
        Page::Latest | Page::Before(_) => Keep::Newest,
        Page::After(_) => Keep::Oldest,
        Page::Around(seq) => {
            Keep::Around(found.messages.partition_point(|m| m.seq < seq).min(found.messages.len().saturating_sub(1)))
        }
    };
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    let (older, newer) = page::fit_messages(&mut found.messages, keep, budget);
    let cut = if keep == Keep::Oldest { newer } else { older };
    let (first, head) = (found.first, found.head);
    Ok(GetReply { messages: found.messages, first, head, has_more: found.has_more || cut })
}

/// `thread:get`
pub async fn thread(s: &Services, caller: &Caller, req: Thread) -> Result<ThreadReply> {
    let access = access::readable(s, caller, &req.room).await?;
    let after: Seq = page::read(req.after.as_ref())?.unwrap_or_default();
    let limit = s.limits.history_page;
    let found = s.store.thread(caller.user.id, access.room.id, req.seq, after, limit).await?;
    let mut messages = found.ok_or(Refusal::MESSAGE)?;
    let all = messages.len();
    messages.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    page::fit_messages(&mut messages, Keep::Oldest, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&messages, messages.len() < all, |m| m.seq);
    Ok(ThreadReply { messages, next })
}
