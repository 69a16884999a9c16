//! The embedded back end: one file, one process, one writer thread with group commit, a few readers.
//!
//! The folder is the only place that names rusqlite. `writer` owns the write connection; every other file holds
//! plain functions over a connection, run by the writer in its transaction or by a reader in a snapshot.

mod accounts;
mod append;
mod archive;
mod audit;
mod authority;
mod backup;
mod cache;
mod change;
mod company;
mod entry;
mod erase;
mod error;
mod export;
mod feed;
mod history;
mod hooks;
mod index;
mod job;
mod keep;
mod leads;
mod log;
mod members;
mod migrations;
mod moderate;
mod nodes;
mod open;
mod outgoing;
mod pool;
mod probe;
mod purge;
mod queue;
mod read;
mod restore;
mod rooms;
mod rooms_change;
mod rows;
mod seal;
mod search;
mod sessions;
mod standing;
mod tokens;
mod users;
mod views;
mod writer;

#[cfg(test)]
mod keep_tests;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat_common::{Clock, Epoch, UserId};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Commits, Store, StoreError, StoreResult};
pub use archive::SqliteArchive;
pub use backup::backup;
pub use export::Export;
use job::{Job, Kind, Message, Task, Work};
use pool::Pool;
pub use probe::probe;
use queue::Inlet;
pub use restore::{Held, Restored, inspect, restore};
use writer::{Vitals, Writer};

/// Steps of the schema that this program knows.
pub const SCHEMA: usize = migrations::STEPS.len();

/// Writes that may wait for the writer. When so many do, the next one waits up to [`WAIT`] for a place.
const QUEUE: usize = 4_096;
/// How long a write waits for a place in the queue before it is `Unavailable`.
const WAIT: Duration = Duration::from_secs(5);
/// How long a write waits for its answer; then its outcome is unknown.
const ANSWER: Duration = Duration::from_secs(7);

/// What a positive answer is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut.
    #[default]
    Full,
    /// It survives the death of the process; a power cut may take the last moments.
    Normal,
}

impl Durability {
    fn pragma(self) -> &'static str {
        match self {
            Self::Full => "PRAGMA synchronous=FULL;",
            Self::Normal => "PRAGMA synchronous=NORMAL;",
        }
    }
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database file; `PATH.lock` stands beside it.
    pub path: PathBuf,
    /// What a positive answer is worth.
    pub durability: Durability,
    /// Connections that read at once.
    pub readers: u32,
    /// The most pages of 4 KiB that the file may have; `None`: as the disk allows.
    pub max_pages: Option<u32>,
    /// Whether a file of an earlier schema is copied beside itself before it is changed.
    pub migration_backup: bool,
}

impl SqliteOptions {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::Full, readers: 4, max_pages: None, migration_backup: true }
    }
}

/// A store in one SQLite file.
pub struct SqliteStore {
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    text_key: [u8; 32],
    pool: Pool,
    places: Arc<Semaphore>,
    queue: Inlet,
    vitals: Arc<Vitals>,
    // Held for as long as the store is open.
    lock: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens or makes a store and starts its writer. `Unavailable` where another process has it.
    pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> StoreResult<Self> {
        let opened = open::database(&options, clock.now())?;
        export::forget_mark(&opened.writer)?;
        let vitals = Arc::new(Vitals::default());
        let (queue, messages) = queue::queue();
        let writer = Writer::new(opened.writer, messages, Arc::clone(&vitals), options.durability);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            pool: Pool::new(options.path, options.readers),
            epoch: opened.epoch,
            clock,
            text_key: opened.text_key,
            places: Arc::new(Semaphore::new(QUEUE)),
            queue,
            vitals,
            lock: Mutex::new(Some(opened.lock)),
        })
    }

    /// Ends when the writer has died without being asked to: the process must stop then.
    pub fn died(&self) -> CancellationToken {
        self.vitals.died.clone()
    }

    /// A write in its own savepoint.
    async fn write<T, F>(&self, f: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.submit(|reply, permit| Task::boxed(Kind::Guarded, move |work: &mut Work<'_>| f(work.conn), reply, permit))
            .await
    }

    /// A message's write, which refuses before it writes and needs no savepoint.
    async fn append_by<T, F>(&self, sender: UserId, f: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.submit(|reply, permit| Task::boxed(Kind::Append(sender), f, reply, permit)).await
    }

    async fn submit<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<StoreResult<T>>, tokio::sync::OwnedSemaphorePermit) -> Box<dyn Job>,
    ) -> StoreResult<T> {
        let permit = match tokio::time::timeout(WAIT, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(closed()),
            Err(_) => return Err(StoreError::Unavailable("too many writes are waiting".into())),
        };
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Job(job(reply, permit))).map_err(|_| closed())?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Unavailable("the writer has ended".into())),
            Err(_) => Err(StoreError::Unavailable("the disk does not answer".into())),
        }
    }

    async fn read<T, F>(&self, f: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.pool.read(f).await
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

#[async_trait]
impl Store for SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch.clone()
    }

    fn commits(&self) -> &Commits {
        &self.vitals.commits
    }

    async fn health(&self) -> StoreResult<()> {
        if self.vitals.died.is_cancelled() {
            return Err(StoreError::Unavailable("the writer has died".into()));
        }
        if self.places.is_closed() {
            return Err(closed());
        }
        if self.vitals.failing.load(Ordering::SeqCst) {
            // A real write, one that needs room, says whether it is over.
            let probe = |conn: &Connection| {
                conn.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', zeroblob(65536))", [])?;
                Ok(conn.execute("DELETE FROM meta WHERE key = 'probe'", []).map(drop)?)
            };
            return self.write(probe).await;
        }
        Ok(())
    }

    async fn close(&self) {
        self.places.close();
        self.pool.close().await;
        let (reply, ended) = oneshot::channel();
        if self.queue.send(Message::Stop(reply)).is_ok() {
            let _died = ended.await;
        }
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
