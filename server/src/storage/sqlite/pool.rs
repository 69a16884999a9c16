//! A few read-only connections, used on the blocking pool. Who finds none free waits, at most five seconds.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open;
use crate::storage::{StoreError, StoreResult};

/// How long a read waits for a connection before it is `Unavailable`.
const WAIT: Duration = Duration::from_secs(5);

/// The connections, each made by one of the first reads. They take turns, so that what they keep in memory is there soon
/// and does not grow when for once all are needed.
pub(super) struct Pool {
    path: PathBuf,
    size: u32,
    free: Arc<Mutex<Free>>,
    permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Free {
    connections: VecDeque<Connection>,
    /// Those that were made and not closed since, free or not.
    made: u32,
}

impl Free {
    fn take(&mut self, size: u32) -> Option<Connection> {
        let free = if self.made < size { None } else { self.connections.pop_front() };
        self.made += u32::from(free.is_none());
        free
    }
}

impl Pool {
    pub fn new(path: PathBuf, size: u32) -> Self {
        let size = size.max(1);
        Self { path, size, free: Arc::default(), permits: Arc::new(Semaphore::new(size as usize)) }
    }

    /// Reads in one snapshot.
    pub async fn read<T, F>(&self, f: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let permit = match tokio::time::timeout(WAIT, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(StoreError::Unavailable("the store is closed".into())),
            Err(_) => return Err(StoreError::Unavailable("all readers are busy".into())),
        };
        let free = Arc::clone(&self.free);
        let (path, size) = (self.path.clone(), self.size);
        let task = tokio::task::spawn_blocking(move || {
            let locked = || free.lock().unwrap_or_else(PoisonError::into_inner);
            let forget = || {
                let mut free = locked();
                free.made = free.made.saturating_sub(1);
            };
            let taken = locked().take(size);
            let conn = match taken {
                Some(conn) => conn,
                None => open::reader(&path).inspect_err(|_| forget())?,
            };
            let result = in_snapshot(&conn, f);
            if conn.is_autocommit() {
                locked().connections.push_back(conn);
            } else {
                forget();
            }
            drop(permit);
            result
        });
        task.await.map_err(|error| StoreError::Internal(format!("a read did not end: {error}")))?
    }

    /// Waits (as long as a read would) for the reads under way, refuses new ones, closes the connections.
    pub async fn close(&self) {
        let _idle = tokio::time::timeout(WAIT, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = Free::default();
    }
}

fn in_snapshot<T>(conn: &Connection, f: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let result = f(conn);
    conn.prepare_cached("ROLLBACK")?.execute([])?;
    result
}
