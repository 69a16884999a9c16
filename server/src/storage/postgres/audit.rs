//! Who did what to whom, for admins.

use chat_common::{Timestamp, UserId};
use sqlx::PgConnection;

use super::rows;
use crate::storage::StoreResult;

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
        .bind(actor.map(rows::user_in))
        .bind(action)
        .bind(subject)
        .bind(detail)
        .execute(conn)
        .await?;
    Ok(())
}
