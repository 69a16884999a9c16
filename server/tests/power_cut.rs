//! A power cut under the embedded store: what was not synced is dropped, whole or in part, in any order; every
//! acknowledged message must be there all the same.
//!
//! SQLite reaches its files through a table of functions (a VFS). Here that table is the system's own with four of its
//! functions replaced: each write, truncation, sync and removal is done and noted. From the notes the disk is built as it
//! may be after a cut at any point: all that a sync covered, and of the rest whatever chance leaves. That is a model of
//! the disk at the level where SQLite says `sync`, so it holds for `fsync` and `fdatasync` alike, needs no privileges
//! and no compiler, and cuts hundreds of times in one run. A binary of its own, since the table counts for the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod tape;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_common::{ClientId, Clock, RoomName, Seq, SystemClock, UserId, UserName};
use chat_server::storage::sqlite::{Durability, SqliteOptions, SqliteStore};
use chat_server::storage::{Append, NewUser, Page, Store};
use rusqlite::Connection;
use tape::{Chance, Tape};
use tempfile::TempDir;

/// Who write at the same time.
const SENDERS: u64 = 8;
/// Messages at least.
const MESSAGES: usize = 1_000;
/// Cuts tried.
const CUTS: u64 = 60;

/// An acknowledged message and how long the tape was when it was acknowledged.
struct Acked {
    tape: usize,
    sender: UserId,
    seq: Seq,
    key: String,
}

fn store(folder: &Path, durability: Durability) -> Arc<dyn Store> {
    let options = SqliteOptions { durability, ..SqliteOptions::new(folder.join("chat.db")) };
    Arc::new(SqliteStore::open(options, Arc::new(SystemClock)).unwrap())
}

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn text(key: &str) -> String {
    format!("{key} {}", "some words that the index takes apart ".repeat(key.len() * 4))
}

fn append(sender: UserId, key: &str) -> Append {
    Append {
        sender,
        room: lobby(),
        text: text(key),
        client_id: ClientId::parse(key).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        max_rooms: 200,
        at: SystemClock.now(),
    }
}

/// Sends from several at once until there are enough messages and `enough` says so.
async fn load(store: &Arc<dyn Store>, tape: &Tape, messages: usize, enough: impl Fn() -> bool) -> Vec<Acked> {
    let mut senders = Vec::new();
    for n in 0..SENDERS {
        let name = UserName::parse(&format!("sender-{n}")).unwrap();
        let new = NewUser::plain(UserId::from_bits(100 + n), name, SystemClock.now());
        senders.push(store.create_user(new).await.unwrap().user.id);
    }
    let (mut acked, mut round) = (Vec::new(), 0);
    let begin = Instant::now();
    while acked.len() < messages || !enough() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} messages and no checkpoint", acked.len());
        let sends = senders.iter().map(|sender| {
            let (store, tape, sender, key) =
                (Arc::clone(store), tape.clone(), *sender, format!("k{round}-{}", sender.bits()));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for n in 0..10 {
                    let key = format!("{key}-{n}");
                    let seq = store.append(append(sender, &key)).await.unwrap().seq;
                    mine.push(Acked { tape: tape.len(), sender, seq, key });
                }
                mine
            })
        });
        for sends in sends.collect::<Vec<_>>() {
            acked.extend(sends.await.unwrap());
        }
        round += 1;
    }
    acked
}

/// How many of the messages acknowledged before the cut are not in the store in `folder`; whatever else may not be,
/// panics.
async fn missing(folder: &Path, acked: &[&Acked], what: &str) -> usize {
    let database = folder.join("chat.db");
    let store = store(folder, Durability::Full);
    let mut found = BTreeMap::new();
    // Before the first sync there may be nothing at all.
    if let Some(room) = store.access(UserId::from_bits(100), &lobby(), SystemClock.now()).await.unwrap() {
        let mut after = Seq::ZERO;
        loop {
            let page = store.messages(UserId::from_bits(100), room.room.id, Page::After(after), 200).await.unwrap();
            let Some(last) = page.messages.last() else { break };
            after = last.seq;
            found.extend(page.messages.into_iter().map(|m| (m.seq, m.text.unwrap_or_default())));
        }
        assert_eq!(found.len() as u64, room.room.head.0, "{what}: 1..n without a hole");
        assert!(found.keys().copied().eq((1..=room.room.head.0).map(Seq)), "{what}");
    }
    let lost = acked.iter().filter(|a| found.get(&a.seq) != Some(&text(&a.key))).count();
    // The key of the newest one is known: sent again, it is the same message.
    if let (0, Some(newest)) = (lost, acked.last()) {
        let again = store.append(append(newest.sender, &newest.key)).await.unwrap();
        assert!(again.seq == newest.seq && again.entry.is_none(), "{what}: sent again, it was stored twice");
    }
    store.close().await;
    let conn = Connection::open(database).unwrap();
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{what}");
    conn.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')", [])
        .unwrap_or_else(|e| panic!("{what}: the index does not fit the messages: {e}"));
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_message_survives_a_power_cut_with_the_default_settings() {
    let folder = TempDir::new().unwrap();
    let tape = Tape::record(folder.path());
    let defaults = SqliteOptions::new("x").durability;
    let running = store(folder.path(), defaults);
    let checkpointed = || tape.writes_of("chat.db") > 400;
    let acked = load(&running, &tape, MESSAGES, checkpointed).await;
    let end = tape.len();
    let mut chance = Chance(0x5eed);
    for n in 0..CUTS {
        // Right behind an acknowledgement, and anywhere.
        let at = if n % 2 == 0 { acked[chance.below(acked.len())].tape } else { chance.below(end) };
        let disk = TempDir::new().unwrap();
        let kept = ["nothing", "anything", "all"][usize::try_from(n / 2 % 3).unwrap()];
        tape.cut(at, kept, &mut chance, disk.path());
        let must: Vec<&Acked> = acked.iter().filter(|a| a.tape <= at).collect();
        let what =
            format!("cut {n} at {at} of {end}, {kept} of what was not synced is left, {} acknowledged", must.len());
        assert_eq!(missing(disk.path(), &must, &what).await, 0, "{what}");
    }
    running.close().await;
    println!("{} messages, {end} notes on the tape, {CUTS} cuts", acked.len());
}

/// The test above could not fail if the model kept what was not synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_sync_at_each_commit_the_same_cuts_lose_messages() {
    let folder = TempDir::new().unwrap();
    let tape = Tape::record(folder.path());
    let running = store(folder.path(), Durability::Normal);
    let acked = load(&running, &tape, 80, || true).await;
    let disk = TempDir::new().unwrap();
    let last = acked.iter().max_by_key(|a| a.tape).unwrap();
    tape.cut(last.tape, "nothing", &mut Chance(1), disk.path());
    let all: Vec<&Acked> = acked.iter().collect();
    assert!(missing(disk.path(), &all, "synchronous = NORMAL").await > 0, "a cut that loses nothing is none");
    running.close().await;
}
