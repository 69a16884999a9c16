//! A database of its own for a test, on the server that `CHAT_TEST_POSTGRES` names.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::testing;

/// A database that is dropped at the end.
pub(crate) struct Private {
    server: String,
    name: String,
}

impl Private {
    /// A new one; `None` after noting that `test` is left out.
    pub async fn new(test: &str) -> Option<Self> {
        let server = testing::service("CHAT_TEST_POSTGRES", test)?;
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes).unwrap();
        let name = format!("test_{:016x}", u64::from_le_bytes(bytes));
        let private = Self { server, name };
        private.admin(&format!("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", private.name)).await;
        Some(private)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server.trim_end_matches('/'), self.name)
    }

    /// A connection beside the store's own.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Does something to the server.
    pub async fn admin(&self, sql: &str) {
        let options = PgConnectOptions::from_str(&self.server).unwrap().database("postgres");
        let mut conn = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    /// Drops it, whoever is still connected. A test that failed leaves its database behind for whoever looks.
    pub async fn end(self) {
        self.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}
