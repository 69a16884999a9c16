//! Outgoing webhooks: made by a room's moderators, told what happens there. [`deliver`] is what sends; here stands what
//! people do with them.

pub mod deliver;
mod letter;

use chat_common::rest::{self, Told};
use chat_common::{RoomRef, UserId};

use super::accounts::secret;
use super::limiter::Action;
use super::{Caller, Error, Result, Services, access};
use crate::domain::Refusal;
use crate::storage::{Cause, DeadRow, NewOutgoing, OutgoingRow, Signing};

/// Webhooks a room can have.
const MOST: u32 = 20;
const UNKNOWN: Refusal = Refusal::NotFound { what: "outgoing webhook" };

/// `POST /rooms/{room}/outgoing`. Not for tokens and guests.
pub async fn create(
    s: &Services,
    caller: &Caller,
    room: &RoomRef,
    req: rest::CreateOutgoing,
) -> Result<rest::NewOutgoing> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    // Before a host is looked up for somebody.
    s.store.outgoing(caller.actor(), &room, s.now()).await?;
    if let Some(maker) = caller.actor() {
        s.limiter.take(Action::MakeToken(maker), &s.limits, s.now())?;
    }
    let events = req.events.unwrap_or_else(|| Told::USUAL.to_vec());
    if events.is_empty() {
        return Err(Error::invalid("events", "name one event at least, or leave `events` out for messages"));
    }
    s.outbound.check(&req.url).await?;
    let signing = letter::new_secret()?;
    let new = NewOutgoing {
        id: secret::id()?,
        room,
        url: req.url.trim().to_owned(),
        events,
        bots: req.bots,
        signing: Signing(signing.clone()),
    };
    let row = s.store.create_outgoing(caller.actor(), new, MOST, s.now()).await?;
    s.wake.notify_one();
    Ok(rest::NewOutgoing { info: info(&row), signing_secret: signing })
}

/// `GET /rooms/{room}/outgoing`
pub async fn list(s: &Services, caller: &Caller, room: &RoomRef) -> Result<rest::Outgoings> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let rows = s.store.outgoing(caller.actor(), &room, s.now()).await?;
    Ok(rest::Outgoings { outgoing: rows.iter().map(info).collect() })
}

/// `DELETE /rooms/{room}/outgoing/{id}`
pub async fn delete(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<()> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    known(s.store.delete_outgoing(caller.actor(), &room, id, s.now()).await?)
}

/// `POST /rooms/{room}/outgoing/{id}/rotate`: another signing secret, from now on.
pub async fn rotate(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<rest::NewSigning> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let signing = letter::new_secret()?;
    known(s.store.rotate_outgoing(caller.actor(), &room, id, Signing(signing.clone()), s.now()).await?)?;
    Ok(rest::NewSigning { signing_secret: signing })
}

/// `POST /rooms/{room}/outgoing/{id}/enable`: goes on where it was.
pub async fn enable(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<()> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    known(s.store.enable_outgoing(caller.actor(), &room, id, s.now()).await?)?;
    s.wake.notify_one();
    Ok(())
}

/// `GET /rooms/{room}/outgoing/{id}/dead`
pub async fn dead(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<rest::DeadLetters> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let rows = s.store.dead_letters(caller.actor(), &room, id, s.now()).await?.ok_or(UNKNOWN)?;
    Ok(rest::DeadLetters { dead: rows.into_iter().map(letter_info).collect() })
}

/// `POST /rooms/{room}/outgoing/{id}/resend`: how many will be sent again.
pub async fn resend(
    s: &Services,
    caller: &Caller,
    room: &RoomRef,
    id: &str,
    req: rest::Resend,
) -> Result<rest::Resent> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let one = req.delivery.is_some();
    let count = s.store.resend(caller.actor(), &room, id, req.delivery, s.now()).await?.ok_or(UNKNOWN)?;
    if one && count == 0 {
        return Err(Refusal::NotFound { what: "event that was given up" }.into());
    }
    s.wake.notify_one();
    Ok(rest::Resent { count })
}

fn known(there: bool) -> Result<()> {
    if there { Ok(()) } else { Err(UNKNOWN.into()) }
}

fn info(row: &OutgoingRow) -> rest::OutgoingInfo {
    rest::OutgoingInfo {
        id: row.id.clone(),
        url: row.url.clone(),
        events: row.events.clone(),
        bots: row.bots,
        created_at: row.created_at,
        seq: row.seq,
        waiting: row.head.0.saturating_sub(row.seq.0),
        dead: row.dead,
        failing_since: row.failing_since,
        fault: row.fault.clone(),
        disabled_at: row.disabled_at,
    }
}

fn letter_info(row: DeadRow) -> rest::DeadLetter {
    let seq = match row.cause {
        Cause::Entry(seq) => Some(seq),
        Cause::Move(..) => None,
    };
    rest::DeadLetter {
        delivery: row.delivery,
        event: row.event,
        seq,
        at: row.at,
        attempts: row.attempts,
        fault: row.fault,
        again: row.again,
    }
}

/// Whether somebody's events go to a webhook: a bot's do not unless asked for, and those of the maker's own bots never,
/// or a bot that answers would answer itself.
async fn wanted(s: &Services, row: &OutgoingRow, from: UserId, is_bot: bool) -> Result<bool> {
    if !is_bot {
        return Ok(true);
    }
    if !row.bots {
        return Ok(false);
    }
    let owner = s.store.user(from).await?.and_then(|bot| bot.owner);
    Ok(owner.is_none() || owner != row.maker)
}
