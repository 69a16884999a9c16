//! A look at a database that changes nothing, whether somebody uses it or not.

use std::path::Path;

use super::open;
use crate::storage::{StoreError, StoreResult};

/// The schema's number.
pub fn probe(path: &Path) -> StoreResult<usize> {
    let conn = open::reader(path)?;
    let schema: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let ours: bool =
        conn.query_row("SELECT count(*) = 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'", [], |row| {
            row.get(0)
        })?;
    if !ours {
        return Err(StoreError::Internal("it is not a chat-server's".to_owned()));
    }
    Ok(usize::try_from(schema).unwrap_or_default())
}
