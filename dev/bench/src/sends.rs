//! Durable sends: 64 senders, each waiting for its acknowledgement, SQLite with `synchronous=FULL`: at the store, and over
//! sockets with everything between. Beside each the same rows inserted bare, in one transaction for every 64.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rusqlite::{Connection, types::Value as Sql};
use serde_json::json;

use crate::client::{Client, guest, percentile};
use crate::process::Server;
use crate::store;

/// How much load.
#[derive(Args)]
pub struct Options {
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
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    println!("durable sends, {} senders at once, SQLite FULL", options.senders);
    println!(
        "{:<7}{:>12}{:>12}{:>8}{:>14}{:>12}{:>8}{:>9}{:>9}{:>9}",
        "round", "store /s", "bare /s", "ratio", "by socket /s", "bare /s", "ratio", "p50 ms", "p99 ms", "CPU µs"
    );
    let mut ratios = Vec::new();
    for round in 1..=options.rounds {
        let data = tempfile::tempdir()?;
        let server = Server::chat(bin, data.path())?;
        let cpu = server.cpu()?;
        let (wall, mut times) = load(&server, options).await?;
        let cpu = server.cpu()?.saturating_sub(cpu);
        drop(server);
        times.sort_unstable();
        let of_server = bare(data.path(), options)?;
        let alone = tempfile::tempdir()?;
        let store = store::load(alone.path(), options.senders, options.messages).await?;
        let of_store = bare(alone.path(), options)?;
        #[expect(clippy::cast_precision_loss, reason = "figures")]
        let (rate, bare_rate, store_rate, store_bare, cpu) = {
            let n = times.len() as f64;
            let rate = |took: Duration| n / took.as_secs_f64();
            (rate(wall), rate(of_server), rate(store), rate(of_store), cpu.as_micros() as f64 / n)
        };
        ratios.push(store_rate / store_bare);
        let ms = |share| percentile(&times, share).as_secs_f64() * 1000.0;
        println!(
            "{round:<7}{store_rate:>12.0}{store_bare:>12.0}{:>8.2}{rate:>14.0}{bare_rate:>12.0}{:>8.2}{:>9.1}{:>9.1}{cpu:>9.1}",
            store_rate / store_bare,
            rate / bare_rate,
            ms(0.5),
            ms(0.99)
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "store: median ratio {:.2} (aim: at least 0.60); the sockets' 64 clients share this machine's cores with the server",
        ratios[ratios.len() / 2]
    );
    Ok(())
}

/// All senders at once; the wall time of all and the time of each send.
async fn load(server: &Server, options: &Options) -> Result<(Duration, Vec<Duration>)> {
    let http = reqwest::Client::new();
    let mut clients = Vec::new();
    for i in 0..options.senders {
        let token = guest(&http, &server.url, &format!("sender{i}x")).await?;
        let mut client = Client::connect(&server.url, "/chat", &json!({ "token": token })).await?;
        client.request("message:send", &json!({"room": "lobby", "text": "warm", "client_id": "warm"})).await?;
        clients.push(client);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let messages = options.messages;
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(messages);
                for n in 0..messages {
                    let sent = Instant::now();
                    let text = format!("{n} {}", "x".repeat(100));
                    let payload = json!({"room": "lobby", "text": text, "client_id": format!("k{n}")});
                    client.request("message:send", &payload).await?;
                    times.push(sent.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok((begun.elapsed(), times))
}

/// The time to insert the rows the server wrote into empty tables of the same shape, on the same disk.
fn bare(data: &Path, options: &Options) -> Result<Duration> {
    let source = std::fs::read_dir(data)?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .find(|p| p.extension().is_some_and(|e| e == "db" || e == "sqlite" || e == "sqlite3"))
        .context("no database in the data folder")?;
    let from = Connection::open(&source)?;
    let to = Connection::open(data.join("bare.sqlite3-bare"))?;
    to.pragma_update(None, "journal_mode", "WAL")?;
    to.pragma_update(None, "synchronous", "FULL")?;
    let mut tables = Vec::new();
    for table in ["entries", "messages"] {
        let mut schema = from.prepare(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND sql IS NOT NULL AND type IN ('table','index')",
        )?;
        for sql in schema.query_map([table], |r| r.get::<_, String>(0))? {
            to.execute_batch(&sql?)?;
        }
        let mut rows = from.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
        let columns = rows.column_count();
        let values: Vec<Vec<Sql>> = rows
            .query_map([], |r| (0..columns).map(|i| r.get::<_, Sql>(i)).collect())?
            .collect::<rusqlite::Result<_>>()?;
        // A message is its own entry; the other table holds what is done to messages.
        if values.is_empty() {
            continue;
        }
        let marks = vec!["?"; columns].join(",");
        tables.push((format!("INSERT INTO {table} VALUES ({marks})"), values));
    }
    let count = tables.iter().map(|(_, rows)| rows.len()).max().unwrap_or_default();
    ensure!(count >= options.senders * options.messages, "the database has too few rows");
    let begun = Instant::now();
    for start in (0..count).step_by(options.senders) {
        let tx = to.unchecked_transaction()?;
        for (sql, values) in &tables {
            let mut insert = tx.prepare_cached(sql)?;
            for row in values.iter().skip(start).take(options.senders) {
                insert.execute(rusqlite::params_from_iter(row))?;
            }
        }
        tx.commit()?;
    }
    Ok(begun.elapsed())
}
