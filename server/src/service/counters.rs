//! What is counted since the start, for `/metrics`.

use std::sync::atomic::AtomicU64;

/// Counters; only ever added to.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages stored.
    pub messages: AtomicU64,
    /// Repeated sends answered from the log.
    pub duplicates: AtomicU64,
    /// Sends refused for their rate.
    pub rate_limited: AtomicU64,
    /// Entries that a signal did not bring and that were read from the store.
    pub repaired: AtomicU64,
}
