//! Backups and the way back, schemas of before, and damage that a check must find.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_common::clock::ManualClock;
use chat_common::model::RoomKind;
use chat_common::{Clock, Emoji, Seq, Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use super::migrations::STEPS;
use super::{SqliteArchive, SqliteOptions, SqliteStore, backup, inspect, restore};
use crate::storage::contract::search::words;
use crate::storage::contract::{later, make_room, room, send, start, text, user};
use crate::storage::{Archive, Log, Page, Report, Rooms, SearchQuery, Store, StoreError, StoreResult, WayOut};

/// Makes the fixture of the present schema.
const MAKE: &str = "CHAT_MAKE_FIXTURE";

fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("chat.db")
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(SqliteOptions::new(path), Arc::new(ManualClock::at(start()))).unwrap()
}

/// A store with a few messages, closed.
async fn filled(path: &Path) -> Arc<dyn Store> {
    filled_with(path, 200).await
}

async fn filled_with(path: &Path, messages: u32) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(open(path));
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let den = make_room(&store, ana, "den", RoomKind::Private).await;
    for i in 0..messages {
        send(&store, ana, &room("lobby"), &format!("k{i}"), &format!("message number {i} @bob, {}", "x".repeat(200)))
            .await;
    }
    send(&store, bob, &room("lobby"), "b", "from bob").await;
    send(&store, ana, &den, "d", "in the den").await;
    store.edit(ana, &room("lobby"), Seq(1), "edited".into(), vec![], start()).await.unwrap();
    store.delete(ana, &room("lobby"), Seq(2), start()).await.unwrap();
    store.react(bob, &room("lobby"), Seq(3), Emoji::parse("👍").unwrap(), true, start()).await.unwrap();
    store.search_caught_up().await.unwrap();
    store
}

fn why<T: std::fmt::Debug>(result: StoreResult<T>) -> String {
    match result {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

async fn checked(path: &Path) -> Report {
    SqliteArchive::open(path).unwrap().verify(&|_, _, _| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_store_is_a_store() {
    let (dir, away) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = filled(&path(&dir)).await;
    let target = away.path().join("chat.backup");
    let mut seen = Vec::new();
    let bytes = backup(&path(&dir), &target, false, &mut |done, all| seen.push((done, all))).unwrap();
    assert_eq!(std::fs::metadata(&target).unwrap().len(), bytes);
    assert_eq!(seen.last().map(|(done, all)| done == all), Some(true));
    assert_eq!(names(away.path()), ["chat.backup"], "nothing beside it");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&target).unwrap().permissions()) & 0o777,
        0o600
    );
    let ana = store.user_by_name(&"ana".parse().unwrap()).await.unwrap().unwrap().user.id;
    send(&store, ana, &room("lobby"), "late", "after the backup").await;
    assert!(why(backup(&path(&dir), &target, false, &mut |_, _| {})).contains("--force"));
    assert!(why(backup(&path(&dir), &path(&dir), true, &mut |_, _| {})).contains("the database itself"));
    assert!(why(backup(&dir.path().join("no.db"), &target, true, &mut |_, _| {})).contains("no database"));
    assert_eq!(std::fs::metadata(&target).unwrap().len(), bytes, "what could not be replaced stays");

    let held = inspect(&target).unwrap();
    assert_eq!((held.rooms, held.messages, held.sealed, held.schema), (2, 202, true, STEPS.len()));
    // Nothing is touched while the server runs.
    assert!(why(restore(&target, &path(&dir), start())).contains("is in use by process"));
    let (epoch, before) = (store.epoch(), store.user(ana).await.unwrap());
    store.close().await;

    // Once into an empty folder, once over what is there.
    let elsewhere = away.path().join("chat.db");
    assert_eq!(restore(&target, &elsewhere, start()).unwrap().aside, None);
    let restored = restore(&target, &path(&dir), start()).unwrap();
    let aside = restored.aside.unwrap();
    assert!(aside.to_string_lossy().ends_with("chat.db.before-restore-20260921T141320Z"), "{}", aside.display());
    for place in [&elsewhere, &path(&dir)] {
        assert_eq!(checked(place).await.findings, []);
        let again = open(place);
        assert_ne!(again.epoch(), epoch, "clients read anew");
        let lobby = again.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room;
        assert_eq!(lobby.head, Seq(204), "of the moment of the backup");
        assert_eq!(crate::storage::Accounts::user(&again, ana).await.unwrap(), before);
        // What clients send again is stored once.
        let again: Arc<dyn Store> = Arc::new(again);
        let same = format!("message number 5 @bob, {}", "x".repeat(200));
        let repeat = again.append(text(ana, &room("lobby"), "k5", &same)).await.unwrap();
        assert_eq!((repeat.seq, repeat.entry), (Seq(6), None));
        assert_eq!(send(&again, ana, &room("lobby"), "late", "after the backup").await.seq, Seq(205));
        again.close().await;
    }
    let kept = open(&aside);
    assert_eq!(kept.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room.head, Seq(205), "with its last");
    kept.close().await;
    // A second restore at the same moment takes nothing away.
    assert_ne!(restore(&target, &path(&dir), start()).unwrap().aside.unwrap(), aside);
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_before_anything_is_touched() {
    let (dir, away) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    filled(&path(&dir)).await.close().await;
    let good = away.path().join("good");
    backup(&path(&dir), &good, false, &mut |_, _| {}).unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let before = std::fs::read(path(&dir)).unwrap();
    let listed = names(dir.path());
    let bad = away.path().join("bad");
    let refused = |content: &[u8]| {
        std::fs::write(&bad, content).unwrap();
        let why = why(restore(&bad, &path(&dir), start()));
        assert!(why.contains("nothing was changed"), "{why}");
        assert_eq!(std::fs::read(path(&dir)).unwrap(), before);
        assert_eq!(names(dir.path()), listed);
        why
    };
    assert!(refused(b"").contains("cut short"));
    for cut in [50, 100, 4_096, bytes.len() / 2, bytes.len() - 4_096, bytes.len() - 129, bytes.len() - 1] {
        let why = refused(&bytes[..cut]);
        assert!(why.contains("cut short") || why.contains("damaged"), "{cut}: {why}");
    }
    let mut flipped = bytes.clone();
    for at in [200, bytes.len() / 2, bytes.len() - 200] {
        flipped[at] ^= 0x40;
        assert!(refused(&flipped).contains("checksum"));
        flipped[at] ^= 0x40;
    }
    assert!(refused(&[b"PGDMP", [0u8; 200].as_slice()].concat()).contains("pg_restore"));
    assert!(refused(&[b"PK\x03\x04", [7u8; 200].as_slice()].concat()).contains("no backup of chat-server"));
    assert!(why(restore(&away.path().join("nowhere"), &path(&dir), start())).contains("cannot be read"));

    let other = |make: &dyn Fn(&Connection)| {
        let file = away.path().join("other");
        let _not_there = std::fs::remove_file(&file);
        std::fs::copy(&good, &file).unwrap();
        let conn = Connection::open(&file).unwrap();
        make(&conn);
        conn.close().unwrap();
        // A plain database, without the seal that no longer holds.
        let content = std::fs::read(&file).unwrap();
        let pages = content.len() - content.len() % 4_096;
        refused(&content[..pages])
    };
    let newer = other(&|conn| conn.pragma_update(None, "user_version", 999).unwrap());
    assert!(newer.contains("newer chat-server") && newer.contains("999"), "{newer}");
    let product = other(&|conn| conn.execute_batch("DROP TABLE entries").unwrap());
    assert!(product.contains("another product"), "{product}");
    let product = other(&|conn| conn.pragma_update(None, "user_version", 0).unwrap());
    assert!(product.contains("another product"), "{product}");
    let nameless = other(&|conn| conn.execute_batch("DELETE FROM meta").unwrap());
    assert!(nameless.contains("not whole"), "{nameless}");
    let corrupt = other(&|conn| {
        conn.execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'users')
             WHERE name = 'messages_log'",
        )
        .unwrap();
    });
    assert!(corrupt.contains("damaged"), "{corrupt}");
}

/// Brings a fixture into a folder of its own.
fn fixture(schema: usize, dir: &TempDir) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{schema}.db"));
    std::fs::copy(&from, path(dir)).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. A schema that was released must open for ever: make its fixture with\n    \
             {MAKE}=1 cargo test -p chat-server --lib every_schema_opens",
            from.display()
        )
    });
    path(dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_schema_opens() {
    const FIRST: usize = 5;
    // No server wrote it: its step came together with the next.
    const NEVER: usize = 7;
    if std::env::var_os(MAKE).is_some() {
        let dir = TempDir::new().unwrap();
        filled_with(&path(&dir), 12).await.close().await;
        let conn = Connection::open(path(&dir)).unwrap();
        conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM").unwrap();
        conn.close().unwrap();
        let to = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{}.db", STEPS.len()));
        std::fs::copy(path(&dir), to).unwrap();
    }
    for schema in (FIRST..=STEPS.len()).filter(|schema| *schema != NEVER) {
        let dir = TempDir::new().unwrap();
        let file = fixture(schema, &dir);
        let (head, messages): (i64, i64) = Connection::open(&file)
            .unwrap()
            .query_row("SELECT head, (SELECT count(*) FROM messages) FROM rooms WHERE name = 'lobby'", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let store = open(&file);
        store.search_caught_up().await.unwrap();
        let report = store.verify(&|_, _, _| {}).await.unwrap();
        assert_eq!(report.findings, [], "schema {schema}");
        assert_eq!(report.messages, messages.unsigned_abs(), "schema {schema}");
        let ana = store.user_id(&"ana".parse().unwrap()).await.unwrap().unwrap();
        let lobby = store.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room;
        assert_eq!(lobby.head, Seq(head.unsigned_abs()), "schema {schema}");
        let page = store.messages(ana, lobby.id, Page::Latest, 200).await.unwrap();
        assert!(page.messages.iter().any(|message| message.text.is_some()));
        let store: Arc<dyn Store> = Arc::new(store);
        assert_eq!(send(&store, ana, &room("lobby"), "new", "goes on").await.seq, lobby.head.next());
        store.close().await;
        let copies: Vec<_> = names(dir.path()).into_iter().filter(|name| name.contains(".schema-")).collect();
        if schema == STEPS.len() {
            assert!(copies.is_empty(), "nothing was changed");
        } else {
            assert_eq!(copies, [format!("chat.db.schema-{schema}.20260921T141320Z.backup")]);
            let held = inspect(&dir.path().join(&copies[0])).unwrap();
            assert_eq!((held.schema, held.messages), (schema, messages.unsigned_abs()));
        }
    }
}

#[test]
fn three_copies_of_before_a_change_are_kept() {
    let dir = TempDir::new().unwrap();
    for n in 0..5u64 {
        let file = fixture(5, &dir);
        let clock = Arc::new(ManualClock::at(later(n * 1_000)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(SqliteStore::open(SqliteOptions::new(file), clock as Arc<dyn Clock>).unwrap().close());
    }
    let copies: Vec<_> = names(dir.path()).into_iter().filter(|name| name.contains(".schema-")).collect();
    let expected: Vec<_> =
        (2..5).map(|n| format!("chat.db.schema-5.{}.backup", super::backup::stamp(later(n * 1_000)))).collect();
    assert_eq!(copies, expected);
    let none = TempDir::new().unwrap();
    let options = SqliteOptions { migration_backup: false, ..SqliteOptions::new(fixture(5, &none)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(SqliteStore::open(options, Arc::new(ManualClock::at(start()))).unwrap().close());
    assert!(names(none.path()).iter().all(|name| !name.contains(".schema-")));
}

/// Pages of the index in which a character stands that no other text here has.
fn traces(path: &Path) -> i64 {
    let conn = Connection::open(path).unwrap();
    conn.query_row("SELECT count(*) FROM message_index_data WHERE instr(block, CAST('齉' AS BLOB))", [], |row| {
        row.get(0)
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_texts_that_go_at_once_leave_no_trace_in_the_index() {
    let dir = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(&path(&dir)));
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let den = make_room(&store, bob, "den", RoomKind::Public).await;
    for i in 0..600 {
        let (who, to) = if i % 3 == 0 { (bob, &den) } else { (ana, &room("lobby")) };
        send(&store, who, to, &format!("k{i}"), &format!("龘靐齉 number {i}, {}", "words ".repeat(i % 30))).await;
        send(&store, bob, &room("lobby"), &format!("b{i}"), &format!("another's number {i}")).await;
    }
    store.search_caught_up().await.unwrap();
    assert!(traces(&path(&dir)) > 0);
    // What one person wrote, step by step, and a room; sending goes on.
    store.erase_user(None, ana, true, start()).await.unwrap();
    store.delete_room(bob, &den, start()).await.unwrap();
    let (mut steps, mut messages) = (0, 0);
    while let Some(step) = store.blank_next(0, start()).await.unwrap() {
        (steps, messages) = (steps + 1, messages + step.messages);
        send(&store, bob, &room("lobby"), &format!("s{steps}"), "meanwhile").await;
    }
    assert_eq!(messages, 400);
    store.search_caught_up().await.unwrap();
    assert_eq!(traces(&path(&dir)), 0, "not even of what was noted as gone");
    for (wish, count) in [(&["龘靐齉"][..], 0), (&["meanwhile"], steps), (&["another", "number"], 600)] {
        let found = SearchQuery { limit: 1_000, ..words(bob, wish) };
        assert_eq!(store.search(found).await.unwrap().messages.len(), count, "{wish:?}");
    }
    assert_eq!(store.verify(&|_, _, _| {}).await.unwrap().findings, []);
    let conn = Connection::open(path(&dir)).unwrap();
    let left: i64 = conn.query_row("SELECT count(*) FROM meta WHERE key LIKE 'index_%'", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "nothing is left to do");
}

#[tokio::test]
async fn a_bulk_that_was_undone_leaves_single_texts_to_go_without_a_trace() {
    let dir = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(&path(&dir)));
    let ana = user(&store, "ana").await;
    for i in 0..50 {
        send(&store, ana, &room("lobby"), &format!("k{i}"), &format!("a common number {i}")).await;
    }
    let rare = "龘靐齉";
    send(&store, ana, &room("lobby"), "rare", rare).await;
    store.search_caught_up().await.unwrap();
    store.close().await;
    assert!(traces(&path(&dir)) > 0);
    let conn = Connection::open(path(&dir)).unwrap();
    let undone = "INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', 0)";
    conn.execute_batch(&format!("BEGIN; {undone}; ROLLBACK;")).unwrap();
    conn.execute_batch(&format!("BEGIN; SAVEPOINT job; {undone}; ROLLBACK TO job; RELEASE job; COMMIT;")).unwrap();
    let id = conn.query_row("SELECT id FROM messages WHERE text = ?1", [rare], |row| row.get(0)).unwrap();
    super::index::replace(&conn, id, rare, None).unwrap();
    assert_eq!(traces(&path(&dir)), 0);
}

#[test]
fn a_stamp_sorts_like_its_time() {
    assert_eq!(super::backup::stamp(Timestamp::from_millis(1_790_000_000_000)), "20260921T141320Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_and_the_way_out_is_said() {
    let dir = TempDir::new().unwrap();
    let store = filled(&path(&dir)).await;
    store.close().await;
    assert_eq!(checked(&path(&dir)).await.findings, []);
    let whole = std::fs::read(path(&dir)).unwrap();
    for (harm, said, way_out) in [
        ("DELETE FROM messages WHERE room = 1 AND seq = 7", "its log should hold each of 1 to 204", WayOut::Restore),
        ("UPDATE rooms SET head = head + 1 WHERE id = 1", "its log should hold each of 1 to 205", WayOut::Restore),
        ("UPDATE rooms SET members = 9 WHERE id = 1", "it counts 9 members and has 2", WayOut::Restore),
        ("UPDATE members SET read = 999 WHERE room = 1", "beyond the head 204", WayOut::Restore),
        ("INSERT INTO mentions VALUES (1, 1, 900)", "a mention of message 900", WayOut::Restore),
        ("INSERT INTO reactions VALUES (1, 2, 'x', 1, 1)", "a reaction to message 2", WayOut::Restore),
        ("UPDATE messages SET text = 'back' WHERE seq = 2", "was deleted and has a text", WayOut::Restore),
        ("UPDATE messages SET reply_to = 888 WHERE room = 1 AND seq = 3", "answers 888", WayOut::Restore),
        ("UPDATE entries SET target = 777 WHERE seq = 202", "changes message 777", WayOut::Restore),
        ("INSERT INTO members VALUES (77, 5, 1, 0, 0)", "members of room 77, which is not there: 1", WayOut::Restore),
        ("DELETE FROM users WHERE name = 'bob'", "who is not there", WayOut::Restore),
        ("INSERT INTO feed_rooms VALUES (1, 999)", "the feed is at 999", WayOut::Restore),
        (
            "INSERT INTO message_index (message_index, rowid, text) SELECT 'delete', id, text FROM messages WHERE text = 'from bob'",
            "1 messages do not stand in the search index",
            WayOut::Reindex,
        ),
        (
            "INSERT INTO message_index (rowid, text) VALUES (4000, 'a ghost')",
            "although their texts are gone (ids 4000)",
            WayOut::Reindex,
        ),
        (
            "UPDATE messages SET text = 'another text' WHERE text = 'from bob'",
            "stand in the search index with another text",
            WayOut::Reindex,
        ),
    ] {
        std::fs::write(path(&dir), &whole).unwrap();
        let conn = Connection::open(path(&dir)).unwrap();
        conn.execute_batch(harm).unwrap();
        conn.close().unwrap();
        let report = checked(&path(&dir)).await;
        let found = report.findings.iter().find(|finding| finding.what.contains(said));
        assert_eq!(found.map(|finding| finding.way_out), Some(way_out), "{harm}: {report:?}");
        if way_out == WayOut::Reindex {
            let store = open(&path(&dir));
            crate::storage::Keep::repair_index(&store).await.unwrap();
            store.search_caught_up().await.unwrap();
            store.close().await;
            assert_eq!(checked(&path(&dir)).await.findings, [], "{harm}");
        }
    }
    // A page that was overwritten.
    let mut torn = whole.clone();
    let middle = torn.len() / 2 / 4_096 * 4_096;
    torn[middle..middle + 2_000].fill(0xee);
    std::fs::write(path(&dir), torn).unwrap();
    // Where it holds the schema it cannot even be opened.
    let report = match SqliteArchive::open(&path(&dir)) {
        Ok(archive) => archive.verify(&|_, _, _| {}).await,
        Err(error) => Err(error),
    };
    assert!(report.is_err() || report.is_ok_and(|report| !report.findings.is_empty()));
}
