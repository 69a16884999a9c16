//! The nodes that share a store, each with a lease: who has not renewed it in time counts as dead for all others.
//!
//! Leases are measured by the clock of the store, where several nodes share one: theirs may differ.

use std::time::Duration;

use async_trait::async_trait;
use chat_common::Timestamp;

use super::StoreResult;

/// One run of one server: another at every start, and after a node fenced itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct NodeId(pub u64);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a node says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// Random, made by the node.
    pub id: NodeId,
    /// Where it listens, for people.
    pub address: String,
    /// Its program's.
    pub version: String,
    /// The kind of its wire to other nodes and a fingerprint of where that leads: nodes that differ in it do not hear
    /// each other. No secret.
    pub bus: String,
}

/// A node whose lease runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// What it said of itself.
    pub node: NewNode,
    /// When it registered.
    pub since: Timestamp,
    /// How long its lease still runs.
    pub left: Duration,
}

/// The registry of nodes.
#[async_trait]
pub trait Nodes {
    /// Enters a node whose lease begins now.
    async fn register_node(&self, node: NewNode, lease: Duration) -> StoreResult<()>;
    /// Lets a lease begin anew; false: the node is not known (any more), others have taken it out. One that has run
    /// out but was not taken out is renewed.
    async fn renew_node(&self, node: NodeId, lease: Duration) -> StoreResult<bool>;
    /// The nodes whose lease runs, the eldest first.
    async fn live_nodes(&self) -> StoreResult<Vec<NodeRow>>;
    /// Takes out the nodes whose lease has run out, and gives them.
    async fn reclaim_nodes(&self) -> StoreResult<Vec<NodeId>>;
    /// Takes out a node that ends; unknown ones are nothing special.
    async fn unregister_node(&self, node: NodeId) -> StoreResult<()>;
}

/// Wrong passwords, counted for all nodes together; the rule is [`crate::domain::throttle`]'s.
#[async_trait]
pub trait Guesses {
    /// Lets a try in and counts it as wrong, in one step, so that many at once do not slip through together. `Err` of
    /// the inner result: how long to wait. Counts that are over are taken out by and by.
    async fn admit_guess(&self, key: [u8; 32], per_minute: u32, now: Timestamp) -> StoreResult<Result<(), Duration>>;
    /// The try was right: the counting begins anew.
    async fn forgive_guesses(&self, key: [u8; 32]) -> StoreResult<()>;
}
