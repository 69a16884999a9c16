//! The file as its administrator reads it, beside a server that uses it or without one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use async_trait::async_trait;
use chat_common::model::Message;
use chat_common::text::fold;
use chat_common::{RoomName, Seq, Timestamp, UserId, UserName};
use rusqlite::{Connection, params};

use super::migrations::STEPS;
use super::pool::Pool;
use super::{SqliteStore, history, open, rows, standing, users};
use crate::storage::archive::{self, CHECKS, Differences, Finding, Tell, WayOut};
use crate::storage::{Archive, Page, Report, RoomId, RoomRow, StoreError, StoreResult};

/// A file that is only read. A server may use it meanwhile.
pub struct SqliteArchive {
    pool: Pool,
}

impl SqliteArchive {
    /// Opens a file that must be there and have this program's schema.
    pub fn open(path: &Path) -> StoreResult<Self> {
        if !path.is_file() {
            return Err(StoreError::Unavailable(format!(
                "there is no database at {}; name the data folder that the server uses with --data-dir",
                path.display()
            )));
        }
        let conn = open::reader(path)?;
        let schema: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if usize::try_from(schema) != Ok(STEPS.len()) {
            return Err(StoreError::Unavailable(format!(
                "{} has schema {schema}, this program's is {}; use the chat-server that serves it, or start this one \
                 once to bring the database up to date",
                path.display(),
                STEPS.len()
            )));
        }
        Ok(Self { pool: Pool::new(path.to_owned(), 1) })
    }
}

/// What [`Archive`] does over a pool of readers.
macro_rules! archive {
    ($store:ty) => {
        #[async_trait]
        impl Archive for $store {
            async fn verify(&self, tell: Tell<'_>) -> StoreResult<Report> {
                let steps = CHECKS.len() as u64 + 2;
                let mut report = self.pool.read(counts).await?;
                tell("the file itself", 0, steps);
                report.findings.extend(self.pool.read(integrity).await?);
                for (at, check) in CHECKS.iter().enumerate() {
                    tell(check.name, at as u64 + 1, steps);
                    let found = self.pool.read(|conn| sentences(conn, &check.sql("user"))).await?;
                    archive::told(found, WayOut::Restore, &mut report.findings);
                }
                tell("the search index", steps - 1, steps);
                self.pool.read(differences).await?.told(&mut report.findings);
                tell("done", steps, steps);
                Ok(report)
            }

            async fn room(&self, name: &RoomName) -> StoreResult<Option<RoomRow>> {
                let name = name.clone();
                self.pool.read(move |conn| standing::room(conn, &name)).await
            }

            async fn user_id(&self, name: &UserName) -> StoreResult<Option<UserId>> {
                let name = name.clone();
                Ok(self.pool.read(move |conn| users::by_name(conn, &name)).await?.map(|row| row.user.id))
            }

            async fn seq_before(&self, room: RoomId, at: Timestamp) -> StoreResult<Seq> {
                self.pool.read(move |conn| seq_before(conn, room, at)).await
            }

            async fn messages_after(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Message>> {
                let nobody = UserId::from_bits(0);
                let page = move |conn: &Connection| history::page(conn, nobody, room, Page::After(after), limit);
                Ok(self.pool.read(page).await?.messages)
            }
        }
    };
}
archive!(SqliteArchive);
archive!(SqliteStore);

fn counts(conn: &Connection) -> StoreResult<Report> {
    let (rooms, messages): (i64, i64) = conn.query_row(
        "SELECT (SELECT count(*) FROM rooms WHERE name IS NOT NULL), (SELECT count(*) FROM messages)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Report { rooms: rooms.unsigned_abs(), messages: messages.unsigned_abs(), findings: Vec::new() })
}

/// SQLite's own check.
fn integrity(conn: &Connection) -> StoreResult<Vec<Finding>> {
    let found = sentences(conn, "PRAGMA integrity_check(21)")?;
    let mut findings = Vec::new();
    let bad: Vec<String> =
        found.into_iter().filter(|said| said != "ok").map(|said| format!("the file: {said}")).collect();
    archive::told(bad, WayOut::Restore, &mut findings);
    Ok(findings)
}

fn sentences(conn: &Connection, sql: &str) -> StoreResult<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
    let found: Vec<Option<String>> = found.collect::<Result<_, _>>()?;
    Ok(found.into_iter().map(|said| said.unwrap_or_else(|| "a row without a name".into())).collect())
}

fn seq_before(conn: &Connection, room: RoomId, at: Timestamp) -> StoreResult<Seq> {
    let seq: i64 = conn.query_row(
        "SELECT coalesce(max(seq), 0) FROM messages WHERE room = ?1 AND at < ?2",
        params![room.0, at.as_millis()],
        |row| row.get(0),
    )?;
    Ok(rows::seq(seq))
}

/// Groups of messages that are compared as one, at first. Their sums stay in the processor's own memory, however many
/// messages there are.
const GROUPS: usize = 1 << 16;
/// Groups that differ and are then looked at message by message; what differs beyond them is said to be more.
const LOOKED_INTO: usize = 4_096;

/// The group of a message.
fn group(id: i64) -> usize {
    id.cast_unsigned() as usize % GROUPS
}

fn hash(gram: &[u8]) -> u64 {
    gram.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// A trigram of a message; sums of these that are the same have hardly ever come from others.
fn print(id: i64, gram: u64) -> u64 {
    let mixed = (gram ^ id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 32)
}

/// The trigrams of a text, as the index should hold them.
fn grams(text: &str, mut each: impl FnMut(u64)) {
    let folded = fold(text);
    let ends: Vec<usize> = folded.char_indices().map(|(at, _)| at).chain([folded.len()]).collect();
    for gram in ends.windows(4) {
        each(hash(&folded.as_bytes()[gram[0]..gram[3]]));
    }
}

/// Every trigram that the index holds, with its message.
fn held(conn: &Connection, mut each: impl FnMut(i64, u64)) -> StoreResult<()> {
    let mut statement = conn.prepare("SELECT doc, term FROM temp.index_words")?;
    let mut found = statement.query([])?;
    let (mut term, mut hashed) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        // They come by term.
        let now = row.get_ref(1)?.as_bytes().unwrap_or_default();
        if now != term {
            term.clear();
            term.extend_from_slice(now);
            hashed = hash(now);
        }
        each(row.get(0)?, hashed);
    }
    Ok(())
}

/// Every text that the index should hold.
fn should(conn: &Connection, mut each: impl FnMut(i64, &str)) -> StoreResult<()> {
    let mut statement = conn.prepare(
        "SELECT id, text FROM messages
         WHERE text IS NOT NULL AND id <= (SELECT value FROM meta WHERE key = 'search_cursor')",
    )?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        each(row.get(0)?, row.get_ref(1)?.as_str().unwrap_or_default());
    }
    Ok(())
}

/// Compares what the index holds with what it should: every trigram is read once, in memory that does not grow with the
/// messages; only where something differs it is read again.
fn differences(conn: &Connection) -> StoreResult<Differences> {
    // Of this connection alone, and gone with the snapshot.
    conn.execute_batch("CREATE VIRTUAL TABLE temp.index_words USING fts5vocab('main', 'message_index', 'instance')")?;
    let mut sums = vec![0u64; GROUPS];
    held(conn, |id, gram| sums[group(id)] = sums[group(id)].wrapping_add(print(id, gram)))?;
    should(conn, |id, text| {
        grams(text, |gram| sums[group(id)] = sums[group(id)].wrapping_sub(print(id, gram)));
    })?;
    let differ: HashSet<usize> =
        sums.iter().enumerate().filter(|(_, sum)| **sum != 0).map(|(at, _)| at).take(LOOKED_INTO).collect();
    let more = sums.iter().filter(|sum| **sum != 0).count() > differ.len();
    if differ.is_empty() {
        return Ok(Differences::default());
    }
    one_by_one(conn, &differ).map(|found| Differences { more, ..found })
}

/// The messages of some groups.
fn one_by_one(conn: &Connection, groups: &HashSet<usize>) -> StoreResult<Differences> {
    let mut prints: HashMap<i64, u64> = HashMap::new();
    held(conn, |id, gram| {
        if groups.contains(&group(id)) {
            let sum = prints.entry(id).or_default();
            *sum = sum.wrapping_add(print(id, gram));
        }
    })?;
    let mut out = Differences::default();
    should(conn, |id, text| {
        if !groups.contains(&group(id)) {
            return;
        }
        let (mut sum, mut any) = (0u64, false);
        grams(text, |gram| {
            sum = sum.wrapping_add(print(id, gram));
            any = true;
        });
        match prints.remove(&id) {
            Some(held) if held == sum => {}
            Some(_) => out.other.push(id),
            None if any => out.missing.push(id),
            None => {}
        }
    })?;
    out.left.extend(prints.into_keys());
    out.left.sort_unstable();
    Ok(out)
}
