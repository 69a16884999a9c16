//! One connection: the session's settings, and whether behind it stands the database that the store was opened on.

use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error;
use crate::storage::{StoreError, StoreResult};

/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;
/// How long the start waits for a database that starts, too.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two attempts of the start.
const PAUSE: Duration = Duration::from_millis(300);
/// The oldest server that this program is written for.
const OLDEST: i32 = 130_000;

/// A statement gives up before the one who asked does; a client that died in a transaction holds no lock for long.
const SETTINGS: &str = "SET statement_timeout = 7000; SET lock_timeout = 5000;
    SET idle_in_transaction_session_timeout = 15000; SET jit = off; SET client_min_messages = warning;
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off";

/// Which history of which database this is. It differs after a fail-over, a restore, a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lineage {
    /// The cluster's own number and the database's within it.
    pub home: String,
    /// Grows when a standby takes over and when a backup is brought back.
    pub timeline: u32,
}

/// Said once, when the store cannot go on.
#[derive(Debug, Default)]
pub(super) struct End {
    pub token: CancellationToken,
    why: Mutex<Option<String>>,
}

impl End {
    pub fn say(&self, why: String) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.token.cancel();
    }

    pub fn why(&self) -> String {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone().unwrap_or_else(|| "the store has ended".to_owned())
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    lineage: Arc<OnceLock<Lineage>>,
    pub end: Arc<End>,
}

impl Connector {
    /// From the URL, which is not told in the error: it may hold a password.
    pub fn new(url: &str) -> StoreResult<Self> {
        let options = PgConnectOptions::from_str(url).map_err(|error| {
            StoreError::Unavailable(format!(
                "--database is not a URL of PostgreSQL ({error}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            ))
        })?;
        let options =
            options.application_name("chat-server").statement_cache_capacity(STATEMENTS).disable_statement_logging();
        Ok(Self { options, lineage: Arc::default(), end: Arc::default() })
    }

    /// What the first connection found.
    pub fn lineage(&self) -> StoreResult<Lineage> {
        self.lineage.get().cloned().ok_or_else(|| StoreError::Internal("the database was not asked who it is".into()))
    }

    /// A connection to the primary of the lineage that the store was opened on.
    pub async fn connect(&self) -> StoreResult<PgConnection> {
        if self.end.token.is_cancelled() {
            return Err(StoreError::Unavailable(self.end.why()));
        }
        let conn = self.options.connect().await.map_err(|error| self.refused(&error))?;
        self.greet(conn).await
    }

    /// The first connection; a database that is about to start is waited for.
    pub async fn first(&self) -> StoreResult<PgConnection> {
        let until = Instant::now() + PATIENCE;
        let mut told = false;
        loop {
            let error = match tokio::time::timeout_at(until, self.options.connect()).await {
                Ok(Ok(conn)) => return self.greet(conn).await,
                Ok(Err(error)) => error,
                Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
            };
            let starting = matches!(error, sqlx::Error::Io(_)) || error::code(&error) == "57P03";
            let error = self.refused(&error);
            if !starting || Instant::now() + PAUSE > until {
                return Err(error);
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(%error, "waiting for the database, {} s at the most", PATIENCE.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn greet(&self, mut conn: PgConnection) -> StoreResult<PgConnection> {
        sqlx::raw_sql(SETTINGS).execute(&mut conn).await?;
        let lineage = look(&mut conn).await?;
        let known = self.lineage.get_or_init(|| lineage.clone());
        if *known != lineage {
            self.end.say(format!(
                "behind the URL stands another history of the database now (timeline {} of {}, it was {} of {}), as \
                 after a fail-over; this process starts again so that its clients read anew what they know",
                lineage.timeline, lineage.home, known.timeline, known.home
            ));
            return Err(StoreError::Unavailable(self.end.why()));
        }
        Ok(conn)
    }

    fn refused(&self, error: &sqlx::Error) -> StoreError {
        let place = format!("{}:{}", self.options.get_host(), self.options.get_port());
        let next = match error::code(error).as_str() {
            "28P01" | "28000" => "; check user and password of --database",
            "3D000" => "; create it first: createdb -E UTF8 NAME",
            "53300" => "; raise max_connections or lower the number of --database-connections",
            _ => "",
        };
        StoreError::Unavailable(format!("PostgreSQL at {place} cannot be reached: {}{next}", error::said(error)))
    }
}

/// Asks who is there; refuses what this program cannot stand on.
async fn look(conn: &mut PgConnection) -> StoreResult<Lineage> {
    let row = sqlx::query(
        "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int, current_setting('server_encoding'),
           (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
           current_setting('synchronous_commit')",
    )
    .fetch_one(&mut *conn)
    .await?;
    let (standby, version, encoding): (bool, i32, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (oid, durable): (i64, String) = (row.try_get(3)?, row.try_get(4)?);
    let refuse = |why: String| Err(StoreError::Unavailable(why));
    if standby {
        return refuse("this PostgreSQL is a standby and cannot write; name the primary in --database".into());
    }
    if version < OLDEST {
        return refuse(format!("this PostgreSQL is too old ({}); 13 or newer is needed", version / 10_000));
    }
    if encoding != "UTF8" {
        return refuse(format!("the database's encoding is {encoding}; create one with UTF8: createdb -E UTF8 NAME"));
    }
    // What is acknowledged has been written out, whatever the server's own default is.
    if !matches!(durable.as_str(), "on" | "remote_apply") {
        sqlx::raw_sql("SET synchronous_commit = on").execute(&mut *conn).await?;
    }
    let system = optional(conn, "SELECT system_identifier::text FROM pg_control_system()").await?;
    // The name of the log's file tells of a fail-over at once, the control file only after the next checkpoint.
    let timeline = match optional(conn, "SELECT pg_walfile_name(pg_current_wal_lsn())").await? {
        Some(file) => u32::from_str_radix(file.get(..8).unwrap_or_default(), 16).ok(),
        None => optional(conn, "SELECT timeline_id::text FROM pg_control_checkpoint()")
            .await?
            .and_then(|timeline| timeline.parse().ok()),
    };
    let timeline = timeline.unwrap_or_else(|| {
        tracing::warn!("PostgreSQL does not tell its timeline; after a fail-over start this server again by hand");
        0
    });
    Ok(Lineage { home: format!("{}/{oid}", system.unwrap_or_default()), timeline })
}

/// One value, where the server lets this user ask for it.
async fn optional(conn: &mut PgConnection, sql: &'static str) -> StoreResult<Option<String>> {
    match sqlx::query_scalar(sql).fetch_one(conn).await {
        Ok(value) => Ok(value),
        // Not permitted, not supported, not known, not now.
        Err(e) if matches!(error::code(&e).as_str(), "42501" | "0A000" | "42883" | "55000") => Ok(None),
        Err(e) => Err(e.into()),
    }
}
