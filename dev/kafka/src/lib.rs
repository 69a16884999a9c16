//! Apache Kafka for tests: one node in KRaft mode (broker and controller in one process), on free ports of loopback,
//! in a folder of its own. [`jars`] brings it, [`broker`] runs it. Never part of a program that ships.
//!
//! Tests find the shared broker by `CHAT_TEST_KAFKA` (`HOST:PORT`), and what a private one is started from by
//! `CHAT_TEST_KAFKA_CLASSPATH`; `cargo xtask test` sets both.

pub mod broker;
pub mod jars;

pub use broker::{Broker, Options};

/// The shared broker's `HOST:PORT`.
pub const SHARED: &str = "CHAT_TEST_KAFKA";
/// Java's class path with Apache Kafka on it.
pub const CLASSPATH: &str = "CHAT_TEST_KAFKA_CLASSPATH";
