//! A look at a database that changes nothing, whether somebody uses it or not.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::storage::{StoreError, StoreResult};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The server's, as `17.2`.
    pub version: String,
    /// Steps of the schema that were done; 0: an empty database.
    pub schema: usize,
    /// Its clock, in seconds of Unix time.
    pub now: i64,
}

/// Connects, looks, leaves. The URL is not told in an error: it may hold a password.
pub async fn probe(url: &str) -> StoreResult<Probe> {
    let options = PgConnectOptions::from_str(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    let mut conn = options.disable_statement_logging().connect().await?;
    let (version, now, there): (String, i64, bool) = sqlx::query_as(
        "SELECT current_setting('server_version'), extract(epoch FROM now())::bigint,
                to_regclass('schema_steps') IS NOT NULL",
    )
    .fetch_one(&mut conn)
    .await?;
    let schema = if there {
        let done: i64 = sqlx::query_scalar("SELECT count(*) FROM schema_steps").fetch_one(&mut conn).await?;
        usize::try_from(done).unwrap_or_default()
    } else {
        0
    };
    conn.close().await?;
    Ok(Probe { version, schema, now })
}
