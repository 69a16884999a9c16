//! The search index: fed behind the sending, with its own cursor; an edit or a delete takes the old text out at once.
//!
//! The index holds no text, only trigrams of the folded text. To take a text out one must therefore show it the same
//! folded text again: [`fold`] may only change together with a migration that builds the
//! index anew.

use chat_common::text::fold;
use rusqlite::{Connection, OptionalExtension, params};

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

/// Takes many texts out, as `work` does by [`replace`]. One text is taken out of every page that holds a word of it, which
/// takes the writer some ten milliseconds in an index of a million messages. Many are noted as gone instead, and
/// [`forget`] writes the index anew without them, once [`release`] has said that no more are to come.
pub(super) fn in_bulk<T>(conn: &Connection, work: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
    thorough(conn, false)?;
    let done = work();
    // What is still in memory is written by this first, in the way that held until now.
    thorough(conn, true)?;
    set(conn, LEFT, Some(1))?;
    done
}

fn thorough(conn: &Connection, on: bool) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', ?1)")?
        .execute([on])?;
    Ok(())
}

/// In `meta`: texts were taken out in bulk and their traces are left; 1: more may follow, 2: these were all.
const LEFT: &str = "index_left";
/// In `meta`: the index is being written anew.
const MERGING: &str = "index_merging";
/// Pages written anew in one slice: a few milliseconds.
const PAGES: i64 = 64;

fn get(conn: &Connection, key: &str) -> StoreResult<Option<i64>> {
    Ok(conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
}

fn set(conn: &Connection, key: &str, value: Option<i64>) -> StoreResult<()> {
    match value {
        Some(value) => conn
            .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
            .execute(params![key, value])?,
        None => conn.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([key])?,
    };
    Ok(())
}

/// What was taken out in bulk was all of it, for now.
pub(super) fn release(conn: &Connection) -> StoreResult<()> {
    match get(conn, LEFT)? {
        Some(1) => set(conn, LEFT, Some(2)),
        _ => Ok(()),
    }
}

/// Writes a part of the index anew, without the traces of what was taken out in bulk; true: there is more.
pub(super) fn forget(conn: &Connection) -> StoreResult<bool> {
    let merging = get(conn, MERGING)?.is_some();
    if !merging && get(conn, LEFT)? != Some(2) {
        return Ok(false);
    }
    if !merging {
        set(conn, LEFT, None)?;
        set(conn, MERGING, Some(1))?;
    }
    let changes = |conn: &Connection| -> StoreResult<i64> {
        Ok(conn.prepare_cached("SELECT total_changes()")?.query_row([], |row| row.get(0))?)
    };
    let before = changes(conn)?;
    // Less than nothing: all that is there now is to become one.
    conn.prepare_cached("INSERT INTO message_index (message_index, rank) VALUES ('merge', ?1)")?
        .execute([if merging { PAGES } else { -PAGES }])?;
    // The statement itself counts as one.
    if changes(conn)? - before < 2 {
        set(conn, MERGING, None)?;
        return Ok(get(conn, LEFT)? == Some(2));
    }
    Ok(true)
}

/// Empties the index, to be fed with everything again.
pub(super) fn anew(conn: &Connection) -> StoreResult<()> {
    conn.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')", [])?;
    conn.execute("UPDATE meta SET value = 0 WHERE key = 'search_cursor'", [])?;
    set(conn, LEFT, None)?;
    set(conn, MERGING, None)
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
