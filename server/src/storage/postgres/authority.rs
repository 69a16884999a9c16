//! The rows that end connections; every node reads them each second.
//!
//! A reader goes on from the highest id it has seen, so ids must be committed in their order: a writer holds a lock
//! from before it takes an id to its commit. [`add`] therefore stands as late in its transaction as it can.

use chat_common::Timestamp;
use sqlx::PgConnection;

use super::migrations::LOCKS;
use super::rows;
use crate::storage::{Authority, StoreResult};

/// Who adds rows.
const LOCK: i64 = LOCKS + 2;
/// Rows older than this have been read by every node that lives.
const KEEP_MS: i64 = 24 * 60 * 60 * 1_000;

/// Adds a row; drops those that nobody needs any more.
pub(super) async fn add(conn: &mut PgConnection, what: &Authority, at: Timestamp) -> StoreResult<()> {
    let (kind, user, room, key) = match what {
        Authority::Session(id) => ("session", None, None, Some(id.as_str())),
        Authority::User { user, except } => ("user", Some(*user), None, except.as_deref()),
        Authority::Token(id) => ("token", None, None, Some(id.as_str())),
        Authority::Banned(user) => ("banned", Some(*user), None, None),
        Authority::Room { user, room } => ("room", Some(*user), Some(*room), None),
        Authority::RoomClosed(room) => ("room_closed", None, Some(*room), None),
        Authority::RoomDeleted(room) => ("room_deleted", None, Some(*room), None),
        Authority::Changed(user) => ("changed", Some(*user), None, None),
    };
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *conn).await?;
    sqlx::query("INSERT INTO authority_log (at, kind, user_id, room, key) VALUES ($1, $2, $3, $4, $5)")
        .bind(at.as_millis())
        .bind(kind)
        .bind(user.map(rows::user_in))
        .bind(room.map(|room| room.0))
        .bind(key)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "DELETE FROM authority_log WHERE id IN
           (SELECT id FROM (SELECT id, at FROM authority_log ORDER BY id LIMIT 16) oldest WHERE at < $1)",
    )
    .bind(at.as_millis() - KEEP_MS)
    .execute(conn)
    .await?;
    Ok(())
}
