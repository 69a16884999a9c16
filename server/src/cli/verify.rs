//! `chat-server verify`: is everything there and does it fit together?

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::db::plain;
use super::progress::Bar;
use crate::config::{Config, Database};
use crate::storage::postgres::PostgresArchive;
use crate::storage::sqlite::SqliteArchive;
use crate::storage::{Archive, WayOut};

/// `verify`
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Make the search index anew first, where it is not as it should be
    #[arg(long)]
    pub repair: bool,
}

/// Opens the database of a configuration for reading, whether a server uses it or not.
pub(super) async fn archive(config: &Config) -> anyhow::Result<Box<dyn Archive>> {
    Ok(match &config.database {
        Database::Sqlite(path) => Box::new(plain(SqliteArchive::open(path))?),
        Database::Postgres(url) => Box::new(plain(PostgresArchive::open(url).await)?),
    })
}

impl Verify {
    /// Does it; the text to print, and whether all is well.
    pub async fn run(self, config: &Config) -> anyhow::Result<(String, bool)> {
        let archive = archive(config).await?;
        let bar = Mutex::new(Bar::of("checks"));
        let tell = |step: &'static str, done, all| {
            bar.lock().unwrap_or_else(PoisonError::into_inner).show(step, done, all);
        };
        let report = plain(archive.verify(&tell).await)?;
        drop(bar);
        let what =
            format!("{}: {} rooms, {} messages", config.database.clone().masked(), report.rooms, report.messages);
        if report.findings.is_empty() {
            return Ok((format!("{what}; all is well"), true));
        }
        let mut out = format!("{what}; {} things are wrong", report.findings.len());
        for finding in &report.findings {
            // Writing into a String cannot fail.
            let _never = write!(out, "\n  {}", chat_common::text::visible_line(&finding.what));
        }
        if report.findings.iter().any(|finding| finding.way_out == WayOut::Reindex) {
            out.push_str("\nthe search index is made anew by: chat-server verify --repair (messages are not touched)");
        }
        if report.findings.iter().any(|finding| finding.way_out == WayOut::Restore) {
            out.push_str(
                "\nthe rest comes back from a backup alone: keep a copy of the database as it is, then stop the server \
                 and restore the last one for which `chat-server restore --check FILE` is content",
            );
        }
        Ok((out, false))
    }
}
