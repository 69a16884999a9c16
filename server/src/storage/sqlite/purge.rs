//! Emptying deleted rooms, slice by slice: the room is gone at once, its rows follow while the writer is idle.

use chat_common::Seq;
use rusqlite::{Connection, OptionalExtension, params};

use super::{index, rows};
use crate::storage::{RoomId, StoreResult};

/// Messages of one slice.
const SLICE: u32 = 64;

/// Takes the next rows of a deleted room; true: there are more.
pub(super) fn slice(conn: &Connection) -> StoreResult<bool> {
    let room: Option<i64> = conn
        .prepare_cached("SELECT id FROM rooms WHERE name IS NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(room) = room else { return Ok(false) };
    if !messages(conn, RoomId(room))? {
        for table in ["entries", "mentions", "reactions", "sanctions", "hooks"] {
            conn.execute(&format!("DELETE FROM {table} WHERE room = ?1"), [room])?;
        }
        conn.prepare_cached("DELETE FROM rooms WHERE id = ?1")?.execute([room])?;
        index::release(conn)?;
    }
    Ok(true)
}

/// Takes up to [`SLICE`] messages of a room with their traces in the index; false: there was none.
pub(super) fn messages(conn: &Connection, room: RoomId) -> StoreResult<bool> {
    let mut statement =
        conn.prepare_cached("SELECT id, seq, text FROM messages WHERE room = ?1 ORDER BY seq LIMIT ?2")?;
    let found: Vec<(i64, Seq, Option<String>)> = statement
        .query_map(params![room.0, SLICE], |row| Ok((row.get(0)?, rows::seq(row.get(1)?), row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Ok(false);
    }
    index::in_bulk(conn, || {
        for (id, seq, text) in &found {
            if let Some(text) = text {
                index::replace(conn, *id, text, None)?;
            }
            conn.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id])?;
            let key = params![room.0, rows::seq_in(*seq)];
            conn.prepare_cached("DELETE FROM reactions WHERE room = ?1 AND seq = ?2")?.execute(key)?;
        }
        Ok(true)
    })
}
