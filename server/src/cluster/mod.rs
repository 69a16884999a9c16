//! The wire between nodes: what services publish and every node's edge hears. It may lose, repeat and reorder;
//! each room's `seq` repairs that (`sequencer`).

pub mod local;
pub mod sequencer;
pub mod tap;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use chat_common::UserId;
use chat_common::event::Entry;
use chat_common::event::server::Hint;

use crate::storage::RoomId;

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
    /// For this node alone: signals of a room (`None`: of any) may have been missed; the heads are to be read now.
    Missed {
        /// Where.
        room: Option<RoomId>,
    },
}

/// The wire. Publishing never fails towards the caller and never waits for other nodes: what is lost is repaired.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells all nodes, this one included.
    async fn publish(&self, signal: Signal);
    /// `Ok`, or what is wrong with the wire; for `/readyz`.
    fn health(&self) -> Result<(), String>;
}
