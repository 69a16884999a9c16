//! What carries bytes between nodes, whatever the broker. It may lose, repeat and reorder; it never stops a node: with
//! the broker away, `publish` goes on returning at once and what it took is lost.

use async_trait::async_trait;
use bytes::Bytes;
use chat_common::UserId;

use super::Figures;
pub use crate::storage::NodeId;
use crate::storage::RoomId;

/// What bytes are about; a node hears the topics that it follows, so that traffic grows with use and not with nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every node hears it: nodes, presence, nudges to read the authority log.
    All,
    /// A room's entries and hints, for nodes where somebody follows it.
    Room(RoomId),
    /// A user's own hints, for nodes where the user is connected.
    User(UserId),
    /// The relay's broadcasts, for nodes whose relay is on.
    Relay,
}

/// What a wire tells its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody published this; the node's own bytes may come back to it.
    Bytes(Topic, Bytes),
    /// Something of the topic may have been missed (`None`: of any): the subscription has just begun to hold, or the
    /// broker was away. Whoever needs the truth reads the store.
    Missed(Option<Topic>),
}

/// A broker. Made by a `spawn(options…) -> (impl Wire, mpsc::Receiver<Heard>)`; the task behind it connects, and
/// connects again for ever with backoff. When the receiver is full, what is heard is dropped, and `Missed(None)` told as
/// soon as there is room.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Hands bytes to the broker's queue and returns at once. With the queue full (a broker that is away or slow) they
    /// are dropped and counted.
    fn publish(&self, topic: Topic, bytes: Bytes);
    /// From about now on the topic is heard; [`Heard::Missed`] says when it holds.
    fn subscribe(&self, topic: Topic);
    /// From about now on it is not.
    fn unsubscribe(&self, topic: Topic);
    /// What was sent since the start; the frames heard are counted by who reads them.
    fn figures(&self) -> Figures {
        Figures::default()
    }
    /// `Ok`, or what is wrong and what to do; for `/readyz`.
    fn health(&self) -> Result<(), String>;
    /// Sends what is queued, within its own short time limit, and ends the task.
    async fn close(&self);
}
