//! Being the one node that is at some work: a lease in the store, renewed in time, and known to be held by one's own
//! clock. A process that was stopped for long notices by that, before it does anything more, that another may be at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::{Led, NodeId, Store, StoreResult};

/// How long a node that does not renew its lease keeps the others out; longer than one step of any such work takes.
const LEASE: Duration = Duration::from_secs(30);
/// How often it is renewed, and asked for by the other nodes.
pub(super) const RENEW: Duration = Duration::from_secs(3);

/// One node's part in it.
pub(super) struct Lead {
    what: Led,
    held: Held,
}

/// Whether the lease is held; a handle for tasks that work under it.
#[derive(Clone)]
pub(super) struct Held {
    /// `None` where no other process can have the store.
    node: Option<NodeId>,
    /// Since when it is held, renewed at the latest then.
    since: Arc<Mutex<Option<Instant>>>,
}

impl Held {
    fn since(&self) -> Option<Instant> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Whether something that takes up to `step` will end while no other node can be at it.
    pub fn lasts(&self, step: Duration) -> bool {
        self.node.is_none() || self.since().is_some_and(|since| since.elapsed() + step < LEASE)
    }
}

impl Lead {
    /// Not held yet. `node`: `None` where no other process can have the store.
    pub fn new(what: Led, node: Option<NodeId>) -> Self {
        Self { what, held: Held { node, since: Arc::default() } }
    }

    /// For tasks that work under it.
    pub fn held(&self) -> Held {
        self.held.clone()
    }

    /// Becomes, or stays, the one that is at it; false: another node is.
    pub async fn hold(&self, store: &dyn Store) -> StoreResult<bool> {
        let Some(node) = self.held.node else { return Ok(true) };
        if self.held.since().is_some_and(|since| since.elapsed() < RENEW) {
            return Ok(true);
        }
        // From before the question: the lease may have begun then.
        let asked = Instant::now();
        let held = store.lead(self.what, node, LEASE).await?;
        self.held.set(held.then_some(asked));
        Ok(held)
    }

    /// Lets another node have it.
    pub async fn give_up(&self, store: &dyn Store) {
        let (Some(node), Some(_)) = (self.held.node, self.held.since()) else { return };
        self.held.set(None);
        // It runs out by itself otherwise.
        if let Err(error) = store.lead(self.what, node, Duration::ZERO).await {
            tracing::debug!(%error, what = ?self.what, "a lease could not be given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_common::clock::ManualClock;

    use super::*;
    use crate::storage::contract::start;
    use crate::storage::sqlite::{SqliteOptions, SqliteStore};

    #[tokio::test]
    async fn it_is_held_until_it_is_given_up_and_for_no_longer_than_it_lasts() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(start())));
        let store = SqliteStore::open(SqliteOptions::new(dir.path().join("chat.db")), Arc::clone(&clock) as _).unwrap();
        let (a, b) = (Lead::new(Led::Feed, Some(NodeId(1))), Lead::new(Led::Feed, Some(NodeId(2))));
        let held = a.held();
        assert!(!held.lasts(Duration::ZERO), "not asked yet");
        assert!(a.hold(&store).await.unwrap() && !b.hold(&store).await.unwrap());
        assert!(held.lasts(Duration::from_secs(10)) && !held.lasts(LEASE) && !b.held().lasts(Duration::ZERO));
        // A process that was stopped until its lease had run out.
        held.set(Instant::now().checked_sub(LEASE));
        assert!(!held.lasts(Duration::ZERO));
        clock.advance(LEASE + Duration::from_secs(1));
        assert!(b.hold(&store).await.unwrap() && !a.hold(&store).await.unwrap());
        b.give_up(&store).await;
        assert!(a.hold(&store).await.unwrap());
        assert!(Lead::new(Led::Outgoing, None).held().lasts(LEASE), "nobody else can have it");
    }
}
