//! Starts the feed for other systems, where one is asked for.

use std::sync::Arc;

use anyhow::Context;

use super::node;
use crate::cluster::kafka::{self, sink};
use crate::cluster::tap::Tap;
use crate::config::{Config, Database};
use crate::lifecycle::Lifecycle;
use crate::service::Services;
use crate::service::feed::{self, Parts, Status};
use crate::storage::NodeId;

/// Starts it; `None` without `--feed`. The broker may be away: the feed waits for it, and nobody waits for the feed.
pub fn start(config: &Config, services: &Services, tap: &Tap, life: &Lifecycle) -> anyhow::Result<Option<Status>> {
    let Some(url) = &config.feed else { return Ok(None) };
    let settings = kafka::Settings::read(url, sink::PARTITIONS).context("--feed")?;
    tracing::info!(topic = settings.topic, "every entry of public rooms goes to Kafka");
    let status = Status::default();
    let node = match config.database {
        // No other process can have the file: after a crash nobody has to wait for the lease of the one before.
        Database::Sqlite(_) => NodeId(0),
        Database::Postgres(_) => node::new_id()?,
    };
    let parts = Parts {
        store: Arc::clone(&services.store),
        out: Box::new(sink::Sink::new(settings)),
        node,
        stirs: tap.listen(),
        drain: life.drain.clone(),
        status: status.clone(),
    };
    life.worker("feed", async move {
        feed::run(parts).await;
        Ok(())
    });
    Ok(Some(status))
}
