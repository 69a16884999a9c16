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

    /// Ends all connections to it, in the midst of whatever they do.
    pub async fn cut_others(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
        self.admin(&format!("{end} '{}'", self.name)).await;
    }

    /// Whether it takes connections.
    pub async fn admit(&self, on: bool) {
        self.admin(&format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {on}", self.name)).await;
    }

    /// Puts a copy of it in its place, as a restore from a dump does.
    pub async fn replace_by_copy(&self) {
        self.admit(false).await;
        self.cut_others().await;
        let name = &self.name;
        self.admin(&format!("ALTER DATABASE {name} RENAME TO {name}_old")).await;
        self.admin(&format!("CREATE DATABASE {name} TEMPLATE {name}_old")).await;
        self.admin(&format!("DROP DATABASE {name}_old WITH (FORCE)")).await;
    }

    /// Drops it, whoever is still connected. A test that failed leaves its database behind for whoever looks.
    pub async fn end(self) {
        self.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}
