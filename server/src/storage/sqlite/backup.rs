//! A copy of a store that is in use, and the way back.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::params;

use super::{SqliteStore, open};
use crate::storage::{StoreError, StoreResult, secret};

impl SqliteStore {
    /// Copies everything committed so far into a new file, while writes go on. The file must not be there yet.
    pub async fn backup_to(&self, path: &Path) -> StoreResult<()> {
        let target = path.to_owned();
        if target == self.path || target.exists() {
            return Err(StoreError::Unavailable(format!(
                "{} is there already; give the backup another name",
                target.display()
            )));
        }
        self.read(move |conn| copy(conn, &target)).await
    }
}

/// All pages in one step: within the reader's snapshot nothing can change below it.
fn copy(conn: &Connection, target: &Path) -> StoreResult<()> {
    open::make_private(target)?;
    let mut copy = Connection::open(target)?;
    let backup = Backup::new(conn, &mut copy)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(StoreError::Unavailable("the store was busy; start the backup again".into())),
    }
}

/// Makes a backup the database of a server that is stopped. It begins another lineage: whatever clients know of
/// entries that the backup does not hold is void. The database must not be there yet.
pub fn restore(backup: &Path, database: &Path) -> StoreResult<()> {
    let failed =
        |error: std::io::Error| StoreError::Unavailable(format!("{} cannot be restored: {error}", database.display()));
    let _lock = open::lock(database)?;
    if database.exists() {
        return Err(StoreError::Unavailable(format!(
            "{} is there already; move it away first, with its -wal and -shm files",
            database.display()
        )));
    }
    // Under another name until it is whole, so that a half copy is never opened.
    let mut half = database.as_os_str().to_owned();
    half.push(".restoring");
    let half = std::path::PathBuf::from(half);
    open::make_private(&half)?;
    let write = |mut from| std::io::copy(&mut from, &mut std::fs::File::create(&half)?);
    std::fs::File::open(backup).and_then(write).map_err(failed)?;
    let conn = Connection::open(&half)?;
    conn.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", params![secret::new_epoch()?])?;
    conn.execute("DELETE FROM authority_log", [])?;
    conn.close().map_err(|(_, error)| error)?;
    std::fs::File::open(&half).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&half, database).map_err(failed)
}
