//! Where what concerns other nodes goes: nowhere on a single node, over the bus to nodes of ours, or over the Redis
//! shared with Node servers, which then carries it between nodes of ours too. Never waits: the queue is bounded, and
//! when it is full (the bus or Redis is away) what would go out is lost, while this node's own sockets are told.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::cluster::local::Listener;
use crate::cluster::{Bus, Interest, Signal};

use super::Core;
use super::events::{self, roster};
use super::redis::Line;
use super::wire::{self, Broadcast};

/// Messages waiting for the bus.
const QUEUE: usize = 1_024;

/// See the module.
pub(super) enum Share {
    /// One node.
    Alone,
    /// Nodes of ours, over their bus.
    Nodes(mpsc::Sender<Bytes>),
    /// Node servers and nodes of ours.
    Redis(Line),
}

impl Share {
    /// Whether there may be others.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Alone)
    }

    /// Tells the others' sockets.
    pub(super) fn broadcast(&self, uid: &str, broadcast: &Broadcast) {
        match self {
            Self::Alone => {}
            Self::Nodes(queue) => send(queue, wire::encode_broadcast(uid, broadcast).into()),
            Self::Redis(line) => line.broadcast(broadcast.nsp, &broadcast.to, wire::encode_broadcast(uid, broadcast)),
        }
    }

    /// Tells nodes of ours about our users.
    pub(super) fn say(&self, uid: &str, say: roster::Say) {
        let text = || serde_json::to_vec(&roster::Note { node: uid.to_owned(), say });
        match self {
            Self::Alone => {}
            Self::Nodes(queue) => {
                if let Ok(text) = text() {
                    send(queue, text.into());
                }
            }
            Self::Redis(line) => {
                if let Ok(text) = text() {
                    line.note(text);
                }
            }
        }
    }
}

fn send(queue: &mpsc::Sender<Bytes>, bytes: Bytes) {
    if queue.try_send(bytes).is_err() {
        tracing::debug!("the relay's queue for the bus is full; other nodes miss an event");
    }
}

/// The bus as the relay's share, with the task that feeds it.
pub(super) fn over_bus(bus: Arc<dyn Bus>) -> (Share, impl Future<Output = ()> + Send) {
    let (queue, mut waiting) = mpsc::channel::<Bytes>(QUEUE);
    let feed = async move {
        while let Some(bytes) = waiting.recv().await {
            bus.publish(Signal::Relay(bytes)).await;
        }
    };
    (Share::Nodes(queue), feed)
}

/// Takes what nodes of ours say over the bus, until it ends.
pub(super) async fn hear(core: Arc<Core>, mut signals: Listener, _while_followed: Interest) {
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Relay(bytes) => heard(&core, &bytes),
            // What the bus lost is not told again; but who is registered can be asked for.
            Signal::Missed { .. } => core.share.say(&core.uid, roster::Say::Hello),
            _ => {}
        }
    }
}

/// A note about users is JSON, a broadcast is MessagePack.
pub(super) fn heard(core: &Arc<Core>, bytes: &[u8]) {
    if bytes.first() == Some(&b'{') {
        match serde_json::from_slice(bytes) {
            Ok(note) => events::heard(core, note),
            Err(error) => core.dropped.note(&format!("a note about users: {error}")),
        }
        return;
    }
    match wire::decode_broadcast(bytes) {
        Ok(Some((uid, broadcast))) if uid != core.uid => core.deliver(&broadcast),
        Ok(_) => {}
        Err(error) => core.dropped.note(&format!("a broadcast: {error}")),
    }
}
