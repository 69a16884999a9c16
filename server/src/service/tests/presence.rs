//! Who is there and who types.

use chat_common::event::presence::{Get, Set, Typing};
use chat_common::model::Status;

use super::*;
use crate::service::{presence, rooms};

fn of_room(room: &str) -> Get {
    Get { room: Some(at(room)), users: None }
}

fn of_users(users: &[&str]) -> Get {
    Get { room: None, users: Some(users.iter().map(|n| name(n)).collect()) }
}

/// Waits for what a task tells behind the caller's back.
async fn next(w: &mut World) -> Signal {
    tokio::time::timeout(Duration::from_secs(5), w.signals.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn online_at_once_offline_ten_seconds_after_the_last_connection() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    w.told();
    presence::connected(&w.s, bob.user.id, ConnId(1)).await;
    let told = next(&mut w).await;
    let Signal::Room { hint: Hint::PresenceChanged { user, status, .. }, .. } = told else { panic!("{told:?}") };
    assert_eq!((user, status), (bob.user.clone(), Status::Online));
    presence::connected(&w.s, bob.user.id, ConnId(2)).await;
    presence::disconnected(&w.s, bob.user.id, ConnId(1));
    presence::disconnected(&w.s, bob.user.id, ConnId(2));
    w.pass(9);
    presence::sweep(&w.s).await;
    assert!(w.told().is_empty(), "a quick reconnect does not flap");
    assert_eq!(presence::get(&w.s, &ana, of_room("ops")).await.unwrap().present.len(), 1);
    w.pass(1);
    presence::sweep(&w.s).await;
    let told = w.told();
    assert!(
        matches!(&told[..], [Signal::Room { hint: Hint::PresenceChanged { status: Status::Offline, .. }, .. }]),
        "{told:?}"
    );
    assert!(presence::get(&w.s, &ana, of_room("ops")).await.unwrap().present.is_empty());
}

#[tokio::test]
async fn a_status_is_seen_by_those_who_share_a_room_only() {
    let mut w = world().await;
    let (ana, bob, carl) = (w.user("ana").await, w.user("bob").await, w.user("carl").await);
    w.room(&ana, "ops", RoomKind::Private, &[&bob]).await;
    presence::connected(&w.s, bob.user.id, ConnId(1)).await;
    next(&mut w).await;
    let set = |status, text: &str| Set { status, text: Some(text.into()) };
    w.s.drain().await;
    w.told();
    presence::set(&w.s, &bob, set(Status::Dnd, "deep\nwork ")).await.unwrap();
    assert_eq!(w.told_names(), ["presence:changed"]);
    presence::set(&w.s, &bob, set(Status::Dnd, "deep work")).await.unwrap();
    assert!(w.told().is_empty(), "nothing changed");
    assert_eq!(code(presence::set(&w.s, &bob, set(Status::Offline, "")).await), ErrorCode::Invalid);
    let seen = presence::get(&w.s, &ana, of_users(&["bob", "nobody", "ana"])).await.unwrap().present;
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].status, seen[0].text.as_deref()), (Status::Dnd, Some("deep work")));
    assert!(presence::get(&w.s, &carl, of_users(&["bob"])).await.unwrap().present.is_empty());
    assert_eq!(code(presence::get(&w.s, &carl, of_room("ops")).await), ErrorCode::NotFound);
    assert_eq!(code(presence::get(&w.s, &ana, Get::default()).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn a_large_room_is_told_numbers() {
    let mut w = world_with(Limits { presence_room: 2, ..Limits::default() }).await;
    let people = [w.user("ana").await, w.user("bob").await, w.user("carl").await];
    w.room(&people[0], "all", RoomKind::Public, &[&people[1], &people[2]]).await;
    for (i, who) in people.iter().enumerate() {
        presence::connected(&w.s, who.user.id, ConnId(i as u64)).await;
    }
    w.s.drain().await;
    w.told();
    presence::sweep(&w.s).await;
    let told = w.told();
    assert!(
        matches!(&told[..], [Signal::Room { hint: Hint::PresenceCount { members: 3, present: 3, .. }, .. }]),
        "{told:?}"
    );
    rooms::leave(&w.s, &people[2], room::Leave { room: at("all") }).await.unwrap();
    w.told();
    w.pass(4);
    presence::sweep(&w.s).await;
    assert!(w.told().is_empty());
}

#[tokio::test]
async fn a_room_learns_how_its_new_member_is() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    presence::connected(&w.s, bob.user.id, ConnId(1)).await;
    w.s.drain().await;
    w.told();
    rooms::join(&w.s, &bob, &at("ops")).await.unwrap();
    assert_eq!(w.told_names(), ["member:joined", "presence:changed", "room:added"]);
    let entered = rooms::enter(&w.s, &bob, &RoomName::parse("ops").unwrap(), None, None).await.unwrap();
    assert_eq!(entered.room.present, 1);
    rooms::leave(&w.s, &bob, room::Leave { room: at("ops") }).await.unwrap();
    assert!(presence::get(&w.s, &ana, of_room("ops")).await.unwrap().present.is_empty());
}

#[tokio::test]
async fn upkeep_runs_by_itself_and_ends_with_the_services() {
    let w = world().await;
    let (bus, mut signals) = crate::cluster::local::LocalBus::new();
    let s = Services::start(Parts {
        store: Arc::clone(&w.s.store),
        bus: Arc::new(bus),
        clock: Arc::clone(&w.clock) as Arc<dyn Clock>,
        limits: Limits::default(),
        server: (*w.s.server).clone(),
        node: crate::storage::NodeId(2),
        auth: w.s.auth.clone(),
        outbound: crate::outbound::Outbound::public(),
    });
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    presence::typing(&s, &ana, Typing { room: at("ops"), on: true }).await.unwrap();
    w.pass(6);
    let mut told = Vec::new();
    while told.len() < 2 {
        let signal = tokio::time::timeout(Duration::from_secs(5), signals.recv()).await.unwrap().unwrap();
        told.push(matches!(signal, Signal::Room { hint: Hint::TypingChanged { on: true, .. }, .. }));
    }
    assert_eq!(told, [true, false]);
    tokio::time::timeout(Duration::from_secs(5), s.drain()).await.unwrap();
}

#[tokio::test]
async fn typing_ends_by_itself() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    let typing = |on| Typing { room: at("ops"), on };
    presence::typing(&w.s, &ana, typing(true)).await.unwrap();
    let told = w.told();
    let [Signal::Room { hint: Hint::TypingChanged { on: true, .. }, except, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*except, Some(ana.user.id), "not to oneself");
    w.pass(5);
    presence::typing(&w.s, &ana, typing(true)).await.unwrap();
    w.told();
    w.pass(5);
    presence::sweep(&w.s).await;
    assert!(w.told().is_empty(), "it was repeated");
    w.pass(1);
    presence::sweep(&w.s).await;
    let told = w.told();
    assert!(matches!(&told[..], [Signal::Room { hint: Hint::TypingChanged { on: false, .. }, .. }]), "{told:?}");
    presence::typing(&w.s, &ana, typing(false)).await.unwrap();
    assert!(w.told().is_empty(), "it was over");
    assert_eq!(code(presence::typing(&w.s, &bob, typing(true)).await), ErrorCode::Forbidden);
}
