//! Who did what to whom, for admins.

use chat_common::rest::AuditLine;
use chat_common::{Timestamp, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::rows;
use crate::storage::{LOCAL, StoreResult};

/// Adds a line.
pub(super) async fn add(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    action: &str,
    subject: &str,
    detail: Option<&str>,
    at: Timestamp,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)")
        .bind(at.as_millis())
        .bind(actor.filter(|a| *a != LOCAL).map(rows::user_in))
        .bind(action)
        .bind(subject)
        .bind(detail)
        .execute(conn)
        .await?;
    Ok(())
}

/// Newest first, before line `before`; with the cursor of the last line given.
pub(super) async fn page(
    conn: &mut PgConnection,
    before: Option<i64>,
    limit: u32,
) -> StoreResult<(Vec<AuditLine>, Option<i64>)> {
    let found =
        sqlx::query("SELECT id, at, actor, action, subject, detail FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await?;
    let lines = read(conn, &found).await?;
    let last = lines.last().map(|(id, _)| *id);
    Ok((lines.into_iter().map(|(_, line)| line).collect(), last))
}

/// Oldest first, after line `after`, each with its number.
pub(super) async fn after(conn: &mut PgConnection, after: i64, limit: u32) -> StoreResult<Vec<(i64, AuditLine)>> {
    let found =
        sqlx::query("SELECT id, at, actor, action, subject, detail FROM audit WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await?;
    read(conn, &found).await
}

async fn read(conn: &mut PgConnection, found: &[PgRow]) -> StoreResult<Vec<(i64, AuditLine)>> {
    let actors: Vec<Option<i64>> = found.iter().map(|row| row.try_get(2)).collect::<Result<_, _>>()?;
    let actors: Vec<Option<UserId>> = actors.into_iter().map(|id| id.map(rows::user_id)).collect();
    let named: Vec<UserId> = actors.iter().copied().flatten().collect();
    let users = rows::Users::of(conn, &named).await?;
    let mut lines = Vec::with_capacity(found.len());
    for (row, actor) in found.iter().zip(actors) {
        let line = AuditLine {
            at: Timestamp::from_millis(row.try_get(1)?),
            actor: actor.map(|id| users.get(id)).transpose()?,
            action: row.try_get(3)?,
            subject: row.try_get(4)?,
            detail: row.try_get(5)?,
        };
        lines.push((row.try_get(0)?, line));
    }
    Ok(lines)
}
