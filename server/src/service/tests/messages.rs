//! Sending and what happens afterwards.

use chat_common::Emoji;
use chat_common::event::history::Get;
use chat_common::model::Message;

use super::*;
use crate::service::{history, messages};

async fn history_of(w: &World, who: &Caller, room: &str) -> Vec<Message> {
    let req = Get { room: at(room), before: None, after: None, around: None, limit: None };
    history::get(&w.s, who, req).await.unwrap().messages
}

fn edit(room: &str, seq: Seq, text: &str) -> message::Edit {
    message::Edit { room: at(room), seq, text: text.into() }
}

fn react(room: &str, seq: Seq, on: bool) -> message::React {
    message::React { room: at(room), seq, emoji: Emoji::parse("👍").unwrap(), on }
}

#[tokio::test]
async fn a_message_is_stored_once_and_told_once() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    let first = w.send_as(&ana, "ops", "hello @ana\r\n", "k1").await.unwrap();
    assert!(!first.duplicate);
    let told = w.told();
    let [Signal::Entry { entry, .. }] = &told[..] else { panic!("{told:?}") };
    let EntryBody::Created { text, mentions, .. } = &entry.body else { panic!("{entry:?}") };
    assert_eq!((text.as_deref(), &mentions[..]), (Some("hello @ana"), &[ana.user.id][..]));
    let again = w.send_as(&ana, "ops", "hello @ana", "k1").await.unwrap();
    assert_eq!((again.seq, again.at, again.duplicate), (first.seq, first.at, true));
    assert!(w.told().is_empty());
    assert_eq!(code(w.send_as(&ana, "ops", "other", "k1").await), ErrorCode::Conflict);
    let both = tokio::join!(w.send_as(&ana, "ops", "at once", "k2"), w.send_as(&ana, "ops", "at once", "k2"));
    let (one, two) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!((one.seq, one.duplicate as u8 + two.duplicate as u8), (two.seq, 1));
}

#[tokio::test]
async fn a_public_room_is_joined_by_sending() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    w.send(&bob, "ops", "hi").await.unwrap();
    assert_eq!(w.told_names(), ["member:joined", "room:added", "message:created"]);
    w.send(&bob, "ops", "hi").await.unwrap();
    assert_eq!(w.told_names(), ["message:created"]);
}

#[tokio::test]
async fn the_burst_passes_the_rest_waits_and_a_duplicate_is_answered_all_the_same() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let first = w.send_as(&ana, "ops", "0", "k0").await.unwrap();
    for i in 1..30 {
        w.send_as(&ana, "ops", &i.to_string(), &format!("k{i}")).await.unwrap();
    }
    let refused = w.send(&ana, "ops", "one too many").await.unwrap_err().body();
    assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::RateLimited, Some(100)));
    let again = w.send_as(&ana, "ops", "0", "k0").await.unwrap();
    assert_eq!((again.seq, again.duplicate), (first.seq, true));
    assert_eq!(code(w.send_as(&ana, "ops", "other", "k0").await), ErrorCode::Conflict);
    w.clock.advance(Duration::from_millis(100));
    for _ in 0..3 {
        assert!(w.send_as(&ana, "ops", "0", "k0").await.unwrap().duplicate, "a duplicate costs nothing");
    }
    w.send(&ana, "ops", "after a while").await.unwrap();
    assert_eq!(code(w.send(&ana, "ops", "again").await), ErrorCode::RateLimited);
}

#[tokio::test]
async fn what_may_not_be_stored_is_refused_by_name() {
    let w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    for bad in ["", " \n ", "\u{1b}]52;c;x", "\u{1b}[2J", "\u{9b}2J", "a\u{202e}b", "a\rb", "x\u{e0041}"] {
        let error = w.send(&ana, "ops", bad).await.unwrap_err().body();
        assert_eq!((error.code, error.field.as_deref()), (ErrorCode::Invalid, Some("text")), "{bad:?}");
    }
    assert_eq!(code(w.send(&ana, "ops", &"x".repeat(8_001)).await), ErrorCode::TooLarge);
    w.send(&ana, "ops", &"x".repeat(8_000)).await.unwrap();
    assert_eq!(code(w.send(&ana, "no-such-room", "x").await), ErrorCode::NotFound);
}

#[tokio::test]
async fn authors_edit_and_delete_and_moderators_only_delete() {
    let mut w = world().await;
    let (ana, bob, carl) = (w.user("ana").await, w.user("bob").await, w.user("carl").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob, &carl]).await;
    let seq = w.send(&bob, "ops", "first").await.unwrap().seq;
    w.told();
    messages::edit(&w.s, &bob, edit("ops", seq, "second")).await.unwrap();
    assert_eq!(w.told_names(), ["message:edited"]);
    assert_eq!(code(messages::edit(&w.s, &ana, edit("ops", seq, "forged")).await), ErrorCode::Forbidden);
    assert_eq!(
        code(messages::delete(&w.s, &carl, message::Delete { room: at("ops"), seq }).await),
        ErrorCode::Forbidden
    );
    assert_eq!(history_of(&w, &ana, "ops").await[0].text.as_deref(), Some("second"));
    messages::delete(&w.s, &ana, message::Delete { room: at("ops"), seq }).await.unwrap();
    messages::delete(&w.s, &ana, message::Delete { room: at("ops"), seq }).await.unwrap();
    assert_eq!(w.told_names(), ["message:deleted"], "repeating it is ok and tells nothing");
    assert_eq!(code(messages::edit(&w.s, &bob, edit("ops", seq, "back")).await), ErrorCode::NotFound);
    let message = &history_of(&w, &ana, "ops").await[0];
    assert_eq!((message.text.as_deref(), message.deleted), (None, true));
    let (audit, _) = w.s.store.audit(None, 10).await.unwrap();
    assert!(audit.iter().any(|l| l.action == "message:delete" && l.actor.as_ref() == Some(&ana.user)), "{audit:?}");
    assert_eq!(code(messages::edit(&w.s, &bob, edit("ops", Seq(99), "x")).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn reactions_are_set_and_taken_back() {
    let mut w = world().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    let seq = w.send(&ana, "ops", "ship it").await.unwrap().seq;
    w.told();
    for on in [true, true] {
        messages::react(&w.s, &bob, react("ops", seq, on)).await.unwrap();
    }
    assert_eq!(w.told_names(), ["reaction:changed"]);
    let seen = history_of(&w, &bob, "ops").await.remove(0).reactions.remove(0);
    assert_eq!((seen.count, seen.me), (1, true));
    assert!(!history_of(&w, &ana, "ops").await[0].reactions[0].me);
    messages::react(&w.s, &bob, react("ops", seq, false)).await.unwrap();
    assert!(history_of(&w, &ana, "ops").await[0].reactions.is_empty());
}

#[tokio::test]
async fn what_was_stored_is_told_although_the_caller_has_gone() {
    let mut w = world().await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    w.told();
    // Polled once, then dropped: what a time-out or a disconnect does.
    let waker = std::task::Waker::noop();
    let mut sending = Box::pin(w.send_as(&ana, "ops", "still here", "k"));
    assert!(sending.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    drop(sending);
    w.s.drain().await;
    assert_eq!(w.told_names(), ["message:created"]);
}

#[tokio::test]
async fn a_direct_conversation_begins_with_its_first_message() {
    let mut w = world().await;
    let (ana, bob, carl) = (w.user("ana").await, w.user("bob").await, w.user("carl").await);
    w.told();
    let first = w.send_as(&ana, "@bob", "psst", "k").await.unwrap();
    let told = w.told();
    let names: Vec<_> = told.iter().map(signal_name).collect();
    assert_eq!(names, ["room:added", "room:added", "message:created"], "both sides learn of it");
    let Some(room) = told.iter().find_map(|signal| match signal {
        Signal::User { user, hint: Hint::RoomAdded { room }, .. } if *user == bob.user.id => Some(room),
        _ => None,
    }) else {
        panic!("{told:?}")
    };
    assert_eq!((room.kind, room.unread, room.peer.as_ref()), (RoomKind::Direct, 1, Some(&ana.user)));
    assert!(w.send_as(&ana, "@bob", "psst", "k").await.unwrap().duplicate);
    let direct = room.room.to_string();
    let reply = w.send(&bob, "@ana", "what?").await.unwrap();
    assert_eq!(reply.seq, first.seq.next(), "one conversation from both sides");
    assert_eq!(history_of(&w, &bob, &direct).await.len(), 2);
    // To others it is not there, nor can its name be made up.
    let get = Get { room: at(&direct), before: None, after: None, around: None, limit: None };
    assert_eq!(code(history::get(&w.s, &carl, get).await), ErrorCode::NotFound);
    assert_eq!(code(w.send(&carl, &direct, "x").await), ErrorCode::NotFound);
    let unmade = RoomName::direct(carl.user.id, bob.user.id).to_string();
    assert_eq!(code(w.send(&carl, &unmade, "x").await), ErrorCode::NotFound);
    assert_eq!(code(w.send(&ana, "@ana", "note").await), ErrorCode::Invalid);
    assert_eq!(code(w.send(&ana, "@nobody", "x").await), ErrorCode::NotFound);
}
