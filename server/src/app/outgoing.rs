//! Starts what tells outgoing webhooks.

use std::sync::Arc;

use crate::cluster::tap::Tap;
use crate::config::{Config, Database};
use crate::lifecycle::Lifecycle;
use crate::service::Services;
use crate::service::outgoing::deliver::{self, Parts, Timing};
use crate::storage::NodeId;

/// Starts it; it rests while there is no webhook.
pub fn start(config: &Config, services: &Arc<Services>, tap: &Tap, life: &Lifecycle, id: NodeId) {
    let node = match config.database {
        // No other process can have the file.
        Database::Sqlite(_) => None,
        Database::Postgres(_) => Some(id),
    };
    let parts = Parts {
        services: Arc::clone(services),
        out: Arc::new(services.outbound.clone()),
        node,
        stirs: tap.listen(),
        drain: life.drain.clone(),
        timing: Timing::default(),
    };
    life.worker("outgoing webhooks", async move {
        deliver::run(parts).await;
        Ok(())
    });
}
