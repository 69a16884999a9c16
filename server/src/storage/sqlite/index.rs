//! The search index: fed behind the sending, with its own cursor; an edit or a delete takes the old text out at once.
//!
//! The index holds no text, only trigrams of the folded text. To take a text out one must therefore show it the same
//! folded text again: [`fold`] may only change together with a migration that builds the
//! index anew.

use chat_common::text::fold;
use rusqlite::{Connection, params};

use crate::storage::StoreResult;

/// Messages of one slice: a few milliseconds of the writer's time.
const SLICE: u32 = 32;

fn cursor(conn: &Connection) -> StoreResult<i64> {
    Ok(conn.prepare_cached("SELECT value FROM meta WHERE key = 'search_cursor'")?.query_row([], |row| row.get(0))?)
}

fn put(conn: &Connection, id: i64, text: &str) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO message_index (rowid, text) VALUES (?1, ?2)")?.execute(params![id, fold(text)])?;
    Ok(())
}

fn take(conn: &Connection, id: i64, text: &str) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO message_index (message_index, rowid, text) VALUES ('delete', ?1, ?2)")?
        .execute(params![id, fold(text)])?;
    Ok(())
}

/// Takes a message's old text out and puts the new one in, if the index has seen the message already.
pub(super) fn replace(conn: &Connection, id: i64, old: &str, new: Option<&str>) -> StoreResult<()> {
    if id > cursor(conn)? {
        return Ok(());
    }
    take(conn, id, old)?;
    new.map_or(Ok(()), |new| put(conn, id, new))
}

/// Empties the index, to be fed with everything again.
pub(super) fn anew(conn: &Connection) -> StoreResult<()> {
    conn.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')", [])?;
    conn.execute("UPDATE meta SET value = 0 WHERE key = 'search_cursor'", [])?;
    Ok(())
}

/// Feeds the index with the next messages; true: there are more.
pub(super) fn slice(conn: &Connection) -> StoreResult<bool> {
    let from = cursor(conn)?;
    let mut statement = conn.prepare_cached("SELECT id, text FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut found = statement.query(params![from, SLICE])?;
    let (mut last, mut count) = (from, 0);
    while let Some(row) = found.next()? {
        last = row.get(0)?;
        count += 1;
        if let Some(text) = row.get_ref(1)?.as_str_or_null().ok().flatten() {
            put(conn, last, text)?;
        }
    }
    if last > from {
        conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'search_cursor'")?.execute([last])?;
    }
    Ok(count == SLICE)
}
