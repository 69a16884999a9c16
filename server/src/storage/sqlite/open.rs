//! Opening the file: the lock that keeps a second process out, the connections' settings, what a store is born with.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_common::{Epoch, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::SqliteOptions;
use super::backup;
use super::migrations::{earlier_schema, migrate};
use crate::storage::{StoreError, StoreResult, secret};

/// How long a connection waits for another's lock (a backup tool's, `sqlite3`'s).
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;

/// What is known of an open database.
pub(super) struct Opened {
    pub writer: Connection,
    pub epoch: Epoch,
    pub text_key: [u8; 32],
    pub lock: File,
}

/// Locks, opens, migrates.
pub(super) fn database(options: &SqliteOptions, now: Timestamp) -> StoreResult<Opened> {
    let lock = lock(&options.path)?;
    make_private(&options.path)?;
    let mut writer = Connection::open_with_flags(&options.path, OpenFlags::default())?;
    writer.busy_timeout(BUSY)?;
    prepare_once(&writer)?;
    writer.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
    )?;
    writer.execute_batch(options.durability.pragma())?;
    if let Some(schema) = earlier_schema(&writer)?
        && options.migration_backup
    {
        backup::before_migration(&writer, &options.path, schema, now)?;
    }
    migrate(&mut writer)?;
    // Only one process has the file, so every node of before is dead.
    writer.execute("DELETE FROM nodes", [])?;
    let epoch = born_with(&writer, "epoch", secret::new_epoch)?;
    let key = born_with(&writer, "text_key", secret::new_text_key)?;
    if let Some(pages) = options.max_pages {
        writer.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(Opened { writer, epoch: Epoch(epoch), text_key: secret::text_key(&key)?, lock })
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    prepare_once(&conn)?;
    conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;")?;
    Ok(conn)
}

/// Keeps statements prepared. Without the planner's stability guarantee, the statistics it is built with (STAT4) have
/// it plan a statement anew whenever another value is bound: an eighth of the writer's time.
fn prepare_once(conn: &Connection) -> StoreResult<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// `DATABASE.lock`.
pub(super) fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

/// Takes the lock, which ends with this process however it ends.
pub(super) fn lock(database: &Path) -> StoreResult<File> {
    let path = lock_path(database);
    let failed = |error: std::io::Error| {
        StoreError::Unavailable(format!("{} cannot be opened: {error}; check the data folder's rights", path.display()))
    };
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _unreadable = file.read_to_string(&mut holder);
            return Err(StoreError::Unavailable(format!(
                "{} is in use by process {}; stop it first, or give this one another data folder",
                database.display(),
                holder.trim()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(failed)?;
    Ok(file)
}

/// Makes the file with rights for its owner alone; SQLite gives the WAL the same.
pub(super) fn make_private(database: &Path) -> StoreResult<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(database)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(format!("{} cannot be opened: {error}", database.display())))
}

/// A value that is made once, when the store is new.
fn born_with(conn: &Connection, key: &str, make: impl FnOnce() -> StoreResult<String>) -> StoreResult<String> {
    let found: Option<String> =
        conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()?;
    match found {
        Some(value) => Ok(value),
        None => {
            let value = make()?;
            conn.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", params![key, value])?;
            Ok(value)
        }
    }
}
