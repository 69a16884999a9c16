//! The tables, their migrations, and the file's rights.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::CacheError;

/// Append-only: a step is never changed once it has shipped.
pub(super) const STEPS: &[&str] = &["
CREATE TABLE view (
    owner TEXT NOT NULL, room TEXT NOT NULL, summary TEXT, epoch TEXT NOT NULL,
    first INTEGER NOT NULL, head INTEGER NOT NULL, messages TEXT NOT NULL, saved_at INTEGER NOT NULL,
    PRIMARY KEY (owner, room)
) WITHOUT ROWID;
CREATE TABLE draft (
    owner TEXT NOT NULL, room TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (owner, room)
) WITHOUT ROWID;
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, client_id TEXT NOT NULL, room TEXT NOT NULL,
    text TEXT NOT NULL, reply_to INTEGER, patient INTEGER NOT NULL, written_at INTEGER NOT NULL, state TEXT NOT NULL, error TEXT,
    claimed_by TEXT, claimed_until INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, room, client_id)
);
CREATE TABLE kept (
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
",
// The messages apart from what the list of rooms needs: to look a row up, SQLite reads all of each row that it passes.
"
CREATE TABLE seen (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, room TEXT NOT NULL, summary TEXT, epoch TEXT NOT NULL,
    first INTEGER NOT NULL, head INTEGER NOT NULL, saved_at INTEGER NOT NULL, UNIQUE (owner, room)
);
CREATE TABLE page (id INTEGER PRIMARY KEY REFERENCES seen (id) ON DELETE CASCADE, messages TEXT NOT NULL);
INSERT INTO seen (owner, room, summary, epoch, first, head, saved_at)
    SELECT owner, room, summary, epoch, first, head, saved_at FROM view;
INSERT INTO page (id, messages) SELECT seen.id, view.messages FROM seen JOIN view USING (owner, room);
DROP TABLE view;
"];

/// Brings the file to the newest schema. FULL, since the outbox promises to survive a power cut.
pub(super) fn prepare(db: &mut Connection) -> Result<(), CacheError> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(CacheError::Later(version));
    }
    if version < known {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another program may have done it while this one waited.
        let version: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
        for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            tx.execute_batch(step)?;
        }
        tx.pragma_update(None, "user_version", known)?;
        tx.commit()?;
    }
    Ok(())
}

/// Makes a folder that its owner alone may enter; one that is there stays as it is.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that its owner alone may read; SQLite's side files inherit its mode.
pub(super) fn private_file(path: &Path) -> io::Result<()> {
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map(drop)
}
