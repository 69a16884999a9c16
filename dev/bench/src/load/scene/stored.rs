//! What reading and sending cost when much is stored: pages of the history, searches, durable sends and the start, with nothing,
//! 10,000, 100,000 and a million messages in one room.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_common::event::server::ServerRole;
use chat_common::model::UserKind;
use chat_common::{ClientId, Clock, RoomName, SystemClock, UserId, UserName};
use chat_server::storage::sqlite::{SqliteOptions, SqliteStore};
use chat_server::storage::{Append, NewUser, Store};
use serde_json::{Value, json};

use super::Effort;
use crate::client::{Client, guest};
use crate::load::histogram::Histogram;
use crate::load::machine::nanos;
use crate::load::peer::{Peer, Setup};
use crate::load::record::Record;
use crate::load::rig::{Crowd, Rig};
use crate::process::Server;

/// Messages stored.
const STORED: [usize; 4] = [0, 10_000, 100_000, 1_000_000];
/// Who wrote them, each waiting for its commit.
const WRITERS: usize = 64;
/// Requests of each kind.
const REQUESTS: usize = 200;
/// How long the search index may take to catch up.
const PATIENCE: Duration = Duration::from_secs(240);
const ROOM: &str = "lobby";

/// Fills one database further and further.
pub async fn curve(setup: &Setup, peer: Peer, effort: Effort) -> Result<Vec<Record>> {
    let mut data = tempfile::tempdir()?;
    let (mut records, mut there) = (Vec::new(), 0);
    for stored in STORED.into_iter().take_while(|n| *n <= effort.stored) {
        setup.cores.on_all(fill(data.path(), there, stored)).await?;
        there = stored;
        let server = peer.start(setup, data.path())?;
        let record = |load: &str| Record::new(load, peer.key()).at(stored);
        let ready = server.ready_after.as_secs_f64() * 1_000.0;
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        let resident = server.resident()? as f64 / 1_048_576.0;
        records.push(record("stored/start").with("ready", ready).with("resident", resident));
        if stored > 0 {
            records.extend(read(&server, stored, record).await?);
        }
        drop(server);
        let crowd = Crowd { rooms: 1, readers: 0, senders: WRITERS, bytes: 100 };
        let mut rig = Rig::start_in(setup, peer, crowd, data).await?;
        rig.waiting(Duration::from_secs(1))?;
        let outcome = rig.waiting(effort.span)?;
        records.push(record("stored/sends").outcome(&outcome, rig.standing(), WRITERS));
        data = rig.into_data();
    }
    Ok(records)
}

/// A kind of request: its name in the results, its event, and the payload of the nth when so many are stored.
type Kind = (&'static str, &'static str, fn(usize, usize) -> Value);

/// Pages and searches, one after the other on one connection.
async fn read(server: &Server, stored: usize, record: impl Fn(&str) -> Record) -> Result<Vec<Record>> {
    let token = guest(&reqwest::Client::new(), &server.url, &format!("looker{stored}")).await?;
    let mut client = Client::connect(&server.url, "/chat", &json!({"token": token})).await?;
    indexed(&mut client, stored).await?;
    let kinds: [Kind; 5] = [
        ("stored/latest", "history:get", |_, _| json!({"room": ROOM, "limit": 100})),
        (
            "stored/page",
            "history:get",
            |n, stored| json!({"room": ROOM, "limit": 100, "before": 101 + scatter(n) % stored.saturating_sub(100).max(1)}),
        ),
        ("stored/rare", "search", |n, stored| json!({"query": token_of(scatter(n) % stored), "limit": 50})),
        ("stored/common", "search", |n, _| json!({"query": WORDS[n % WORDS.len()], "limit": 50})),
        (
            "stored/both",
            "search",
            |n, _| json!({"query": format!("{} {}", WORDS[n % WORDS.len()], WORDS[(n * 7 + 3) % WORDS.len()]), "limit": 50}),
        ),
    ];
    let mut records = Vec::new();
    for (load, event, payload) in kinds {
        let (mut times, cpu) = (Histogram::default(), server.cpu()?);
        for n in 0..REQUESTS {
            let payload = payload(n, stored);
            let begun = Instant::now();
            let answer = client.ask(event, &payload).await?;
            times.record(nanos(begun.elapsed()));
            if !answer.contains("\"text\"") {
                bail!("{event} {payload} found nothing: {answer:.200}");
            }
        }
        let cpu = server.cpu()?.saturating_sub(cpu);
        #[expect(clippy::cast_precision_loss, reason = "figures")]
        let record = record(load)
            .with("p50", times.ms(0.5))
            .with("p99", times.ms(0.99))
            .with("max", times.max() as f64 / 1e6)
            .with("request_cpu", cpu.as_secs_f64() * 1e6 / REQUESTS as f64);
        records.push(record);
    }
    Ok(records)
}

/// Waits until the last message can be found.
async fn indexed(client: &mut Client, stored: usize) -> Result<()> {
    let begun = Instant::now();
    let query = json!({"query": token_of(stored - 1), "limit": 1});
    while !client.ask("search", &query).await?.contains("\"text\"") {
        if begun.elapsed() > PATIENCE {
            bail!("the last of {stored} messages cannot be found after {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Writes the messages `from..to` into the store itself.
async fn fill(data: &Path, from: usize, to: usize) -> Result<()> {
    if from == to {
        return Ok(());
    }
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(SqliteOptions::new(data.join("chat.db")), Arc::new(SystemClock))?);
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let id = UserId::from_bits(writer as u64 + 1_000);
        if from == 0 {
            store.create_user(user(id, writer)?).await?;
        }
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for n in (from + writer..to).step_by(WRITERS) {
                store.append(message(id, n)?).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await?.context("filling")?;
    }
    store.close().await;
    Ok(())
}

fn user(id: UserId, n: usize) -> Result<NewUser> {
    let name = UserName::parse(&format!("writer{n}x"))?;
    Ok(NewUser {
        id,
        display_name: name.to_string(),
        name,
        kind: UserKind::User,
        role: ServerRole::User,
        password_hash: None,
        owner: None,
        invite_hash: None,
        at: SystemClock.now(),
    })
}

fn message(sender: UserId, n: usize) -> Result<Append> {
    let word = |i: usize| WORDS[scatter(n * 11 + i) % WORDS.len()];
    let words: Vec<_> = (0..10).map(word).collect();
    Ok(Append {
        sender,
        room: RoomName::parse(ROOM)?,
        text: format!("{} {}", token_of(n), words.join(" ")),
        client_id: ClientId::parse(&format!("f{n}"))?,
        reply_to: None,
        mentions: Vec::new(),
        max_rooms: 200,
        at: SystemClock.now(),
    })
}

/// A word that one message alone has.
fn token_of(n: usize) -> String {
    format!("case{n:07}z")
}

/// A number without order, the same each time.
fn scatter(n: usize) -> usize {
    ((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize
}

/// What people write about; one in five messages has a given one.
const WORDS: [&str; 45] = [
    "account", "answer", "backup", "branch", "budget", "build", "calendar", "change", "client", "coffee", "contract",
    "customer", "database", "deadline", "deploy", "design", "document", "error", "estimate", "feature", "friday",
    "invoice", "kitchen", "latency", "lunch", "machine", "meeting", "memory", "monday", "network", "office",
    "password", "planning", "printer", "project", "question", "release", "report", "review", "schedule", "server",
    "ticket", "travel", "update", "window",
];
