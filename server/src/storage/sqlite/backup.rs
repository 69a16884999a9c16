//! A copy of a database that is in use, of one moment: by hand, and before a new version changes the schema.
//!
//! It is taken by a connection of its own that holds one snapshot; writing goes on meanwhile. Under its name stands
//! nothing but a whole, sealed copy: until then it is called `NAME.partial`.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use chat_common::Timestamp;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{open, seal};
use crate::storage::{StoreError, StoreResult};

/// Pages copied between two reports.
const STEP: i32 = 1_024;
/// Copies from before a change of the schema that are kept, the newest.
const KEPT: usize = 3;
/// Room that is left on the disk beside such a copy, bytes.
const SPARE: u64 = 16 * 1024 * 1024;

/// Told while a backup grows: pages done, pages in all.
pub type Tell<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// Copies the database of a server, running or stopped, to `target`; the size in bytes. A file that is there already
/// is replaced with `force` alone, and not before the copy is whole.
pub fn backup(database: &Path, target: &Path, force: bool, tell: Tell<'_>) -> StoreResult<u64> {
    let refuse = |why: String| Err(StoreError::Unavailable(why));
    if !database.is_file() {
        return refuse(format!(
            "there is no database at {}; name the data folder that the server uses with --data-dir",
            database.display()
        ));
    }
    if same(database, target) {
        return refuse(format!("{} is the database itself; give the backup another name", target.display()));
    }
    if target.is_dir() {
        return refuse(format!("{} is a folder; name a file in it", target.display()));
    }
    if target.exists() && !force {
        return refuse(format!(
            "{} is there already; give the backup another name, or replace it with --force",
            target.display()
        ));
    }
    let source = open::reader(database)?;
    let is_ours = source.query_row("SELECT 1 FROM meta WHERE key = 'epoch'", [], |_| Ok(()));
    if is_ours.is_err() {
        return refuse(format!("{} is not a database of chat-server; check --database", database.display()));
    }
    // One snapshot for all pages.
    source.execute_batch("BEGIN; SELECT 1 FROM meta;")?;
    copy(&source, target, tell)
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The file under its working name; gone when dropped, unless it was finished.
struct Partial {
    path: PathBuf,
    finished: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            let _not_there = std::fs::remove_file(&self.path);
        }
    }
}

fn copy(source: &Connection, target: &Path, tell: Tell<'_>) -> StoreResult<u64> {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    let mut partial = Partial { path: name.into(), finished: false };
    let failed = |error: &dyn std::fmt::Display| {
        StoreError::Unavailable(format!(
            "the backup {} cannot be written: {error}; make room there, or name a place that this user may write to",
            target.display()
        ))
    };
    let file = private(&partial.path).map_err(|error| failed(&error))?;
    drop(file);
    pages(source, &partial.path, tell).map_err(|error| failed(&plain(&error)))?;
    let sealed = (|| {
        let mut file = OpenOptions::new().read(true).write(true).open(&partial.path)?;
        seal::put(&mut file)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        std::fs::rename(&partial.path, target)?;
        sync_folder(target)?;
        io::Result::Ok(bytes)
    })();
    let bytes = sealed.map_err(|error| failed(&error))?;
    partial.finished = true;
    Ok(bytes)
}

/// The sentence without the kind of error before it.
fn plain(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(why) | StoreError::Internal(why) => why.clone(),
        StoreError::Refused(refusal) => refusal.to_string(),
    }
}

/// A new, empty file for its owner alone.
pub(super) fn private(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a rename last.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn pages(source: &Connection, into: &Path, tell: Tell<'_>) -> StoreResult<()> {
    let mut copy = Connection::open(into)?;
    {
        let backup = Backup::new(source, &mut copy)?;
        loop {
            let step = backup.step(STEP)?;
            let progress = backup.progress();
            let (all, left) = (progress.pagecount.unsigned_abs(), progress.remaining.unsigned_abs());
            tell(u64::from(all.saturating_sub(left)), u64::from(all));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(StoreError::Unavailable("the database is busy; start the backup again".into())),
            }
        }
    }
    // One file, without a log beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error.into())
}

/// How copies of before a change of the schema are called: `chat.db.schema-5.20261123T021500Z.backup`.
fn kept_name(database: &Path, rest: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".schema-{rest}"));
    name.into()
}

/// A time as it stands in the names of files: `20261123T021500Z`.
pub(super) fn stamp(at: Timestamp) -> String {
    let said = at.to_string();
    let end = said.find('.').unwrap_or(said.len());
    let digits: String = said[..end].chars().filter(|c| !matches!(c, '-' | ':' | 'Z')).collect();
    format!("{digits}Z")
}

/// Copies a database beside itself before its schema is changed, and lets the oldest of such copies go.
pub(super) fn before_migration(conn: &Connection, database: &Path, schema: usize, at: Timestamp) -> StoreResult<()> {
    let target = kept_name(database, &format!("{schema}.{}.backup", stamp(at)));
    let refused = |why: String| {
        StoreError::Unavailable(format!(
            "this version changes the database, and the backup before it cannot be made: {why}; then start again, or \
             start once with --no-migration-backup if there is a backup elsewhere"
        ))
    };
    let pages: u64 = conn.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
    let size: u64 = conn.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
    let needed = pages * size + SPARE;
    let free = free(database).unwrap_or(u64::MAX);
    if free < needed {
        let folder = database.parent().unwrap_or(database).display();
        return Err(refused(format!("{folder} has {} MiB left, make room for {} MiB", free >> 20, (needed >> 20) + 1)));
    }
    tracing::info!(to = %target.display(), schema, "a backup before the database is changed");
    copy(conn, &target, &mut |_, _| {}).map_err(|error| refused(plain(&error)))?;
    forget_old(database);
    Ok(())
}

/// What the disk still takes, bytes.
fn free(database: &Path) -> Option<u64> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn forget_old(database: &Path) {
    let (Some(folder), Some(prefix)) = (database.parent(), database.file_name()) else { return };
    let prefix = format!("{}.schema-", prefix.to_string_lossy());
    let Ok(listed) = std::fs::read_dir(folder) else { return };
    let ours = |name: &str| name.starts_with(&prefix) && name.ends_with(".backup");
    let mut found: Vec<(String, PathBuf)> = listed
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let when = name.rsplit('.').nth(1).unwrap_or_default().to_owned();
            ours(&name).then(|| (when, entry.path()))
        })
        .collect();
    found.sort_unstable();
    for (_, path) in found.iter().rev().skip(KEPT) {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(%error, file = %path.display(), "an old backup could not be removed");
        }
    }
}
