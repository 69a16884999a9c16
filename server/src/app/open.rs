//! Opens what the services stand on: the data folder, the key file, the store.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chat_common::SystemClock;
use chat_common::event::server::ServerInfo;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cluster::Bus;
use crate::config::{Config, Database, Durability};
use crate::outbound::{Allowed, Outbound};
use crate::service::Parts;
use crate::service::accounts::Auth;
use crate::storage::postgres::{PostgresOptions, PostgresStore};
use crate::storage::sqlite::{self, SqliteOptions, SqliteStore};
use crate::storage::{NodeId, Store, StoreError, StoreResult};

/// The key that signs tokens, beside the database and never in a backup of it.
const KEY_FILE: &str = "secret.key";

/// Makes the folder (for its owner alone) if it is not there, and sees that it can be written.
pub fn data_dir(path: &Path) -> anyhow::Result<()> {
    let advice = || {
        format!(
            "the data folder {} cannot be written; make it writable for this user, or name another with --data-dir",
            path.display()
        )
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(advice)?;
    not_as_root_in_anothers(path)?;
    let probe = path.join(".write-test");
    std::fs::write(&probe, b"").with_context(advice)?;
    std::fs::remove_file(&probe).with_context(advice)
}

/// What root makes in the folder of the server's user, that user cannot open any more.
fn not_as_root_in_anothers(path: &Path) -> anyhow::Result<()> {
    let owner = std::fs::metadata(path).map(|meta| meta.uid()).unwrap_or_default();
    if rustix::process::geteuid().is_root() && owner != 0 {
        anyhow::bail!(
            "the data folder {} belongs to the user {owner}, and what root writes there the server could not open any more: \
             start the server first (systemctl start chat-server), or run this as that user (sudo -u '#{owner}' …)",
            path.display()
        );
    }
    Ok(())
}

/// A store that is open, and what differs between its kinds.
pub struct Opened {
    /// What the services hold.
    pub store: Arc<dyn Store>,
    /// Ends with the reason when the store cannot go on in this process.
    pub died: BoxFuture<'static, String>,
}

/// Opens the database; brings it to this program's schema.
pub async fn store(config: &Config) -> anyhow::Result<Opened> {
    let opened = match &config.database {
        Database::Sqlite(path) => sqlite(path, config).await,
        Database::Postgres(url) => postgres(url, config.database_connections).await,
    };
    let opened = opened.map_err(|error| match error {
        // The sentence says by itself what is the matter.
        StoreError::Unavailable(why) | StoreError::Internal(why) => anyhow::anyhow!(why),
        refused @ StoreError::Refused(_) => refused.into(),
    });
    opened.with_context(|| format!("cannot open {}", config.database))
}

async fn sqlite(path: &Path, config: &Config) -> StoreResult<Opened> {
    let durability = match config.durability {
        Durability::Full => sqlite::Durability::Full,
        Durability::Normal => sqlite::Durability::Normal,
    };
    let options = SqliteOptions { durability, migration_backup: config.migration_backup, ..SqliteOptions::new(path) };
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options, Arc::new(SystemClock))).await;
    let store = Arc::new(opened.map_err(|error| StoreError::Internal(error.to_string()))??);
    let died = store.died();
    let died = async move {
        died.cancelled().await;
        "its writer thread has ended".to_owned()
    };
    Ok(Opened { store, died: died.boxed() })
}

async fn postgres(url: &str, connections: u32) -> StoreResult<Opened> {
    let options = PostgresOptions { connections, ..PostgresOptions::new(url) };
    let store = Arc::new(PostgresStore::open(options, Arc::new(SystemClock)).await?);
    let died = store.died();
    Ok(Opened { store, died })
}

/// The key that was named and must be there, or the one in the data folder, made at the first start.
fn auth(config: &Config) -> anyhow::Result<Auth> {
    Ok(match &config.key_file {
        Some(path) => Auth::load(path)?,
        None => Auth::load_or_create(&config.data_dir.join(KEY_FILE))?,
    })
}

/// What the services are made of.
pub fn parts(config: &Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, node: NodeId) -> anyhow::Result<Parts> {
    Ok(Parts {
        store,
        bus,
        clock: Arc::new(SystemClock),
        limits: config.limits.clone(),
        server: ServerInfo {
            name: config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: node.to_string(),
        },
        node,
        auth: auth(config)?.with_access_life(config.auth.access_token_life()),
        outbound: Outbound::new(outgoing_allowed(config)),
    })
}

/// The addresses that are not public and may be called all the same.
pub fn outgoing_allowed(config: &Config) -> Allowed {
    let allowed = config.outgoing_allow.clone();
    Arc::new(move |address| allowed.iter().any(|range| range.contains(address)))
}
