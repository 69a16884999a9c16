//! Rooms, members, moderation, reading marks, profiles.

use chat_common::event::history::Mark;
use chat_common::event::room::{Create, Leave, List, Transfer, Update};
use chat_common::event::{custom, member, user};
use chat_common::model::Role;

use super::*;
use crate::service::{custom as own_events, members, profile, read, rooms, sync as catching};

fn create(room: &str, kind: Option<RoomKind>) -> Create {
    Create { room: RoomName::parse(room).unwrap(), kind, topic: Some(" all\nhands ".into()) }
}

#[tokio::test]
async fn a_room_is_made_once_and_its_maker_owns_it() {
    let mut w = world().await;
    let (ana, bob) = (on(&w.user("ana").await, 1), w.user("bob").await);
    w.told();
    let room = rooms::create(&w.s, &ana, create("ops", None)).await.unwrap().room;
    assert_eq!((room.kind, room.role, room.topic.as_str()), (RoomKind::Public, Some(Role::Owner), "all hands"));
    assert_eq!((room.first, room.head, room.members), (Seq(1), Seq(0), 1));
    let told = w.told();
    assert!(
        matches!(told[..], [Signal::User { user, hint: Hint::RoomAdded { .. }, except: Some(ConnId(1)) }] if user == ana.user.id),
        "{told:?}"
    );
    assert_eq!(code(rooms::create(&w.s, &bob, create("ops", None)).await), ErrorCode::Conflict);
    assert_eq!(code(rooms::create(&w.s, &bob, create("dm-x", None)).await), ErrorCode::Invalid);
    assert_eq!(code(rooms::create(&w.s, &bob, create("x", Some(RoomKind::Direct))).await), ErrorCode::Invalid);
    for i in 0..9 {
        rooms::create(&w.s, &ana, create(&format!("r{i}"), None)).await.unwrap();
    }
    assert_eq!(code(rooms::create(&w.s, &ana, create("r9", None)).await), ErrorCode::RateLimited);
    assert_eq!(code(rooms::create(&w.s, &bob, create("ops", None)).await), ErrorCode::Conflict, "costs no room");
    w.pass(3_600);
    rooms::create(&w.s, &ana, create("r9", None)).await.unwrap();
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let w = world_with(Limits { rooms_created_per_hour: 100, ..Limits::default() }).await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    for i in 0..7 {
        let kind = if i % 2 == 0 { RoomKind::Public } else { RoomKind::Private };
        rooms::create(&w.s, &ana, create(&format!("room-{i}"), Some(kind))).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = rooms::list(&w.s, &bob, List { after, limit: Some(3), query: Some("room".into()) }).await.unwrap();
        seen.extend(page.rooms.iter().map(|r| r.room.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["room-0", "room-2", "room-4", "room-6"], "private ones are not there");
    let mine = rooms::list(&w.s, &ana, List { query: Some("ROOM-1".into()), ..List::default() }).await.unwrap();
    assert_eq!(mine.rooms.len(), 1);
    let bad = List { after: Some(chat_common::Cursor("no cursor!".into())), ..List::default() };
    assert_eq!(code(rooms::list(&w.s, &bob, bad).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn joining_and_leaving_are_told() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, on(&w.user("bob").await, 7));
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.send(&ana, "ops", "welcome").await.unwrap();
    w.told();
    let (_, name) = rooms::join(&w.s, &bob, &at("OPS")).await.unwrap();
    assert_eq!(w.told_names(), ["member:joined", "room:added"]);
    let entered = rooms::enter(&w.s, &bob, &name, None, None).await.unwrap();
    assert_eq!((entered.room.members, entered.members.len()), (2, 2));
    assert!(entered.sync.reset && entered.sync.messages.unwrap().len() == 1);
    rooms::join(&w.s, &bob, &at("ops")).await.unwrap();
    assert!(w.told().is_empty(), "a repeat tells nothing");
    rooms::leave(&w.s, &bob, Leave { room: at("ops") }).await.unwrap();
    assert_eq!(w.told_names(), ["left", "member:left", "room:gone"]);
    rooms::leave(&w.s, &bob, Leave { room: at("ops") }).await.unwrap();
    assert!(w.told().is_empty());
    assert_eq!(code(rooms::join(&w.s, &bob, &at("nowhere")).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_kick_is_told_to_the_room_and_to_the_kicked_and_ends_the_right_to_write() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    w.told();
    let kick = member::Kick { room: at("ops"), user: name("bob"), reason: Some("spam".into()) };
    assert_eq!(code(members::kick(&w.s, &bob, kick.clone()).await), ErrorCode::Forbidden);
    members::kick(&w.s, &ana, kick).await.unwrap();
    assert_eq!(w.told_names(), ["member:removed", "room:gone", "authority"]);
    let ban = |until| member::Ban { room: at("ops"), user: name("bob"), reason: None, until };
    assert_eq!(code(members::ban(&w.s, &ana, ban(Some(w.clock.now()))).await), ErrorCode::Invalid);
    members::ban(&w.s, &ana, ban(None)).await.unwrap();
    assert_eq!(code(w.send(&bob, "ops", "x").await), ErrorCode::Banned);
    assert_eq!(code(rooms::join(&w.s, &bob, &at("ops")).await), ErrorCode::Banned);
    assert_eq!(code(rooms::find(&w.s, &bob, &at("ops")).await), ErrorCode::Banned);
    members::unban(&w.s, &ana, member::Unban { room: at("ops"), user: name("bob") }).await.unwrap();
    assert_eq!(code(w.send(&bob, "ops", "x").await), ErrorCode::Forbidden, "coming back is a decision");
    rooms::join(&w.s, &bob, &at("ops")).await.unwrap();
    w.send(&bob, "ops", "back").await.unwrap();
    let own = member::SetRole { room: at("ops"), user: name("bob"), role: Role::Owner };
    assert_eq!(code(members::role(&w.s, &ana, own).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn a_mute_silences_messages_typing_and_own_events_until_it_is_over() {
    let w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    let until = w.clock.now().plus(Duration::from_secs(60));
    let mute = member::Mute { room: at("ops"), user: name("bob"), until: Some(until), reason: None };
    members::mute(&w.s, &ana, mute).await.unwrap();
    let typing = chat_common::event::presence::Typing { room: at("ops"), on: true };
    let event = custom::Send { room: at("ops"), name: "draw".into(), data: serde_json::Value::Null };
    assert_eq!(code(w.send(&bob, "ops", "x").await), ErrorCode::Muted);
    assert_eq!(code(crate::service::presence::typing(&w.s, &bob, typing).await), ErrorCode::Muted);
    assert_eq!(code(own_events::send(&w.s, &bob, event.clone()).await), ErrorCode::Muted);
    assert_eq!(catching::ready(&w.s, &bob).await.unwrap().rooms[0].muted_until, Some(until));
    w.pass(60);
    w.send(&bob, "ops", "x").await.unwrap();
    own_events::send(&w.s, &bob, event).await.unwrap();
    assert_eq!(catching::ready(&w.s, &bob).await.unwrap().rooms[0].muted_until, None);
}

#[tokio::test]
async fn changing_and_handing_on_a_room() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    let update = |topic: Option<&str>, kind| Update {
        room: at("ops"),
        topic: topic.map(Into::into),
        kind,
        retention_days: None,
    };
    assert_eq!(code(rooms::update(&w.s, &bob, update(Some("x"), None)).await), ErrorCode::Forbidden);
    assert_eq!(code(rooms::update(&w.s, &ana, update(None, None)).await), ErrorCode::Invalid);
    assert_eq!(code(rooms::update(&w.s, &ana, update(Some(&"x".repeat(501)), None)).await), ErrorCode::TooLarge);
    w.told();
    let room = rooms::update(&w.s, &ana, update(Some("on call"), Some(RoomKind::Private))).await.unwrap().room;
    assert_eq!((room.topic.as_str(), room.kind), ("on call", RoomKind::Private));
    assert_eq!(w.told_names(), ["room:updated", "authority"]);
    rooms::transfer(&w.s, &ana, Transfer { room: at("ops"), user: name("bob") }).await.unwrap();
    assert_eq!(code(rooms::delete(&w.s, &ana, room::Delete { room: at("ops") }).await), ErrorCode::Forbidden);
    w.told();
    rooms::delete(&w.s, &bob, room::Delete { room: at("ops") }).await.unwrap();
    assert_eq!(w.told_names(), ["deleted", "authority"]);
    assert_eq!(code(rooms::find(&w.s, &bob, &at("ops")).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn reading_is_told_to_ones_other_connections() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, on(&w.user("bob").await, 3));
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    w.send(&ana, "ops", "one").await.unwrap();
    let two = w.send(&ana, "ops", "two @bob").await.unwrap().seq;
    let room = catching::ready(&w.s, &bob).await.unwrap().rooms.remove(0);
    assert_eq!((room.unread, room.mentions), (2, 1));
    w.told();
    let mark = |seq, force| Mark { room: at("ops"), seq, force };
    read::mark(&w.s, &bob, mark(two, None)).await.unwrap();
    let told = w.told();
    assert!(
        matches!(&told[..], [Signal::User { user, except: Some(ConnId(3)), hint: Hint::ReadChanged { unread: 0, mentions: 0, .. } }] if *user == bob.user.id),
        "{told:?}"
    );
    read::mark(&w.s, &bob, mark(Seq(1), None)).await.unwrap();
    assert!(w.told().is_empty(), "never back");
    read::mark(&w.s, &bob, mark(Seq(0), Some(true))).await.unwrap();
    assert_eq!(w.told_names(), ["read:changed"]);
}

#[tokio::test]
async fn a_profile_changes_for_everyone_who_shares_a_room() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    let set = |name: Option<&str>, label: Option<&str>| user::SetProfile {
        name: name.map(Into::into),
        display_name: label.map(Into::into),
    };
    let reply = profile::set(&w.s, &ana, set(Some("Anna"), Some("Anna K."))).await.unwrap();
    assert_eq!((reply.user.name.as_str(), reply.user.display_name.as_str()), ("anna", "Anna K."));
    assert_eq!(w.told_names(), ["authority", "user:changed", "user:changed"]);
    let bob = w.user("bob").await;
    assert_eq!(code(profile::set(&w.s, &bob, set(Some("ana"), None)).await), ErrorCode::Conflict, "never another's");
    let cleared = profile::set(&w.s, &ana, set(None, Some(" "))).await.unwrap();
    assert_eq!(cleared.user.display_name, "anna");
    assert_eq!(code(profile::set(&w.s, &ana, set(None, Some("\u{1b}[2J"))).await), ErrorCode::Invalid);
    let guest = w.guest("gast").await;
    let renamed = profile::set(&w.s, &guest, set(Some("gast2"), None)).await.unwrap();
    assert_eq!(renamed.user.name.as_str(), "~gast2");
}

#[tokio::test]
async fn who_is_blocked_sends_no_direct_messages() {
    let w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.send(&bob, "@ana", "before").await.unwrap();
    let block = |on| user::Block { user: name("bob"), on };
    profile::block(&w.s, &ana, block(true)).await.unwrap();
    assert_eq!(code(w.send(&bob, "@ana", "after").await), ErrorCode::Forbidden);
    assert_eq!(catching::ready(&w.s, &ana).await.unwrap().blocked, [bob.user.id]);
    assert!(profile::get(&w.s, &ana, user::Get { user: name("bob") }).await.unwrap().blocked);
    profile::block(&w.s, &ana, block(false)).await.unwrap();
    w.send(&bob, "@ana", "after").await.unwrap();
    let carl = w.user("carl").await;
    profile::block(&w.s, &ana, user::Block { user: name("carl"), on: true }).await.unwrap();
    assert_eq!(code(w.send(&carl, "@ana", "first").await), ErrorCode::Forbidden);
    assert_eq!(code(rooms::join(&w.s, &carl, &at("@ana")).await), ErrorCode::Forbidden);
    assert_eq!(code(profile::block(&w.s, &ana, user::Block { user: name("ana"), on: true }).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn own_events_are_told_and_not_stored() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    let event = |name: &str, data| custom::Send { room: at("ops"), name: name.into(), data };
    own_events::send(&w.s, &ana, event("app:draw.1", serde_json::json!({"x": 1}))).await.unwrap();
    assert_eq!(w.told_names(), ["event:custom"]);
    let large = serde_json::Value::String("x".repeat(16 * 1_024));
    assert_eq!(code(own_events::send(&w.s, &ana, event("x", large)).await), ErrorCode::TooLarge);
    for bad in ["", "a b", "é", &"x".repeat(65)] {
        assert_eq!(code(own_events::send(&w.s, &ana, event(bad, serde_json::Value::Null)).await), ErrorCode::Invalid);
    }
    let stranger = own_events::send(&w.s, &bob, event("x", serde_json::Value::Null)).await;
    assert_eq!(code(stranger), ErrorCode::Forbidden);
    assert_eq!(rooms::enter(&w.s, &ana, &RoomName::parse("ops").unwrap(), None, None).await.unwrap().room.head, Seq(0));
}
