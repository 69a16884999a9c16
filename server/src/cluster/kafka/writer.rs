//! Sends what is published to one partition, what waits together in one request, one request at a time so that the
//! order stays.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient};
use rskafka::record::Record;
use tokio::sync::Notify;

use super::link::{Backoff, Link, REQUEST_TIME, reason};

/// What may wait for one partition. When it is full the newest is dropped and counted: other nodes then read it from
/// the store.
const QUEUE: usize = 4 * 1024 * 1024;
/// A single record above this is dropped and counted: a broker refuses 1 MiB.
const MAX_RECORD: usize = 900 * 1024;
/// Of one request. The client crate leaves Nagle's algorithm on and writes a larger request in two pieces, the second
/// of which would wait 40 ms for the acknowledgement of the first.
const BATCH: usize = 7 * 1024;
/// Requests follow each other no faster: what comes meanwhile goes together. After a pause nothing waits.
const LINGER: Duration = Duration::from_millis(2);
/// What has waited for longer is dropped: it is not live any more, and the other nodes have read the store.
const MAX_AGE: Duration = Duration::from_secs(10);

/// What waits for one partition.
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    /// Of all partitions, for the end of the wire.
    waiting: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    closed: bool,
}

struct Item {
    key: Vec<u8>,
    value: Bytes,
    since: Instant,
}

impl Item {
    fn size(&self) -> usize {
        // With what a record and the queue itself need.
        self.key.len() + self.value.len() + 64
    }
}

impl Outbox {
    pub fn new(waiting: Arc<AtomicU64>) -> Self {
        Self { queue: Mutex::default(), filled: Notify::new(), waiting }
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record; false: dropped.
    pub fn put(&self, key: Vec<u8>, value: Bytes, now: Instant) -> bool {
        let item = Item { key, value, since: now };
        let size = item.size();
        let mut queue = self.locked();
        if queue.closed || size > MAX_RECORD || queue.bytes + size > QUEUE {
            return false;
        }
        queue.bytes += size;
        queue.items.push_back(item);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(queue);
        self.filled.notify_one();
        true
    }

    /// Takes nothing more; gives how many were still waiting.
    pub fn give_up(&self) -> u64 {
        let mut queue = self.locked();
        queue.closed = true;
        u64::try_from(queue.items.drain(..).count()).unwrap_or_default()
    }

    /// The next batch, and how many were dropped because they waited for too long.
    fn take(&self, now: Instant) -> (Vec<Item>, u64) {
        let mut queue = self.locked();
        let (mut batch, mut size, mut old) = (Vec::new(), 0, 0);
        while let Some(item) = queue.items.front() {
            let is_old = now.duration_since(item.since) > MAX_AGE;
            if !is_old && !batch.is_empty() && size + item.size() > BATCH {
                break;
            }
            let Some(item) = queue.items.pop_front() else { break };
            queue.bytes -= item.size();
            if is_old {
                old += 1;
            } else {
                size += item.size();
                batch.push(item);
            }
        }
        (batch, old)
    }

    fn done(&self, n: u64) {
        // Never below nothing: a restart of the wire sets it to 0 under our feet.
        let _before = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |w| Some(w.saturating_sub(n)));
    }
}

/// The task of one partition.
pub(super) struct Writer {
    link: Arc<Link>,
    partition: usize,
    id: usize,
    outbox: Arc<Outbox>,
    client: Option<(u64, PartitionClient)>,
}

impl Writer {
    pub fn new(link: Arc<Link>, partition: usize, id: usize, outbox: Arc<Outbox>) -> Self {
        Self { link, partition, id, outbox, client: None }
    }

    /// Never ends but by being dropped.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut last = Instant::now();
        loop {
            self.connect(&mut backoff).await;
            self.outbox.filled.notified().await;
            loop {
                tokio::time::sleep(LINGER.saturating_sub(last.elapsed())).await;
                last = Instant::now();
                let (batch, old) = self.outbox.take(last);
                self.link.lose(old);
                self.outbox.done(old);
                if batch.is_empty() {
                    break;
                }
                let n = u64::try_from(batch.len()).unwrap_or_default();
                self.send(batch, &mut backoff).await;
                self.outbox.done(n);
            }
        }
    }

    async fn connect(&mut self, backoff: &mut Backoff) {
        while self.client.is_none() {
            match self.link.partition(self.partition).await {
                Ok(connected) => {
                    self.client = Some(connected);
                    self.link.well(self.id);
                }
                Err(why) => {
                    self.link.fault(self.id, &why);
                    backoff.wait().await;
                }
            }
        }
    }

    /// Sends a batch; again after a failure, until it is too old. It may arrive twice.
    async fn send(&mut self, batch: Vec<Item>, backoff: &mut Backoff) {
        let since = batch.first().map_or_else(Instant::now, |item| item.since);
        let n = u64::try_from(batch.len()).unwrap_or_default();
        let records: Vec<Record> = batch.into_iter().map(record).collect();
        loop {
            self.connect(backoff).await;
            if since.elapsed() > MAX_AGE {
                self.link.lose(n);
                return;
            }
            let Some((number, client)) = &self.client else { continue };
            let sent = client.produce(records.clone(), Compression::NoCompression);
            let why = match tokio::time::timeout(REQUEST_TIME, sent).await {
                Ok(Ok(_)) => {
                    self.link.sent(n);
                    backoff.reset();
                    return;
                }
                Ok(Err(Error::ServerError { protocol_error: ProtocolError::MessageTooLarge, .. })) => {
                    tracing::warn!(
                        n,
                        "Kafka refuses records as too large; raise max.message.bytes of the topic to 1 MiB"
                    );
                    self.link.lose(n);
                    return;
                }
                Ok(Err(error)) => reason(&error),
                Err(_) => "no answer".to_owned(),
            };
            self.link.fault(self.id, &why);
            self.link.drop_client(*number).await;
            self.client = None;
            backoff.wait().await;
        }
    }
}

fn record(item: Item) -> Record {
    record_of(item.key, item.value)
}

/// A record that is stamped now: by its time the broker knows when to forget it.
pub(super) fn record_of(key: Vec<u8>, value: Bytes) -> Record {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let timestamp = i64::try_from(now.as_millis()).ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    Record {
        key: Some(key),
        value: Some(value.into()),
        headers: Default::default(),
        timestamp: timestamp.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(Arc::default())
    }

    #[test]
    fn a_full_queue_drops_and_says_so() {
        let (out, now) = (outbox(), Instant::now());
        let piece = Bytes::from(vec![0; 256 * 1024]);
        let taken = (0..64).filter(|_| out.put(vec![1], piece.clone(), now)).count();
        assert!((15..=16).contains(&taken), "{taken}");
        assert!(!out.put(vec![1], Bytes::from(vec![0; MAX_RECORD]), now), "a record no broker takes");
        assert_eq!(out.give_up(), taken as u64);
        assert!(!out.put(vec![1], Bytes::new(), now), "closed");
    }

    #[test]
    fn batches_keep_the_order_and_stay_small_and_old_ones_are_dropped() {
        let (out, now) = (outbox(), Instant::now());
        for n in 0..100_u8 {
            assert!(out.put(vec![n], Bytes::from(vec![n; 300]), now));
        }
        let mut seen = Vec::new();
        loop {
            let (batch, old) = out.take(now);
            assert_eq!(old, 0);
            if batch.is_empty() {
                break;
            }
            assert!(batch.iter().map(Item::size).sum::<usize>() <= BATCH);
            seen.extend(batch.iter().map(|item| item.key[0]));
        }
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        assert!(out.put(vec![1], Bytes::from(vec![0; 2 * BATCH]), now));
        assert_eq!(out.take(now).0.len(), 1, "one that is larger goes alone");
        assert!(out.put(vec![1], Bytes::new(), now) && out.put(vec![2], Bytes::new(), now + MAX_AGE));
        let (batch, old) = out.take(now + MAX_AGE + Duration::from_millis(1));
        assert_eq!((batch.len(), old), (1, 1));
    }
}
