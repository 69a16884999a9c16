//! The back end for several nodes: a PostgreSQL server, 13 or newer.
//!
//! The folder is the only place that names sqlx. `batch` stores messages, many in one transaction; every other write
//! is a transaction of its own. A write into a room locks the room's row first, so that the log has one order however
//! many nodes write it. Nothing that another node may change is remembered from one transaction to the next.
//!
//! Every file holds plain functions over a connection; `log`, `rooms`, `accounts` and `hooks` give them the names of
//! the traits.

mod accounts;
mod append;
mod archive;
mod audit;
mod authority;
mod batch;
mod change;
mod connect;
mod entry;
mod erase;
mod error;
mod feed;
mod grams;
mod history;
mod hooks;
mod import;
mod index;
mod keep;
mod leads;
mod log;
mod members;
mod migrations;
mod moderate;
mod nodes;
mod outgoing;
mod pool;
mod probe;
mod purge;
mod read;
mod rooms;
mod rooms_change;
mod rows;
mod search;
mod sessions;
mod standing;
mod tokens;
mod users;
mod views;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_common::{Clock, Epoch};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Connection, PgConnection};

use super::secret::{self, TextKey};
use super::{Commits, Store, StoreError, StoreResult};
pub use archive::PostgresArchive;
use batch::Batches;
use connect::{Connector, End, Lineage};
pub use import::Import;
use index::Follower;
use pool::Pool;
pub use probe::{Probe, probe};
use purge::Sweeper;

/// Steps of the schema that this program knows.
pub const SCHEMA: usize = migrations::STEPS.len();

/// How long a piece of work may take all in all, the wait for a connection included; then its outcome is unknown.
const ANSWER: Duration = Duration::from_secs(7);

/// How to open a store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=…`
    pub url: String,
    /// Connections at once, at the most.
    pub connections: u32,
}

impl std::fmt::Debug for PostgresOptions {
    // The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// The defaults for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 16 }
    }
}

/// A store in a PostgreSQL database, which other nodes may share.
pub struct PostgresStore {
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    text_key: TextKey,
    pool: Arc<Pool>,
    batches: Batches,
    follower: Arc<Follower>,
    sweeper: Sweeper,
    end: Arc<End>,
}

impl PostgresStore {
    /// Connects, brings the schema up to date (one node at a time) and starts what the store does by itself.
    pub async fn open(options: PostgresOptions, clock: Arc<dyn Clock>) -> StoreResult<Self> {
        let connector = Connector::new(&options.url)?;
        let end = Arc::clone(&connector.end);
        let mut conn = connector.first().await?;
        migrations::migrate(&mut conn, migrations::STEPS.len()).await?;
        let lineage = connector.lineage()?;
        let (id, text_key) = born_with(&mut conn, &lineage).await?;
        conn.close().await?;
        let pool = Arc::new(Pool::new(connector, options.connections));
        let follower = Arc::new(Follower::start(Arc::clone(&pool)));
        let batches = Batches::start(Arc::clone(&pool), Arc::clone(&follower), Arc::clone(&end));
        let sweeper = Sweeper::start(Arc::clone(&pool));
        let epoch = Epoch(format!("{id}-{}", lineage.timeline));
        Ok(Self { epoch, clock, text_key, pool, batches, follower, sweeper, end })
    }

    /// Ends with the reason when the store cannot go on in this process, which must stop then.
    pub fn died(&self) -> BoxFuture<'static, String> {
        let end = Arc::clone(&self.end);
        async move {
            end.token.cancelled().await;
            end.why()
        }
        .boxed()
    }

    /// A transaction of its own: undone unless the work gives `Ok`.
    async fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        timed(async {
            let mut lent = self.pool.take().await?;
            let mut tx = lent.conn.begin().await?;
            let out = work(&mut tx).await;
            match &out {
                Ok(_) => tx.commit().await?,
                Err(StoreError::Refused(_)) => tx.rollback().await?,
                // The connection goes, and what was open on it.
                Err(_) => return out,
            }
            self.pool.give_back(lent);
            out
        })
        .await
    }

    /// One or several statements, each with the database as it stands then.
    async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        timed(async {
            let mut lent = self.pool.take().await?;
            let out = work(&mut lent.conn).await;
            if matches!(out, Ok(_) | Err(StoreError::Refused(_))) {
                self.pool.give_back(lent);
            }
            out
        })
        .await
    }
}

async fn timed<T>(work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    match tokio::time::timeout(ANSWER, work).await {
        Ok(out) => out,
        Err(_) => Err(StoreError::Unavailable(format!("the database does not answer within {ANSWER:?}"))),
    }
}

/// The store's id and the key of its text hashes, made when it is new. A copy of the database elsewhere (a dump that
/// was restored) is another lineage: it gets another id.
async fn born_with(conn: &mut PgConnection, lineage: &Lineage) -> StoreResult<(String, TextKey)> {
    let mut tx = conn.begin().await?;
    migrations::alone(&mut tx).await?;
    import::refuse_half(&mut tx).await?;
    let home = get(&mut tx, "home").await?;
    let mut id = get(&mut tx, "epoch").await?;
    if home.as_ref() != Some(&lineage.home) {
        id = None;
        put(&mut tx, "home", &lineage.home).await?;
        sqlx::query("DELETE FROM authority_log").execute(&mut *tx).await?;
    }
    let id = match id {
        Some(id) => id,
        None => {
            let id = secret::new_epoch()?;
            put(&mut tx, "epoch", &id).await?;
            id
        }
    };
    let key = match get(&mut tx, "text_key").await? {
        Some(key) => key,
        None => {
            let key = secret::new_text_key()?;
            put(&mut tx, "text_key", &key).await?;
            key
        }
    };
    tx.commit().await?;
    Ok((id, secret::text_key(&key)?))
}

async fn get(conn: &mut PgConnection, key: &str) -> StoreResult<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(key).fetch_optional(conn).await?)
}

async fn put(conn: &mut PgConnection, key: &str, value: &str) -> StoreResult<()> {
    sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

#[async_trait]
impl Store for PostgresStore {
    fn epoch(&self) -> Epoch {
        self.epoch.clone()
    }

    fn commits(&self) -> &Commits {
        self.batches.commits()
    }

    async fn health(&self) -> StoreResult<()> {
        if self.end.token.is_cancelled() {
            return Err(StoreError::Unavailable(self.end.why()));
        }
        let looked = self.read(|conn| {
            async move { Ok(sqlx::query_scalar::<_, bool>("SELECT pg_is_in_recovery()").fetch_one(conn).await?) }
                .boxed()
        });
        match looked.await {
            Ok(false) => Ok(()),
            Ok(true) => Err(StoreError::Unavailable("PostgreSQL is a standby now and cannot write".into())),
            // Strangers may read it; where the database is stands in the log.
            Err(StoreError::Unavailable(_)) => {
                Err(StoreError::Unavailable("PostgreSQL is away; the server's log says more".into()))
            }
            Err(error) => Err(error),
        }
    }

    async fn close(&self) {
        self.batches.close().await;
        self.follower.close().await;
        self.sweeper.close().await;
        self.pool.close().await;
    }
}
