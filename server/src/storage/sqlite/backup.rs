//! A copy of a store that is in use.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::SqliteStore;
use super::open::make_private;
use crate::storage::{StoreError, StoreResult};

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
    make_private(target)?;
    let mut copy = Connection::open(target)?;
    let backup = Backup::new(conn, &mut copy)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(StoreError::Unavailable("the store was busy; start the backup again".into())),
    }
}
