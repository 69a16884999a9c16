//! What is SQLite's own: reopening, crashes, a full disk, a second process, group commit.

use std::sync::Arc;

use chat_common::SystemClock;
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore};
use crate::storage::{Store, StoreError, contract};

fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(SqliteOptions::new(dir.path().join("chat.db")), Arc::new(SystemClock)).unwrap()
}

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let dir = TempDir::new().unwrap();
            let store: Arc<dyn Store> = Arc::new(open(&dir));
            contract::$name(Arc::clone(&store)).await;
            store.close().await;
            assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
        })+
    };
}

contract!(a_message_is_sent_and_read);
