//! A store with something of everything, copied at once and in pieces, and compared through the traits.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use chat_common::clock::ManualClock;
use chat_common::model::{RoomKind, UserKind};
use chat_common::rest::Scope;
use chat_common::{Emoji, RoomName, Seq, UserId};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::storage::contract::search::words;
use crate::storage::contract::{account, admin, later, make_room, name, refused, room, send, start, text, user};
use crate::storage::postgres::testing::Private;
use crate::storage::postgres::{PostgresOptions, PostgresStore};
use crate::storage::sqlite::{SqliteOptions, SqliteStore};
use crate::storage::{
    Append, HookRow, InviteRow, Moderation, NewUser, Page, RoomId, SessionRow, Signing, Store, TokenRow,
};

const EVERYBODY: [&str; 6] = ["ana", "bob", "carl", "root", "builds", "alerts"];

fn id(wish: &str) -> UserId {
    account(wish).id
}

fn direct() -> RoomName {
    RoomName::direct(id("ana"), id("bob"))
}

fn sqlite(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(SqliteOptions::new(path), Arc::new(ManualClock::at(later(9_000)))).unwrap())
}

async fn postgres(private: &Private) -> StoreResult<Arc<dyn Store>> {
    let clock = Arc::new(ManualClock::at(later(9_000)));
    Ok(Arc::new(PostgresStore::open(PostgresOptions::new(private.url()), clock).await?))
}

/// Accounts and what proves them.
async fn fill_accounts(store: &Arc<dyn Store>) {
    let (ana, bob) = (user(store, "ana").await, user(store, "bob").await);
    user(store, "carl").await;
    admin(store, "root").await;
    store.set_password(ana, "$argon2id$…".into(), None, start()).await.unwrap();
    store.set_profile(bob, Some(name("robert")), Some("Bób 日本".into()), start()).await.unwrap();
    store.set_profile(bob, Some(name("bob")), None, start()).await.unwrap();
    for n in [1u8, 2] {
        let expires_at = later(3_600_000);
        let row = SessionRow {
            id: format!("s{n}"),
            user: ana,
            agent: (n == 1).then(|| "test/1".to_owned()),
            created_at: later(n.into()),
            used_at: start(),
            expires_at,
        };
        store.create_session(row, [n; 32]).await.unwrap();
        store.rotate_refresh([n; 32], [n + 100; 32], expires_at, later(50)).await.unwrap();
    }
    let bot = NewUser { kind: UserKind::Bot, owner: Some(ana), ..account("builds") };
    let token = TokenRow {
        id: "t1".into(),
        owner: ana,
        bot: bot.id,
        name: name("builds"),
        scopes: vec![Scope::Read, Scope::Send],
        rooms: Some(vec![room("lobby")]),
        created_at: start(),
        expires_at: None,
    };
    store.create_token(token, [7; 32], bot).await.unwrap();
    let invite = InviteRow { id: "i1".into(), code_hash: [3; 32], by: None, uses_left: 5, expires_at: later(90_000) };
    store.create_invite(invite, start()).await.unwrap();
    store.set_block(bob, id("carl"), true, start()).await.unwrap();
    store.set_server_ban(None, id("carl"), Some(later(70_000)), Some("spam".into()), start()).await.unwrap();
    store.set_server_ban(None, id("carl"), None, None, start()).await.unwrap();
}

/// Rooms and logs with every kind of entry.
async fn fill_rooms(store: &Arc<dyn Store>) {
    let (ana, bob, carl) = (id("ana"), id("bob"), id("carl"));
    let (lobby, hall) = (room("lobby"), make_room(store, ana, "hall", RoomKind::Public).await);
    let den = make_room(store, bob, "den", RoomKind::Private).await;
    let gone = make_room(store, bob, "gone", RoomKind::Public).await;
    send(store, bob, &gone, "k", "in a room that is deleted").await;
    store.delete_room(bob, &gone, start()).await.unwrap();
    for who in [bob, carl] {
        store.join(who, &hall, 200, start()).await.unwrap();
    }
    for i in 0..40 {
        let body = format!("số {i}: Điện thoại của @ana, 明天下午三点");
        send(store, if i % 2 == 0 { ana } else { bob }, &lobby, &format!("k{i}"), &body).await;
    }
    send(store, bob, &den, "k", "nobody else reads this").await;
    let (_, new) = store.ensure_direct(ana, bob, start()).await.unwrap();
    assert!(new);
    send(store, ana, &direct(), "k", "between us").await;
    send(store, carl, &hall, "k", "hello @ana @bob").await;
    store
        .append(Append { reply_to: Some(Seq(1)), ..text(ana, &hall, "r", "an answer https://a.example") })
        .await
        .unwrap();
    store.edit(ana, &lobby, Seq(1), "edited".into(), vec![], later(5)).await.unwrap();
    store.edit(ana, &lobby, Seq(1), "edited again".into(), vec![name("bob")], later(6)).await.unwrap();
    store.delete(bob, &lobby, Seq(2), later(7)).await.unwrap();
    for (who, emoji) in [(ana, "👍"), (bob, "👍"), (bob, "🎉")] {
        store.react(who, &lobby, Seq(3), Emoji::parse(emoji).unwrap(), true, later(8)).await.unwrap();
    }
    for kind in [RoomKind::Private, RoomKind::Public] {
        store.update_room(ana, &hall, Some(format!("Der Saal, {kind:?}")), Some(kind), later(9)).await.unwrap();
        send(store, ana, &hall, &format!("{kind:?}"), "the feed has this or has it not").await;
    }
    let moderate =
        async |user, what| store.moderate(ana, &hall, user, what, Some("why".into()), later(9)).await.unwrap();
    moderate(bob, Moderation::Mute { until: later(100_000) }).await;
    moderate(carl, Moderation::Kick).await;
    moderate(carl, Moderation::Ban { until: Some(later(80_000)) }).await;
    store.mark_read(ana, &lobby, Seq(17), false).await.unwrap();
    let bot = NewUser { kind: UserKind::Bot, owner: Some(ana), ..account("alerts") };
    let hook = HookRow {
        id: "h1".into(),
        room: hall,
        bot: bot.id,
        name: name("alerts"),
        signing: Signing("s3cret".into()),
        created_at: start(),
    };
    store.create_hook(Some(ana), hook, [8; 32], bot, 9, start()).await.unwrap();
}

/// Everything that the traits show, as one text.
async fn picture(store: &Arc<dyn Store>) -> String {
    let mut out = String::new();
    let now = later(60);
    macro_rules! show {
        ($($what:expr),+) => { $(writeln!(out, "{} = {:#?}", stringify!($what), $what).unwrap();)+ };
    }
    store.search_caught_up().await.unwrap();
    show!(store.list_users(None, None, 99).await.unwrap(), store.audit(None, 99).await.unwrap());
    show!(store.invites(now).await.unwrap(), store.token_by_hash([7; 32]).await.unwrap());
    for hash in [1, 2, 101, 102] {
        show!(store.session_by_refresh([hash; 32]).await.unwrap());
    }
    show!(store.hook("h1", [8; 32]).await.unwrap(), store.hooks(Some(id("ana")), &room("hall"), now).await.unwrap());
    let mut rooms: Vec<RoomId> = Vec::new();
    for who in EVERYBODY {
        let user = id(who);
        show!(who, store.user(user).await.unwrap(), store.credentials(&name(who)).await.unwrap());
        show!(store.sessions(user, now).await.unwrap(), store.tokens(user).await.unwrap());
        show!(store.blocks(user).await.unwrap(), store.views_of(user, None, 99, now).await.unwrap());
        for to in [room("lobby"), room("hall"), room("den"), room("gone"), direct()] {
            let access = store.access(user, &to, now).await.unwrap();
            rooms.extend(access.as_ref().map(|access| access.room.id));
            show!(to, access);
        }
        for given in [&["dien thoai"][..], &["下午"], &["edited"], &["số", "1"], &["between"], &["this"], &[]] {
            show!(given, store.search(words(user, given)).await.unwrap());
        }
    }
    rooms.sort_unstable();
    rooms.dedup();
    show!(store.heads(&rooms).await.unwrap(), store.feed_pending(RoomId(0), 99).await.unwrap());
    for room in rooms {
        show!(store.entries(room, Seq(0), 999).await.unwrap(), store.members(room, None, 99).await.unwrap());
        for who in EVERYBODY {
            show!(store.messages(id(who), room, Page::Latest, 999).await.unwrap());
        }
        show!(store.thread(id("ana"), room, Seq(1), Seq(0), 9).await.unwrap());
    }
    out
}

async fn source(dir: &TempDir) -> (std::path::PathBuf, String) {
    let path = dir.path().join("chat.db");
    let store = sqlite(&path);
    fill_accounts(&store).await;
    fill_rooms(&store).await;
    let shown = picture(&store).await;
    assert!(shown.contains("between us") && shown.contains("edited again") && shown.contains("h1"));
    store.close().await;
    (path, shown)
}

/// What only the copied key and ids can bring about.
async fn goes_on(store: &Arc<dyn Store>) {
    let lobby = room("lobby");
    let again = "số 4: Điện thoại của @ana, 明天下午三点";
    let repeat = store.append(text(id("ana"), &lobby, "k4", again)).await.unwrap();
    assert_eq!((repeat.seq, repeat.entry), (Seq(5), None), "a repeat after the move is a repeat");
    let other = refused(store.append(text(id("ana"), &lobby, "k4", "another text")).await);
    assert!(matches!(other, crate::domain::Refusal::Conflict(_)), "{other:?}");
    let next = send(store, id("ana"), &lobby, "new", "the first after the move").await;
    assert_eq!(next.seq, repeat.room.head.next());
    let known: Vec<RoomId> = store.rooms_of(id("bob")).await.unwrap().into_iter().map(|(room, _)| room).collect();
    let fresh =
        store.create_room(id("bob"), room("fresh"), RoomKind::Public, String::new(), 99, start()).await.unwrap();
    assert!(known.iter().all(|room| *room < fresh.id), "no room's id comes again");
    store.search_caught_up().await.unwrap();
    let found = store.search(words(id("ana"), &["after the move"])).await.unwrap();
    assert_eq!(found.messages.len(), 1);
    let (rows, _) = store.authority_since(Some(0)).await.unwrap();
    assert!(rows.is_empty(), "what ended connections long ago ends none now: {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_shows_what_its_source_showed() {
    let Some(private) = Private::new("a_copy_shows_what_its_source_showed").await else { return };
    let dir = TempDir::new().unwrap();
    let (path, shown) = source(&dir).await;
    let (mut from, mut to) = (Export::open(&path).unwrap(), Import::open(&private.url()).await.unwrap());
    let mut told = Vec::new();
    let copied = run(&mut from, &mut to, false, &mut |progress| told.push(progress)).await.unwrap();
    assert_eq!(copied.before, 0);
    assert_eq!(told.last().map(|last| (last.done, last.total)), Some((copied.rows, copied.rows)));
    drop((from, to));
    let store = postgres(&private).await.unwrap();
    pretty_equal(&picture(&store).await, &shown);
    let old = sqlite(&path);
    assert_ne!(store.epoch(), old.epoch(), "another lineage");
    old.close().await;
    goes_on(&store).await;
    store.close().await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_goes_on_and_is_no_store_until_then() {
    let Some(private) = Private::new("an_interrupted_copy_goes_on").await else { return };
    let dir = TempDir::new().unwrap();
    let (path, shown) = source(&dir).await;
    let mut runs = 0;
    let copied = loop {
        runs += 1;
        let mut from = Export::open(&path).unwrap().with_batches_of(3);
        let mut to = Import::open(&private.url()).await.unwrap();
        let (stop, mut first) = (CancellationToken::new(), None);
        let mut tell = |at: Progress| {
            // The next write is under way when it is cut, and most often undone: without others before it no run gets on.
            if at.done > *first.get_or_insert(at.done) + 12 && at.done < at.total {
                stop.cancel();
            }
        };
        tokio::select! {
            biased;
            copied = run(&mut from, &mut to, false, &mut tell) => break copied.unwrap(),
            () = stop.cancelled() => {}
        }
        drop((from, to));
        let Err(StoreError::Unavailable(why)) = postgres(&private).await else { panic!("half a copy was opened") };
        assert!(why.contains("half of a copy"), "{why}");
    };
    assert!(runs > 2 && copied.before > 0, "{runs} runs, {copied:?}");
    let store = postgres(&private).await.unwrap();
    pretty_equal(&picture(&store).await, &shown);
    goes_on(&store).await;
    store.close().await;
    private.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_refuses_what_would_mix_two_chats() {
    let Some(private) = Private::new("a_copy_refuses_what_would_mix_two_chats").await else { return };
    let dir = TempDir::new().unwrap();
    let (path, shown) = source(&dir).await;
    let why = |result: StoreResult<Copied>| match result {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("not refused: {other:?}"),
    };
    let quiet = &mut |_| {};

    let running = sqlite(&path);
    let Err(StoreError::Unavailable(in_use)) = Export::open(&path) else { panic!("a running server's file") };
    assert!(in_use.contains("in use by process"), "{in_use}");
    running.close().await;

    // Half a copy, then a server on the source.
    let mut to = Import::open(&private.url()).await.unwrap();
    let from = Export::open(&path).unwrap();
    begin(&from, &mut to, false).await.unwrap();
    drop(from);
    sqlite(&path).close().await;
    let mut from = Export::open(&path).unwrap();
    let changed = why(run(&mut from, &mut to, false, quiet).await);
    assert!(changed.contains("--restart"), "{changed}");
    run(&mut from, &mut to, true, quiet).await.unwrap();

    // A whole chat is never touched, not even by --restart.
    for restart in [false, true] {
        let used = why(run(&mut from, &mut to, restart, quiet).await);
        assert!(used.contains("holds a chat already"), "{used}");
    }
    drop((from, to));
    let store = postgres(&private).await.unwrap();
    pretty_equal(&picture(&store).await, &shown);
    let Err(StoreError::Unavailable(busy)) = Import::open(&private.url()).await else { panic!("beside a server") };
    assert!(busy.contains("stop them"), "{busy}");
    store.close().await;
    private.end().await;
}

/// The first line that differs says more than two long texts.
fn pretty_equal(there: &str, here: &str) {
    let mut of = "";
    for (number, (a, b)) in there.lines().zip(here.lines()).enumerate() {
        if b.contains(" = ") {
            of = b;
        }
        assert_eq!(a, b, "line {number}, in {of:?}");
    }
    assert_eq!(there.lines().count(), here.lines().count());
}

#[test]
fn a_place_survives_being_written_down() {
    let after = vec![Value::Number(-5), Value::Text("a\"b".into()), Value::Bytes(vec![0, 255]), Value::None];
    let text = serde_json::to_string(&after).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), after);
}

#[test]
fn another_head_another_first_and_a_missing_room_are_found() {
    let ends = |id, first, head| Ends { id, first, head };
    let all = vec![ends(1, 1, 9), ends(2, 1, 4)];
    assert_eq!(compare(&all, &all).unwrap(), 2);
    for other in [vec![ends(1, 1, 8), ends(2, 1, 4)], vec![ends(1, 2, 9), ends(2, 1, 4)], vec![ends(1, 1, 9)]] {
        assert!(compare(&all, &other).is_err());
    }
}
