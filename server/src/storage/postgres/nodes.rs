//! Nodes with their leases, and the wrong passwords that they count together. Leases are measured by the database's
//! clock.

use std::time::Duration;

use async_trait::async_trait;
use chat_common::Timestamp;
use futures_util::FutureExt;
use sqlx::PgConnection;

use super::PostgresStore;
use crate::domain::throttle::Count;
use crate::storage::{Guesses, NewNode, NodeId, NodeRow, Nodes, StoreResult};

/// Counts taken out with each new one, so that those that are over do not pile up.
const SWEPT: i64 = 16;

fn node_in(node: NodeId) -> i64 {
    node.0.cast_signed()
}

/// Neither a lease nor a guess is worth waiting for the disk: after a crash of the database both begin anew.
async fn lazily(conn: &mut PgConnection) -> StoreResult<()> {
    sqlx::raw_sql("SET LOCAL synchronous_commit = off").execute(conn).await?;
    Ok(())
}

async fn live(conn: &mut PgConnection) -> StoreResult<Vec<NodeRow>> {
    let found: Vec<(i64, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT id, address, version, bus, (extract(epoch FROM since) * 1000)::bigint,
                (extract(epoch FROM until - clock_timestamp()) * 1000)::bigint
         FROM nodes WHERE until > clock_timestamp() ORDER BY since, id",
    )
    .fetch_all(conn)
    .await?;
    Ok(found
        .into_iter()
        .map(|(id, address, version, bus, since, left)| NodeRow {
            node: NewNode { id: NodeId(id.cast_unsigned()), address, version, bus },
            since: Timestamp::from_millis(since),
            left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
        })
        .collect())
}

async fn admit(
    conn: &mut PgConnection,
    key: &[u8; 32],
    per_minute: u32,
    now: Timestamp,
) -> StoreResult<Result<(), Duration>> {
    lazily(conn).await?;
    let fresh = Count::new(now);
    // Locks the row whether it was there or not: of two at once the second one sees the first.
    let (wrong, since, closed_until): (i64, i64, i64) = sqlx::query_as(
        "INSERT INTO guesses (key, wrong, since, closed_until, over_at) VALUES ($1, 0, $2, $2, $3)
         ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING wrong, since, closed_until",
    )
    .bind(key.as_slice())
    .bind(now.as_millis())
    .bind(fresh.over_at().as_millis())
    .fetch_one(&mut *conn)
    .await?;
    let mut count = Count {
        wrong: u32::try_from(wrong).unwrap_or(u32::MAX),
        since: Timestamp::from_millis(since),
        closed_until: Timestamp::from_millis(closed_until),
    };
    let admitted = count.admit(per_minute, now);
    if admitted.is_ok() {
        sqlx::query("UPDATE guesses SET wrong = $2, since = $3, closed_until = $4, over_at = $5 WHERE key = $1")
            .bind(key.as_slice())
            .bind(i64::from(count.wrong))
            .bind(count.since.as_millis())
            .bind(count.closed_until.as_millis())
            .bind(count.over_at().as_millis())
            .execute(&mut *conn)
            .await?;
        // Those that another node is at are left for the next time.
        sqlx::query(
            "DELETE FROM guesses WHERE key IN
               (SELECT key FROM guesses WHERE over_at <= $1 ORDER BY over_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(now.as_millis())
        .bind(SWEPT)
        .execute(conn)
        .await?;
    }
    Ok(admitted)
}

#[async_trait]
impl Nodes for PostgresStore {
    async fn register_node(&self, node: NewNode, lease: Duration) -> StoreResult<()> {
        self.write(|conn| {
            async move {
                sqlx::query(
                    "INSERT INTO nodes (id, address, version, bus, since, until)
                     VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp() + $5 * interval '1 millisecond')
                     ON CONFLICT (id) DO UPDATE SET address = excluded.address, version = excluded.version,
                       bus = excluded.bus, since = excluded.since, until = excluded.until",
                )
                .bind(node_in(node.id))
                .bind(node.address)
                .bind(node.version)
                .bind(node.bus)
                .bind(millis(lease))
                .execute(conn)
                .await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    async fn renew_node(&self, node: NodeId, lease: Duration) -> StoreResult<bool> {
        self.write(|conn| {
            async move {
                lazily(conn).await?;
                let done = sqlx::query(
                    "UPDATE nodes SET until = clock_timestamp() + $2 * interval '1 millisecond' WHERE id = $1",
                )
                .bind(node_in(node))
                .bind(millis(lease))
                .execute(conn)
                .await?;
                Ok(done.rows_affected() == 1)
            }
            .boxed()
        })
        .await
    }

    async fn live_nodes(&self) -> StoreResult<Vec<NodeRow>> {
        self.read(|conn| live(conn).boxed()).await
    }

    async fn reclaim_nodes(&self) -> StoreResult<Vec<NodeId>> {
        self.read(|conn| {
            async move {
                // One that is being renewed at this moment is not waited for: it lives.
                let dead: Vec<i64> = sqlx::query_scalar(
                    "DELETE FROM nodes WHERE id IN
                       (SELECT id FROM nodes WHERE until <= clock_timestamp() FOR UPDATE SKIP LOCKED)
                     RETURNING id",
                )
                .fetch_all(conn)
                .await?;
                Ok(dead.into_iter().map(|id| NodeId(id.cast_unsigned())).collect())
            }
            .boxed()
        })
        .await
    }

    async fn unregister_node(&self, node: NodeId) -> StoreResult<()> {
        self.write(|conn| {
            async move {
                sqlx::query("DELETE FROM nodes WHERE id = $1").bind(node_in(node)).execute(conn).await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

fn millis(lease: Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Guesses for PostgresStore {
    async fn admit_guess(&self, key: [u8; 32], per_minute: u32, now: Timestamp) -> StoreResult<Result<(), Duration>> {
        self.write(move |conn| async move { admit(conn, &key, per_minute, now).await }.boxed()).await
    }

    async fn forgive_guesses(&self, key: [u8; 32]) -> StoreResult<()> {
        self.write(move |conn| {
            async move {
                sqlx::query("DELETE FROM guesses WHERE key = $1").bind(key.as_slice()).execute(conn).await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }
}
