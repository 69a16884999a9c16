//! Finding messages: the index names candidates, the live rows decide. Words too short for trigrams, and searches
//! by filter alone, look through recent messages; every page looks at a bounded number and says where to go on.

use std::collections::HashSet;

use chat_common::event::history::Has;
use chat_common::text::fold;
use chat_common::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::history::{COLUMNS, Reader};
use super::rows;
use crate::domain::Refusal;
use crate::storage::{SearchPage, SearchQuery, StoreResult};

/// Candidates that one page looks at.
const BUDGET: usize = 20_000;
/// Candidates taken from the database at once.
const CHUNK: usize = 500;

/// Newest first; filters as in [`SearchQuery`].
pub(super) fn search(conn: &Connection, query: &SearchQuery, now: Timestamp) -> StoreResult<SearchPage> {
    let rooms = readable(conn, query, now)?;
    let mut before = match &query.after {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| Refusal::Invalid {
            field: "after",
            message: "not a cursor of a search; take `next` of the page before as it came".into(),
        })?,
    };
    let limit = query.limit.max(1) as usize;
    let phrase = phrase(&query.words);
    let mut reader = Reader::new(conn, query.asker);
    let mut messages = Vec::new();
    let mut looked = 0;
    loop {
        let ids = candidates(conn, query, phrase.as_deref(), before)?;
        let more = ids.len() == CHUNK;
        for id in ids {
            if matches(conn, id, query, &rooms)? {
                if messages.len() == limit {
                    return Ok(SearchPage { messages, next: Some(before.to_string()) });
                }
                let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.id = ?1");
                messages.extend(reader.all(&sql, [id])?);
            }
            before = id;
        }
        looked += CHUNK;
        if !more {
            return Ok(SearchPage { messages, next: None });
        }
        if looked >= BUDGET {
            return Ok(SearchPage { messages, next: Some(before.to_string()) });
        }
    }
}

/// The rooms that are searched.
fn readable(conn: &Connection, query: &SearchQuery, now: Timestamp) -> StoreResult<HashSet<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.id, r.name FROM rooms r LEFT JOIN members m ON m.room = r.id AND m.user = ?1
           LEFT JOIN sanctions s ON s.room = r.id AND s.user = ?1
         WHERE r.name IS NOT NULL AND (m.user IS NOT NULL OR r.kind = 0)
           AND coalesce(s.banned_until, 0) <= ?2 AND (?3 IS NULL OR r.id = ?3)",
    )?;
    let key = params![rows::user_in(query.asker), now.as_millis(), query.room.map(|room| room.0)];
    let found = statement.query_map(key, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut rooms = HashSet::new();
    for row in found {
        let (id, name) = row?;
        if query.only.as_ref().is_none_or(|only| only.iter().any(|room| room.as_str() == name)) {
            rooms.insert(id);
        }
    }
    // A server admin may read a private room; the caller has judged that for the one it names.
    if query.only.is_none() {
        rooms.extend(query.room.map(|room| room.0));
    }
    Ok(rooms)
}

/// All words of three characters or more, each as one string of the index; `None` where there is none.
fn phrase(words: &[String]) -> Option<String> {
    let long: Vec<String> = words
        .iter()
        .filter(|word| word.chars().count() >= 3)
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    (!long.is_empty()).then(|| long.join(" AND "))
}

/// The next ids, newest first.
fn candidates(conn: &Connection, query: &SearchQuery, phrase: Option<&str>, before: i64) -> StoreResult<Vec<i64>> {
    let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let ids = |sql: &str, key: &[&dyn rusqlite::ToSql]| -> StoreResult<Vec<i64>> {
        let mut statement = conn.prepare_cached(sql)?;
        let found = statement.query_map(key, |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    };
    match (phrase, query.room) {
        (Some(phrase), _) => ids(
            "SELECT rowid FROM message_index WHERE message_index MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3",
            &[&phrase, &before, &chunk],
        ),
        // Within a room ids and seqs grow together.
        (None, Some(room)) => ids(
            "SELECT id FROM messages WHERE room = ?1 AND id < ?2
               AND seq <= coalesce((SELECT seq FROM messages WHERE id = ?2), 9223372036854775807)
             ORDER BY seq DESC LIMIT ?3",
            &[&room.0, &before, &chunk],
        ),
        (None, None) => ids("SELECT id FROM messages WHERE id < ?1 ORDER BY id DESC LIMIT ?2", &[&before, &chunk]),
    }
}

/// Whether a candidate holds all that is asked for.
fn matches(conn: &Connection, id: i64, query: &SearchQuery, rooms: &HashSet<i64>) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached("SELECT room, sender, at, mentions, text FROM messages WHERE id = ?1")?;
    let mut found = statement.query([id])?;
    let Some(row) = found.next()? else { return Ok(false) };
    let in_room = rooms.contains(&row.get(0)?);
    let by = query.from.is_none_or(|from| row.get(1).is_ok_and(|sender: i64| rows::user_id(sender) == from));
    let at = Timestamp::from_millis(row.get(2)?);
    let in_time = query.since.is_none_or(|since| at >= since) && query.until.is_none_or(|until| at < until);
    if !in_room || !by || !in_time || (query.mention && !names(row.get(3)?, query.asker)) {
        return Ok(false);
    }
    let Some(text) = row.get_ref(4)?.as_str_or_null().ok().flatten() else { return Ok(false) };
    let linked = match query.has {
        Some(Has::Link) => text.contains("http://") || text.contains("https://"),
        None => true,
    };
    if !linked || query.words.is_empty() {
        return Ok(linked);
    }
    let folded = fold(text);
    Ok(query.words.iter().all(|word| folded.contains(word.as_str())))
}

fn names(mentions: Option<Vec<u8>>, user: UserId) -> bool {
    rows::ids(mentions).contains(&user)
}
