//! The real services of a test: the shared ones that `cargo xtask test` names by variables, and private ones that a
//! test may kill. Without them a test is left out and noted; with `CI=true` it fails.

use std::sync::atomic::{AtomicU32, Ordering};

pub use chat_services::{HaProxy, Mode, Nginx, Postgres, Redis, Safety};

use crate::foreign;

/// The shared PostgreSQL's URL without a database; `None` after noting that `test` is left out.
pub fn postgres(test: &str) -> Option<String> {
    shared("CHAT_TEST_POSTGRES", test)
}

/// The shared Redis' URL. All tests hear each other there: what a test publishes needs a prefix of its own.
pub fn redis(test: &str) -> Option<String> {
    shared("CHAT_TEST_REDIS", test)
}

/// The shared Kafka's `HOST:PORT`.
pub fn kafka(test: &str) -> Option<String> {
    shared(chat_kafka::SHARED, test)
}

/// Java's class path with Apache Kafka on it, for a broker of one's own.
pub fn kafka_classpath(test: &str) -> Option<String> {
    shared(chat_kafka::CLASSPATH, test)
}

fn shared(variable: &str, test: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|v| !v.is_empty());
    if found.is_none() {
        foreign::left_out(&format!("{test}: no {variable} (cargo xtask test starts the service)"));
    }
    found
}

/// Whether these programs can be started here; false after noting that `test` is left out.
pub fn programs(test: &str, needed: &[&str]) -> bool {
    let there = |name: &str| match name {
        "postgres" => chat_services::has_postgres(),
        other => chat_services::find(other).is_some(),
    };
    let missing: Vec<_> = needed.iter().filter(|name| !there(name)).collect();
    if !missing.is_empty() {
        foreign::left_out(&format!("{test}: no {missing:?} (cargo xtask setup --tests installs them)"));
    }
    missing.is_empty()
}

/// A name that no other test of this run has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An empty database on the shared PostgreSQL; its URL.
pub async fn database(test: &str) -> Option<String> {
    let url = postgres(test)?;
    let made = blocking(move || chat_services::create_database(&url, &unique("e2e"))).await;
    Some(made.unwrap_or_else(|e| panic!("cannot make a database: {e:#}")))
}

/// Runs what blocks (the start of a service) off the async threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| panic!("{e}"))
}
