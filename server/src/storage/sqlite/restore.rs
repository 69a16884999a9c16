//! The way back from a backup. Everything is looked at before anything is touched; the database that is there is kept.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chat_common::Timestamp;
use rusqlite::{Connection, OpenFlags, params};

use super::migrations::STEPS;
use super::seal::{self, Sealed};
use super::{backup, open};
use crate::storage::{StoreError, StoreResult, secret};

/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its schema; an earlier one is brought up to date at the next start.
    pub schema: usize,
    /// Rooms that were not deleted.
    pub rooms: u64,
    /// Messages, deleted ones included.
    pub messages: u64,
    /// When the newest message was stored.
    pub newest: Option<Timestamp>,
    /// Whether it carries a checksum, which held; a plain copy of a database has none.
    pub sealed: bool,
    /// Bytes of the database in it.
    bytes: u64,
}

/// What a restore did.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What is there now.
    pub held: Held,
    /// Where the database of before is, if there was one.
    pub aside: Option<PathBuf>,
}

fn refuse<T>(file: &Path, why: &str) -> StoreResult<T> {
    Err(StoreError::Unavailable(format!("{} {why}; nothing was changed", file.display())))
}

/// Looks whether a file can be restored; the sentence says why not.
pub fn inspect(file: &Path) -> StoreResult<Held> {
    let broken =
        |error: io::Error| refuse::<Held>(file, &format!("cannot be read ({error}); check its name and rights"));
    let mut opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) => return broken(error),
    };
    let mut head = [0u8; 100];
    if let Err(error) = opened.read_exact(&mut head) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => refuse(file, "is cut short: it has hardly any bytes; take another backup"),
            _ => broken(error),
        };
    }
    if !head.starts_with(MAGIC) {
        let dump =
            if head.starts_with(b"PGDMP") { ", but a dump of PostgreSQL: pg_restore brings it back" } else { "" };
        return refuse(file, &format!("is no backup of chat-server{dump}"));
    }
    let (sealed, length) = match (seal::look(&mut opened), opened.metadata()) {
        (Ok(sealed), Ok(about)) => (sealed, about.len()),
        (Err(error), _) | (_, Err(error)) => return broken(error),
    };
    let bytes = match sealed {
        Sealed::Broken => {
            return refuse(file, "is damaged: it does not hold what its checksum says; take another backup");
        }
        Sealed::Whole(bytes) => bytes,
        Sealed::None => length,
    };
    let word = |at: usize| u64::from(u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    let page = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 65_536,
        page => page,
    };
    // The number of pages is true where the two counters of changes agree.
    let short = word(24) == word(92) && page * word(28) > bytes;
    if short || page == 0 || !bytes.is_multiple_of(page) {
        return refuse(file, "is cut short: pages at its end are missing; copy it anew, or take another backup");
    }
    let wal = with(file, "-wal");
    if sealed == Sealed::None && std::fs::metadata(&wal).is_ok_and(|about| about.len() > 0) {
        return refuse(file, "is a database in use, with a log beside it; make a backup of it with chat-server backup");
    }
    read(file, bytes, sealed != Sealed::None)
}

fn read(file: &Path, bytes: u64, sealed: bool) -> StoreResult<Held> {
    let damaged = |error: &dyn std::fmt::Display| format!("is damaged ({error}); take another backup");
    let conn = match immutable(file) {
        Ok(conn) => conn,
        Err(error) => return refuse(file, &damaged(&error)),
    };
    let tables: rusqlite::Result<i64> = conn.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'users', 'rooms', 'messages', 'entries')",
        [],
        |row| row.get(0),
    );
    match tables {
        Ok(5) => {}
        Ok(_) => return refuse(file, "is a database of another product and no backup of chat-server"),
        Err(error) => return refuse(file, &damaged(&error)),
    }
    let schema: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let schema = usize::try_from(schema).unwrap_or_default();
    if schema == 0 {
        return refuse(file, "is a database of another product and no backup of chat-server");
    }
    if schema > STEPS.len() {
        let why = format!(
            "was made by a newer chat-server (its schema is {schema}, this program knows up to {}); restore it with \
             that version",
            STEPS.len()
        );
        return refuse(file, &why);
    }
    let sound: rusqlite::Result<String> = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match sound {
        Ok(said) if said == "ok" => {}
        Ok(said) => return refuse(file, &damaged(&said)),
        Err(error) => return refuse(file, &damaged(&error)),
    }
    let counted = conn.query_row(
        "SELECT (SELECT count(*) FROM rooms WHERE name IS NOT NULL), (SELECT count(*) FROM messages),
                (SELECT max(at) FROM messages), (SELECT count(*) FROM meta WHERE key IN ('epoch', 'text_key'))",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?)),
    );
    match counted {
        Ok((rooms, messages, newest, 2)) => Ok(Held {
            schema,
            rooms: rooms.unsigned_abs(),
            messages: messages.unsigned_abs(),
            newest: newest.map(Timestamp::from_millis),
            sealed,
            bytes,
        }),
        Ok(_) => refuse(file, "is not whole: it does not say which chat it is of; take another backup"),
        Err(error) => refuse(file, &damaged(&error)),
    }
}

/// A connection that writes nothing anywhere, not even beside the file.
fn immutable(file: &Path) -> rusqlite::Result<Connection> {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' | '?' | '#' => format!("%{:02x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes a backup the database of a server that is stopped. It begins another lineage: whatever clients know of
/// entries that the backup does not hold is void, and they read anew. The database that was there is kept aside.
pub fn restore(file: &Path, database: &Path, at: Timestamp) -> StoreResult<Restored> {
    let _lock = open::lock(database)?;
    let held = inspect(file)?;
    let half = with(database, ".restoring");
    let failed = |error: &dyn std::fmt::Display| {
        StoreError::Unavailable(format!(
            "{} cannot be restored: {error}; the database that was there is untouched. Make room, or see that this \
             user may write there",
            database.display()
        ))
    };
    let prepared = prepare(file, &half, held.bytes);
    if let Err(error) = prepared {
        for end in ["", "-journal", "-wal", "-shm"] {
            let _not_there = std::fs::remove_file(with(&half, end));
        }
        return Err(failed(&error));
    }
    let aside = set_aside(database, at).map_err(|error| failed(&error))?;
    std::fs::rename(&half, database).and_then(|()| backup::sync_folder(database)).map_err(|error| {
        let back =
            aside.as_ref().map_or(String::new(), |aside| format!("; the earlier database is {}", aside.display()));
        StoreError::Unavailable(format!("{} cannot be put in its place: {error}{back}", half.display()))
    })?;
    Ok(Restored { held, aside })
}

/// Writes the database under another name, synced, with a lineage of its own.
fn prepare(file: &Path, half: &Path, bytes: u64) -> Result<(), String> {
    let copied = (|| {
        let mut target = backup::private(half)?;
        let copied = io::copy(&mut File::open(file)?.take(bytes), &mut target)?;
        if copied != bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    })();
    copied.map_err(|error: io::Error| error.to_string())?;
    let begun = (|| {
        let conn = Connection::open(half)?;
        conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        let epoch = secret::new_epoch()?;
        conn.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", params![epoch])?;
        conn.execute("DELETE FROM authority_log", [])?;
        conn.close().map_err(|(_, error)| StoreError::from(error))
    })();
    begun.map_err(|error: StoreError| error.to_string())?;
    File::open(half).and_then(|file| file.sync_all()).map_err(|error| error.to_string())
}

/// Renames the database that is there, with what belongs to it.
fn set_aside(database: &Path, at: Timestamp) -> io::Result<Option<PathBuf>> {
    if !database.exists() && !with(database, "-wal").exists() {
        return Ok(None);
    }
    // What is only in its log goes into the file, if the file can still be opened: then it is one file to rename.
    if let Ok(conn) = Connection::open(database) {
        let _damaged = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _damaged = conn.close();
    }
    let aside = (0..1_000u32)
        .map(|n| {
            with(
                database,
                &format!(
                    ".before-restore-{}{}",
                    backup::stamp(at),
                    if n == 0 { String::new() } else { format!("-{n}") }
                ),
            )
        })
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    for end in ["-wal", "-shm", ""] {
        match std::fs::rename(with(database, end), with(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    backup::sync_folder(database)?;
    Ok(Some(aside))
}
