//! `chat-server db …`

use std::time::Instant;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::progress::Bar;
use crate::config::Database;
use crate::storage::copy;
use crate::storage::postgres::Import;
use crate::storage::sqlite::Export;
use crate::storage::{StoreError, StoreResult};

/// `db …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy everything of a stopped server into an empty PostgreSQL database; interrupted, it goes on by the same
    /// command once more
    Copy {
        /// The stopped server's file, as sqlite:DATA_DIR/chat.db
        #[arg(long, value_name = "sqlite:PATH")]
        from: Database,
        /// The empty database, as postgres://USER@HOST/DATABASE; the password may stand in PGPASSWORD
        #[arg(long, value_name = "postgres://…")]
        to: Database,
        /// Throw away what an interrupted copy has left in the target, and begin anew
        #[arg(long)]
        restart: bool,
    },
}

impl Command {
    /// Does it; the text to print.
    pub async fn run(self) -> anyhow::Result<String> {
        let Self::Copy { from, to, restart } = self;
        let path = match &from {
            Database::Sqlite(path) => path,
            Database::Postgres(_) => bail!("a copy begins at SQLite: write --from sqlite:DATA_DIR/chat.db"),
        };
        let url = match &to {
            Database::Postgres(url) => url,
            Database::Sqlite(_) => bail!("a copy ends in PostgreSQL: write --to postgres://USER@HOST/DATABASE"),
        };
        let begun = Instant::now();
        let mut source = plain(Export::open(path)).with_context(|| format!("cannot copy from {from}"))?;
        let mut target = plain(Import::open(url).await).with_context(|| format!("cannot copy to {to}"))?;
        let mut bar = Bar::of("rows");
        let copied =
            copy::run(&mut source, &mut target, restart, &mut |at| bar.show(at.table, at.done, at.total)).await;
        drop(bar);
        let copied = plain(copied)?;
        let earlier = match copied.before {
            0 => String::new(),
            rows => format!(" ({rows} of them by an earlier run)"),
        };
        Ok(format!(
            "copied {} rows{earlier}, {} rooms, in {:.1} s; all counts and the ends of all logs are equal\n\
             now start the server with --database and the URL, and with the same data folder: its secret.key keeps \
             everybody logged in",
            copied.rows,
            copied.rooms,
            begun.elapsed().as_secs_f64()
        ))
    }
}

/// The store's sentences say by themselves what is the matter.
pub(super) fn plain<T>(result: StoreResult<T>) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        StoreError::Unavailable(why) | StoreError::Internal(why) => anyhow::anyhow!(why),
        refused @ StoreError::Refused(_) => refused.into(),
    })
}
