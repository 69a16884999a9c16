//! Catching up: whole or reset, never over the size of a reply.

use std::collections::BTreeMap;

use chat_common::Epoch;
use chat_common::event::history::{Get, Search, Thread};
use chat_common::event::room::{Resume, SyncRequest};
use chat_common::page::json_len;

use super::*;
use crate::service::{history, rooms, search, sync as catching};

/// No limit on messages, so that logs grow fast.
fn fast() -> Limits {
    Limits { message_burst: 1_000_000, messages_per_second: 1_000_000, ..Limits::default() }
}

/// Sends `count` messages of `bytes` bytes, many at once, as the store batches them.
async fn fill(w: &World, who: &Caller, room: &str, count: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    let all = (0..count).map(|_| w.send(who, room, &text));
    for sent in futures_util::future::join_all(all).await {
        sent.unwrap();
    }
}

fn ask(w: &World, room: &str, after: u64, full: bool) -> SyncRequest {
    SyncRequest { room: at(room), after: Seq(after), epoch: w.s.store.epoch(), full: Some(full) }
}

#[tokio::test]
async fn what_is_missing_comes_without_a_hole_and_in_pieces() {
    let w = world_with(fast()).await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    fill(&w, &ana, "ops", 400, 700).await;
    let (mut after, mut pieces) = (0, 0);
    loop {
        let sync = catching::sync(&w.s, &ana, ask(&w, "ops", after, false)).await.unwrap();
        assert!(json_len(&sync) <= w.s.limits.reply_bytes, "{}", json_len(&sync));
        assert!(!sync.reset && sync.head == Seq(400));
        for entry in sync.entries.unwrap() {
            assert_eq!(entry.seq, Seq(after + 1));
            after += 1;
        }
        pieces += 1;
        match sync.next {
            Some(next) => assert_eq!(next, Seq(after)),
            None => break,
        }
    }
    assert_eq!(after, 400);
    assert!(pieces > 4, "{pieces}");
    let none = catching::sync(&w.s, &ana, ask(&w, "ops", 400, false)).await.unwrap();
    assert_eq!((none.entries.unwrap().len(), none.next), (0, None));
}

#[tokio::test]
async fn what_cannot_be_filled_is_reset() {
    let w = world_with(fast()).await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    fill(&w, &ana, "ops", 1_002, 20).await;
    let reset = |sync: chat_common::model::Sync| {
        assert_eq!(sync.reset, sync.messages.is_some());
        assert_ne!(sync.reset, sync.entries.is_some());
        sync.reset
    };
    assert!(reset(catching::sync(&w.s, &ana, ask(&w, "ops", 1_003, false)).await.unwrap()), "from the future");
    assert!(reset(catching::sync(&w.s, &ana, ask(&w, "ops", 1, false)).await.unwrap()), "too much");
    assert!(!reset(catching::sync(&w.s, &ana, ask(&w, "ops", 2, false)).await.unwrap()));
    assert!(!reset(catching::sync(&w.s, &ana, ask(&w, "ops", 0, true)).await.unwrap()), "all was asked for");
    let other = SyncRequest { epoch: Epoch("other".into()), ..ask(&w, "ops", 1_000, false) };
    let sync = catching::sync(&w.s, &ana, other).await.unwrap();
    let messages = sync.messages.clone().unwrap();
    assert_eq!(messages.last().unwrap().seq, Seq(1_002));
    assert!(messages.windows(2).all(|m| m[0].seq < m[1].seq));
    assert!(reset(sync));
}

#[tokio::test]
async fn a_resume_answers_all_rooms_within_one_reply_or_says_where_to_go_on() {
    let w = world_with(Limits { rooms_created_per_hour: 100, ..fast() }).await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    let mut known = BTreeMap::new();
    for i in 0..20 {
        let room = format!("room-{i:02}");
        w.room(&ana, &room, RoomKind::Public, &[]).await;
        fill(&w, &ana, &room, 30, 500).await;
        known.insert(RoomName::parse(&room).unwrap(), Seq(0));
    }
    w.room(&bob, "secret", RoomKind::Private, &[]).await;
    for gone in ["secret", "never-was"] {
        known.insert(RoomName::parse(gone).unwrap(), Seq(0));
    }
    let mut resume = Resume { epoch: w.s.store.epoch(), rooms: known.clone() };
    let (live, gone) = catching::resumable(&w.s, &ana, &resume).await.unwrap();
    assert_eq!((live.len(), gone.len()), (20, 2));
    let (mut answered, mut gone) = (0, Vec::new());
    loop {
        let reply = catching::resume(&w.s, &ana, &resume).await.unwrap();
        assert!(json_len(&reply) <= w.s.limits.reply_bytes, "{}", json_len(&reply));
        assert!(!reply.rooms.is_empty() || !reply.gone.is_empty(), "it always moves on");
        for (room, sync) in &reply.rooms {
            let first = &sync.entries.as_ref().unwrap()[0];
            assert_eq!((&first.room, first.seq), (room, Seq(1)));
        }
        answered += reply.rooms.len();
        gone.extend(reply.gone);
        let Some(next) = reply.next else { break };
        resume.rooms = resume.rooms.split_off(&next);
    }
    assert_eq!(answered, 20);
    assert_eq!(gone.iter().map(RoomName::as_str).collect::<Vec<_>>(), ["never-was", "secret"]);
    let many = (0..2_000).map(|i| (RoomName::parse(&format!("r{i}")).unwrap(), Seq(0))).collect();
    let too_many = Resume { epoch: w.s.store.epoch(), rooms: many };
    assert_eq!(code(catching::resume(&w.s, &ana, &too_many).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn pages_of_history_fit_and_go_on() {
    let w = world_with(fast()).await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    fill(&w, &ana, "ops", 40, 4_000).await;
    let get = |before, after, around| Get { room: at("ops"), before, after, around, limit: Some(200) };
    let latest = history::get(&w.s, &ana, get(None, None, None)).await.unwrap();
    assert!(json_len(&latest) <= w.s.limits.reply_bytes && latest.has_more);
    assert_eq!(latest.messages.last().unwrap().seq, Seq(40));
    let first = latest.messages[0].seq;
    let before = history::get(&w.s, &ana, get(Some(first), None, None)).await.unwrap();
    assert_eq!(before.messages.last().unwrap().seq, first.prev());
    let after = history::get(&w.s, &ana, get(None, Some(Seq(5)), None)).await.unwrap();
    assert!(after.messages[0].seq == Seq(6) && after.has_more);
    let around = history::get(&w.s, &ana, get(None, None, Some(Seq(20)))).await.unwrap();
    assert!(around.messages.iter().any(|m| m.seq == Seq(20)));
    assert!(json_len(&around) <= w.s.limits.reply_bytes);
    assert_eq!(code(history::get(&w.s, &ana, get(Some(Seq(1)), Some(Seq(1)), None)).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn threads_and_searches_fit_and_go_on() {
    let w = world_with(fast()).await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    let root = w.send(&ana, "ops", "root").await.unwrap().seq;
    for i in 0..30 {
        let req = message::Send {
            room: at("ops"),
            text: format!("Điện thoại {}", "x".repeat(3_000)),
            client_id: ClientId::parse(&format!("k{i}")).unwrap(),
            reply_to: Some(root),
        };
        crate::service::messages::send(&w.s, &ana, req).await.unwrap();
    }
    let (mut after, mut seen) = (None, 0);
    loop {
        let page = history::thread(&w.s, &ana, Thread { room: at("ops"), seq: root, after }).await.unwrap();
        assert!(json_len(&page) <= w.s.limits.reply_bytes);
        seen += page.messages.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 30);
    let none = history::thread(&w.s, &ana, Thread { room: at("ops"), seq: Seq(999), after: None }).await;
    assert_eq!(code(none), ErrorCode::NotFound);

    w.s.store.search_caught_up().await.unwrap();
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let req = Search { query: "DIEN thoai".into(), after, limit: Some(200), ..Search::default() };
        let page = search::search(&w.s, &ana, req).await.unwrap();
        assert!(json_len(&page) <= w.s.limits.reply_bytes);
        found.extend(page.messages.iter().map(|m| m.seq.0));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, (2..=31).rev().collect::<Vec<_>>());
    assert_eq!(code(search::search(&w.s, &ana, Search::default()).await), ErrorCode::Invalid);
}

#[tokio::test]
async fn entering_a_large_room_fits_into_one_reply() {
    let w = world_with(fast()).await;
    let ana = w.user("ana").await;
    w.room(&ana, "ops", RoomKind::Public, &[]).await;
    for i in 0..120 {
        let guest = w.guest(&format!("guest-number-{i}")).await;
        rooms::join(&w.s, &guest, &at("ops")).await.unwrap();
        crate::service::presence::connected(&w.s, guest.user.id, ConnId(i)).await;
    }
    fill(&w, &ana, "ops", 100, 2_000).await;
    let reply = rooms::enter(&w.s, &ana, &RoomName::parse("ops").unwrap(), None, None).await.unwrap();
    assert!(json_len(&reply) + 200 <= w.s.limits.reply_bytes, "{}", json_len(&reply));
    assert_eq!((reply.room.members, reply.room.present), (121, 120));
    assert!(reply.members.len() > 20 && reply.present.len() > 20);
    let messages = reply.sync.messages.unwrap();
    assert!(messages.len() > 5 && messages.last().unwrap().seq == Seq(100));
    let (ops, epoch) = (RoomName::parse("ops").unwrap(), w.s.store.epoch());
    let known = rooms::enter(&w.s, &ana, &ops, Some(Seq(98)), Some(&epoch)).await.unwrap();
    assert_eq!(known.sync.entries.unwrap().len(), 2);
}

#[tokio::test]
async fn ready_tells_ones_rooms_and_where_the_list_goes_on() {
    let w = world_with(Limits { rooms_created_per_hour: 1_000, ..fast() }).await;
    let ana = w.user("ana").await;
    for i in 0..180 {
        let req = room::Create {
            room: RoomName::parse(&format!("room-{i:03}")).unwrap(),
            kind: None,
            topic: Some("t".repeat(300)),
        };
        rooms::create(&w.s, &ana, req).await.unwrap();
    }
    let ready = catching::ready(&w.s, &ana).await.unwrap();
    assert!(json_len(&ready) <= w.s.limits.reply_bytes, "{}", json_len(&ready));
    assert_eq!((ready.protocol, &ready.user), (1, &ana.user));
    let mut seen = ready.rooms.len();
    assert!(seen < 180);
    let mut after = ready.next;
    while after.is_some() {
        let page = rooms::list(&w.s, &ana, room::List { after, limit: Some(200), query: None }).await.unwrap();
        seen += page.rooms.len();
        after = page.next;
    }
    assert_eq!(seen, 180);
}
