//! Connections, bounded in number and in who waits for them.
//!
//! A connection comes back only after a piece of work that ended in order; one that was cut short, by an error or
//! because nobody waited any more, is dropped with whatever was open on it. While the database is away, one attempt
//! at a time asks for it and everybody else is told at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect::Connector;
use crate::storage::{StoreError, StoreResult};

/// Pieces of work that may wait for a connection; the next one is `Unavailable` at once.
const WAITING: usize = 4_096;
/// How long one waits for a connection.
const WAIT: Duration = Duration::from_secs(3);
/// How long a new connection may take to stand, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// After a failed attempt the next one is not made before this.
const PAUSE: Duration = Duration::from_millis(250);
/// A connection that rested for so long is asked whether it still stands before it is used.
const RESTED: Duration = Duration::from_secs(1);
/// How long that question may take.
const PING: Duration = Duration::from_secs(1);
/// A connection that nobody needed for so long is closed.
const UNUSED: Duration = Duration::from_secs(600);

struct Resting {
    conn: PgConnection,
    since: Instant,
}

/// The last failed attempt to connect.
struct Failure {
    until: Instant,
    why: String,
}

pub(super) struct Pool {
    connector: Connector,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    resting: Mutex<Vec<Resting>>,
    failure: Mutex<Option<Failure>>,
}

/// A connection in use. Dropped, it is closed; [`Pool::give_back`] keeps it.
pub(super) struct Lent {
    pub conn: PgConnection,
    permit: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sentence without the kind of error before it.
fn why(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(why) | StoreError::Internal(why) => why.clone(),
        StoreError::Refused(refusal) => refusal.to_string(),
    }
}

impl Pool {
    pub fn new(connector: Connector, connections: u32) -> Self {
        Self {
            connector,
            permits: Arc::new(Semaphore::new(connections.max(1) as usize)),
            waiting: AtomicUsize::new(0),
            resting: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// A connection that stands.
    pub async fn take(&self) -> StoreResult<Lent> {
        let permit = self.permit().await?;
        while let Some(mut rested) = self.pop() {
            if rested.since.elapsed() < RESTED {
                return Ok(Lent { conn: rested.conn, permit });
            }
            if let Ok(Ok(())) = tokio::time::timeout(PING, rested.conn.ping()).await {
                return Ok(Lent { conn: rested.conn, permit });
            }
            // What ended this one has most likely ended all of them.
            lock(&self.resting).clear();
        }
        Ok(Lent { conn: self.connect().await?, permit })
    }

    /// Keeps a connection for the next one.
    pub fn give_back(&self, lent: Lent) {
        let now = Instant::now();
        let mut resting = lock(&self.resting);
        resting.retain(|rested| now.duration_since(rested.since) < UNUSED);
        if !self.permits.is_closed() {
            resting.push(Resting { conn: lent.conn, since: now });
        }
        drop(resting);
        drop(lent.permit);
    }

    /// Refuses all further work and closes what rests.
    pub async fn close(&self) {
        self.permits.close();
        let resting = std::mem::take(&mut *lock(&self.resting));
        for rested in resting {
            let _ended_either_way = tokio::time::timeout(PING, rested.conn.close()).await;
        }
    }

    async fn permit(&self) -> StoreResult<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting(&self.waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(StoreError::Unavailable("too much work waits for the database".into()));
        }
        match tokio::time::timeout(WAIT, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(super::closed()),
            Err(_) => Err(StoreError::Unavailable("the database is busy".into())),
        }
    }

    fn pop(&self) -> Option<Resting> {
        lock(&self.resting).pop()
    }

    async fn connect(&self) -> StoreResult<PgConnection> {
        if let Some(failure) = &mut *lock(&self.failure) {
            let now = Instant::now();
            if failure.until > now {
                return Err(StoreError::Unavailable(failure.why.clone()));
            }
            // This one tries; until it knows more, others are not to wait with it.
            failure.until = now + CONNECT + PAUSE;
        }
        let made = match tokio::time::timeout(CONNECT, self.connector.connect()).await {
            Ok(made) => made,
            Err(_) => Err(StoreError::Unavailable(format!("the database does not answer within {CONNECT:?}"))),
        };
        let mut failure = lock(&self.failure);
        match made {
            Ok(conn) => {
                if failure.take().is_some() {
                    tracing::info!("the database is there again");
                }
                Ok(conn)
            }
            Err(error) => {
                if failure.is_none() {
                    tracing::error!(%error, "the database is away; it is asked again and again");
                }
                *failure = Some(Failure { until: Instant::now() + PAUSE, why: why(&error) });
                Err(error)
            }
        }
    }
}
