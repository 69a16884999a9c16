//! What Node servers ask and tell us, done and answered at once: a Node server counts whoever listens and fails after 5 s
//! if one stays silent. What is told about a socket never holds a secret: no `auth`, no cookie, no token in a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::request::Parts;
use serde_json::{Value, json};

use super::super::Core;
use super::super::events;
use super::super::peer::{Ending, OnAck, Out, Peer};
use super::super::wire::{self, Broadcast, Nsp, Request, To};
use super::Line;
use crate::listen::ConnHandle;

/// Headers that others may know of a client.
const HEADERS: [&str; 8] =
    ["host", "user-agent", "accept", "accept-encoding", "accept-language", "origin", "content-type", "upgrade"];
/// Fields of the query that others may know.
const QUERY: [&str; 2] = ["EIO", "transport"];

/// Does what a request asks for.
pub(super) fn request(core: &Arc<Core>, line: &Line, nsp: Nsp, payload: &[u8]) {
    let request = match wire::decode_request(nsp, payload) {
        Ok(request) => request,
        Err(error) => return core.dropped.note(&format!("a request on Redis: {error}")),
    };
    let answer = |value: Value| line.answer(nsp, value.to_string().into_bytes());
    let done = |reply: Option<String>| {
        if let Some(id) = reply {
            answer(json!({ "requestId": id }));
        }
    };
    match request {
        Request::Nothing => {}
        Request::Sockets { id, rooms } => {
            let meant = core.hub.select(nsp, &To { rooms, except: vec![] });
            let sids: Vec<_> = meant.iter().map(|p| &*p.sid).collect();
            answer(json!({"requestId": id, "sockets": sids}));
        }
        Request::AllRooms { id } => {
            let rooms = core.hub.rooms(nsp);
            answer(json!({"requestId": id, "rooms": rooms.iter().map(|r| &**r).collect::<Vec<_>>()}));
        }
        Request::Fetch { id, to } => {
            let sockets: Vec<_> = core.hub.select(nsp, &to).iter().map(|p| describe(core, p)).collect();
            answer(json!({"requestId": id, "sockets": sockets}));
        }
        // There is no listener here; an answer is waited for all the same.
        Request::ServerSide { id } => answer(json!({"type": 6, "requestId": id, "data": null})),
        Request::Join { to, rooms, reply } => {
            if act(core, nsp, &to, &rooms, true) {
                done(reply);
            }
        }
        Request::Leave { to, rooms, reply } => {
            if act(core, nsp, &to, &rooms, false) {
                done(reply);
            }
        }
        Request::Disconnect { to, close, reply } => {
            let meant = core.hub.select(nsp, &to);
            for peer in &meant {
                core.end(peer, Ending::Kicked { close });
            }
            if !meant.is_empty() {
                done(reply);
            }
        }
        Request::Ask { id, broadcast, timeout } => ask(core, line, &id, &broadcast, Instant::now() + timeout),
    }
}

/// Puts sockets into rooms or takes them out; false: none of them is here.
fn act(core: &Arc<Core>, nsp: Nsp, to: &To, rooms: &[String], join: bool) -> bool {
    let meant = core.hub.select(nsp, to);
    for peer in &meant {
        for room in rooms {
            let moved = if join {
                core.hub.join(nsp, &peer.sid, room) == Some(true)
            } else {
                core.hub.leave(nsp, &peer.sid, room)
            };
            if moved && nsp == Nsp::Events {
                events::moved_from_outside(core, peer, room, join);
            }
        }
    }
    !meant.is_empty()
}

/// An event that each socket acknowledges: first how many are asked, then each answer.
fn ask(core: &Arc<Core>, line: &Line, id: &str, broadcast: &Broadcast, until: Instant) {
    let meant = core.hub.select(broadcast.nsp, &broadcast.to);
    let count = json!({"type": 8, "requestId": id, "clientCount": meant.len()});
    line.answer(broadcast.nsp, count.to_string().into_bytes());
    // A client that answers twice is heard once by the library; this only bounds what goes out.
    let left = AtomicUsize::new(meant.len());
    let (to, id, nsp) = (line.clone(), id.to_owned(), broadcast.nsp);
    let answer: OnAck = Arc::new(move |value| {
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            to.answer(nsp, wire::encode_ack(&id, value));
        }
    });
    for peer in meant {
        let out = Out::Ask(Arc::clone(&broadcast.event), Arc::clone(&broadcast.args), Arc::clone(&answer), until);
        if !peer.push(out) {
            core.end(&peer, Ending::TooSlow);
        }
    }
}

/// A socket as `fetchSockets` tells it.
fn describe(core: &Core, peer: &Peer) -> Value {
    let mut rooms = vec![peer.sid.to_string()];
    rooms.extend(core.hub.rooms_of(peer.nsp, &peer.sid).iter().map(|r| r.to_string()));
    let socket = peer.socket.get().and_then(std::sync::Weak::upgrade);
    let handshake = socket.map_or_else(|| json!({}), |s| handshake(s.req_parts(), peer.since));
    json!({"id": &*peer.sid, "handshake": handshake, "rooms": rooms, "data": {}})
}

/// What Node calls a handshake, without what is nobody else's business. `auth` stays, empty: programs look into it.
fn handshake(parts: &Parts, since: chat_common::Timestamp) -> Value {
    let headers: serde_json::Map<String, Value> = HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), parts.headers.get(*name)?.to_str().ok()?.into())))
        .collect();
    let query: serde_json::Map<String, Value> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .filter(|(key, _)| QUERY.contains(&&**key))
            .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
            .collect();
    let address = parts.extensions.get::<ConnHandle>().map(|h| h.client.to_string());
    json!({
        "headers": headers,
        "time": since,
        "address": address.unwrap_or_default(),
        "xdomain": parts.headers.contains_key("origin"),
        "secure": false,
        "issued": since.as_millis(),
        "url": parts.uri.path(),
        "query": query,
        "auth": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_told() {
        let (parts, ()) = http::Request::builder()
            .uri("/socket.io/?EIO=4&transport=websocket&token=s3cret&auth=s3cret&k=s3cret")
            .header("cookie", "sid=s3cret")
            .header("authorization", "Bearer s3cret")
            .header("x-api-key", "s3cret")
            .header("sec-websocket-key", "s3cret")
            .header("user-agent", "tests")
            .body(())
            .unwrap()
            .into_parts();
        let told = handshake(&parts, chat_common::Timestamp::from_millis(0));
        assert!(!told.to_string().contains("s3cret"), "{told}");
        assert_eq!(told["headers"], json!({"user-agent": "tests"}));
        assert_eq!(told["query"], json!({"EIO": "4", "transport": "websocket"}));
        assert_eq!(told["auth"], json!({}));
    }
}
