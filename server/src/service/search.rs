//! Finding messages by their text.

use chat_common::Cursor;
use chat_common::event::history::{Search, SearchReply};
use chat_common::rest::Scope;
use chat_common::text::fold;

use super::page::{self, Keep};
use super::{Caller, Error, Result, Services, access};
use crate::storage::SearchQuery;

/// Bytes of what is looked for.
const QUERY: usize = 500;
/// Words of it.
const WORDS: usize = 16;
/// Times a page that is too large is read again, smaller.
const SHRINKS: usize = 8;

/// `search`
pub async fn search(s: &Services, caller: &Caller, req: Search) -> Result<SearchReply> {
    caller.needs(Scope::Read)?;
    let words = words(&req.query)?;
    let mention = req.mention.unwrap_or(false);
    let filtered = mention || req.has.is_some() || req.from.is_some() || req.since.is_some() || req.until.is_some();
    if words.is_empty() && !filtered {
        return Err(Error::invalid("query", "say what to look for, or give another filter"));
    }
    let room = match &req.room {
        Some(room) => Some(access::readable(s, caller, room).await?.room.id),
        None => None,
    };
    let from = match &req.from {
        Some(name) => Some(access::user(s, name).await?.user.id),
        None => None,
    };
    let mut query = SearchQuery {
        asker: caller.user.id,
        words,
        room,
        only: caller.rooms.clone(),
        from,
        since: req.since,
        until: req.until,
        has: req.has,
        mention,
        after: req.after.map(|c| c.0),
        limit: page::limit(req.limit, s.limits.history_page),
    };
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    let mut found = s.store.search(query.clone()).await?;
    // The cursor is the store's own: a page that is too large is asked for again, as long as it has to be.
    for _ in 0..SHRINKS {
        let all = found.messages.len();
        page::fit_messages(&mut found.messages, Keep::Oldest, budget);
        if found.messages.len() == all {
            break;
        }
        query.limit = u32::try_from(found.messages.len()).unwrap_or(1).max(1);
        found = s.store.search(query.clone()).await?;
    }
    page::fit_messages(&mut found.messages, Keep::Oldest, budget);
    Ok(SearchReply { messages: found.messages, next: found.next.map(Cursor) })
}

/// What a text is searched for: folded words, all of which must stand in it.
pub fn words(query: &str) -> Result<Vec<String>> {
    page::looked_for(query, QUERY)?;
    let words: Vec<String> = fold(query).split_whitespace().map(str::to_owned).collect();
    if words.len() > WORDS {
        return Err(Error::invalid("query", "look for at most 16 words"));
    }
    Ok(words)
}
