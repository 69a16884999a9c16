//! Durable sends on PostgreSQL: 64 senders, each waiting for its acknowledgement. Beside it the same rows inserted bare by
//! `UNNEST`, in one transaction for every 64, into a table of the same shape with the same indexes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chat_common::SystemClock;
use chat_server::storage::Store;
use chat_server::storage::postgres::{PostgresOptions, PostgresStore};
use clap::Args;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::store;

/// Which server, how much load.
#[derive(Args)]
pub struct Options {
    /// A server on which databases may be made, as postgres://postgres@127.0.0.1:5432; each round makes and drops one.
    #[arg(long, env = "CHAT_TEST_POSTGRES")]
    database: String,
    /// Senders at once, and rows in one bare transaction.
    #[arg(long, default_value_t = 64)]
    senders: usize,
    /// Messages of each sender.
    #[arg(long, default_value_t = 200)]
    messages: usize,
    /// Rounds; each measures both in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Measures and prints.
pub async fn run(options: &Options) -> Result<()> {
    println!("durable sends, {} senders at once, PostgreSQL", options.senders);
    println!("{:<7}{:>12}{:>12}{:>8}{:>16}", "round", "store /s", "bare /s", "ratio", "rows a commit");
    let server = options.database.trim_end_matches('/');
    let mut ratios = Vec::new();
    for round in 1..=options.rounds {
        let name = format!("bench_{}_{round}", std::process::id());
        let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.context("no PostgreSQL")?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")))
            .execute(&mut admin)
            .await?;
        let url = format!("{server}/{name}");
        let measured = one(&url, options).await;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await?;
        let (ours, bare, batch) = measured?;
        #[expect(clippy::cast_precision_loss, reason = "figures")]
        let n = (options.senders * options.messages) as f64;
        let (ours, bare) = (n / ours.as_secs_f64(), n / bare.as_secs_f64());
        ratios.push(ours / bare);
        println!("{round:<7}{ours:>12.0}{bare:>12.0}{:>8.2}{batch:>16.1}", ours / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("store: median ratio {:.2}", ratios[ratios.len() / 2]);
    Ok(())
}

async fn one(url: &str, options: &Options) -> Result<(Duration, Duration, f64)> {
    let store = Arc::new(PostgresStore::open(PostgresOptions::new(url), Arc::new(SystemClock)).await?);
    let ours = store::load_into(store.clone(), options.senders, options.messages).await?;
    let (commits, messages) = store.commits().counts();
    let bare = bare(url, options).await?;
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    let batch = messages as f64 / commits.max(1) as f64;
    Ok((ours, bare, batch))
}

/// The time to insert the rows that the store wrote into an empty table of the same shape.
async fn bare(url: &str, options: &Options) -> Result<Duration> {
    let mut conn = PgConnection::connect(url).await?;
    sqlx::raw_sql("CREATE TABLE bare (LIKE messages INCLUDING ALL)").execute(&mut conn).await?;
    let rows = sqlx::query("SELECT seq, at, sender, client_id, text_hash, text FROM messages ORDER BY id")
        .fetch_all(&mut conn)
        .await?;
    let begun = Instant::now();
    for rows in rows.chunks(options.senders) {
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            columns.0.push(row.try_get::<i64, _>(0)?);
            columns.1.push(row.try_get::<i64, _>(1)?);
            columns.2.push(row.try_get::<i64, _>(2)?);
            columns.3.push(row.try_get::<&str, _>(3)?);
            columns.4.push(row.try_get::<&[u8], _>(4)?);
            columns.5.push(row.try_get::<&str, _>(5)?);
        }
        let mut tx = conn.begin().await?;
        sqlx::query(
            "INSERT INTO bare (room, seq, at, sender, client_id, text_hash, text, text_seq, rev)
             SELECT 1, seq, at, sender, client_id, text_hash, text, seq, seq
             FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::text[])
               AS k (seq, at, sender, client_id, text_hash, text)",
        )
        .bind(columns.0)
        .bind(columns.1)
        .bind(columns.2)
        .bind(columns.3)
        .bind(columns.4)
        .bind(columns.5)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
    }
    Ok(begun.elapsed())
}
