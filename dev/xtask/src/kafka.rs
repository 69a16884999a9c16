//! Apache Kafka for `cargo xtask test`: its jars below `target/e2e/kafka`, and one broker that all tests share. How
//! it is run stands in the crate `chat-kafka`, which tests use as well that need a broker to kill.

use anyhow::Result;
use chat_kafka::{Broker, Options, jars};

use crate::sh;

/// The shared broker, and what tests are told about it; dropped, it ends.
pub struct Service {
    broker: Broker,
    classpath: String,
}

/// Brings the jars and starts the broker.
pub fn start() -> Result<Service> {
    let classpath = jars::install(&sh::target().join("e2e/kafka"))?;
    let broker = Broker::start(&classpath, &Options::default())?;
    Ok(Service { broker, classpath })
}

impl Service {
    /// The environment variables that tests look for.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![(chat_kafka::SHARED, self.broker.address()), (chat_kafka::CLASSPATH, self.classpath.clone())]
    }
}
