//! A signal as bytes between nodes, whatever carries them.
//!
//! ```text
//! 0       1   version of the frame: 1
//! 1       1   kind of the signal, below
//! 2..10   8   lineage: which chat's nodes talk to each other; two chats may share a broker by mistake
//! 10..18  8   the sender's NodeId
//! 18..        body: identities as 8 bytes, big endian; then JSON of the contract's own types, if any
//! ```
//!
//! JSON, since its readers skip what they do not know: nodes of two versions live side by side during an upgrade. A
//! kind or a hint of a later version is dropped with a log line. What must change in a way that older nodes would
//! misread gets another kind, never another meaning of an old one; the version is for a frame that is cut differently.
//!
//! **To add a signal:** a variant of [`Signal`], its arm in [`Signal::topic`] (who hears it) and [`Signal::lane`] (who
//! reads it), a kind in `kind`, an arm in `Envelope::body` and one in `read`, a case in the tests' `signals`.
//! Where a frame is too large for the wire, only entries are made good by themselves; say what happens to yours.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chat_common::event::Entry;
use chat_common::event::server::Hint;
use chat_common::{RoomName, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Signal;
use super::wire::{NodeId, Topic};
use crate::storage::RoomId;

/// The largest frame, in bytes. A message's text is a thirtieth of it.
pub const MAX_FRAME: usize = 256 * 1024;
const VERSION: u8 = 1;
const HEADER: usize = 18;
/// No user; identities have 63 bits.
const NOBODY: u64 = u64::MAX;

/// Kinds of signals. Never used again for something else.
mod kind {
    pub const ENTRY: u8 = 1;
    pub const ROOM: u8 = 2;
    pub const USER: u8 = 3;
    pub const LEFT: u8 = 4;
    pub const DELETED: u8 = 5;
    pub const AUTHORITY: u8 = 6;
    /// An entry too large for a frame was committed: read the room's head.
    pub const LOOK: u8 = 7;
    // 16 to 31: nodes and presence. 32 to 47: the relay.
    /// What nodes tell each other about people; JSON.
    pub const NODES: u8 = 16;
    pub const RELAY: u8 = 32;
}

/// Which chat a frame belongs to: all nodes on one store have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage(pub u64);

impl Lineage {
    /// From what identifies the store.
    pub fn of(store: &str) -> Self {
        let hash = Sha256::digest(store.as_bytes());
        Self(hash.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
    }
}

/// Writes and reads the frames of one chat.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    lineage: Lineage,
}

/// Why a frame is dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a frame.
    #[error("it is no frame of ours")]
    Garbage,
    /// Another version's frame.
    #[error("it is of version {0} and this node reads {VERSION}; bring all nodes to one version of the program")]
    Version(u8),
    /// Another chat's.
    #[error(
        "it is another chat's; give one of them channels of its own (`?prefix=NAME` for Redis, another topic for Kafka)"
    )]
    Foreign,
    /// A signal of a later version.
    #[error("its kind {0} is of a later version of the program")]
    Kind(u8),
    /// The signal cannot be read.
    #[error("its content cannot be read: {0}")]
    Body(String),
    /// It came where it does not belong.
    #[error("it came on a channel that it does not belong to")]
    Topic,
}

/// A frame that was read.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who sent it.
    pub from: NodeId,
    /// What.
    pub signal: Signal,
}

impl Envelope {
    /// For the nodes of one chat.
    pub fn new(lineage: Lineage) -> Self {
        Self { lineage }
    }

    /// The frame; `None` for a signal that other nodes are not told, or one that is too large for the wire. A large
    /// entry becomes an order to read the room's head.
    pub fn write(&self, from: NodeId, signal: &Signal) -> Option<Bytes> {
        match self.frame(from, signal) {
            Some(frame) if frame.len() <= MAX_FRAME => Some(frame),
            Some(frame) => {
                tracing::warn!(bytes = frame.len(), "a signal is too large for the wire between nodes");
                let Signal::Entry { room, .. } = signal else { return None };
                let mut out = self.header(from, kind::LOOK);
                out.put_i64(room.0);
                Some(out.freeze())
            }
            None => None,
        }
    }

    fn frame(&self, from: NodeId, signal: &Signal) -> Option<Bytes> {
        let out = match self.body(from, signal) {
            Ok(out) => out?,
            Err(error) => {
                tracing::error!(%error, "a signal could not be written for the wire between nodes");
                return None;
            }
        };
        Some(out.freeze())
    }

    fn header(&self, from: NodeId, kind: u8) -> BytesMut {
        let mut out = BytesMut::with_capacity(512);
        out.put_u8(VERSION);
        out.put_u8(kind);
        out.put_u64(self.lineage.0);
        out.put_u64(from.0);
        out
    }

    /// Header and body.
    fn body(&self, from: NodeId, signal: &Signal) -> serde_json::Result<Option<BytesMut>> {
        let header = |kind| self.header(from, kind);
        Ok(Some(match signal {
            Signal::Entry { room, entry } => {
                let mut out = header(kind::ENTRY);
                out.put_i64(room.0);
                json(out, &**entry)?
            }
            Signal::Room { room, hint, except } => {
                let mut out = header(kind::ROOM);
                out.put_i64(room.0);
                out.put_u64(except.map_or(NOBODY, UserId::bits));
                json(out, hint)?
            }
            // `except` is a connection of this node; another node's connections may have its number.
            Signal::User { user, hint, except: _ } => {
                let mut out = header(kind::USER);
                out.put_u64(user.bits());
                json(out, hint)?
            }
            Signal::Left { room, user } => {
                let mut out = header(kind::LEFT);
                out.put_i64(room.0);
                out.put_u64(user.bits());
                out
            }
            Signal::Deleted { room, name } => {
                let mut out = header(kind::DELETED);
                out.put_i64(room.0);
                out.put_slice(name.as_str().as_bytes());
                out
            }
            Signal::Authority => header(kind::AUTHORITY),
            Signal::Nodes(says) => json(header(kind::NODES), says)?,
            Signal::Relay(bytes) => {
                let mut out = header(kind::RELAY);
                out.put_slice(bytes);
                out
            }
            Signal::Missed { .. } => return Ok(None),
        }))
    }

    /// What a frame says. It came on `topic`, and must belong there.
    pub fn read(&self, topic: Topic, frame: &[u8]) -> Result<Told, Fault> {
        let mut rest = frame;
        if rest.len() < HEADER || rest.len() > MAX_FRAME {
            return Err(Fault::Garbage);
        }
        let version = rest.get_u8();
        let kind = rest.get_u8();
        if version == 0 || version > 32 {
            return Err(Fault::Garbage);
        }
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        if rest.get_u64() != self.lineage.0 {
            return Err(Fault::Foreign);
        }
        let from = NodeId(rest.get_u64());
        let signal = read(kind, rest)?;
        let belongs = match &signal {
            // An order to look, the only one that is told with this.
            Signal::Missed { room } => room.map(Topic::Room),
            signal => signal.topic(),
        };
        if belongs != Some(topic) {
            return Err(Fault::Topic);
        }
        Ok(Told { from, signal })
    }
}

/// What stands behind the header.
fn read(kind: u8, mut body: &[u8]) -> Result<Signal, Fault> {
    let body = &mut body;
    Ok(match kind {
        kind::ENTRY => Signal::Entry { room: room(body)?, entry: Arc::new(from_json::<Entry>(body)?) },
        kind::ROOM => {
            let (room, except) = (room(body)?, number(body)?);
            let except = (except != NOBODY).then(|| UserId::from_bits(except));
            Signal::Room { room, hint: from_json::<Hint>(body)?, except }
        }
        kind::USER => {
            let user = UserId::from_bits(number(body)?);
            Signal::User { user, hint: from_json::<Hint>(body)?, except: None }
        }
        kind::LEFT => Signal::Left { room: room(body)?, user: UserId::from_bits(number(body)?) },
        kind::DELETED => {
            let room = room(body)?;
            let name = std::str::from_utf8(body).ok().and_then(|name| RoomName::parse(name).ok());
            Signal::Deleted { room, name: name.ok_or_else(|| Fault::Body("no room's name".to_owned()))? }
        }
        kind::AUTHORITY => Signal::Authority,
        kind::LOOK => Signal::Missed { room: Some(room(body)?) },
        kind::NODES => Signal::Nodes(from_json(body)?),
        kind::RELAY => Signal::Relay(Bytes::copy_from_slice(body)),
        later => return Err(Fault::Kind(later)),
    })
}

fn json<T: Serialize>(mut out: BytesMut, value: &T) -> serde_json::Result<BytesMut> {
    serde_json::to_writer((&mut out).writer(), value)?;
    Ok(out)
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    // Without what serde quotes of the content: it may be somebody's text.
    serde_json::from_slice(body)
        .map_err(|error| Fault::Body(format!("{:?} error at byte {}", error.classify(), error.column())))
}

fn number(body: &mut &[u8]) -> Result<u64, Fault> {
    body.try_get_u64().map_err(|_| Fault::Body("it is too short".to_owned()))
}

fn room(body: &mut &[u8]) -> Result<RoomId, Fault> {
    body.try_get_i64().map(RoomId).map_err(|_| Fault::Body("it is too short".to_owned()))
}

#[cfg(test)]
mod tests;
