//! The bus that is configured, around this node's own.

use std::sync::Arc;

use crate::cluster::Bus;
use crate::cluster::bus::ClusterBus;
use crate::cluster::envelope::Lineage;
use crate::cluster::kafka;
use crate::cluster::redis::{Place, RedisWire};
use crate::cluster::wire::{NodeId, Wire};
use crate::config::{BusUrl, Config, ConfigError};
use crate::lifecycle::Lifecycle;
use crate::storage::Store;

/// This node's own bus, or one that reaches the other nodes as well. A broker that is away is waited for in the
/// background: the start does not hang on it.
pub fn open(
    config: &Config,
    local: Arc<dyn Bus>,
    store: &dyn Store,
    id: NodeId,
    life: &Lifecycle,
) -> anyhow::Result<Arc<dyn Bus>> {
    let (wire, heard): (Arc<dyn Wire>, _) = match &config.bus {
        BusUrl::Local => return Ok(local),
        BusUrl::Redis(url) => {
            let place = Place::from_url(url).map_err(|error| ConfigError::Value(format!("--bus: {error}")))?;
            let (wire, heard) = RedisWire::spawn(place);
            (Arc::new(wire), heard)
        }
        BusUrl::Kafka(url) => {
            let settings = kafka::Settings::read(url, kafka::PARTITIONS)
                .map_err(|error| ConfigError::Value(format!("--bus: {error}")))?;
            let (wire, heard) = kafka::spawn(settings);
            (Arc::new(wire), heard)
        }
    };
    let epoch = store.epoch();
    // Without the timeline of PostgreSQL: after a failover nodes may know of it one after another.
    let lineage = Lineage::of(epoch.0.split('-').next().unwrap_or_default());
    let bus = ClusterBus::new(local, wire, lineage, id);
    life.worker("bus", Arc::clone(&bus).run(heard));
    Ok(bus)
}

/// The bus in the lines at the start; `None`: there is none. Nothing secret is in it.
pub fn describe(bus: &BusUrl) -> Option<String> {
    match bus {
        BusUrl::Local => None,
        BusUrl::Redis(url) => {
            let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
            Some(format!("Redis at {host}:{port}"))
        }
        BusUrl::Kafka(kafka) => Some(format!("Kafka, topic {} at {}", kafka.topic, kafka.brokers.join(","))),
    }
}
