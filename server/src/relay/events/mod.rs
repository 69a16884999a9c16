//! `/events`: the conversation of the first-generation protocol, event by event, without its faults. Everything a socket
//! asks is answered at once and in order, in the library's reading task; nothing here waits.

pub(super) mod roster;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use chat_common::text;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{MessageHandler, Value as Packet};
use socketioxide::socket::Socket;

use super::Core;
use super::peer::{Ending, Out, Peer};
use super::value::Args;
use super::wire::{Broadcast, Nsp, To};
use roster::{Act, Note, Roster, Say};

/// Characters of a user's name.
const USERNAME: usize = 20;
/// Characters of a room's name.
const ROOM: usize = 64;

/// What a request comes to: the event that answers it, if any does, and its data; or what is wrong.
type Answer = Result<(Option<&'static str>, Value), String>;

/// The one handler of a socket, for every event.
pub(super) struct Inbox {
    pub(super) core: Arc<Core>,
    pub(super) peer: Arc<Peer>,
}

/// Tells this handler from the library's closures.
pub(super) struct InOrder;

impl MessageHandler<LocalAdapter, InOrder> for Inbox {
    fn call(&self, _socket: Arc<Socket>, packet: Packet, ack: Option<i64>) {
        let Packet::Str(text, _) = packet else { return };
        if self.peer.is_ending() {
            return;
        }
        let (event, data) = match self.request(text.as_str()) {
            Ok(answer) => answer,
            Err(message) => (Some("error"), json!({ "message": message })),
        };
        let args = Arc::new(Args::one(&data));
        let mut told = event.is_none_or(|event| self.tell(Out::Event(event.into(), Arc::clone(&args))));
        if let Some(id) = ack {
            told &= self.tell(Out::Ack(id, args));
        }
        if !told {
            self.core.end(&self.peer, Ending::TooSlow);
        }
    }
}

impl Inbox {
    #[must_use]
    fn tell(&self, out: Out) -> bool {
        self.peer.push(out)
    }

    fn request(&self, text: &str) -> Answer {
        let limits = &self.core.limits;
        if text.len() > limits.payload_bytes {
            return Err(format!("an event has at most {} bytes", limits.payload_bytes));
        }
        let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| "the event is not JSON".to_owned())?;
        let event: String = parts.first().and_then(|e| serde_json::from_str(e.get()).ok()).unwrap_or_default();
        if let Err(wait) = self.core.take_request(&self.peer, event == "sendMessage") {
            return Err(format!("{event:.20}: too often; try again in {} ms", wait.as_millis().max(1)));
        }
        let data = match parts.get(1).map(|p| serde_json::from_str(p.get())) {
            None => Value::Null,
            Some(Ok(data)) => data,
            Some(Err(_)) => return Err(format!("{event:.20}: the data is nested too deep")),
        };
        let (core, peer) = (&self.core, &self.peer);
        match event.as_str() {
            "registerUser" => register(core, peer, &field(&data, "username", USERNAME)?),
            "joinRoom" => join(core, peer, &room(core, peer, &data)?),
            "leaveRoom" => leave(core, peer, &field(&data, "roomName", ROOM)?),
            "sendMessage" => send(core, peer, &data),
            "getUsers" => {
                let users = core.roster().users();
                Ok((
                    Some("usersList"),
                    users.into_iter().map(|(username, room)| json!({"username": username, "room": room})).collect(),
                ))
            }
            "getRoomMembers" => {
                let room = field(&data, "roomName", ROOM)?;
                Ok((Some("roomMembersList"), json!({"members": core.roster().members(&room), "roomName": room})))
            }
            "ping" => Ok((Some("pong"), json!({"timestamp": core.clock.now()}))),
            _ => Err(format!("this server does not know the event {:?}", event.chars().take(50).collect::<String>())),
        }
    }
}

/// A line of text under a name.
fn field(data: &Value, name: &str, longest: usize) -> Result<String, String> {
    let Some(value) = data.get(name) else {
        return Err(format!("{name}: it is missing; send {{\"{name}\": \"…\"}}"));
    };
    let Some(value) = value.as_str().map(str::trim) else { return Err(format!("{name}: it must be a text")) };
    let length = value.chars().count();
    if length == 0 || length > longest {
        return Err(format!("{name}: it has {length} characters; 1 to {longest} are right"));
    }
    if value.chars().any(|c| c == '\n' || c == '\t' || text::is_forbidden(c)) {
        return Err(format!("{name}: it holds control characters"));
    }
    Ok(value.to_owned())
}

/// The name of a room that may be joined or written to: never the id of somebody else's socket, which in Socket.IO is a
/// room too.
fn room(core: &Core, peer: &Peer, data: &Value) -> Result<String, String> {
    let room = field(data, "roomName", ROOM)?;
    let theirs = room != *peer.sid
        && (looks_like_an_id(&room) || core.hub.is_socket(Nsp::Events, &room) || core.roster().is_socket(&room));
    if theirs {
        Err("roomName: this is the id of a socket, or looks like one; take another name".to_owned())
    } else {
        Ok(room)
    }
}

/// Ids of this server have 16 characters, those of Node servers 20, of base64 in both cases. Sockets of Node servers
/// are not all known here, so the look decides.
fn looks_like_an_id(name: &str) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    matches!(name.len(), 16 | 20)
        && name.bytes().all(base64)
        && name.bytes().any(|b| b.is_ascii_uppercase())
        && name.bytes().any(|b| b.is_ascii_lowercase())
}

fn register(core: &Arc<Core>, peer: &Peer, username: &str) -> Answer {
    let rooms = core.hub.rooms_of(Nsp::Events, &peer.sid).iter().map(|r| r.to_string()).collect();
    let claimed = core.roster().claim(&peer.sid, username, rooms, core.clock.now());
    let Some(say) = claimed else { return Err(format!("username: {username:?} is taken; choose another")) };
    core.share.say(&core.uid, say);
    let data = json!({"username": username, "message": format!("{username} is here")});
    core.tell(&broadcast(To { rooms: vec![], except: vec![peer.sid.to_string()] }, "userConnected", &data));
    Ok((Some("userRegistered"), json!({"username": username, "message": format!("welcome, {username}")})))
}

fn join(core: &Arc<Core>, peer: &Peer, room: &str) -> Answer {
    match core.hub.join(Nsp::Events, &peer.sid, room) {
        None => return Err(format!("roomName: you are in {} rooms already; leave one", super::hub::ROOMS)),
        Some(true) => moved(core, peer, room, true),
        Some(false) => {}
    }
    let message = format!("you are in {room}");
    Ok((Some("roomJoined"), json!({"status": "success", "roomName": room, "clientId": &*peer.sid, "message": message})))
}

fn leave(core: &Arc<Core>, peer: &Peer, room: &str) -> Answer {
    if !core.hub.leave(Nsp::Events, &peer.sid, room) {
        return Err(format!("roomName: you are not in {room:?}"));
    }
    moved(core, peer, room, false);
    let message = format!("you left {room}");
    Ok((Some("roomLeft"), json!({"status": "success", "roomName": room, "clientId": &*peer.sid, "message": message})))
}

/// Tells the room, and the other nodes.
fn moved(core: &Arc<Core>, peer: &Peer, room: &str, joined: bool) {
    let say = core.roster().moved(&peer.sid, room, joined);
    if let Some(say) = say {
        core.share.say(&core.uid, say);
    }
    let who = core.roster().name(&peer.sid).unwrap_or(&peer.sid).to_owned();
    tell_room(core, peer, room, &who, joined);
}

fn tell_room(core: &Arc<Core>, peer: &Peer, room: &str, who: &str, joined: bool) {
    let (event, how) = if joined { ("memberJoined", "joined") } else { ("memberLeft", "left") };
    let data = json!({"clientId": &*peer.sid, "roomName": room, "message": format!("{who} {how} {room}")});
    core.tell(&broadcast(To { rooms: vec![room.to_owned()], except: vec![peer.sid.to_string()] }, event, &data));
}

fn send(core: &Arc<Core>, peer: &Peer, data: &Value) -> Answer {
    let username = core.roster().name(&peer.sid).map(str::to_owned);
    let Some(username) = username else { return Err("send registerUser {\"username\": \"…\"} first".to_owned()) };
    let longest = core.limits.text_bytes;
    let content = match data.get("content") {
        Some(Value::String(content)) if content.is_empty() => return Err("content: it is empty".to_owned()),
        Some(Value::String(content)) if content.len() <= longest => content,
        Some(Value::String(_)) => return Err(format!("content: it has more than {longest} bytes")),
        Some(_) => return Err("content: it must be a text".to_owned()),
        None => return Err("content: it is missing; send {\"content\": \"…\"}".to_owned()),
    };
    let named = data.get("roomName").is_some_and(|r| !r.is_null());
    let room = named.then(|| room(core, peer, data)).transpose()?;
    let message = json!({
        "senderId": &*peer.sid,
        "content": content,
        "timestamp": core.clock.now(),
        "roomName": room.as_deref().unwrap_or("broadcast"),
        "username": username,
    });
    match room {
        // The sender hears it as its answer, whether it is in the room or not, so not twice.
        Some(room) => {
            let to = To { rooms: vec![room], except: vec![peer.sid.to_string()] };
            core.tell(&broadcast(to, "roomMessage", &message));
            Ok((Some("roomMessage"), message))
        }
        None => {
            core.tell(&broadcast(To { rooms: vec![], except: vec![peer.sid.to_string()] }, "globalMessage", &message));
            Ok((None, json!({"status": "success", "timestamp": message["timestamp"]})))
        }
    }
}

fn broadcast(to: To, event: &str, data: &Value) -> Broadcast {
    Broadcast { nsp: Nsp::Events, to, volatile: false, event: event.into(), args: Arc::new(Args::one(data)) }
}

/// What a new socket is told first.
pub(super) fn greeting() -> Out {
    let data = json!({"status": "connected", "message": "you are connected"});
    Out::Event("connectionStatus".into(), Arc::new(Args::one(&data)))
}

/// A socket has gone: its name is free again and its rooms hear of it.
pub(super) fn gone(core: &Arc<Core>, peer: &Peer, rooms: &BTreeSet<Arc<str>>) {
    let (who, say) = {
        let mut roster = core.roster();
        let who = roster.name(&peer.sid).unwrap_or(&peer.sid).to_owned();
        (who, roster.gone(&peer.sid))
    };
    if let Some(say) = say {
        core.share.say(&core.uid, say);
    }
    for room in rooms {
        tell_room(core, peer, room, &who, false);
    }
}

/// Another server put a socket into a room, or took it out.
pub(super) fn moved_from_outside(core: &Core, peer: &Peer, room: &str, joined: bool) {
    let say = core.roster().moved(&peer.sid, room, joined);
    if let Some(say) = say {
        core.share.say(&core.uid, say);
    }
}

/// Another node of ours says something about its users.
pub(super) fn heard(core: &Arc<Core>, note: Note) {
    if note.node == core.uid {
        return;
    }
    let acts = core.roster().heard(note, core.clock.now());
    for act in acts {
        match act {
            Act::Tell(say) => core.share.say(&core.uid, say),
            Act::Lost(user) => {
                let message =
                    format!("username: {:?} was taken on another node a moment before; register another", user.name);
                let to = To { rooms: vec![user.sid], except: vec![] };
                core.deliver(&broadcast(to, "error", &json!({ "message": message })));
            }
        }
    }
}

impl Core {
    /// Who is registered. Held for no longer than a look.
    pub(super) fn roster(&self) -> std::sync::MutexGuard<'_, Roster> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the other nodes about our users, again and again; the first time asks them for theirs.
    pub(super) async fn beat(self: Arc<Self>) {
        if !self.share.is_shared() {
            return;
        }
        self.share.say(&self.uid, Say::Hello);
        loop {
            let says = self.roster().beat(self.clock.now());
            for say in says {
                self.share.say(&self.uid, say);
            }
            tokio::time::sleep(std::time::Duration::from_secs(roster::BEAT)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_say_what_is_wrong_with_them() {
        let read = |data: Value| field(&data, "username", USERNAME);
        assert_eq!(read(json!({"username": " ana "})).as_deref(), Ok("ana"));
        assert!(read(json!({"username": "東".repeat(20)})).is_ok());
        for (data, said) in [
            (json!({}), "missing"),
            (json!(null), "missing"),
            (json!("ana"), "missing"),
            (json!({"username": 7}), "must be a text"),
            (json!({"username": "  "}), "0 characters"),
            (json!({"username": "x".repeat(21)}), "1 to 20"),
            (json!({"username": "a\u{1b}[2J"}), "control"),
            (json!({"username": "a\u{202e}b"}), "control"),
        ] {
            let error = read(data.clone()).unwrap_err();
            assert!(error.starts_with("username: ") && error.contains(said), "{data}: {error}");
        }
    }

    #[test]
    fn ids_are_told_from_names() {
        assert!(looks_like_an_id("mXvTq3qAAAAB-2fw") && looks_like_an_id("wJalrXUtnFEMIK7MDAAB"));
        for name in ["customer-support", "general", "a-room-of-twenty-abc", "Ana and Bob rooms", "DEPLOYMENTS-2026"] {
            assert!(!looks_like_an_id(name), "{name}");
        }
    }
}
