//! What is SQLite's own: reopening, crashes, a full disk, a second process, group commit, traces of deleted texts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_common::clock::ManualClock;
use chat_common::{Seq, SystemClock, UserId};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::migrations::{STEPS, migrate_to};
use super::{SqliteOptions, SqliteStore};
use crate::storage::contract::{self, room, send, start, text, user};
use crate::storage::{Log, Page, Rooms, Store, StoreError};

fn options(dir: &TempDir) -> SqliteOptions {
    SqliteOptions::new(dir.path().join("chat.db"))
}

fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(options(dir), Arc::new(ManualClock::at(start()))).unwrap()
}

async fn tell<F: Future<Output = ()>>(_name: &str, story: impl FnOnce(Arc<dyn Store>) -> F) {
    let dir = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(&dir));
    story(Arc::clone(&store)).await;
    store.search_caught_up().await.unwrap();
    assert_eq!(store.verify(&|_, _, _| {}).await.unwrap().findings, []);
    store.close().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    check_logs(&dir);
}

contract::every_story!(tell);

/// Every log has each seq from first to head exactly once, the members are counted right, the index is sound.
fn check_logs(dir: &TempDir) {
    let conn = Connection::open(dir.path().join("chat.db")).unwrap();
    let broken: i64 = conn
        .query_row(
            "SELECT count(*) FROM rooms r WHERE name IS NOT NULL AND (head <>
               (SELECT count(DISTINCT seq) FROM (SELECT seq FROM messages WHERE room = r.id
                  UNION ALL SELECT seq FROM entries WHERE room = r.id) WHERE seq BETWEEN r.first AND r.head)
             OR head <> (SELECT count(*) FROM messages WHERE room = r.id) + (SELECT count(*) FROM entries WHERE room = r.id)
             OR members <> (SELECT count(*) FROM members WHERE room = r.id))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(broken, 0);
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

fn erase<S: Store + 'static>(store: S) -> Arc<dyn Store> {
    Arc::new(store)
}

#[tokio::test]
async fn a_store_comes_back_as_it_was() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let epoch = store.epoch();
    let store = erase(store);
    let ana = user(&store, "ana").await;
    let id = send(&store, ana, &room("lobby"), "k", "remember me").await.room.id;
    store.close().await;
    let again = open(&dir);
    assert_eq!(again.epoch(), epoch);
    let page = again.messages(ana, id, Page::Latest, 9).await.unwrap();
    assert_eq!(page.messages[0].text.as_deref(), Some("remember me"));
    let repeat = again.append(text(ana, &room("lobby"), "k", "remember me")).await.unwrap();
    assert_eq!((repeat.seq, repeat.entry), (Seq(1), None), "the key of the texts' hashes is kept too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_without_a_close() {
    let dir = TempDir::new().unwrap();
    let store = erase(open(&dir));
    let ana = user(&store, "ana").await;
    for i in 0..50 {
        send(&store, ana, &room("lobby"), &format!("k{i}"), "x").await;
    }
    // What the disk holds at this moment, as after a kill: file and log, without a checkpoint.
    let copy = TempDir::new().unwrap();
    for file in ["chat.db", "chat.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let again = open(&copy);
    assert_eq!(again.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room.head, Seq(50));
    again.close().await;
    check_logs(&copy);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let Err(StoreError::Unavailable(why)) = SqliteStore::open(options(&dir), Arc::new(SystemClock)) else {
        panic!("opened twice");
    };
    assert!(why.contains(&std::process::id().to_string()) && why.contains("in use"), "{why}");
    store.close().await;
    open(&dir).close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_unavailable_and_passes() {
    let dir = TempDir::new().unwrap();
    let few = SqliteOptions { max_pages: Some(120), ..options(&dir) };
    let sqlite = Arc::new(SqliteStore::open(few, Arc::new(SystemClock)).unwrap());
    let store: Arc<dyn Store> = Arc::clone(&sqlite) as Arc<dyn Store>;
    let ana = user(&store, "ana").await;
    let long = "long ".repeat(1_000);
    let mut sent = 0u64;
    let full = loop {
        match store.append(text(ana, &room("lobby"), &format!("k{sent}"), &long)).await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1_000, "never full");
    };
    assert!(matches!(full, StoreError::Unavailable(_)), "{full:?}");
    assert!(store.user(ana).await.unwrap().is_some(), "reads go on");
    let head =
        async |store: &Arc<dyn Store>| store.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room.head;
    assert_eq!(head(&store).await, Seq(sent));
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))), "not ready while it cannot write");
    // There is room again: writes work at once and the log has no hole.
    sqlite.write(|c| Ok(c.pragma_update(None, "max_page_count", 10_000)?)).await.unwrap();
    assert!(store.health().await.is_ok());
    let next = store.append(text(ana, &room("lobby"), "after", &long)).await.unwrap();
    assert_eq!(next.seq, Seq(sent + 1));
    store.close().await;
    check_logs(&dir);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_at_once_share_a_commit() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(&dir));
    let erased: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let ana = user(&erased, "ana").await;
    let (commits, jobs) = store.commits().counts();
    let tasks: Vec<_> = (0..400)
        .map(|i| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.append(text(ana, &room("lobby"), &format!("k{i}"), "x")).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (commits, jobs) = (store.commits().counts().0 - commits, store.commits().counts().1 - jobs);
    assert_eq!(jobs, 400);
    assert!(commits <= 100, "{commits} commits for 400 messages");
}

#[tokio::test]
async fn one_refused_write_leaves_the_others_of_its_batch() {
    let dir = TempDir::new().unwrap();
    let store = erase(open(&dir));
    let ana = user(&store, "ana").await;
    let lobby = room("lobby");
    let (good, bad, other) = tokio::join!(
        store.append(text(ana, &lobby, "1", "one")),
        store.set_profile(UserId::from_bits(4), None, Some("nobody".into()), start()),
        store.append(text(ana, &lobby, "2", "two")),
    );
    assert_eq!((good.unwrap().seq, other.unwrap().seq), (Seq(1), Seq(2)));
    assert!(bad.is_err());
}

/// Everything the file holds, shadow tables of the index and free space of live pages aside.
fn dump(dir: &TempDir) -> Vec<(String, Vec<u8>)> {
    let conn = Connection::open(dir.path().join("chat.db")).unwrap();
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut out = Vec::new();
    // The virtual table itself holds nothing; its shadow tables, which are listed too, do.
    for table in tables.into_iter().filter(|table| table != "message_index") {
        let mut rows = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let bytes = match row.get::<_, Value>(column).unwrap() {
                    Value::Text(text) => text.into_bytes(),
                    Value::Blob(bytes) => bytes,
                    _ => continue,
                };
                out.push((table.clone(), bytes));
            }
        }
    }
    out
}

#[tokio::test]
async fn a_deleted_text_is_in_no_table_and_no_index() {
    let dir = TempDir::new().unwrap();
    let store = erase(open(&dir));
    let ana = user(&store, "ana").await;
    let lobby = room("lobby");
    for i in 0..300 {
        send(&store, ana, &lobby, &format!("k{i}"), &format!("ordinary talk number {i}")).await;
    }
    send(&store, ana, &lobby, "deleted", "Zyxwv qjkvz Ωmega").await;
    send(&store, ana, &lobby, "edited", "Zyxwv qjkvz Ωmega too").await;
    store.search_caught_up().await.unwrap();
    let traces = |dir: &TempDir| {
        let needles = ["Zyxwv", "zyxwv", "qjkvz", "zyx", "yxw", "xwv", "qjk", "jkv", "kvz", "ωme"];
        let mut found: Vec<(String, &str)> = Vec::new();
        for (table, bytes) in dump(dir) {
            for needle in needles {
                if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                    found.push((table.clone(), needle));
                }
            }
        }
        found
    };
    let before = traces(&dir);
    assert!(before.iter().any(|(table, _)| table == "messages"), "the test sees texts: {before:?}");
    assert!(before.iter().any(|(table, _)| table.starts_with("message_index")), "and the index: {before:?}");
    store.delete(ana, &lobby, Seq(301), start()).await.unwrap();
    store.edit(ana, &lobby, Seq(302), "nothing".into(), vec![], start()).await.unwrap();
    store.search_caught_up().await.unwrap();
    assert_eq!(traces(&dir), []);
    // Free pages hold nothing of it either.
    store.close().await;
    let file = std::fs::read(dir.path().join("chat.db")).unwrap();
    assert!(!file.windows(5).any(|window| window == b"Zyxwv" || window == b"zyxwv"));
    let conn = Connection::open(dir.path().join("chat.db")).unwrap();
    conn.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')", []).unwrap();
}

#[tokio::test]
async fn the_oldest_schema_is_brought_up_to_date() {
    let dir = TempDir::new().unwrap();
    let mut conn = Connection::open(dir.path().join("chat.db")).unwrap();
    migrate_to(&mut conn, 1).unwrap();
    conn.execute_batch(
        "INSERT INTO users (id, name, display_name, kind, role, created_at) VALUES (5, 'ana', 'Ana', 0, 0, 1);
         INSERT INTO names (name, skeleton, user) VALUES ('ana', 'ana', 5);
         INSERT INTO members (room, user, role, read, joined_at) VALUES (1, 5, 1, 0, 1);
         INSERT INTO messages (id, room, seq, at, sender, client_id, text_hash, text, text_seq, rev)
         VALUES (1, 1, 1, 1, 5, 'old', x'00', 'an ancient message', 1, 1);
         UPDATE rooms SET head = 1, members = 1;",
    )
    .unwrap();
    drop(conn);
    let store = open(&dir);
    store.search_caught_up().await.unwrap();
    let found = store.search(contract::search::words(UserId::from_bits(5), &["ancient"])).await.unwrap();
    assert_eq!(found.messages[0].seq, Seq(1));
    store.close().await;
    let conn = Connection::open(dir.path().join("chat.db")).unwrap();
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(version).unwrap(), STEPS.len());
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let Err(StoreError::Internal(why)) = SqliteStore::open(options(&dir), Arc::new(SystemClock)) else {
        panic!("a newer schema was opened");
    };
    assert!(why.contains("newer"), "{why}");
}

#[tokio::test]
async fn a_large_store_opens_at_once() {
    let dir = TempDir::new().unwrap();
    open(&dir).close().await;
    let conn = Connection::open(dir.path().join("chat.db")).unwrap();
    conn.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO messages (id, room, seq, at, sender, client_id, text_hash, text, text_seq, rev)
         SELECT i, 1, i, i, 5, 'k' || i, x'00', 'message ' || i, i, i FROM n;
         UPDATE rooms SET head = 100000 WHERE id = 1; UPDATE meta SET value = 100000 WHERE key = 'search_cursor';",
    )
    .unwrap();
    drop(conn);
    let began = Instant::now();
    let store = open(&dir);
    assert!(store.health().await.is_ok());
    let took = began.elapsed();
    assert!(took < Duration::from_millis(100), "{took:?}");
    store.close().await;
}

#[tokio::test]
async fn a_dead_writer_is_told() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let broken = store.write::<(), _>(|_| panic!("a fault in a write")).await;
    assert!(matches!(broken, Err(StoreError::Unavailable(_))));
    store.died().cancelled().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    let after = store.append(text(UserId::from_bits(1), &room("lobby"), "k", "x")).await;
    assert!(matches!(after, Err(StoreError::Unavailable(_))));
}
