//! API tokens with their bots, invitations, blocks.

use chat_common::UserId;
use sqlx::PgConnection;

use super::rows;
use crate::storage::StoreResult;

/// Whether `user` has blocked `other`.
pub(super) async fn has_blocked(conn: &mut PgConnection, user: UserId, other: UserId) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM blocks WHERE user_id = $1 AND other = $2)")
        .bind(rows::user_in(user))
        .bind(rows::user_in(other))
        .fetch_one(conn)
        .await?)
}
