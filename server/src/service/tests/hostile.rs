//! Who may not what: a stranger before a private room, and what everybody tries.

use chat_common::event::history::{Get, Mark, Search, Thread};
use chat_common::event::room::{Invite, Leave, SyncRequest, Transfer, Update};
use chat_common::event::{custom, member, presence as present};

use super::*;
use crate::service::{
    custom as own_events, history, members, messages, presence, read, rooms, search, sync as catching,
};

/// Every answer a stranger gets about a room.
async fn answers(w: &World, who: &Caller, room: &str) -> Vec<chat_common::ErrorBody> {
    let s = &w.s;
    let (room, name) = (at(room), RoomName::parse(room).unwrap());
    let user = super::name("ana");
    let get = Get { room: room.clone(), before: None, after: None, around: None, limit: None };
    let sync = SyncRequest { room: room.clone(), after: Seq(0), epoch: s.store.epoch(), full: None };
    let query = Search { query: "x".into(), room: Some(room.clone()), ..Search::default() };
    let update = Update { room: room.clone(), topic: Some("x".into()), kind: None, retention_days: None };
    let own = custom::Send { room: room.clone(), name: "x".into(), data: serde_json::Value::Null };
    let in_room = present::Get { room: Some(room.clone()), users: None };
    let emoji = chat_common::Emoji::parse("👍").unwrap();
    let (seq, reason) = (Seq(1), None::<String>);
    let mut all = Vec::new();
    macro_rules! refused {
        ($($call:expr),+ $(,)?) => { $(all.push($call.await.unwrap_err().body());)+ };
    }
    refused!(
        rooms::join(s, who, &room),
        rooms::find(s, who, &room),
        rooms::enter(s, who, &name, None, None),
        rooms::leave(s, who, Leave { room: room.clone() }),
        rooms::update(s, who, update),
        rooms::delete(s, who, room::Delete { room: room.clone() }),
        rooms::invite(s, who, Invite { room: room.clone(), user: user.clone() }),
        rooms::transfer(s, who, Transfer { room: room.clone(), user: user.clone() }),
        catching::sync(s, who, sync),
        history::get(s, who, get),
        history::thread(s, who, Thread { room: room.clone(), seq, after: None }),
        search::search(s, who, query),
        read::mark(s, who, Mark { room: room.clone(), seq, force: None }),
        presence::get(s, who, in_room),
        presence::typing(s, who, present::Typing { room: room.clone(), on: true }),
        own_events::send(s, who, own),
        w.send(who, name.as_str(), "x"),
        messages::edit(s, who, message::Edit { room: room.clone(), seq, text: "x".into() }),
        messages::delete(s, who, message::Delete { room: room.clone(), seq }),
        messages::react(s, who, message::React { room: room.clone(), seq, emoji, on: true }),
        members::list(s, who, member::List { room: room.clone(), after: None, limit: None }),
        members::kick(s, who, member::Kick { room: room.clone(), user: user.clone(), reason: reason.clone() }),
        members::ban(s, who, member::Ban { room: room.clone(), user: user.clone(), reason, until: None }),
    );
    all
}

#[tokio::test]
async fn a_private_room_is_to_a_stranger_as_if_it_were_not() {
    let w = world().await;
    let (ana, bob, eve) = (w.user("ana").await, w.user("bob").await, w.user("eve").await);
    w.room(&ana, "secret", RoomKind::Private, &[&bob]).await;
    w.send(&ana, "secret", "x needle").await.unwrap();
    let missing = answers(&w, &eve, "no-such-room").await;
    assert!(missing.iter().all(|a| a.code == ErrorCode::NotFound), "{missing:?}");
    assert_eq!(answers(&w, &eve, "secret").await, missing);

    // Who was put out is a stranger again, whether it may come back or not.
    let kick = member::Kick { room: at("secret"), user: name("bob"), reason: None };
    members::kick(&w.s, &ana, kick).await.unwrap();
    assert_eq!(answers(&w, &bob, "secret").await, missing);
    let ban = member::Ban { room: at("secret"), user: name("bob"), reason: None, until: None };
    members::ban(&w.s, &ana, ban).await.unwrap();
    assert_eq!(answers(&w, &bob, "secret").await, missing);

    w.s.store.search_caught_up().await.unwrap();
    let everywhere = Search { query: "needle".into(), ..Search::default() };
    assert_eq!(search::search(&w.s, &ana, everywhere.clone()).await.unwrap().messages.len(), 1);
    assert!(search::search(&w.s, &eve, everywhere).await.unwrap().messages.is_empty());
    let list = rooms::list(&w.s, &eve, room::List::default()).await.unwrap().rooms;
    assert!(list.iter().all(|r| r.room.as_str() != "secret"), "{list:?}");
}

#[tokio::test]
async fn a_direct_conversation_is_hidden_even_from_admins() {
    let w = world().await;
    let (ana, _bob, root) = (w.user("ana").await, w.user("bob").await, w.admin("root").await);
    w.send(&ana, "@bob", "between us").await.unwrap();
    let direct = w.s.store.rooms_of(ana.user.id).await.unwrap().remove(0).1;
    let hidden = answers(&w, &root, direct.as_str()).await;
    assert!(hidden.iter().all(|a| a.code == ErrorCode::NotFound), "{hidden:?}");
}

#[tokio::test]
async fn an_answer_to_another_rooms_message_is_not_found() {
    let w = world().await;
    let (ana, eve) = (w.user("ana").await, w.user("eve").await);
    w.room(&ana, "secret", RoomKind::Private, &[]).await;
    w.send(&ana, "secret", "one").await.unwrap();
    w.room(&eve, "open", RoomKind::Public, &[]).await;
    let req = message::Send {
        room: at("open"),
        text: "x".into(),
        client_id: ClientId::parse("k").unwrap(),
        reply_to: Some(Seq(1)),
    };
    assert_eq!(code(messages::send(&w.s, &eve, req).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_kicked_member_of_a_public_room_may_come_back_but_not_write_meanwhile() {
    let w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    let seq = w.send(&bob, "ops", "mine").await.unwrap().seq;
    members::kick(&w.s, &ana, member::Kick { room: at("ops"), user: name("bob"), reason: None }).await.unwrap();
    let edit = message::Edit { room: at("ops"), seq, text: "still mine".into() };
    assert_eq!(code(messages::edit(&w.s, &bob, edit).await), ErrorCode::Forbidden);
    rooms::join(&w.s, &bob, &at("ops")).await.unwrap();
    w.send(&bob, "ops", "back").await.unwrap();
}

#[tokio::test]
async fn tokens_that_prove_nothing() {
    let w = world().await;
    w.user("ana").await;
    for bad in ["", "x", "a.b.c", "chat_", "chat_x", "Bearer x", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(1 << 20)] {
        assert_eq!(code(w.bearer(bad).await), ErrorCode::Unauthorized, "{:.40}", bad);
    }
}

#[tokio::test]
async fn many_logins_at_once_are_bounded_and_others_go_on() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let logins = (0..300).map(|i| {
        let origin = w.anonymous(&format!("198.51.{}.{}", i / 250, i % 250));
        let req = rest::Login { name: "ana".into(), password: "wrong horse".into() };
        let s = Arc::clone(&w.s);
        tokio::spawn(async move { crate::service::accounts::login(&s, &origin, req).await })
    });
    let logins: Vec<_> = logins.collect();
    w.send(&ana, "ops", "meanwhile").await.unwrap();
    let unfinished = logins.iter().filter(|l| !l.is_finished()).count();
    assert!(unfinished > 50, "the message did not wait for {unfinished} logins");
    let mut codes = std::collections::BTreeMap::new();
    for login in logins {
        *codes.entry(code(login.await.unwrap()).as_str()).or_insert(0) += 1;
    }
    assert_eq!(codes.keys().copied().collect::<Vec<_>>(), ["unauthorized", "unavailable"], "{codes:?}");
}
