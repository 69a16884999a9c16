//! Which node is at work that only one node may be at, by a lease in the store.

use std::time::Duration;

use async_trait::async_trait;

use super::{NodeId, StoreResult};

/// Work that one node at a time does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Led {
    /// The feed for other systems.
    Feed,
    /// Telling outgoing webhooks.
    Outgoing,
}

impl Led {
    /// The table with its one row.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Feed => "feed_lead",
            Self::Outgoing => "outgoing_lead",
        }
    }
}

/// Leases of such work.
#[async_trait]
pub trait Leads {
    /// Becomes, or stays, the one node that is at it, for `lease` from now by the store's clock; false: another one is.
    /// A lease of nothing gives it up.
    async fn lead(&self, what: Led, node: NodeId, lease: Duration) -> StoreResult<bool>;
}
