//! What is kept on disk between two starts: the last view of each room, drafts, and the outbox.
//!
//! One SQLite file for all profiles, mode 0600, rows keyed by owner (server and user). WAL and a busy time-out make
//! several programs on one file safe; a row of the outbox is claimed with a lease, so that no two of them send it at
//! once (and the server takes the same key only once, whatever happens). Every call blocks for some 0.1 ms, a write
//! to the outbox for one fsync: asynchronous callers use `spawn_blocking`. What is sent when is left to `net`.

mod outbox;
mod schema;
mod view;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_common::{ClientId, RoomRef, Seq};
use rusqlite::Connection;

pub use outbox::{LEASE, OutboxRow, RowState};
pub use view::View;

/// Why the file on disk could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// SQLite.
    #[error("the file with outbox and drafts cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
    /// Something that must be JSON is not.
    #[error("a cached value cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a later version.
    #[error("the file with outbox and drafts was written by a later version ({0}); update this program")]
    Later(i64),
}

/// How long to wait for another program that is writing.
const BUSY: Duration = Duration::from_secs(3);

/// The file on disk.
#[derive(Debug)]
pub struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Connection,
    /// Whose rows are read and written.
    owner: String,
    /// This process, for claims.
    process: String,
}

impl Cache {
    /// Opens or makes the file (its folder too, both private). `owner` is any text that tells servers and users apart;
    /// see [`Cache::owner`].
    pub fn open(path: &Path, owner: &str) -> Result<Self, CacheError> {
        let io = |source| CacheError::Io { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            crate::cache::schema::private_folder(folder).map_err(io)?;
        }
        schema::private_file(path).map_err(io)?;
        Self::with(Connection::open(path)?, owner)
    }

    /// A cache that ends with the process; for tests and where no file can be written.
    pub fn in_memory(owner: &str) -> Result<Self, CacheError> {
        Self::with(Connection::open_in_memory()?, owner)
    }

    fn with(mut db: Connection, owner: &str) -> Result<Self, CacheError> {
        db.busy_timeout(BUSY)?;
        schema::prepare(&mut db)?;
        let process = new_client_id().to_string();
        Ok(Self { inner: Mutex::new(Inner { db, owner: owner.to_owned(), process }) })
    }

    /// The owner of a signed-in user's rows.
    pub fn owner(server: &str, user: chat_common::UserId) -> String {
        format!("{server}|{user}")
    }

    /// The owner of rows that are written before the user is known (the first start without a line).
    pub fn provisional(server: &str, profile: &str) -> String {
        format!("{server}|?{profile}")
    }

    /// Says who the user is; what was written while that was not known becomes the user's.
    pub fn identify(&self, owner: &str) -> Result<(), CacheError> {
        let mut inner = self.lock();
        if inner.owner == owner {
            return Ok(());
        }
        let from = std::mem::replace(&mut inner.owner, owner.to_owned());
        if from.contains("|?") {
            let tx = inner.db.transaction()?;
            tx.execute("UPDATE OR IGNORE outbox SET owner = ?1 WHERE owner = ?2", [owner, &from])?;
            tx.execute("UPDATE OR REPLACE draft SET owner = ?1 WHERE owner = ?2", [owner, &from])?;
            tx.execute("UPDATE OR REPLACE kept SET owner = ?1 WHERE owner = ?2", [owner, &from])?;
            tx.commit()?;
        }
        Ok(())
    }

    /// A thread that panicked while it held the lock left no half-done transaction: SQLite rolls back.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub room: RoomRef,
    /// The text as typed.
    pub text: String,
    /// The sender's own key, kept for ever; see [`new_client_id`].
    pub client_id: ClientId,
    /// The message this one answers.
    pub reply_to: Option<Seq>,
}

/// A fresh key for a message: 128 random bits.
pub fn new_client_id() -> ClientId {
    loop {
        let text = format!("{:016x}{:016x}", random_bits(), random_bits());
        if let Ok(id) = ClientId::parse(&text) {
            return id;
        }
    }
}

/// 64 bits of the operating system's randomness; where it has none, of the clock's.
pub(crate) fn random_bits() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or(1) ^ u64::from(std::process::id())
    })
}

#[cfg(test)]
mod tests;
