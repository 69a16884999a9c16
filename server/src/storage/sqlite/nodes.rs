//! Nodes with their leases, and the wrong passwords that they count together. Time is the store's clock.

use std::time::Duration;

use async_trait::async_trait;
use chat_common::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use crate::domain::throttle::Count;
use crate::storage::{Guesses, NewNode, NodeId, NodeRow, Nodes, StoreResult};

/// Counts taken out with each new one, so that those that are over do not pile up.
const SWEPT: u32 = 16;

fn register(conn: &Connection, node: &NewNode, since: Timestamp, until: Timestamp) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO nodes (id, address, version, bus, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        node.id.0.cast_signed(),
        node.address,
        node.version,
        node.bus,
        since.as_millis(),
        until.as_millis()
    ])?;
    Ok(())
}

fn live(conn: &Connection, now: Timestamp) -> StoreResult<Vec<NodeRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, address, version, bus, since, until FROM nodes WHERE until > ?1 ORDER BY since, id",
    )?;
    let found = statement.query_map([now.as_millis()], |row| {
        Ok(NodeRow {
            node: NewNode {
                id: NodeId(row.get::<_, i64>(0)?.cast_unsigned()),
                address: row.get(1)?,
                version: row.get(2)?,
                bus: row.get(3)?,
            },
            since: Timestamp::from_millis(row.get(4)?),
            left: Timestamp::from_millis(row.get(5)?).since(now),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn admit(conn: &Connection, key: &[u8; 32], per_minute: u32, now: Timestamp) -> StoreResult<Result<(), Duration>> {
    let mut count = conn
        .prepare_cached("SELECT wrong, since, closed_until FROM guesses WHERE key = ?1")?
        .query_row([key], |row| {
            Ok(Count {
                wrong: row.get(0)?,
                since: Timestamp::from_millis(row.get(1)?),
                closed_until: Timestamp::from_millis(row.get(2)?),
            })
        })
        .optional()?
        .unwrap_or_else(|| Count::new(now));
    let admitted = count.admit(per_minute, now);
    if admitted.is_ok() {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO guesses (key, wrong, since, closed_until, over_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            key,
            count.wrong,
            count.since.as_millis(),
            count.closed_until.as_millis(),
            count.over_at().as_millis()
        ])?;
        conn.prepare_cached(
            "DELETE FROM guesses WHERE key IN (SELECT key FROM guesses WHERE over_at <= ?1 ORDER BY over_at LIMIT ?2)",
        )?
        .execute(params![now.as_millis(), SWEPT])?;
    }
    Ok(admitted)
}

#[async_trait]
impl Nodes for SqliteStore {
    async fn register_node(&self, node: NewNode, lease: Duration) -> StoreResult<()> {
        let now = self.clock.now();
        self.write(move |c| register(c, &node, now, now.plus(lease))).await
    }

    async fn renew_node(&self, node: NodeId, lease: Duration) -> StoreResult<bool> {
        let until = self.clock.now().plus(lease);
        self.write(move |c| {
            let mut statement = c.prepare_cached("UPDATE nodes SET until = ?1 WHERE id = ?2")?;
            Ok(statement.execute(params![until.as_millis(), node.0.cast_signed()])? == 1)
        })
        .await
    }

    async fn live_nodes(&self) -> StoreResult<Vec<NodeRow>> {
        let now = self.clock.now();
        self.read(move |c| live(c, now)).await
    }

    async fn reclaim_nodes(&self) -> StoreResult<Vec<NodeId>> {
        let now = self.clock.now();
        // A look that finds none spares the writer.
        let dead = move |c: &Connection| {
            let mut statement = c.prepare_cached("SELECT id FROM nodes WHERE until <= ?1")?;
            let found = statement.query_map([now.as_millis()], |row| row.get::<_, i64>(0))?;
            Ok(found.collect::<Result<Vec<_>, _>>()?)
        };
        if self.read(dead).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |c| {
            let mut statement = c.prepare_cached("DELETE FROM nodes WHERE until <= ?1 RETURNING id")?;
            let found = statement.query_map([now.as_millis()], |row| row.get::<_, i64>(0))?;
            Ok(found.map(|id| id.map(|id| NodeId(id.cast_unsigned()))).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn unregister_node(&self, node: NodeId) -> StoreResult<()> {
        self.write(move |c| {
            c.prepare_cached("DELETE FROM nodes WHERE id = ?1")?.execute([node.0.cast_signed()])?;
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Guesses for SqliteStore {
    async fn admit_guess(&self, key: [u8; 32], per_minute: u32, now: Timestamp) -> StoreResult<Result<(), Duration>> {
        self.write(move |c| admit(c, &key, per_minute, now)).await
    }

    async fn forgive_guesses(&self, key: [u8; 32]) -> StoreResult<()> {
        self.write(move |c| {
            c.prepare_cached("DELETE FROM guesses WHERE key = ?1")?.execute([key])?;
            Ok(())
        })
        .await
    }
}
