//! The schema's history: append-only, embedded, brought up to date at start under a lock, so that several nodes may
//! start at once. A step that has been released is never changed; its checksum stands beside it.

use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use super::error;
use crate::storage::{StoreError, StoreResult};

/// Every step, oldest first.
pub(super) const STEPS: [&str; 10] = [
    include_str!("migrations/0001_core.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_hooks.sql"),
    include_str!("migrations/0004_nodes.sql"),
    include_str!("migrations/0005_copy.sql"),
    include_str!("migrations/0006_feed.sql"),
    include_str!("migrations/0007_keep.sql"),
    include_str!("migrations/0008_signing.sql"),
    include_str!("migrations/0009_outgoing.sql"),
    include_str!("migrations/0010_erasing.sql"),
];

/// The locks of this program in the database: `("chat" in ASCII << 32) + n`.
pub(super) const LOCKS: i64 = 0x6368_6174_0000_0000;
/// Who brings the schema up to date.
const MIGRATE: i64 = LOCKS + 1;

/// Waits until no other node starts; up to the end of the transaction none does.
pub(super) async fn alone(tx: &mut PgConnection) -> StoreResult<()> {
    // Another node may be at it for long, and so may a step on a large store.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATE).execute(tx).await?;
    Ok(())
}

/// Brings a database to the first `target` steps of the schema: all of them or none.
pub(super) async fn migrate(conn: &mut PgConnection, target: usize) -> StoreResult<()> {
    let mut tx = conn.begin().await?;
    alone(&mut tx).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('schema_steps') IS NOT NULL").fetch_one(&mut *tx).await?;
    if !there {
        sqlx::raw_sql(
            "CREATE TABLE schema_steps (
               step INTEGER PRIMARY KEY, checksum TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now())",
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| failed(&error))?;
    }
    let done: Vec<(i32, String)> =
        sqlx::query_as("SELECT step, checksum FROM schema_steps ORDER BY step").fetch_all(&mut *tx).await?;
    if done.len() > STEPS.len() {
        return Err(StoreError::Internal(format!(
            "the database has schema {}, this program knows up to {}; use the newer program or restore a backup",
            done.len(),
            STEPS.len()
        )));
    }
    for ((number, there), step) in done.iter().zip(STEPS) {
        if *there != checksum(step) {
            return Err(StoreError::Internal(format!(
                "the database's schema {number} is not the one that this program knows; it was made by another build"
            )));
        }
    }
    for (index, step) in STEPS.iter().enumerate().take(target).skip(done.len()) {
        sqlx::raw_sql(*step).execute(&mut *tx).await.map_err(|error| failed(&error))?;
        sqlx::query("INSERT INTO schema_steps (step, checksum) VALUES ($1, $2)")
            .bind(i32::try_from(index + 1).unwrap_or(i32::MAX))
            .bind(checksum(step))
            .execute(&mut *tx)
            .await?;
    }
    Ok(tx.commit().await?)
}

fn checksum(step: &str) -> String {
    Sha256::digest(step).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(error: &sqlx::Error) -> StoreError {
    let next = match error::code(error).as_str() {
        "42501" => "; let the user create in it: ALTER DATABASE … OWNER TO …, or GRANT CREATE ON SCHEMA public TO …",
        "42P07" => "; it holds tables of another program: give the chat a database of its own",
        _ => "",
    };
    let why = format!("the database's schema cannot be made: {}{next}", error::said(error));
    if error::passes(error) && next.is_empty() { StoreError::Unavailable(why) } else { StoreError::Internal(why) }
}
