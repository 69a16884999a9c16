//! The namespace `/admin`: what one node of the server tells its admins, each second and as things happen. There are no
//! requests but `session:refresh`. Numbers are the telling node's own unless they say otherwise.

use serde::{Deserialize, Serialize};

use super::server::ServerInfo;
use crate::rest::AuditLine;
use crate::{RoomName, Timestamp, UserName};

/// The first event on a connection: a [`Snapshot`].
pub const SNAPSHOT: &str = "admin:snapshot";
/// Each second: a [`Tick`].
pub const TICK: &str = "admin:tick";
/// An [`AuditLine`] that was written, by whichever node.
pub const AUDIT: &str = "admin:audit";

/// What is told, with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data")]
pub enum AdminEvent {
    /// The first one.
    #[serde(rename = "admin:snapshot")]
    Snapshot(Box<Snapshot>),
    /// Each second.
    #[serde(rename = "admin:tick")]
    Tick(Box<Tick>),
    /// As it is written; a line may come twice.
    #[serde(rename = "admin:audit")]
    Audit(Box<AuditLine>),
}

/// Where one begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How it stands now.
    pub tick: Tick,
    /// The latest lines of the audit, oldest first.
    pub audit: Vec<AuditLine>,
}

/// One second of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// Which node, and what it runs.
    pub server: ServerInfo,
    /// How long it has been running, seconds.
    pub uptime_s: u64,
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// `ok`, or what is wrong with the wire between nodes.
    pub bus: String,
    /// What happened in the last second.
    pub rates: Rates,
    /// What happened since the start.
    pub totals: Totals,
    /// Commits of the last second.
    pub commit: Latency,
    /// From taking a message to its being handed to sockets, in the last second.
    pub lag: Latency,
    /// Who is connected.
    pub connections: Connections,
    /// What waits for sockets.
    pub queue: Queue,
    /// The process.
    pub process: Usage,
    /// Rooms that somebody follows here, the busiest first; at most fifty, no direct conversations.
    pub rooms: Vec<RoomLoad>,
    /// Connections, the fullest queues first; at most fifty.
    pub people: Vec<Person>,
    /// Slow readers cut last, the latest first; at most twenty.
    pub slow: Vec<SlowReader>,
    /// All nodes on the same store, the eldest first.
    pub nodes: Vec<NodeInfo>,
}

/// How many a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Messages stored.
    pub messages: f64,
    /// Entries handed to sockets, counted for each socket.
    pub deliveries: f64,
    /// Requests answered, over sockets and HTTP.
    pub requests: f64,
    /// Those that were refused.
    pub refusals: f64,
    /// Commits.
    pub commits: f64,
}

/// How many since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Messages stored.
    pub messages: u64,
    /// Entries handed to sockets, counted for each socket.
    pub deliveries: u64,
    /// Slow readers that were cut.
    pub slow_readers: u64,
    /// Entries read from the store that no signal brought.
    pub repaired: u64,
    /// Proofs of who somebody is that were not good.
    pub auth_failures: u64,
}

/// How long something took, milliseconds; absent where nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// Ninety-nine of a hundred took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
}

/// Connections to `/chat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Over WebSocket.
    pub websocket: u64,
    /// Over long polling.
    pub polling: u64,
    /// Users present on any node.
    pub users: u64,
}

/// What waits for sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What the process uses; absent where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Of one processor, in the last second; two busy ones are 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Resident memory, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_fds: Option<u64>,
}

/// How busy a room is on this node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoomLoad {
    /// Which.
    pub room: RoomName,
    /// Entries in the last second.
    pub per_second: f64,
    /// Entries told since somebody follows it here.
    pub entries: u64,
    /// Connections that follow it here.
    pub followers: u64,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Whose.
    pub user: UserName,
    /// Its number on this node, as in the log.
    pub conn: u64,
    /// `websocket` or `polling`.
    pub transport: String,
    /// Packets that wait for it.
    pub queue_packets: u64,
    /// Bytes that wait for it.
    pub queue_bytes: u64,
    /// Its requests under way.
    pub requests: u64,
    /// How long it has been here, seconds.
    pub age_s: u64,
}

/// A slow reader that was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowReader {
    /// When.
    pub at: Timestamp,
    /// Whose connection.
    pub user: UserName,
}

/// A node whose lease runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its id.
    pub node: String,
    /// Where it listens.
    pub address: String,
    /// What it runs.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
    /// It is the telling one.
    pub own: bool,
}
