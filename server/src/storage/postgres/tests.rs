//! What is PostgreSQL's own: several nodes, lost connections, fail-overs, foreign schemas, traces of deleted texts.

use std::sync::Arc;
use std::time::Duration;

use chat_common::clock::ManualClock;
use chat_common::model::RoomKind;
use chat_common::{Seq, UserId};

use sqlx::PgConnection;

use super::migrations::{STEPS, migrate};
use super::testing::Private;
use super::{PostgresArchive, PostgresOptions, PostgresStore};
use crate::domain::Refusal;
use crate::storage::contract::{self, make_room, refused, room, send, start, text, user};
use crate::storage::{Accounts, Archive, Log, Moderation, Rooms, Store, StoreError};

async fn open(private: &Private) -> PostgresStore {
    PostgresStore::open(PostgresOptions::new(private.url()), Arc::new(ManualClock::at(start()))).await.unwrap()
}

async fn tell<F: Future<Output = ()>>(name: &str, story: impl FnOnce(Arc<dyn Store>) -> F) {
    let Some(private) = Private::new(name).await else { return };
    let store: Arc<dyn Store> = Arc::new(open(&private).await);
    story(Arc::clone(&store)).await;
    store.search_caught_up().await.unwrap();
    assert_eq!(store.verify(&|_, _, _| {}).await.unwrap().findings, []);
    store.close().await;
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    check_logs(&mut private.connect().await).await;
    private.end().await;
}

contract::every_story!(tell);

/// Every log has each seq from first to head exactly once, the members are counted right.
async fn check_logs(conn: &mut PgConnection) {
    let broken: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM rooms r WHERE name IS NOT NULL AND (head <>
           (SELECT count(DISTINCT seq) FROM (SELECT seq FROM messages WHERE room = r.id
              UNION ALL SELECT seq FROM entries WHERE room = r.id) log WHERE seq BETWEEN r.first AND r.head)
         OR head <> (SELECT count(*) FROM messages WHERE room = r.id) + (SELECT count(*) FROM entries WHERE room = r.id)
         OR members <> (SELECT count(*) FROM members WHERE room = r.id))",
    )
    .fetch_one(conn)
    .await
    .unwrap();
    assert_eq!(broken, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_may_start_at_once() {
    let Some(private) = Private::new("nodes_may_start_at_once").await else { return };
    let stores = futures_util::future::join_all((0..4).map(|_| open(&private))).await;
    let epochs: Vec<_> = stores.iter().map(Store::epoch).collect();
    assert!(epochs.windows(2).all(|pair| pair[0] == pair[1]), "{epochs:?}");
    for store in stores {
        store.health().await.unwrap();
        store.close().await;
    }
    private.end().await;
}

fn erase(store: PostgresStore) -> Arc<dyn Store> {
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_write_one_log() {
    let Some(private) = Private::new("two_nodes_write_one_log").await else { return };
    let nodes = [Arc::new(open(&private).await), Arc::new(open(&private).await)];
    let erased: Arc<dyn Store> = nodes[0].clone();
    let ana = user(&erased, "ana").await;
    let rooms = [room("lobby"), make_room(&erased, ana, "left", RoomKind::Public).await];
    let mut tasks = Vec::new();
    for sender in 0..16 {
        let who = user(&erased, &format!("sender{sender}")).await;
        let (store, rooms) = (Arc::clone(&nodes[sender % 2]), rooms.clone());
        tasks.push(tokio::spawn(async move {
            for i in 0..25 {
                store.append(text(who, &rooms[(i + sender) % 2], &format!("k{i}"), "x")).await.unwrap();
                // A repeat on whichever node is one message all the same.
                store.append(text(who, &rooms[(i + sender) % 2], &format!("k{i}"), "x")).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let heads = futures_util::future::join_all(rooms.iter().map(|room| erased.access(ana, room, start()))).await;
    let heads: u64 = heads.into_iter().map(|access| access.unwrap().unwrap().room.head.0).sum();
    assert_eq!(heads, 16 * 25);
    // What one node decides, the other knows in its next transaction.
    let loud = user(&erased, "loud").await;
    nodes[1].append(text(loud, &rooms[1], "1", "hi")).await.unwrap();
    nodes[0].moderate(ana, &rooms[1], loud, Moderation::Ban { until: None }, None, start()).await.unwrap();
    assert_eq!(refused(nodes[1].append(text(loud, &rooms[1], "2", "hi")).await), Refusal::Banned { until: None });
    let (commits, jobs) = nodes[0].commits().counts();
    assert!(commits < jobs, "{commits} commits for {jobs} messages");
    for node in nodes {
        node.close().await;
    }
    check_logs(&mut private.connect().await).await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_at_fault_harms_no_other() {
    let Some(private) = Private::new("a_message_at_fault_harms_no_other").await else { return };
    let store = erase(open(&private).await);
    let ana = user(&store, "ana").await;
    let lobby = room("lobby");
    send(&store, ana, &lobby, "0", "zero").await;
    // PostgreSQL's texts hold no NUL; cleaned texts have none.
    let (good, bad, other) = tokio::join!(
        store.append(text(ana, &lobby, "1", "one")),
        store.append(text(ana, &lobby, "2", "t\0wo")),
        store.append(text(ana, &lobby, "3", "three")),
    );
    let mut seqs = [good.unwrap().seq.0, other.unwrap().seq.0];
    seqs.sort_unstable();
    assert_eq!(seqs, [2, 3]);
    let Err(StoreError::Internal(why)) = bad else { panic!("{bad:?}") };
    assert!(!why.contains("wo"), "no text in an error: {why}");
    store.close().await;
    check_logs(&mut private.connect().await).await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_nothing_that_was_acknowledged() {
    let Some(private) = Private::new("cut_connections_lose_nothing_that_was_acknowledged").await else { return };
    let store = erase(open(&private).await);
    let lobby = room("lobby");
    let mut tasks = Vec::new();
    for sender in 0..8 {
        let (store, lobby, who) = (Arc::clone(&store), lobby.clone(), user(&store, &format!("sender{sender}")).await);
        tasks.push(tokio::spawn(async move {
            let mut unavailable = 0;
            for i in 0..40 {
                loop {
                    match store.append(text(who, &lobby, &format!("k{i}"), "x")).await {
                        Ok(_) => break,
                        Err(StoreError::Unavailable(_)) => unavailable += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                    assert!(unavailable < 10_000, "it does not come back");
                    tokio::task::yield_now().await;
                }
            }
        }));
    }
    for _ in 0..5 {
        private.cut_others().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let ana = user(&store, "ana").await;
    assert_eq!(store.access(ana, &lobby, start()).await.unwrap().unwrap().room.head, Seq(8 * 40));
    store.close().await;
    check_logs(&mut private.connect().await).await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_told_at_once() {
    let Some(private) = Private::new("a_database_that_is_away_is_told_at_once").await else { return };
    let store = erase(open(&private).await);
    let ana = user(&store, "ana").await;
    private.admit(false).await;
    private.cut_others().await;
    let lobby = room("lobby");
    let all = (0..200).map(|i| store.append(text(ana, &lobby, &format!("k{i}"), "x")));
    for answer in futures_util::future::join_all(all).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    private.admit(true).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while store.health().await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "it does not come back");
        tokio::task::yield_now().await;
    }
    assert_eq!(send(&store, ana, &lobby, "k0", "x").await.seq, Seq(1));
    store.close().await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_history_behind_the_url_ends_the_store() {
    let Some(private) = Private::new("another_history_behind_the_url_ends_the_store").await else { return };
    let store = open(&private).await;
    let epoch = store.epoch();
    let died = store.died();
    private.replace_by_copy().await;
    let gone = store.user(UserId::from_bits(1)).await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))), "{gone:?}");
    assert!(died.await.contains("fail-over"));
    assert!(matches!(store.health().await, Err(StoreError::Unavailable(_))));
    // The copy is a lineage of its own; started on it, the program goes on.
    let again = open(&private).await;
    assert_ne!(again.epoch(), epoch);
    again.health().await.unwrap();
    again.close().await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_that_are_not_ours_are_refused() {
    let Some(private) = Private::new("schemas_that_are_not_ours_are_refused").await else { return };
    let mut conn = private.connect().await;
    migrate(&mut conn, 1).await.unwrap();
    open(&private).await.close().await;
    let steps: i64 = sqlx::query_scalar("SELECT count(*) FROM schema_steps").fetch_one(&mut conn).await.unwrap();
    assert_eq!(usize::try_from(steps).unwrap(), STEPS.len());
    for (sql, said) in [
        ("INSERT INTO schema_steps (step, checksum) VALUES (99, '')", "newer"),
        ("DELETE FROM schema_steps WHERE step = 99; UPDATE schema_steps SET checksum = 'x' WHERE step = 1", "build"),
    ] {
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        let clock = Arc::new(ManualClock::at(start()));
        let Err(StoreError::Internal(why)) = PostgresStore::open(PostgresOptions::new(private.url()), clock).await
        else {
            panic!("a foreign schema was opened");
        };
        assert!(why.contains(said), "{why}");
    }
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_what_was_deleted() {
    let Some(private) = Private::new("nothing_is_left_of_what_was_deleted").await else { return };
    let store = erase(open(&private).await);
    let ana = user(&store, "ana").await;
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    let lobby = room("lobby");
    for i in 0..600 {
        send(&store, ana, &hall, &format!("k{i}"), "to go with its room @ana").await;
    }
    send(&store, ana, &lobby, "deleted", "Zyxwv qjkvz").await;
    send(&store, ana, &lobby, "edited", "Zyxwv qjkvz too").await;
    store.search_caught_up().await.unwrap();
    store.delete(ana, &lobby, Seq(1), start()).await.unwrap();
    store.edit(ana, &lobby, Seq(2), "nothing".into(), vec![], start()).await.unwrap();
    let id = store.delete_room(ana, &hall, start()).await.unwrap().id;
    store.search_caught_up().await.unwrap();
    let mut conn = private.connect().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM messages WHERE room = $1) + (SELECT count(*) FROM mentions WHERE room = $1)
               + (SELECT count(*) FROM rooms WHERE id = $1)",
        )
        .bind(id.0)
        .fetch_one(&mut conn)
        .await
        .unwrap();
        if left == 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{left} rows are left of the room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.search_caught_up().await.unwrap();
    let indexed: i64 = sqlx::query_scalar("SELECT count(*) FROM message_index").fetch_one(&mut conn).await.unwrap();
    assert_eq!(indexed, 1, "what was edited");
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert!(tables.iter().any(|table| table == "messages"));
    for table in tables {
        let sql = format!("SELECT count(*) FROM {table} t WHERE t::text ILIKE '%zyxwv%'");
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut conn).await.unwrap();
        assert_eq!(found, 0, "{table}");
    }
    store.close().await;
    check_logs(&mut conn).await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_beside_the_nodes_and_the_index_is_mended() {
    let Some(private) = Private::new("damage_is_found_beside_the_nodes").await else { return };
    let store = Arc::new(open(&private).await);
    let erased: Arc<dyn Store> = store.clone();
    let ana = user(&erased, "ana").await;
    for i in 0..30 {
        send(&erased, ana, &room("lobby"), &format!("k{i}"), &format!("message number {i}")).await;
    }
    erased.search_caught_up().await.unwrap();
    let archive = PostgresArchive::open(&private.url()).await.unwrap();
    let found = async || {
        let report = archive.verify(&|_, _, _| {}).await.unwrap();
        report.findings.iter().map(|finding| finding.what.clone()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found().await, "");
    let mut conn = private.connect().await;
    for (harm, said) in [
        ("UPDATE rooms SET members = 9 WHERE id = 1", "it counts 9 members and has 1"),
        ("UPDATE members SET read = 999", "beyond the head 30"),
        ("DELETE FROM messages WHERE seq = 7", "its log should hold each of 1 to 30 once, and holds 29"),
        (
            "UPDATE messages SET text = 'another' WHERE seq = 8",
            "1 messages stand in the search index with another text",
        ),
        ("DELETE FROM message_index WHERE id = 9", "1 messages do not stand in the search index"),
        ("INSERT INTO message_index VALUES (4000, '{1}')", "their texts are gone (ids 7, 4000)"),
    ] {
        sqlx::raw_sql(harm).execute(&mut conn).await.unwrap();
        let found = found().await;
        assert!(found.contains(said), "{harm}: {found}");
    }
    crate::storage::Keep::repair_index(&*store).await.unwrap();
    erased.search_caught_up().await.unwrap();
    let left = found().await;
    assert!(!left.contains("search index") && left.contains("its log"), "{left}");
    erased.close().await;
    private.end().await;
}
