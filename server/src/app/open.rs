//! Opens what the services stand on: the data folder, the key file, the store.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chat_common::SystemClock;
use chat_common::event::server::ServerInfo;

use crate::cluster::Bus;
use crate::config::{Config, Database, Durability};
use crate::service::Parts;
use crate::service::accounts::Auth;
use crate::storage::sqlite::{self, SqliteOptions, SqliteStore};
use crate::storage::{Store, StoreError};

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
    let probe = path.join(".write-test");
    std::fs::write(&probe, b"").with_context(advice)?;
    std::fs::remove_file(&probe).with_context(advice)
}

/// Opens the database; brings it to this program's schema.
pub async fn store(config: &Config) -> anyhow::Result<Arc<SqliteStore>> {
    let path = match &config.database {
        Database::Sqlite(path) => path.clone(),
        Database::Postgres(_) => bail!("PostgreSQL is not built yet; take --database sqlite:PATH"),
    };
    let durability = match config.durability {
        Durability::Full => sqlite::Durability::Full,
        Durability::Normal => sqlite::Durability::Normal,
    };
    let options = SqliteOptions { durability, ..SqliteOptions::new(path) };
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options, Arc::new(SystemClock))).await?;
    let store = opened.map_err(|error| match error {
        // The sentence says by itself what is the matter.
        StoreError::Unavailable(why) | StoreError::Internal(why) => anyhow::anyhow!(why),
        refused @ StoreError::Refused(_) => refused.into(),
    });
    Ok(Arc::new(store.with_context(|| format!("cannot open {}", config.database))?))
}

/// The key that was named and must be there, or the one in the data folder, made at the first start.
fn auth(config: &Config) -> anyhow::Result<Auth> {
    Ok(match &config.key_file {
        Some(path) => Auth::load(path)?,
        None => Auth::load_or_create(&config.data_dir.join(KEY_FILE))?,
    })
}

/// What the services are made of.
pub fn parts(config: &Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> anyhow::Result<Parts> {
    Ok(Parts {
        store,
        bus,
        clock: Arc::new(SystemClock),
        limits: config.limits.clone(),
        server: ServerInfo {
            name: config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: "main".to_owned(),
        },
        auth: auth(config)?.with_access_life(config.auth.access_token_life()),
    })
}
