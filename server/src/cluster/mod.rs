//! The wire between nodes: what services publish and every node's edge hears. It may lose, repeat and reorder;
//! each room's `seq` repairs that (`sequencer`).
//!
//! `local` brings a signal to who reads it on this node, `bus` brings it to the other nodes as well: by a frame
//! (`envelope`) over a broker (`wire`), to the nodes that follow what it is about (`interest`).

pub mod bus;
#[cfg(test)]
pub(crate) mod contract;
pub mod envelope;
pub mod gossip;
pub mod interest;
pub mod kafka;
pub mod lease;
pub mod local;
pub mod redis;
pub mod sequencer;
pub mod tap;
#[cfg(test)]
pub(crate) mod testing;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chat_common::UserId;
use chat_common::event::Entry;
use chat_common::event::server::Hint;

use crate::storage::RoomId;
pub use interest::Interest;
use wire::{NodeId, Topic};

/// A live connection on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What is told to other connections, on this node and on others.
#[derive(Clone, Debug)]
pub enum Signal {
    /// An entry of a room's log was committed. The sequencer brings entries into order before they are told.
    Entry {
        /// Where.
        room: RoomId,
        /// What.
        entry: Arc<Entry>,
    },
    /// A hint for everyone subscribed to a room.
    Room {
        /// Where.
        room: RoomId,
        /// What.
        hint: Hint,
        /// Not to this user's connections.
        except: Option<UserId>,
    },
    /// A hint for all connections of a user.
    User {
        /// Whom.
        user: UserId,
        /// What.
        hint: Hint,
        /// Not to this connection.
        except: Option<ConnId>,
    },
    /// A user is no longer in a room by its own will: its connections are unsubscribed (a kick travels as an entry).
    Left {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// A room is gone: told as `room:gone` to its subscribers, then forgotten.
    Deleted {
        /// Which.
        room: RoomId,
        /// Its name.
        name: chat_common::RoomName,
    },
    /// New rows stand in the authority log: read it now instead of at the next second.
    Authority,
    /// What the relay tells the other nodes' relays, in its own format. What is lost is lost, as in the systems that the
    /// relay stands in for.
    Relay(Bytes),
    /// What nodes tell each other about who is connected to them. What is lost is asked for again.
    Nodes(gossip::Says),
    /// For this node alone: signals of a room (`None`: of any) may have been missed; the heads are to be read now.
    Missed {
        /// Where.
        room: Option<RoomId>,
    },
}

/// Who reads a signal on a node. Each has a queue of its own, so that none holds up another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The fan-out to sockets.
    Edge,
    /// Who is present on other nodes.
    Presence,
    /// The relay for the earlier systems.
    Relay,
}

impl Signal {
    /// Which other nodes hear it; `None`: none, it is for this node alone.
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::Entry { room, .. }
            | Self::Room { room, .. }
            | Self::Left { room, .. }
            | Self::Deleted { room, .. } => Some(Topic::Room(*room)),
            Self::User { user, .. } => Some(Topic::User(*user)),
            Self::Authority | Self::Nodes(_) => Some(Topic::All),
            Self::Relay(_) => Some(Topic::Relay),
            Self::Missed { .. } => None,
        }
    }

    /// Who reads it; [`Signal::Missed`] of any room is for all of them.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Entry { .. }
            | Self::Room { .. }
            | Self::User { .. }
            | Self::Left { .. }
            | Self::Deleted { .. }
            | Self::Authority
            | Self::Missed { .. } => Lane::Edge,
            Self::Nodes(_) => Lane::Presence,
            Self::Relay(_) => Lane::Relay,
        }
    }
}

/// What was carried between nodes since the start, for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that the broker took.
    pub published: u64,
    /// Frames of other nodes that were heard.
    pub heard: u64,
    /// Frames that were not sent: the broker was away or slow.
    pub dropped: u64,
    /// Frames heard that could not be read: garbage, a later version's, another chat's.
    pub unreadable: u64,
    /// Times that the broker was connected to again.
    pub reconnects: u64,
}

/// The wire. Publishing never fails towards the caller and never waits for other nodes: what is lost is repaired.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells all nodes that follow what it is about, this one included.
    async fn publish(&self, signal: Signal);

    /// Tells this node alone.
    async fn tell_here(&self, signal: Signal);

    /// While the guard lives, signals about the topic reach this node. From about now on: [`Signal::Missed`] tells
    /// when it holds. A bus of one node gives a guard that does nothing.
    fn follow(&self, topic: Topic) -> Interest {
        let _everything_is_heard = topic;
        Interest::none()
    }

    /// This node has fenced itself and is another from now on.
    fn renamed(&self, node: NodeId) {
        let _nobody_is_told = node;
    }

    /// `Ok`, or what is wrong with the wire; for `/readyz`.
    fn health(&self) -> Result<(), String>;

    /// `None`: a bus of one node.
    fn figures(&self) -> Option<Figures> {
        None
    }

    /// Sends what is queued, within a short time, and ends the wire.
    async fn close(&self) {}
}
