//! `room:list`

use std::collections::BTreeSet;

use chat_common::RoomName;
use chat_common::event::room::{List, ListReply};
use chat_common::rest::Scope;
use chat_common::text::fold;

use crate::service::{Caller, Result, Services, access, page};
use crate::storage::RoomView;

/// Bytes of a search for rooms.
const QUERY: usize = 200;

/// `room:list`
pub async fn list(s: &Services, caller: &Caller, req: List) -> Result<ListReply> {
    caller.needs(Scope::Read)?;
    let limit = page::limit(req.limit, s.limits.history_page);
    let after: Option<RoomName> = page::read(req.after.as_ref())?;
    req.query.as_deref().map_or(Ok(()), |query| page::looked_for(query, QUERY))?;
    let query = req.query.map(|q| fold(q.trim())).filter(|q| !q.is_empty());
    let views = match &caller.rooms {
        None => s.store.list_rooms(caller.user.id, query, after, limit + 1, s.now()).await?,
        Some(only) => those(s, caller, only, query.as_deref(), after.as_ref()).await?,
    };
    let mut rooms = Vec::with_capacity(views.len());
    for view in views {
        rooms.push(access::summary(s, view).await?);
    }
    let more = page::cut(&mut rooms, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&rooms, more, |r| r.room.clone());
    Ok(ListReply { rooms, next })
}

/// The rooms of a token that is bound to some.
async fn those(
    s: &Services,
    caller: &Caller,
    only: &[RoomName],
    query: Option<&str>,
    after: Option<&RoomName>,
) -> Result<Vec<RoomView>> {
    let names: BTreeSet<&RoomName> = only.iter().filter(|name| after.is_none_or(|after| *name > after)).collect();
    let mut views = Vec::with_capacity(names.len());
    for name in names {
        let Some(view) = s.store.view(caller.user.id, name, s.now()).await? else { continue };
        let room = &view.access.room;
        let found = query.is_none_or(|q| fold(room.name.as_str()).contains(q) || fold(&room.topic).contains(q));
        if found && access::may_read(caller, &view.access).is_ok() {
            views.push(view);
        }
    }
    Ok(views)
}
