//! Group commit: what is sent at once shares a transaction. Each room belongs to one of a few workers of this node, so
//! that they don't wait for each other's locks; a worker takes all that waits for it, writes it in one transaction
//! and only then answers.
//!
//! A batch that ran into another node's transaction is done again. One that the database refuses is done message by
//! message, so that the one at fault harms no other. Where it is not known whether the commit came to pass, all are
//! `Unavailable`: a repeat with the same key gives the first answer.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::append::{self, Failure, Item};
use super::connect::End;
use super::index::Follower;
use super::pool::Pool;
use crate::storage::{Appended, Commits, StoreError, StoreResult};

/// Workers of this node.
const WORKERS: usize = 4;
/// Messages that may wait for one worker; the next one waits up to [`WAIT`] for a place, then it is `Unavailable`.
const QUEUE: usize = 1_024;
/// How long a message waits for a place.
const WAIT: Duration = Duration::from_secs(3);
/// How long a message waits for its answer, the wait for a place included; then its outcome is unknown.
const ANSWER: Duration = Duration::from_secs(7);
/// How long the database may take for a batch.
const WORK: Duration = Duration::from_secs(6);
/// Messages of one transaction.
const BATCH: usize = 512;
/// How long a batch waits in all for more, where the batch before had several.
const LINGER: Duration = Duration::from_millis(2);
/// How long it waits for the next one.
const GAP: Duration = Duration::from_micros(120);
/// How often a batch that collided is done again.
const AGAIN: usize = 3;

struct Waiting {
    item: Item,
    reply: oneshot::Sender<StoreResult<Appended>>,
}

/// What the workers share.
struct Shared {
    pool: Arc<Pool>,
    follower: Arc<Follower>,
    end: Arc<End>,
    commits: Commits,
}

/// The way to the workers.
pub(super) struct Batches {
    queues: RwLock<Option<Vec<mpsc::Sender<Waiting>>>>,
    shared: Arc<Shared>,
    workers: TaskTracker,
}

/// Says that a worker is gone, also when it panics.
struct Alarm(Arc<End>, bool);

impl Drop for Alarm {
    fn drop(&mut self) {
        if !self.1 {
            self.0.say("a task that stores messages has ended".into());
        }
    }
}

impl Batches {
    /// Starts the workers; `follower` is rung after each commit.
    pub fn start(pool: Arc<Pool>, follower: Arc<Follower>, end: Arc<End>) -> Self {
        let shared = Arc::new(Shared { pool, follower, end, commits: Commits::default() });
        let workers = TaskTracker::new();
        let queues = (0..WORKERS).map(|_| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            workers.spawn(work(Arc::clone(&shared), waiting));
            queue
        });
        let queues = RwLock::new(Some(queues.collect()));
        workers.close();
        Self { queues, shared, workers }
    }

    /// Stores a message.
    pub async fn append(&self, item: Item) -> StoreResult<Appended> {
        let shard = BuildHasherDefault::<DefaultHasher>::default().hash_one(item.new.room.as_str());
        let queue = {
            let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
            let queues = queues.as_ref().ok_or_else(super::closed)?;
            let index = usize::try_from(shard % (queues.len().max(1) as u64)).unwrap_or(0);
            queues.get(index).cloned().ok_or_else(super::closed)?
        };
        let (reply, answer) = oneshot::channel();
        let stored = async {
            match tokio::time::timeout(WAIT, queue.send(Waiting { item, reply })).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(super::closed()),
                Err(_) => return Err(StoreError::Unavailable("too many messages wait for the database".into())),
            }
            drop(queue);
            answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the store has ended".into())))
        };
        match tokio::time::timeout(ANSWER, stored).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unavailable("the database does not answer".into())),
        }
    }

    /// Batches committed and messages in them since the start.
    pub fn commits(&self) -> &Commits {
        &self.shared.commits
    }

    /// Takes nothing more and waits until what waits is stored.
    pub async fn close(&self) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).take();
        self.workers.wait().await;
    }
}

async fn work(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut alarm = Alarm(Arc::clone(&shared.end), false);
    let mut last = 0;
    while let Some(first) = waiting.recv().await {
        let batch = fill(first, &mut waiting, last).await;
        last = batch.len();
        let (items, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.item, one.reply)).unzip();
        for (reply, answer) in replies.into_iter().zip(shared.store(&items).await) {
            // Nobody waits any more: the message stands all the same.
            let _gone = reply.send(answer);
        }
    }
    alarm.1 = true;
}

/// Everything that waits. It lingers only where the last batch shows that more are on their way.
async fn fill(first: Waiting, waiting: &mut mpsc::Receiver<Waiting>, last: usize) -> Vec<Waiting> {
    let mut batch = vec![first];
    let begun = Instant::now();
    while batch.len() < BATCH {
        if let Ok(next) = waiting.try_recv() {
            batch.push(next);
        } else if batch.len() < last && begun.elapsed() < LINGER {
            match tokio::time::timeout(GAP, waiting.recv()).await {
                Ok(Some(next)) => batch.push(next),
                _ => break,
            }
        } else {
            break;
        }
    }
    batch
}

impl Shared {
    async fn store(&self, items: &[Item]) -> Vec<StoreResult<Appended>> {
        let error = match self.again(items).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        tracing::error!(%error, messages = items.len(), "a batch of messages was undone");
        if !matches!(error, StoreError::Internal(_)) || items.len() == 1 {
            return items.iter().map(|_| Err(error.clone())).collect();
        }
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            match self.again(std::slice::from_ref(item)).await {
                Ok(answer) => answers.extend(answer),
                Err(error) => answers.push(Err(error)),
            }
        }
        answers
    }

    async fn again(&self, items: &[Item]) -> StoreResult<Vec<StoreResult<Appended>>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let done = tokio::time::timeout(WORK, self.once(items)).await;
            return match done {
                Ok(Ok(answers)) => {
                    self.commits.writes.size(items.len() as u64);
                    self.follower.ring();
                    Ok(answers)
                }
                Ok(Err(Failure::Collided(_))) if tries < AGAIN => continue,
                Ok(Err(Failure::Collided(why))) => Err(StoreError::Unavailable(why)),
                Ok(Err(Failure::Store(error))) => Err(error),
                Err(_) => Err(StoreError::Unavailable("the database does not answer".into())),
            };
        }
    }

    /// One transaction. Its connection is given up unless it ends in order.
    async fn once(&self, items: &[Item]) -> Result<Vec<StoreResult<Appended>>, Failure> {
        let mut lent = self.pool.take().await?;
        let mut tx = lent.conn.begin().await?;
        let answers = append::all(&mut tx, items).await?;
        let begun = Instant::now();
        tx.commit().await?;
        self.commits.took.time(begun.elapsed());
        self.pool.give_back(lent);
        Ok(answers)
    }
}
