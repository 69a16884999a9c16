//! The wire between nodes over Redis: Pub/Sub, sharded where the server is a cluster.
//!
//! Two connections, since a connection that listens may do little else: `publish` sends what `queue` holds, `subscribe`
//! hears. Each connects again for ever. Both say something every moment and want an answer, so that a server that is
//! frozen, or a connection that is cut half-way, is noticed. Redis forgets what it told nobody: after every connect all
//! topics are subscribed anew and [`Heard::Missed`] is told.

mod link;
mod place;
mod publish;
mod queue;
mod subscribe;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chat_common::UserId;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use url::Url;

pub use place::{BadPlace, Place};
use queue::Queue;

use super::Figures;
use super::wire::{Heard, Topic, Wire};
use crate::storage::RoomId;

/// What was heard and not yet read. When it is full, what comes is dropped and `Missed(None)` told.
const HEARD: usize = 8_192;
/// An idle connection is asked whether it lives so often.
const PING: Duration = Duration::from_millis(1_500);
/// Whoever does not answer within this is away. With [`PING`] a frozen server is noticed within 4 s. The tests of a busy
/// machine have more patience, so that only a server that is stopped counts as such.
const ANSWER: Duration = Duration::from_millis(if cfg!(test) { 8_000 } else { 2_500 });
/// The waits between tries to connect double from the first to the last, and are shortened by chance.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// What waits is sent within this when closing.
const FLUSH: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct RedisWire {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// Ends the tasks at once when the wire is forgotten.
    _end: DropGuard,
}

/// How a connection is.
#[derive(Debug)]
enum Side {
    Connecting,
    Up,
    Down(String),
}

#[derive(Debug)]
struct Wanted {
    topics: HashSet<Topic>,
    /// What changed since the subscriber looked last.
    changed: HashSet<Topic>,
}

/// What both connections work with.
#[derive(Debug)]
struct Shared {
    place: Place,
    queue: Queue,
    wanted: Mutex<Wanted>,
    wake: Notify,
    publisher: Mutex<Side>,
    subscriber: Mutex<Side>,
    published: AtomicU64,
    reconnects: AtomicU64,
    /// What waits is sent, then everything ends.
    closing: CancellationToken,
    /// Everything ends now.
    end: CancellationToken,
}

impl RedisWire {
    /// Connects in the background; within a tokio runtime.
    pub fn spawn(place: Place) -> (Self, mpsc::Receiver<Heard>) {
        let (tx, heard) = mpsc::channel(HEARD);
        let end = CancellationToken::new();
        let shared = Arc::new(Shared {
            place,
            queue: Queue::default(),
            wanted: Mutex::new(Wanted { topics: HashSet::new(), changed: HashSet::new() }),
            wake: Notify::new(),
            publisher: Mutex::new(Side::Connecting),
            subscriber: Mutex::new(Side::Connecting),
            published: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            closing: CancellationToken::new(),
            end: end.clone(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(publish::run(Arc::clone(&shared)));
        tasks.spawn(subscribe::run(Arc::clone(&shared), tx));
        (Self { shared, tasks, _end: end.drop_guard() }, heard)
    }
}

/// Whether the server lets us in and takes what we publish; `Err` says in words why not. Nothing secret is in it.
pub async fn probe(url: &Url) -> Result<(), String> {
    let place = Place::from_url(url).map_err(|error| error.to_string())?;
    link::probe(&place).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one assignment or insert: the state is whole whatever panicked while it was held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A topic's channel: `chat:all`, `chat:room:17`, `chat:user:…`, `chat:relay`.
    fn channel(&self, topic: Topic) -> String {
        let prefix = &self.place.prefix;
        match topic {
            Topic::All => format!("{prefix}:all"),
            Topic::Room(room) => format!("{prefix}:room:{}", room.0),
            Topic::User(user) => format!("{prefix}:user:{user}"),
            Topic::Relay => format!("{prefix}:relay"),
        }
    }

    /// Of one of our own channels.
    fn topic(&self, channel: &str) -> Option<Topic> {
        let rest = channel.strip_prefix(self.place.prefix.as_str())?.strip_prefix(':')?;
        match rest.split_once(':') {
            None if rest == "all" => Some(Topic::All),
            None if rest == "relay" => Some(Topic::Relay),
            Some(("room", id)) => id.parse().ok().map(|id| Topic::Room(RoomId(id))),
            Some(("user", id)) => id.parse::<UserId>().ok().map(Topic::User),
            _ => None,
        }
    }

    /// Notes how a side is; says in the log what changed.
    fn note(&self, side: &Mutex<Side>, what: &str, now: Side) {
        let mut side = lock(side);
        match (&*side, &now) {
            (Side::Up | Side::Connecting, Side::Down(why)) => {
                tracing::warn!(server = %self.place.at, "Redis is away for {what}: {why}");
            }
            (Side::Down(before), Side::Down(why)) if before != why => {
                tracing::warn!(server = %self.place.at, "Redis is still away for {what}: {why}");
            }
            (Side::Down(_) | Side::Connecting, Side::Up) => {
                tracing::info!(server = %self.place.at, "Redis is there for {what}");
            }
            _ => {}
        }
        *side = now;
    }
}

#[async_trait]
impl Wire for RedisWire {
    fn publish(&self, topic: Topic, bytes: Bytes) {
        self.shared.queue.push(self.shared.channel(topic), bytes);
    }

    fn subscribe(&self, topic: Topic) {
        let mut wanted = lock(&self.shared.wanted);
        wanted.topics.insert(topic);
        wanted.changed.insert(topic);
        self.shared.wake.notify_one();
    }

    fn unsubscribe(&self, topic: Topic) {
        let mut wanted = lock(&self.shared.wanted);
        wanted.topics.remove(&topic);
        wanted.changed.insert(topic);
        self.shared.wake.notify_one();
    }

    fn figures(&self) -> Figures {
        Figures {
            published: self.shared.published.load(Ordering::Relaxed),
            dropped: self.shared.queue.dropped(),
            reconnects: self.shared.reconnects.load(Ordering::Relaxed),
            ..Figures::default()
        }
    }

    fn health(&self) -> Result<(), String> {
        let at = &self.shared.place.at;
        for side in [&self.shared.publisher, &self.shared.subscriber] {
            match &*lock(side) {
                Side::Up => {}
                Side::Connecting => return Err(format!("connecting to Redis at {at}")),
                Side::Down(why) => {
                    return Err(format!("Redis at {at} is away ({why}); other nodes hear of messages with a delay"));
                }
            }
        }
        Ok(())
    }

    async fn close(&self) {
        self.shared.queue.close();
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(FLUSH, self.tasks.wait()).await.is_err() {
            tracing::warn!(server = %self.shared.place.at, "not everything was told to the other nodes before the end");
        }
        self.shared.end.cancel();
    }
}

/// The waits between tries.
struct Backoff(Duration);

impl Backoff {
    fn new() -> Self {
        Self(BACKOFF.0)
    }

    /// Half of the wait to all of it, so that many nodes do not come at once.
    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(BACKOFF.1);
        let random = getrandom::u32().map_or(0.5, |r| f64::from(r) / f64::from(u32::MAX));
        wait.mul_f64(0.5 + random / 2.0)
    }
}
