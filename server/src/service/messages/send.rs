//! `message:send`: clean, limit, store, publish.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use chat_common::event::message::{Send, SendReply};
use chat_common::model::RoomKind;
use chat_common::rest::Scope;
use chat_common::{RoomName, RoomRef, Seq, UserId, text};

use crate::cluster::Signal;
use crate::domain::{Refusal, mention};
use crate::service::limiter::Action;
use crate::service::{Caller, Error, Result, Services, access, rooms, tell};
use crate::storage::{Append, Appended, StoreError};

/// `message:send`. A repeat gets the first answer before rights and limits are looked at: the store finds it before
/// it judges, and what the limiter refuses is looked up first.
pub async fn send(s: &Services, caller: &Caller, req: Send) -> Result<SendReply> {
    caller.needs(Scope::Send)?;
    let text = text::clean(&req.text, s.limits.text_bytes).map_err(|e| Error::text("text", &e))?;
    let (room, peer) = match &req.room {
        RoomRef::Room(name) => (name.clone(), None),
        RoomRef::Direct(name) => {
            let peer = access::peer_of(s, caller, name).await?.user.id;
            (RoomName::direct(caller.user.id, peer), Some(peer))
        }
    };
    access::covered(caller, &room)?;
    let action = Action::Message(caller.user.id);
    if let Err(limited) = s.limiter.take(action, &s.limits, s.now()) {
        return match s.store.find_sent(&room, caller.user.id, &req.client_id, &text).await? {
            Some((seq, at)) => {
                s.counters.duplicates.fetch_add(1, Relaxed);
                Ok(SendReply { seq, at, duplicate: true })
            }
            None => {
                s.counters.rate_limited.fetch_add(1, Relaxed);
                Err(limited)
            }
        };
    }
    let message = Append {
        sender: caller.user.id,
        room,
        mentions: mention::names(&text),
        text,
        client_id: req.client_id,
        reply_to: req.reply_to,
        max_rooms: s.limits.rooms_per_user,
        at: s.now(),
    };
    let (s2, caller2) = (s.clone(), caller.clone());
    let sent = s.finish(async move { store_and_tell(&s2, &caller2, message, peer).await }).await?;
    if sent.entry.is_none() {
        s.limiter.give_back(action, &s.limits);
        s.counters.duplicates.fetch_add(1, Relaxed);
    } else {
        s.counters.messages.fetch_add(1, Relaxed);
    }
    Ok(SendReply { seq: sent.seq, at: sent.at, duplicate: sent.entry.is_none() })
}

/// Stores, then tells. The first message to `peer` finds no room: it is made then.
async fn store_and_tell(s: &Services, caller: &Caller, message: Append, peer: Option<UserId>) -> Result<Appended> {
    let again = peer.map(|peer| (peer, message.clone()));
    let sent = match (s.store.append(message).await, again) {
        (Err(StoreError::Refused(Refusal::NotFound { what: "room" })), Some((peer, message))) => {
            rooms::open_direct(s, caller, peer).await?;
            s.store.append(message).await?
        }
        (sent, _) => sent?,
    };
    let Some(entry) = &sent.entry else { return Ok(sent) };
    if sent.joined {
        tell::joined(s, &sent.room, &caller.user, None).await;
    }
    if sent.room.kind == RoomKind::Direct && sent.seq == Seq(1) {
        tell_peer(s, caller.user.id, &sent).await;
    }
    s.bus.publish(Signal::Entry { room: sent.room.id, entry: Arc::clone(entry) }).await;
    Ok(sent)
}

/// The other one learns of the conversation with its first message.
async fn tell_peer(s: &Services, sender: UserId, sent: &Appended) {
    match s.store.member_ids(sent.room.id).await {
        Ok(ids) => {
            for id in ids.into_iter().filter(|id| *id != sender) {
                tell::added(s, &sent.room, id, None).await;
            }
        }
        Err(error) => tracing::warn!(%error, "a new direct conversation is not told; it shows on the next connect"),
    }
}
