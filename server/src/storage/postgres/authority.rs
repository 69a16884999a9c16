//! The rows that end connections; every node reads them each second.

use chat_common::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::migrations::LOCKS;
use super::{error, rows};
use crate::storage::{Authority, RoomId, StoreResult};

/// Rows older than this have been read by every node that lives.
const KEEP_MS: i64 = 24 * 60 * 60 * 1_000;
/// The lock under which rows get their numbers.
const LOCK: i64 = LOCKS + 2;

/// Adds a row; drops those that nobody needs any more. To be called last in its transaction.
///
/// A reader goes by the number of the last row it saw. Numbers that became visible in another order would be missed
/// for ever, so the next one is given only when the row before is committed: this waits for other transactions that
/// add one, and holds them up until its own ends. Who took a row's lock after it could wait in a circle.
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
           (SELECT id FROM (SELECT id, at FROM authority_log ORDER BY id LIMIT 16) AS oldest WHERE at < $1)",
    )
    .bind(at.as_millis() - KEEP_MS)
    .execute(conn)
    .await?;
    Ok(())
}

/// The rows after `cursor`, oldest first, and the new cursor.
pub(super) async fn since(conn: &mut PgConnection, cursor: Option<i64>) -> StoreResult<(Vec<Authority>, i64)> {
    let Some(cursor) = cursor else {
        let newest = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM authority_log").fetch_one(conn).await?;
        return Ok((Vec::new(), newest));
    };
    let found = sqlx::query("SELECT id, kind, user_id, room, key FROM authority_log WHERE id > $1 ORDER BY id")
        .bind(cursor)
        .fetch_all(conn)
        .await?;
    let newest = found.last().map(|row| row.try_get(0)).transpose()?.unwrap_or(cursor);
    let all: StoreResult<Vec<Authority>> = found.iter().map(authority).collect();
    Ok((all?, newest))
}

fn authority(row: &PgRow) -> StoreResult<Authority> {
    let user = row.try_get::<Option<i64>, _>(2)?.map(rows::user_id);
    let room = row.try_get::<Option<i64>, _>(3)?.map(RoomId);
    Ok(match (row.try_get::<&str, _>(1)?, user, room, row.try_get::<Option<String>, _>(4)?) {
        ("session", _, _, Some(id)) => Authority::Session(id),
        ("user", Some(user), _, except) => Authority::User { user, except },
        ("token", _, _, Some(id)) => Authority::Token(id),
        ("banned", Some(user), _, _) => Authority::Banned(user),
        ("room", Some(user), Some(room), _) => Authority::Room { user, room },
        ("room_closed", _, Some(room), _) => Authority::RoomClosed(room),
        ("room_deleted", _, Some(room), _) => Authority::RoomDeleted(room),
        ("changed", Some(user), _, _) => Authority::Changed(user),
        _ => return Err(error::damaged("kind of authority")),
    })
}
