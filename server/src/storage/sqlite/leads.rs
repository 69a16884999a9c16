//! Who is at work that one node at a time does.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use crate::storage::{Leads, Led, NodeId, StoreResult};

#[async_trait]
impl Leads for SqliteStore {
    async fn lead(&self, what: Led, node: NodeId, lease: Duration) -> StoreResult<bool> {
        let now = self.clock.now();
        let until = now.plus(lease);
        self.write(move |c| {
            let sql = format!(
                "INSERT INTO {} (id, node, until) VALUES (1, ?1, ?3)
                 ON CONFLICT (id) DO UPDATE SET node = excluded.node, until = excluded.until
                 WHERE node = excluded.node OR until <= ?2",
                what.table()
            );
            let key = params![node.0.cast_signed(), now.as_millis(), until.as_millis()];
            Ok(c.prepare_cached(&sql)?.execute(key)? == 1)
        })
        .await
    }
}
