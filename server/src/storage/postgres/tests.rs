//! What is PostgreSQL's own.

use std::sync::Arc;

use chat_common::clock::ManualClock;

use sqlx::PgConnection;

use super::testing::Private;
use super::{PostgresOptions, PostgresStore};
use crate::storage::contract::{self, start};
use crate::storage::{Store, StoreError};

async fn open(private: &Private) -> PostgresStore {
    PostgresStore::open(PostgresOptions::new(private.url()), Arc::new(ManualClock::at(start()))).await.unwrap()
}

async fn tell<F: Future<Output = ()>>(name: &str, story: impl FnOnce(Arc<dyn Store>) -> F) {
    let Some(private) = Private::new(name).await else { return };
    let store: Arc<dyn Store> = Arc::new(open(&private).await);
    story(Arc::clone(&store)).await;
    store.close().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    check_logs(&mut private.connect().await).await;
    private.end().await;
}

contract::every_story!(tell);

/// Every log has each seq from first to head exactly once, the members are counted right.
async fn check_logs(conn: &mut PgConnection) {
    let broken: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rooms r WHERE name IS NOT NULL AND (head <>
           (SELECT count(DISTINCT seq) FROM (SELECT seq FROM messages WHERE room = r.id
              UNION ALL SELECT seq FROM entries WHERE room = r.id) log WHERE seq BETWEEN r.first AND r.head)
         OR head <> (SELECT count(*) FROM messages WHERE room = r.id) + (SELECT count(*) FROM entries WHERE room = r.id)
         OR members <> (SELECT count(*) FROM members WHERE room = r.id))",
    )
    .fetch_one(conn)
    .await
    .unwrap();
    assert_eq!(broken, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_may_start_at_once() {
    let Some(private) = Private::new("nodes_may_start_at_once").await else { return };
    let stores = futures_util::future::join_all((0..4).map(|_| open(&private))).await;
    let epochs: Vec<_> = stores.iter().map(Store::epoch).collect();
    assert!(epochs.windows(2).all(|pair| pair[0] == pair[1]), "{epochs:?}");
    for store in stores {
        store.health().await.unwrap();
        store.close().await;
    }
    private.end().await;
}
