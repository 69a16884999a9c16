//! Writing a copy into an empty database, batch by batch, each with the place that it ends at.

use std::time::Duration;

use sqlx::{Connection, PgConnection, Row as _};
use tokio::time::Instant;

use super::connect::Connector;
use super::migrations::{self, LOCKS};
use super::{get, index, put};
use crate::storage::copy::{Ends, Found, Kind, Place, Row, TABLES, Table, Value};
use crate::storage::{StoreError, StoreResult, secret};

/// What `meta` calls the mark of a copy that is not finished.
const MARK: &str = "copy";
/// Who copies into the database.
const LOCK: i64 = LOCKS + 3;
/// A copy may take its time.
const SETTINGS: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";

/// How long others may take to leave the database, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(3);
const BEAT: Duration = Duration::from_millis(50);

/// An empty database, or one with half of a copy, and nobody else in it.
pub struct Import {
    conn: PgConnection,
}

/// Refuses a database that holds half of a copy.
pub(super) async fn refuse_half(conn: &mut PgConnection) -> StoreResult<()> {
    match get(conn, MARK).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Unavailable(
            "the database holds half of a copy; finish it by the same `chat-server db copy` once more".into(),
        )),
    }
}

/// Why the database is not this copy's alone; `locked`: whether other copies are kept out already.
async fn somebody_else(conn: &mut PgConnection, locked: &mut bool) -> StoreResult<Option<&'static str>> {
    if !*locked {
        *locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut *conn).await?;
    }
    if !*locked {
        return Ok(Some("another copy into this database is under way"));
    }
    let others: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
           AND pid <> pg_backend_pid() AND application_name = current_setting('application_name'))",
    )
    .fetch_one(conn)
    .await?;
    Ok(others.then_some("servers are connected to the target; stop them, and start them when the copy is done"))
}

impl Import {
    /// Connects, makes the schema, keeps a second copy out. `Unavailable` while servers use the database.
    pub async fn open(url: &str) -> StoreResult<Self> {
        let mut conn = Connector::new(url)?.first().await?;
        sqlx::raw_sql(SETTINGS).execute(&mut conn).await?;
        let begun = Instant::now();
        // A copy that was killed a moment ago is still being cleared away.
        let mut alone = false;
        while let Some(why) = somebody_else(&mut conn, &mut alone).await? {
            if begun.elapsed() > PATIENCE {
                return Err(StoreError::Unavailable(why.into()));
            }
            tokio::time::sleep(BEAT).await;
        }
        migrations::migrate(&mut conn, migrations::STEPS.len()).await?;
        Ok(Self { conn })
    }

    /// What the database is found to be.
    pub(in crate::storage) async fn look(&mut self) -> StoreResult<Found> {
        if let Some(mark) = get(&mut self.conn, MARK).await? {
            return Ok(Found::Half(mark));
        }
        let used: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM names) OR EXISTS (SELECT 1 FROM messages)
               OR EXISTS (SELECT 1 FROM audit) OR EXISTS (SELECT 1 FROM invites)
               OR EXISTS (SELECT 1 FROM rooms WHERE name IS DISTINCT FROM 'lobby' OR head > 0 OR members > 0)",
        )
        .fetch_one(&mut self.conn)
        .await?;
        Ok(if used { Found::Used } else { Found::Empty })
    }

    /// Throws the half of a copy away.
    pub(in crate::storage) async fn clear(&mut self) -> StoreResult<()> {
        let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let sql = format!(
            "TRUNCATE {}, authority_log, message_index, search_todo, copy_places; DELETE FROM meta WHERE key = '{MARK}'",
            tables.join(", ")
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.conn).await?;
        Ok(())
    }

    /// Marks the database as half a copy; the lobby that it was born with makes room for the source's.
    pub(in crate::storage) async fn begin(&mut self, mark: &str) -> StoreResult<()> {
        let mut tx = self.conn.begin().await?;
        sqlx::raw_sql("DELETE FROM rooms; DELETE FROM copy_places").execute(&mut *tx).await?;
        put(&mut tx, MARK, mark).await?;
        Ok(tx.commit().await?)
    }

    /// How far a table has come.
    pub(in crate::storage) async fn place(&mut self, table: &Table) -> StoreResult<Place> {
        let found: Option<(String, i64)> = sqlx::query_as("SELECT after, rows FROM copy_places WHERE name = $1")
            .bind(table.name)
            .fetch_optional(&mut self.conn)
            .await?;
        let Some((after, rows)) = found else { return Ok(Place::default()) };
        let after = serde_json::from_str(&after).map_err(|_| super::error::damaged("place of a copy"))?;
        Ok(Place { after, rows: rows.unsigned_abs() })
    }

    /// Writes a batch and how far the table has come by it.
    pub(in crate::storage) async fn put(&mut self, table: &Table, rows: Vec<Row>, place: &Place) -> StoreResult<()> {
        let after = serde_json::to_string(&place.after).map_err(|_| super::error::damaged("place of a copy"))?;
        let mut tx = self.conn.begin().await?;
        if table.name == "messages" {
            let ids: Vec<i64> = rows.iter().filter_map(|row| row.first().and_then(number)).collect();
            index::queue(&mut tx, &ids).await?;
        }
        insert(&mut tx, table, rows).await?;
        sqlx::query(
            "INSERT INTO copy_places (name, after, rows) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET after = EXCLUDED.after, rows = EXCLUDED.rows",
        )
        .bind(table.name)
        .bind(after)
        .bind(i64::try_from(place.rows).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Rows of a table.
    pub(in crate::storage) async fn count(&mut self, table: &Table) -> StoreResult<u64> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut self.conn).await?;
        Ok(count.unsigned_abs())
    }

    /// The ends of all logs, by room.
    pub(in crate::storage) async fn ends(&mut self) -> StoreResult<Vec<Ends>> {
        let found = sqlx::query("SELECT id, first, head FROM rooms ORDER BY id").fetch_all(&mut self.conn).await?;
        found
            .iter()
            .map(|row| Ok(Ends { id: row.try_get(0)?, first: row.try_get(1)?, head: row.try_get(2)? }))
            .collect()
    }

    /// A room whose log does not hold each entry from its first to its head once.
    pub(in crate::storage) async fn broken_log(&mut self) -> StoreResult<Option<i64>> {
        Ok(sqlx::query_scalar(
            "SELECT r.id FROM rooms r LEFT JOIN
               (SELECT room, count(*) AS all_rows, count(DISTINCT seq) AS seqs, min(seq) AS low, max(seq) AS high FROM
                  (SELECT room, seq FROM messages UNION ALL SELECT room, seq FROM entries) AS log GROUP BY room) AS l
               ON l.room = r.id
             WHERE r.name IS NOT NULL AND (coalesce(l.all_rows, 0) <> coalesce(l.seqs, 0)
               OR coalesce(l.seqs, 0) <> r.head - r.first + 1
               OR coalesce(l.low, r.first) <> r.first OR coalesce(l.high, r.head) <> r.head) LIMIT 1",
        )
        .fetch_optional(&mut self.conn)
        .await?)
    }

    /// Makes a store of it, with a lineage of its own. `last_room`: the highest id that a room ever had.
    pub(in crate::storage) async fn finish(&mut self, text_key: &str, last_room: i64) -> StoreResult<()> {
        let mut tx = self.conn.begin().await?;
        put(&mut tx, "text_key", text_key).await?;
        put(&mut tx, "epoch", &secret::new_epoch()?).await?;
        for (table, last) in [("rooms", last_room), ("messages", 0), ("audit", 0)] {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'),
                   greatest($1, coalesce((SELECT max(id) FROM {table}), 0), 1))"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(last).execute(&mut *tx).await?;
        }
        sqlx::raw_sql("DELETE FROM copy_places; DELETE FROM authority_log").execute(&mut *tx).await?;
        sqlx::query("DELETE FROM meta WHERE key = $1").bind(MARK).execute(&mut *tx).await?;
        tx.commit().await?;
        // The planner knows the tables as they were when they were empty.
        sqlx::raw_sql("ANALYZE").execute(&mut self.conn).await?;
        Ok(())
    }
}

/// All rows of a batch in one statement: an array a column.
async fn insert(conn: &mut PgConnection, table: &Table, rows: Vec<Row>) -> StoreResult<()> {
    let mut columns: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| here(name)).collect();
    let cast = |(at, (_, kind)): (usize, &(&str, Kind))| match kind {
        Kind::Number | Kind::Text | Kind::Bytes => format!("c{at}"),
        Kind::Count => format!("c{at}::integer"),
        Kind::Small => format!("c{at}::smallint"),
        Kind::Flag => format!("c{at} <> 0"),
    };
    let arrays = |(at, (_, kind)): (usize, &(&str, Kind))| match kind {
        Kind::Text => format!("${}::text[]", at + 1),
        Kind::Bytes => format!("${}::bytea[]", at + 1),
        _ => format!("${}::bigint[]", at + 1),
    };
    let list = |parts: Vec<String>| parts.join(", ");
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM UNNEST({}) AS t ({})",
        table.name,
        names.join(", "),
        list(table.columns.iter().enumerate().map(cast).collect()),
        list(table.columns.iter().enumerate().map(arrays).collect()),
        list((0..names.len()).map(|at| format!("c{at}")).collect()),
    );
    let mut statement = sqlx::query(sqlx::AssertSqlSafe(sql));
    for ((_, kind), values) in table.columns.iter().zip(columns) {
        statement = match kind {
            Kind::Text => statement.bind(values.into_iter().map(text).collect::<Vec<_>>()),
            Kind::Bytes => statement.bind(values.into_iter().map(bytes).collect::<Vec<_>>()),
            _ => statement.bind(values.iter().map(number).collect::<Vec<_>>()),
        };
    }
    statement.execute(conn).await?;
    Ok(())
}

/// A column's name in this back end, where `user` and `by` are words of the language.
fn here(name: &'static str) -> &'static str {
    match name {
        "user" => "user_id",
        "by" => "by_user",
        other => other,
    }
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Number(number) = value { Some(*number) } else { None }
}

/// PostgreSQL's texts cannot hold a zero; what the checks of names and texts let through never does.
fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) if text.contains('\0') => Some(text.replace('\0', "\u{fffd}")),
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
}
