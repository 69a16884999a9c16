//! `chat-server backup` and `restore`: by the file itself, whether a server runs or not.

use std::path::{Path, PathBuf};

use anyhow::bail;
use chat_common::{Clock, SystemClock};

use super::db::plain;
use super::progress::Bar;
use crate::config::{Config, Database};
use crate::storage::sqlite;

/// `backup FILE`
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// Where to; it is called FILE.partial until it is whole
    file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
}

/// `restore FILE`
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// What `chat-server backup` has written
    file: PathBuf,
    /// Look only whether it can be restored, and what it holds
    #[arg(long)]
    check: bool,
}

/// A backup that stands.
pub struct Made {
    /// Where, from the root on.
    pub file: PathBuf,
    /// What to print.
    pub text: String,
}

impl Backup {
    /// Does it.
    pub fn run(self, config: &Config) -> anyhow::Result<Made> {
        let Self { file, force } = self;
        let database = match &config.database {
            Database::Sqlite(path) => path,
            Database::Postgres(_) => bail!(
                "a PostgreSQL database is backed up by its own tools; write\n    pg_dump --format=custom --file={} {}\n\
                 for a copy of one moment, or see docs/operations.md for more; keep the key file elsewhere",
                file.display(),
                config.database.clone().masked()
            ),
        };
        let mut bar = Bar::of("pages");
        let bytes = plain(sqlite::backup(database, &file, force, &mut |done, all| bar.show("backup", done, all)))?;
        drop(bar);
        let text = format!(
            "{} holds the database as it was a moment ago: {}\n\
             the key is not in it: keep {} in another place, without it everybody must log in again",
            file.display(),
            size(bytes),
            key_file(config).display()
        );
        Ok(Made { file: std::path::absolute(file)?, text })
    }
}

impl Restore {
    /// Does it; the text to print.
    pub fn run(self, config: &Config) -> anyhow::Result<String> {
        let database = match &config.database {
            Database::Sqlite(path) => path,
            Database::Postgres(_) => bail!(
                "a PostgreSQL database is restored by its own tools; stop all nodes, then write\n    \
                 pg_restore --clean --if-exists --dbname {} {}",
                config.database.clone().masked(),
                self.file.display()
            ),
        };
        if self.check {
            let held = plain(sqlite::inspect(&self.file))?;
            return Ok(format!("{} can be restored: {}", self.file.display(), told(&held)));
        }
        if let Some(folder) = database.parent() {
            private_folder(folder)?;
        }
        let restored = plain(sqlite::restore(&self.file, database, SystemClock.now()))?;
        let aside = match restored.aside {
            Some(aside) => format!("the database of before is kept as {}; remove it when all is well", aside.display()),
            None => "there was no database before".to_owned(),
        };
        let key = match key_file(config) {
            key if key.exists() => String::new(),
            key => format!(
                "\n{} is not there: put the old one back before the start, or all must log in again",
                key.display()
            ),
        };
        Ok(format!(
            "restored {} to {}: {}\n{aside}{key}\n\
             now start the server; clients read anew, and send again what they had not sent",
            self.file.display(),
            database.display(),
            told(&restored.held)
        ))
    }
}

fn told(held: &sqlite::Held) -> String {
    let newest = held.newest.map_or(String::new(), |at| format!(", the newest of {at}"));
    let sealed = if held.sealed { "its checksum holds" } else { "it has no checksum; its structure is sound" };
    format!("{} rooms, {} messages{newest}; {sealed}", held.rooms, held.messages)
}

fn key_file(config: &Config) -> PathBuf {
    config.key_file.clone().unwrap_or_else(|| config.data_dir.join("secret.key"))
}

fn private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        anyhow::anyhow!("the folder {} cannot be made: {error}; name another one with --data-dir", path.display())
    })
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes.div_ceil(1_024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}
