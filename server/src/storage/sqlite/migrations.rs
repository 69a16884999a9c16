//! The schema's history: append-only, embedded, brought up to date at start. `PRAGMA user_version` counts the steps
//! done. A step that has been released is never changed.

use rusqlite::Connection;

use crate::storage::{StoreError, StoreResult};

/// Every step, oldest first.
pub(super) const STEPS: [&str; 9] = [
    include_str!("migrations/0001_core.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_hooks.sql"),
    include_str!("migrations/0004_nodes.sql"),
    include_str!("migrations/0005_feed.sql"),
    include_str!("migrations/0006_keep.sql"),
    include_str!("migrations/0007_signing.sql"),
    include_str!("migrations/0008_outgoing.sql"),
    include_str!("migrations/0009_erasing.sql"),
];

/// Brings a database to the schema of this program, each step in its own transaction.
pub(super) fn migrate(conn: &mut Connection) -> StoreResult<()> {
    migrate_to(conn, STEPS.len())
}

/// The schema of a database that is in use and is about to be changed.
pub(super) fn earlier_schema(conn: &Connection) -> StoreResult<Option<usize>> {
    let done: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or_default();
    Ok(Some(done).filter(|done| (1..STEPS.len()).contains(done)))
}

/// Does the steps up to `target`.
pub(super) fn migrate_to(conn: &mut Connection, target: usize) -> StoreResult<()> {
    let done: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(StoreError::Internal(format!(
            "the database has schema {done}, this program knows up to {}; use the newer program or restore a backup",
            STEPS.len()
        )));
    }
    for (index, step) in STEPS.iter().enumerate().take(target).skip(done) {
        let tx = conn.transaction()?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        tx.commit()?;
    }
    Ok(())
}
