//! What the services ask of a store, and nothing of how it is done: traits here, one folder a back end, and one
//! contract suite that every back end passes.
//!
//! One method is one atomic operation; a write checks the actor's rights in its own transaction (by the pure rules
//! of `domain`). When a write has returned `Ok`, it is on stable storage. Look-ups give `Option`.

mod accounts;
mod archive;
mod body;
#[cfg(test)]
pub mod contract;
pub mod copy;
mod feed;
mod hooks;
mod keep;
mod leads;
mod log;
mod nodes;
mod outgoing;
pub mod postgres;
mod rooms;
mod secret;
pub mod sqlite;

pub use accounts::*;
pub use archive::{Archive, Finding, Report, Tell, WayOut};
pub use feed::*;
pub use hooks::*;
use keep::{BLANKED_AT_ONCE, DAY_MS, NOBODY, RESERVED};
pub use keep::{Blanked, Keep, gone_user};
pub use leads::*;
pub use log::*;
pub use nodes::*;
pub use outgoing::*;
pub use rooms::*;

use async_trait::async_trait;
use chat_common::Epoch;

use crate::domain::Refusal;
use crate::measure::Histogram;

/// Why a store did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A rule said no; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not now: busy, full, away. The outcome of a write is unknown and it is safe to repeat.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A fault of ours or a damaged store.
    #[error("the store failed: {0}")]
    Internal(String),
}

/// What a store call gives.
pub type StoreResult<T> = Result<T, StoreError>;

/// What committing costs, since the store was opened.
#[derive(Debug)]
pub struct Commits {
    /// How long a commit took: until what it holds was on stable storage.
    pub took: Histogram,
    /// Writes of one commit.
    pub writes: Histogram,
}

impl Default for Commits {
    fn default() -> Self {
        Self { took: Histogram::durations(), writes: Histogram::sizes() }
    }
}

impl Commits {
    /// How many commits, and how many writes in them.
    pub fn counts(&self) -> (u64, u64) {
        let writes = self.writes.spread();
        (writes.count(), writes.raw_sum())
    }
}

/// A whole store. `Arc<dyn Store>` is what the services hold.
#[async_trait]
pub trait Store:
    Accounts + Rooms + Log + Hooks + Outgoing + Nodes + Guesses + Leads + Feed + Keep + Archive + Send + Sync
{
    /// The lineage; constant while the store is open.
    fn epoch(&self) -> Epoch;
    /// What committing costs; on PostgreSQL the commits of messages.
    fn commits(&self) -> &Commits;
    /// Whether it can write now; for `/readyz`.
    async fn health(&self) -> StoreResult<()>;
    /// Writes everything out and closes; later calls are `Unavailable`.
    async fn close(&self);
}
