//! Who did what to whom, for admins.

use chat_common::rest::AuditLine;
use chat_common::{Timestamp, UserId};
use rusqlite::{Connection, Rows, params};

use super::rows;
use crate::storage::{LOCAL, StoreResult};

/// Adds a line.
pub(super) fn add(
    conn: &Connection,
    actor: Option<UserId>,
    action: &str,
    subject: &str,
    detail: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO audit (at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![at.as_millis(), actor.filter(|a| *a != LOCAL).map(rows::user_in), action, subject, detail])?;
    Ok(())
}

/// Newest first, before line `before`; with the cursor of the last line given.
pub(super) fn page(conn: &Connection, before: Option<i64>, limit: u32) -> StoreResult<(Vec<AuditLine>, Option<i64>)> {
    let mut statement = conn.prepare_cached(
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let lines = read(conn, statement.query(params![before.unwrap_or(i64::MAX), limit])?)?;
    let last = lines.last().map(|(id, _)| *id);
    Ok((lines.into_iter().map(|(_, line)| line).collect(), last))
}

/// Oldest first, after line `after`, each with its number.
pub(super) fn after(conn: &Connection, after: i64, limit: u32) -> StoreResult<Vec<(i64, AuditLine)>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    read(conn, statement.query(params![after, limit])?)
}

fn read(conn: &Connection, mut found: Rows<'_>) -> StoreResult<Vec<(i64, AuditLine)>> {
    let mut users = rows::Users::default();
    let mut lines = Vec::new();
    while let Some(row) = found.next()? {
        let actor = row.get::<_, Option<i64>>(2)?.map(|id| users.get(conn, rows::user_id(id))).transpose()?;
        let line = AuditLine {
            at: Timestamp::from_millis(row.get(1)?),
            actor,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
        };
        lines.push((row.get(0)?, line));
    }
    Ok(lines)
}
