//! Who is at work that one node at a time does, by the database's clock.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::AssertSqlSafe;

use super::PostgresStore;
use crate::storage::{Leads, Led, NodeId, StoreResult};

#[async_trait]
impl Leads for PostgresStore {
    async fn lead(&self, what: Led, node: NodeId, lease: Duration) -> StoreResult<bool> {
        self.write(move |conn| {
            async move {
                let table = what.table();
                let sql = format!(
                    "INSERT INTO {table} (id, node, until)
                     VALUES (1, $1, clock_timestamp() + $2 * interval '1 millisecond')
                     ON CONFLICT (id) DO UPDATE SET node = excluded.node, until = excluded.until
                     WHERE {table}.node = excluded.node OR {table}.until <= clock_timestamp()"
                );
                let done = sqlx::query(AssertSqlSafe(sql))
                    .bind(node.0.cast_signed())
                    .bind(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
                    .execute(conn)
                    .await?;
                Ok(done.rows_affected() == 1)
            }
            .boxed()
        })
        .await
    }
}
