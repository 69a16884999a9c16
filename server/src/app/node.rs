//! This node as the others know it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::config::BusUrl;
use crate::service::node;
use crate::storage::NodeId;

/// An id for this run.
pub fn new_id() -> anyhow::Result<NodeId> {
    node::new_id().map_err(|error| anyhow::anyhow!(error))
}

/// The bus as other nodes are told of it: its kind and a fingerprint of where it leads, without user and password.
/// Nodes may name the brokers of one Kafka in another order: its topic alone counts.
pub fn bus_name(bus: &BusUrl) -> String {
    let (kind, place) = match bus {
        BusUrl::Local => return "local".to_owned(),
        BusUrl::Redis(url) => {
            let prefix = url.query_pairs().find(|(key, _)| key == "prefix").map(|(_, prefix)| prefix.into_owned());
            let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
            ("redis", format!("{host}\n{port}\n{}", prefix.unwrap_or_default()))
        }
        BusUrl::Kafka(kafka) => ("kafka", kafka.topic.clone()),
    };
    let mut name = format!("{kind}:");
    for byte in Sha256::digest(place).iter().take(6) {
        // A `String` takes everything that is written to it.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> String {
        bus_name(&url.parse().unwrap())
    }

    #[test]
    fn one_bus_has_one_name_without_its_secrets() {
        assert_eq!(name("local"), "local");
        assert_eq!(name("redis://a"), name("redis://me:secret@a:6379"));
        assert_ne!(name("redis://a"), name("redis://b"));
        assert_ne!(name("redis://a?prefix=x"), name("redis://a"));
        assert_eq!(name("kafka://a:1,b:1/chat"), name("kafka://b:1/chat"));
        assert_ne!(name("kafka://a:1/chat"), name("kafka://a:1/other"));
        assert!(name("kafka://a:1/chat").starts_with("kafka:"));
    }
}
