//! How far one has read, and what is left.

use chat_common::{RoomName, Seq, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::rows;
use super::standing::{self, Scene};
use crate::domain::permission::Action;
use crate::storage::{ReadState, RoomId, StoreResult};

/// Counting ends here.
const CAP: u32 = 1_000;

/// Others' undeleted messages above `read`, and those of them that mention the user; each capped at 1,000.
pub(super) fn unread(conn: &Connection, room: RoomId, user: UserId, read: Seq) -> StoreResult<(u32, u32)> {
    let key = params![room.0, rows::user_in(user), rows::seq_in(read), CAP];
    let unread = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_log
               WHERE room = ?1 AND seq > ?3 AND sender <> ?2 AND deleted = 0 LIMIT ?4)",
        )?
        .query_row(key, |row| row.get(0))?;
    let mentions = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM mentions WHERE user = ?2 AND room = ?1 AND seq > ?3 LIMIT ?4)",
        )?
        .query_row(key, |row| row.get(0))?;
    Ok((unread, mentions))
}

/// Moves a read mark, never back unless `force`, never beyond the head.
pub(super) fn mark(
    conn: &Connection,
    user: UserId,
    room: &RoomName,
    seq: Seq,
    force: bool,
    now: Timestamp,
) -> StoreResult<ReadState> {
    let Scene { room, .. } = standing::scene(conn, user, room, Action::Take, now)?;
    let key = params![room.id.0, rows::user_in(user)];
    let old = conn
        .prepare_cached("SELECT read FROM members WHERE room = ?1 AND user = ?2")?
        .query_row(key, |row| Ok(rows::seq(row.get(0)?)))?;
    let wish = seq.min(room.head);
    let read = if force { wish } else { wish.max(old) };
    if read != old {
        conn.prepare_cached("UPDATE members SET read = ?3 WHERE room = ?1 AND user = ?2")?.execute(params![
            room.id.0,
            rows::user_in(user),
            rows::seq_in(read)
        ])?;
    }
    let (unread, mentions) = unread(conn, room.id, user, read)?;
    Ok(ReadState { read, unread, mentions, moved: read != old })
}
