//! How far one has read, and what is left. A mark touches the reader's own row alone: no send waits for it.

use chat_common::{RoomName, Seq, Timestamp, UserId};
use sqlx::PgConnection;

use super::rows;
use super::standing::{self, Scene};
use crate::domain::permission::Action;
use crate::storage::{ReadState, StoreResult};

/// Moves a read mark, never back unless `force`, never beyond the head.
pub(super) async fn mark(
    conn: &mut PgConnection,
    user: UserId,
    room: &RoomName,
    seq: Seq,
    force: bool,
    now: Timestamp,
) -> StoreResult<ReadState> {
    let Scene { room, .. } = standing::glance(conn, user, room, Action::Take, now).await?;
    let moved: Option<i64> = sqlx::query_scalar(
        "UPDATE members SET read = $3 WHERE room = $1 AND user_id = $2 AND CASE WHEN $4 THEN read <> $3 ELSE read < $3 END
         RETURNING read",
    )
    .bind(room.id.0)
    .bind(rows::user_in(user))
    .bind(rows::seq_in(seq.min(room.head)))
    .bind(force)
    .fetch_optional(&mut *conn)
    .await?;
    let (read, unread, mentions): (i64, i64, i64) = sqlx::query_as(
        "SELECT m.read,
           (SELECT count(*) FROM (SELECT 1 FROM messages l
              WHERE l.room = m.room AND l.seq > m.read AND l.sender <> $2 AND NOT l.deleted LIMIT 1000) unread),
           (SELECT count(*) FROM (SELECT 1 FROM mentions n
              WHERE n.user_id = $2 AND n.room = m.room AND n.seq > m.read LIMIT 1000) named)
         FROM members m WHERE m.room = $1 AND m.user_id = $2",
    )
    .bind(room.id.0)
    .bind(rows::user_in(user))
    .fetch_optional(conn)
    .await?
    // Removed at this moment.
    .ok_or(crate::domain::Refusal::ROOM)?;
    Ok(ReadState {
        read: rows::seq(read),
        unread: rows::count(unread),
        mentions: rows::count(mentions),
        moved: moved.is_some(),
    })
}
