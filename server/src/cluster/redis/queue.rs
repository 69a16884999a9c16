//! What waits to be published.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use super::lock;

/// When either is reached, what comes is dropped and counted: entries are read from the store, hints are hints.
const FRAMES: usize = 8_192;
const BYTES: usize = 16 * 1024 * 1024;
/// What waited longer is dropped: a hint of then is wrong now.
const STALE: Duration = Duration::from_secs(3);
/// Sent in one write.
const BATCH_FRAMES: usize = 512;
const BATCH_BYTES: usize = 1024 * 1024;

/// A frame and its channel.
#[derive(Debug)]
pub(super) struct Waiting {
    pub channel: String,
    pub bytes: Bytes,
    since: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Waiting>,
    bytes: usize,
    closed: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    wake: Notify,
    dropped: AtomicU64,
}

impl Queue {
    pub(super) fn push(&self, channel: String, bytes: Bytes) {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        if inner.frames.len() >= FRAMES || inner.bytes + bytes.len() > BYTES {
            self.count_dropped(inner.forget_stale(now));
        }
        if inner.closed || inner.frames.len() >= FRAMES || inner.bytes + bytes.len() > BYTES {
            return self.count_dropped(1);
        }
        inner.bytes += bytes.len();
        inner.frames.push_back(Waiting { channel, bytes, since: now });
        drop(inner);
        self.wake.notify_one();
    }

    /// What is to be sent now, oldest first; empty: nothing waits.
    pub(super) fn take(&self) -> Vec<Waiting> {
        let mut inner = lock(&self.inner);
        self.count_dropped(inner.forget_stale(Instant::now()));
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(next) = inner.frames.front() {
            bytes += next.bytes.len();
            if batch.len() >= BATCH_FRAMES || (bytes > BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            inner.bytes -= next.bytes.len();
            batch.extend(inner.frames.pop_front());
        }
        batch
    }

    /// Waits until something was pushed since the last wait.
    pub(super) async fn pushed(&self) {
        self.wake.notified().await;
    }

    /// From now on everything is dropped.
    pub(super) fn close(&self) {
        lock(&self.inner).closed = true;
    }

    pub(super) fn count_dropped(&self, frames: usize) {
        self.dropped.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn forget_stale(&mut self, now: Instant) -> usize {
        let stale = |w: &Waiting| now.saturating_duration_since(w.since) > STALE;
        let before = self.frames.len();
        while self.frames.front().is_some_and(stale) {
            if let Some(gone) = self.frames.pop_front() {
                self.bytes -= gone.bytes.len();
            }
        }
        before - self.frames.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_frames_and_in_bytes() {
        let queue = Queue::default();
        for _ in 0..=FRAMES {
            queue.push("c".into(), Bytes::from_static(b"x"));
        }
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take().len(), BATCH_FRAMES);
        let queue = Queue::default();
        let large = Bytes::from(vec![0; BATCH_BYTES - 1]);
        for _ in 0..20 {
            queue.push("c".into(), large.clone());
        }
        assert_eq!(queue.dropped(), 4);
        assert_eq!(queue.take().len(), 1, "two are more than a batch");
        queue.close();
        queue.push("c".into(), Bytes::new());
        assert_eq!(queue.dropped(), 5);
    }

    #[test]
    fn what_waited_too_long_is_dropped() {
        let queue = Queue::default();
        queue.push("c".into(), Bytes::new());
        let later = Instant::now() + STALE * 2;
        assert_eq!(lock(&queue.inner).forget_stale(later), 1);
        assert!(queue.take().is_empty());
    }
}
