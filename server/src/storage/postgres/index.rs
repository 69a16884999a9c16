//! The search index: one row of folded text a message, fed behind the sending by one node at a time (`feed`), each
//! room from its own cursor. An edit or a delete writes the row itself: whoever comes second, it or the follower, waits
//! for the first, and the newer text stands.

use chat_common::text::fold;
use sqlx::PgConnection;

use crate::storage::StoreResult;

/// Takes a message's old text out and puts the new one in.
pub(super) async fn replace(conn: &mut PgConnection, id: i64, new: Option<&str>) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO message_index (id, folded) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET folded = excluded.folded",
    )
    .bind(id)
    .bind(new.map(fold).unwrap_or_default())
    .execute(conn)
    .await?;
    Ok(())
}
