//! `room:list`

use chat_common::RoomName;
use chat_common::event::room::{List, ListReply};
use chat_common::rest::Scope;
use chat_common::text::fold;

use crate::service::{Caller, Error, Result, Services, access, page};

/// Bytes of a search for rooms.
const QUERY: usize = 200;

/// `room:list`
pub async fn list(s: &Services, caller: &Caller, req: List) -> Result<ListReply> {
    caller.needs(Scope::Read)?;
    let limit = page::limit(req.limit, s.limits.history_page);
    let mut after: Option<RoomName> = page::read(req.after.as_ref())?;
    if req.query.as_ref().is_some_and(|q| q.len() > QUERY) {
        return Err(Error::invalid("query", "look for at most 200 bytes"));
    }
    let query = req.query.map(|q| fold(q.trim())).filter(|q| !q.is_empty());
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX) + 1;
    let mut rooms = Vec::new();
    // A token for some rooms only sees those: pages are read on until enough of them are found.
    loop {
        let views = s.store.list_rooms(caller.user.id, query.clone(), after.clone(), limit + 1, s.now()).await?;
        let last = views.len() < wanted;
        after = views.last().map(|v| v.access.room.name.clone());
        for view in views.into_iter().filter(|v| caller.covers(&v.access.room.name)) {
            rooms.push(access::summary(s, view).await?);
        }
        if last || rooms.len() >= wanted {
            break;
        }
    }
    let more = page::cut(&mut rooms, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&rooms, more, |r| r.room.clone());
    Ok(ListReply { rooms, next })
}
