//! What is counted since the start, for `/metrics` and `/admin`, and what an edge is asked for when somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_common::{ErrorCode, RoomName, Timestamp, UserName};

use super::Error;
use crate::measure::Histogram;

/// Counters; only ever added to.
#[derive(Debug)]
pub struct Counters {
    /// Messages stored.
    pub messages: AtomicU64,
    /// Repeated sends answered from the log.
    pub duplicates: AtomicU64,
    /// Sends refused for their rate.
    pub rate_limited: AtomicU64,
    /// Entries that a signal did not bring and that were read from the store.
    pub repaired: AtomicU64,
    /// Connections cut because they read too slowly.
    pub slow_readers: AtomicU64,
    /// From the server's taking a message to its being told to the sockets of this node.
    pub lag: Histogram,
    /// What became of what outgoing webhooks were to be told.
    pub outgoing: OfOutgoing,
    /// Proofs of who somebody is that were not good, by [`Proving`].
    refused_proofs: [AtomicU64; Proving::ALL.len()],
    edges: [OfEdge; Edge::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            messages: AtomicU64::default(),
            duplicates: AtomicU64::default(),
            rate_limited: AtomicU64::default(),
            repaired: AtomicU64::default(),
            slow_readers: AtomicU64::default(),
            lag: Histogram::durations(),
            outgoing: OfOutgoing::default(),
            refused_proofs: Default::default(),
            edges: Default::default(),
        }
    }
}

/// What came of telling an outgoing webhook something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its receiver has it.
    Taken,
    /// It has not: it is tried again, or not at all.
    Failed,
    /// After too many tries it was put aside.
    Dead,
}

impl Told {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Failed, Self::Dead];

    /// As a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}

/// Of outgoing webhooks, as far as this node tells them.
#[derive(Debug)]
pub struct OfOutgoing {
    came: [AtomicU64; Told::ALL.len()],
    /// How long receivers took to answer.
    pub took: Histogram,
    /// Events that wait; 0 while another node is at it.
    pub waiting: AtomicU64,
}

impl Default for OfOutgoing {
    fn default() -> Self {
        Self { came: Default::default(), took: Histogram::durations(), waiting: AtomicU64::default() }
    }
}

impl OfOutgoing {
    /// Counts what came of one try.
    pub(super) fn came(&self, what: Told) {
        self.came[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// What came of all of them.
    pub fn all(&self) -> impl Iterator<Item = (Told, u64)> {
        Told::ALL.into_iter().zip(self.came.iter().map(|n| n.load(Ordering::Relaxed)))
    }
}

/// Where requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Socket.IO, `/chat`.
    Socket,
    /// HTTP.
    Http,
}

impl Edge {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Socket, Self::Http];

    /// As a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Http => "http",
        }
    }
}

/// How somebody tried to prove who it is, and why that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proving {
    /// A login with a wrong name or password.
    Password,
    /// A login that had to wait after wrong ones.
    Throttled,
    /// An access or API token that is not good (any more).
    Token,
    /// One whose time was over: clients fetch the next one by themselves.
    Expired,
    /// A refresh token that is not good (any more).
    Refresh,
    /// Somebody who is banned from the server.
    Banned,
}

impl Proving {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Password, Self::Throttled, Self::Token, Self::Expired, Self::Refresh, Self::Banned];

    /// As a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Throttled => "throttled",
            Self::Token => "token",
            Self::Expired => "expired",
            Self::Refresh => "refresh",
            Self::Banned => "banned",
        }
    }
}

#[derive(Debug)]
struct OfEdge {
    took: Histogram,
    refused: [AtomicU64; ErrorCode::ALL.len()],
}

impl Default for OfEdge {
    fn default() -> Self {
        Self { took: Histogram::durations(), refused: Default::default() }
    }
}

impl Counters {
    /// A request was answered after so long; `refused`: with this code.
    pub fn answered(&self, edge: Edge, took: Duration, refused: Option<ErrorCode>) {
        let of_edge = &self.edges[edge as usize];
        of_edge.took.time(took);
        let at = refused.and_then(|code| ErrorCode::ALL.iter().position(|c| *c == code));
        if let Some(count) = at.and_then(|at| of_edge.refused.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long requests took.
    pub fn took(&self, edge: Edge) -> &Histogram {
        &self.edges[edge as usize].took
    }

    /// Requests that were refused, by code.
    pub fn refused(&self, edge: Edge) -> impl Iterator<Item = (ErrorCode, u64)> {
        ErrorCode::ALL.into_iter().zip(self.edges[edge as usize].refused.iter().map(|n| n.load(Ordering::Relaxed)))
    }

    /// Counts a proof that was refused with `error`, where it was that; `bad`: what it counts as where the error says
    /// no more.
    pub(super) fn proof_refused(&self, bad: Proving, error: &Error) {
        let why = match (error, error.body().code) {
            (Error::Unauthorized(said), _) if *said == super::accounts::EXPIRED => Proving::Expired,
            (_, ErrorCode::Unauthorized) => bad,
            (_, ErrorCode::RateLimited) => Proving::Throttled,
            (_, ErrorCode::Banned) => Proving::Banned,
            _ => return,
        };
        self.refused_proofs[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Proofs that were refused.
    pub fn refused_proofs(&self) -> impl Iterator<Item = (Proving, u64)> {
        Proving::ALL.into_iter().zip(self.refused_proofs.iter().map(|n| n.load(Ordering::Relaxed)))
    }
}

/// What the Socket.IO edge holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Connections to `/chat` over WebSocket.
    pub websocket: u64,
    /// Those over long polling.
    pub polling: u64,
    /// Socket.IO sessions, those on no namespace included.
    pub sessions: u64,
    /// Rooms that somebody follows here.
    pub rooms: u64,
    /// Connections following a room, counted for each room.
    pub followers: u64,
    /// Packets that wait for their sockets.
    pub queue_packets: u64,
    /// Bytes of them.
    pub queue_bytes: u64,
    /// Entries handed to sockets since the start, counted for each socket.
    pub deliveries: u64,
}

/// One connection, for admins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Whose.
    pub user: UserName,
    /// Its number on this node.
    pub conn: u64,
    /// Over WebSocket, else long polling.
    pub websocket: bool,
    /// Packets that wait for its socket.
    pub queue_packets: u64,
    /// Bytes of them.
    pub queue_bytes: u64,
    /// Requests of it under way.
    pub requests: u64,
    /// How long it has been here.
    pub age: Duration,
}

/// One room that is followed here, for admins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Which.
    pub room: RoomName,
    /// Connections that follow it.
    pub followers: u64,
    /// Entries told of it since somebody follows it here.
    pub entries: u64,
}

/// A slow reader that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When.
    pub at: Timestamp,
    /// Whose connection.
    pub user: UserName,
}

/// What an edge tells of its connections when somebody looks. Each question walks over all of them.
pub trait Watched: Send + Sync {
    /// Whether new connections are taken. Where they are not, it is looked at once whether they could be.
    fn is_taking(&self) -> bool;
    /// The numbers.
    fn census(&self) -> Census;
    /// Every connection.
    fn connected(&self) -> Vec<Connected>;
    /// Every room that is followed here.
    fn followed(&self) -> Vec<Followed>;
    /// The slow readers cut last, oldest first.
    fn cuts(&self) -> Vec<Cut>;
}
