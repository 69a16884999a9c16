//! Catching up: what a client is missing of its rooms.

use chat_common::event::Entry;
use chat_common::event::room::{Resume, ResumeReply, SyncRequest};
use chat_common::event::server::{Ready, ServerInfo};
use chat_common::model::Sync;
use chat_common::page::{fitting, json_len};
use chat_common::rest::Scope;
use chat_common::{Epoch, RoomName, Seq};

use super::page::{self, Keep};
use super::{Caller, Error, Result, Services, access, profile};
use crate::domain::Refusal;
use crate::storage::{Access, Page, RoomId, RoomRow};

/// Messages of the page a reset gives.
const RESET_PAGE: u32 = 100;
/// Entries read from the store at once: enough for a reply of short ones, little where they are long.
const CHUNK: u32 = 100;
/// Bytes below which a resume does not begin with another room.
const LEAST: usize = 4 * 1_024;
/// Rooms a resume may name beyond those one can be in.
const EXTRA: usize = 200;

/// `room:sync`
pub async fn sync(s: &Services, caller: &Caller, req: SyncRequest) -> Result<Sync> {
    let access = access::readable(s, caller, &req.room).await?;
    let known = Some((req.after, &req.epoch));
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    missing(s, caller, &access.room, known, req.full.unwrap_or(false), budget).await
}

/// What is missing of a room after what is known, in `budget` bytes; nothing known: the latest page.
pub(super) async fn missing(
    s: &Services,
    caller: &Caller,
    room: &RoomRow,
    known: Option<(Seq, &Epoch)>,
    full: bool,
    budget: usize,
) -> Result<Sync> {
    let epoch = s.store.epoch();
    let budget = budget.saturating_sub(200 + json_len(&epoch));
    if let Some((after, known_epoch)) = known
        && *known_epoch == epoch
        && after <= room.head
        && after >= room.first.prev()
        && (full || room.head.0 - after.0 <= s.limits.sync_entries)
        && let Some(entries) = entries_after(s, room, after, budget).await?
    {
        let last = entries.last().map_or(after, |e| e.seq);
        let head = room.head.max(last);
        let next = (last < head).then_some(last);
        return Ok(Sync { epoch, first: room.first, head, reset: false, entries: Some(entries), messages: None, next });
    }
    let mut page = s.store.messages(caller.user.id, room.id, Page::Latest, RESET_PAGE).await?;
    page::fit_messages(&mut page.messages, Keep::Newest, budget);
    let (first, head) = (page.first, page.head);
    Ok(Sync { epoch, first, head, reset: true, entries: None, messages: Some(page.messages), next: None })
}

/// Entries after `after` up to the head the caller knows, as far as they fit; `None` where the log has lost them in
/// the meantime (retention).
async fn entries_after(s: &Services, room: &RoomRow, after: Seq, budget: usize) -> Result<Option<Vec<Entry>>> {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut last, mut left) = (after, budget);
    while last < room.head {
        let mut chunk = s.store.entries(room.id, last, CHUNK).await?;
        match chunk.first() {
            Some(entry) if entry.seq == last.next() => {}
            _ if entries.is_empty() => return Ok(None),
            _ => break,
        }
        let size = json_len(&chunk) + chunk.len();
        let all = chunk.len();
        if size > left {
            let fits = fitting(&chunk, left);
            // The first of a further chunk is given even where it does not fit: not here.
            chunk.truncate(if entries.is_empty() || json_len(&&chunk[..fits]) <= left { fits } else { 0 });
        }
        left = left.saturating_sub(size);
        let whole = chunk.len() == all;
        last = chunk.last().map_or(last, |e| e.seq);
        entries.append(&mut chunk);
        if !whole || left == 0 {
            break;
        }
    }
    Ok(Some(entries))
}

/// First half of `session:resume`: which of the rooms the caller may still read (for the edge to subscribe), which are gone.
pub async fn resumable(
    s: &Services,
    caller: &Caller,
    req: &Resume,
) -> Result<(Vec<(RoomId, RoomName)>, Vec<RoomName>)> {
    let (mut live, mut gone) = (Vec::new(), Vec::new());
    check_number(s, req)?;
    for name in req.rooms.keys() {
        match member_of(s, caller, name).await? {
            Some(access) => live.push((access.room.id, access.room.name)),
            None => gone.push(name.clone()),
        }
    }
    Ok((live, gone))
}

/// Second half of `session:resume`: checks again and gives all that is missing, room by room, at most 48 KiB.
pub async fn resume(s: &Services, caller: &Caller, req: &Resume) -> Result<ResumeReply> {
    check_number(s, req)?;
    let mut reply = ResumeReply::default();
    let mut left = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    let mut rooms_left = req.rooms.len();
    for (name, after) in &req.rooms {
        let answered = !(reply.rooms.is_empty() && reply.gone.is_empty());
        if answered && left < LEAST {
            reply.next = Some(name.clone());
            break;
        }
        let Some(access) = member_of(s, caller, name).await? else {
            left = left.saturating_sub(name.as_str().len() + 3);
            reply.gone.push(name.clone());
            rooms_left -= 1;
            continue;
        };
        // Each room gets a fair share, so that one that was loud does not put off all others.
        let share = (left / rooms_left.max(1)).max(LEAST).min(left);
        let sync = missing(s, caller, &access.room, Some((*after, &req.epoch)), false, share).await?;
        let size = json_len(&sync) + name.as_str().len() + 4;
        if answered && size > left {
            reply.next = Some(name.clone());
            break;
        }
        left = left.saturating_sub(size);
        reply.rooms.insert(name.clone(), sync);
        rooms_left -= 1;
    }
    Ok(reply)
}

fn check_number(s: &Services, req: &Resume) -> Result<()> {
    let max = usize::try_from(s.limits.rooms_per_user).unwrap_or(usize::MAX).saturating_add(EXTRA);
    if req.rooms.len() > max {
        return Err(Error::invalid("rooms", "more rooms than one can be in; resume with fewer of them"));
    }
    Ok(())
}

/// The room, if the caller is a member that may read it.
async fn member_of(s: &Services, caller: &Caller, name: &RoomName) -> Result<Option<Access>> {
    caller.needs(Scope::Read)?;
    if !caller.covers(name) {
        return Ok(None);
    }
    let access = s.store.access(caller.user.id, name, s.now()).await?;
    Ok(access.filter(|a| a.membership.is_some() && access::may_read(caller, a).is_ok()))
}

/// The first event on a connection. A token that may not read is told no rooms, so that it can still send.
pub async fn ready(s: &Services, caller: &Caller) -> Result<Ready> {
    let row = s.store.user(caller.user.id).await?.ok_or(Refusal::USER)?;
    let mut blocked = s.store.blocks(caller.user.id).await?;
    blocked.truncate(profile::BLOCKS);
    let mut ready = Ready {
        protocol: 1,
        server: ServerInfo { node: s.node.id().to_string(), ..(*s.server).clone() },
        epoch: s.store.epoch(),
        user: row.user,
        role: caller.role,
        limits: (*s.limits).clone(),
        expires_at: caller.expires_at,
        rooms: Vec::new(),
        next: None,
        blocked,
    };
    if caller.needs(Scope::Read).is_err() {
        return Ok(ready);
    }
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE + json_len(&ready));
    let limit = s.limits.rooms_per_user;
    let views = s.store.views_of(caller.user.id, None, limit + 1, s.now()).await?;
    for view in views.into_iter().filter(|v| caller.covers(&v.access.room.name)) {
        ready.rooms.push(access::summary(s, view).await?);
    }
    let more = page::cut(&mut ready.rooms, limit, budget);
    ready.next = page::next(&ready.rooms, more, |r| r.room.clone());
    Ok(ready)
}
