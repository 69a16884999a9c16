//! Sending, repeating, editing, deleting, reacting, reading.

use std::sync::Arc;

use chat_common::event::{Entry, EntryBody};
use chat_common::model::RoomKind;
use chat_common::{Emoji, RoomName, Seq, UserId};

use super::*;
use crate::storage::{Page, RoomId};

/// Send, repeat, read.
pub async fn a_message_is_sent_and_read(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    assert_eq!(store.join(bob, &lobby, 200, start()).await.unwrap().0.members, 1);
    let first = send(&store, ana, &lobby, "k1", "chào @bob").await;
    assert_eq!((first.seq, first.joined, first.room.members, first.room.head), (Seq(1), true, 2, Seq(1)));
    let again = store.append(text(ana, &lobby, "k1", "chào @bob")).await.unwrap();
    assert_eq!((again.seq, again.at, again.entry), (first.seq, first.at, None));
    assert!(matches!(refused(store.append(text(ana, &lobby, "k1", "other")).await), Refusal::Conflict(_)));
    let second = send(&store, bob, &lobby, "k1", "hello").await;
    assert_eq!((second.seq, second.joined), (Seq(2), false));

    let entries = store.entries(first.room.id, Seq::ZERO, 100).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(Some(&entries[0]), first.entry.as_deref());
    let EntryBody::Created { mentions, text, .. } = &entries[0].body else { panic!("{entries:?}") };
    assert_eq!((mentions.as_slice(), text.as_deref()), ([bob].as_slice(), Some("chào @bob")));

    let page = store.messages(ana, first.room.id, Page::Latest, 50).await.unwrap();
    assert_eq!((page.messages.len(), page.first, page.head, page.has_more), (2, Seq(1), Seq(2), false));
    let view = store.view(bob, &lobby, start()).await.unwrap().unwrap();
    assert_eq!((view.unread, view.mentions), (1, 1));
}

/// The same key from many tasks at once is one entry, and everyone is told the same.
pub async fn duplicates_at_once_are_one(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let ana = user(&store, "ana").await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (store, message) = (Arc::clone(&store), text(ana, &lobby, "one", "once"));
            tokio::spawn(async move { store.append(message).await.unwrap() })
        })
        .collect();
    let mut told = 0;
    for task in tasks {
        let appended = task.await.unwrap();
        assert_eq!((appended.seq, appended.at), (Seq(1), start()));
        told += usize::from(appended.entry.is_some());
    }
    assert_eq!(told, 1);
    assert_eq!(store.access(ana, &lobby, start()).await.unwrap().unwrap().room.head, Seq(1));
    let key = chat_common::ClientId::parse("one").unwrap();
    assert_eq!(store.find_sent(&lobby, ana, &key, "once").await.unwrap(), Some((Seq(1), start())));
    assert!(matches!(refused(store.find_sent(&lobby, ana, &key, "twice").await), Refusal::Conflict(_)));
    assert_eq!(store.find_sent(&room("nowhere"), ana, &key, "once").await.unwrap(), None);
}

/// Many senders in many rooms: every log is whole, in order, and time never goes back.
pub async fn every_log_is_whole(store: Arc<dyn Store>) {
    let mut tasks = Vec::new();
    for s in 0..8u64 {
        let sender = user(&store, &format!("sender{s}")).await;
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for i in 0..40u64 {
                let to = room(if i % 2 == 0 { "lobby" } else { "other" });
                let mut message = text(sender, &to, &format!("k{i}"), &format!("{s} {i}"));
                // Clocks of different nodes differ.
                message.at = later((i * 10).saturating_sub(s * 7));
                let result = store.append(message).await;
                if to == room("other") {
                    assert_eq!(refused(result), Refusal::ROOM);
                } else {
                    result.unwrap();
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let ana = user(&store, "ana").await;
    let row = store.access(ana, &room("lobby"), start()).await.unwrap().unwrap().room;
    assert_eq!((row.first, row.head, row.members), (Seq(1), Seq(160), 8));
    let mut after = Seq::ZERO;
    let mut at = start();
    while after < row.head {
        let entries = store.entries(row.id, after, 33).await.unwrap();
        assert!(!entries.is_empty());
        for entry in entries {
            assert_eq!(entry.seq, after.next());
            assert!(entry.at >= at);
            (after, at) = (entry.seq, entry.at);
        }
    }
    assert_eq!(store.heads(&[row.id, RoomId(999)]).await.unwrap(), [(row.id, row.name, Seq(160))]);
    assert_eq!(store.bounds(row.id).await.unwrap(), Some((Seq(1), Seq(160))));
    assert_eq!(store.bounds(RoomId(999)).await.unwrap(), None);
}

fn body(entries: &[Entry], seq: u64) -> &EntryBody {
    &entries[usize::try_from(seq).unwrap() - 1].body
}

/// An edit and a delete blank what was there before, and replay says by which entry.
pub async fn edits_and_deletes_blank_the_text(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let id = send(&store, ana, &lobby, "a", "one @bob").await.room.id;
    send(&store, bob, &lobby, "b", "mine").await;
    let edit = |seq, text: &str| store.edit(ana, &lobby, Seq(seq), text.to_owned(), mention::names(text), later(5));

    assert!(forbidden(edit(2, "not mine").await));
    assert_eq!(refused(edit(9, "nothing").await), Refusal::MESSAGE);
    assert_eq!(edit(1, "one @bob").await.unwrap().entry, None);
    assert_eq!(edit(1, "two").await.unwrap().room.head, Seq(3));
    let third = edit(1, "three @ana").await.unwrap().entry.unwrap();
    let expected =
        EntryBody::Edited { target: Seq(1), text: Some("three @ana".into()), mentions: vec![ana], superseded_by: None };
    assert_eq!((third.seq, third.body), (Seq(4), expected));

    let entries = store.entries(id, Seq::ZERO, 100).await.unwrap();
    assert!(
        matches!(body(&entries, 1), EntryBody::Created { text: None, superseded_by: Some(Seq(3)), mentions, .. } if mentions.is_empty())
    );
    assert!(matches!(body(&entries, 3), EntryBody::Edited { text: None, superseded_by: Some(Seq(4)), .. }));
    let message = store.messages(bob, id, Page::Latest, 9).await.unwrap().messages.remove(0);
    assert_eq!((message.text.as_deref(), message.rev, message.edited_at), (Some("three @ana"), Seq(4), Some(later(5))));
    // Edits change no counts: bob was mentioned once, when it was sent.
    let view = store.view(bob, &lobby, start()).await.unwrap().unwrap();
    assert_eq!((view.unread, view.mentions), (0, 0));

    assert!(forbidden(store.delete(bob, &lobby, Seq(1), start()).await));
    assert_eq!(
        store.delete(ana, &lobby, Seq(1), later(9)).await.unwrap().entry.unwrap().body,
        EntryBody::Deleted { target: Seq(1) }
    );
    assert_eq!(store.delete(ana, &lobby, Seq(1), later(9)).await.unwrap().entry, None);
    assert_eq!(refused(edit(1, "again").await), Refusal::MESSAGE);
    let entries = store.entries(id, Seq::ZERO, 100).await.unwrap();
    assert!(matches!(body(&entries, 4), EntryBody::Edited { text: None, superseded_by: Some(Seq(5)), .. }));
    let message = store.messages(bob, id, Page::Latest, 9).await.unwrap().messages.remove(0);
    assert_eq!((message.text, message.deleted, message.rev), (None, true, Seq(5)));
    // The key is still known, and so is that its text was another.
    assert_eq!(send(&store, ana, &lobby, "a", "one @bob").await.seq, Seq(1));
    assert!(matches!(refused(store.append(text(ana, &lobby, "a", "two")).await), Refusal::Conflict(_)));
}

/// Reactions are idempotent, counted, ordered by their first coming.
pub async fn reactions_add_up(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let (ana, bob, eve) = (user(&store, "ana").await, user(&store, "bob").await, user(&store, "eve").await);
    let id = send(&store, ana, &lobby, "a", "hi").await.room.id;
    store.join(bob, &lobby, 200, start()).await.unwrap();
    let set = |who, emoji: &str, on| store.react(who, &lobby, Seq(1), Emoji::parse(emoji).unwrap(), on, start());
    assert!(forbidden(set(eve, "👍", true).await));
    assert_eq!(set(bob, "👍", false).await.unwrap().entry, None);
    assert!(set(bob, "👍", true).await.unwrap().entry.is_some());
    assert_eq!(set(bob, "👍", true).await.unwrap().entry, None);
    assert!(set(ana, "❤️", true).await.unwrap().entry.is_some());
    assert!(set(ana, "👍", true).await.unwrap().entry.is_some());
    let shown = |messages: Vec<chat_common::model::Message>| {
        let all = messages[0].reactions.iter().map(|r| (r.emoji.to_string(), r.count, r.me));
        (all.collect::<Vec<_>>(), messages[0].rev)
    };
    let of_bob = store.messages(bob, id, Page::Latest, 9).await.unwrap().messages;
    assert_eq!(shown(of_bob), (vec![("👍".into(), 2, true), ("❤️".into(), 1, false)], Seq(4)));
    assert!(set(bob, "👍", false).await.unwrap().entry.is_some());
    let of_bob = store.messages(bob, id, Page::Latest, 9).await.unwrap().messages;
    assert_eq!(shown(of_bob), (vec![("❤️".into(), 1, false), ("👍".into(), 1, false)], Seq(5)));
    store.delete(ana, &lobby, Seq(1), start()).await.unwrap();
    assert!(store.messages(bob, id, Page::Latest, 9).await.unwrap().messages[0].reactions.is_empty());
    assert_eq!(refused(set(bob, "👍", true).await), Refusal::MESSAGE);
}

/// Pages in every direction, and threads.
pub async fn history_turns_pages(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let ana = user(&store, "ana").await;
    let id = send(&store, ana, &lobby, "k1", "text 1").await.room.id;
    for i in 2..=20 {
        let reply_to = (i % 5 == 0).then_some(Seq(1));
        store
            .append(crate::storage::Append { reply_to, ..text(ana, &lobby, &format!("k{i}"), &format!("text {i}")) })
            .await
            .unwrap();
    }
    let missing = crate::storage::Append { reply_to: Some(Seq(77)), ..text(ana, &lobby, "k21", "x") };
    assert_eq!(refused(store.append(missing).await), Refusal::MESSAGE);
    let page = async |page, limit| {
        let got = store.messages(ana, id, page, limit).await.unwrap();
        (got.messages.iter().map(|m| m.seq.0).collect::<Vec<_>>(), got.has_more)
    };
    assert_eq!(page(Page::Latest, 3).await, (vec![18, 19, 20], true));
    assert_eq!(page(Page::Before(Seq(3)), 5).await, (vec![1, 2], false));
    assert_eq!(page(Page::Before(Seq(3)), 2).await, (vec![1, 2], false));
    assert_eq!(page(Page::After(Seq(18)), 5).await, (vec![19, 20], false));
    assert_eq!(page(Page::After(Seq(2)), 2).await, (vec![3, 4], true));
    assert_eq!(page(Page::Around(Seq(10)), 5).await, (vec![8, 9, 10, 11, 12], true));
    assert_eq!(page(Page::Around(Seq(1)), 4).await, (vec![1, 2, 3, 4], false));

    let thread = async |after, limit| {
        let got = store.thread(ana, id, Seq(1), Seq(after), limit).await.unwrap().unwrap();
        got.iter().map(|m| m.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(thread(0, 10).await, [5, 10, 15, 20]);
    assert_eq!(thread(5, 1).await, [10, 15]);
    assert_eq!(store.thread(ana, id, Seq(99), Seq(0), 10).await.unwrap(), None);
}

/// Counts of what is unread, their cap, and the mark.
pub async fn unread_is_counted(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    store.join(bob, &lobby, 200, start()).await.unwrap();
    let id = send(&store, ana, &lobby, "k0", "one").await.room.id;
    for block in 0..11 {
        let all = (0..99).map(|i| store.append(text(ana, &lobby, &format!("k{block}-{i}"), "x")));
        for appended in futures_util::future::join_all(all).await {
            appended.unwrap();
        }
        send(&store, ana, &lobby, &format!("m{block}"), "hey @bob").await;
    }
    send(&store, bob, &lobby, "b", "my own, which names @bob").await;
    let counts = async |who| {
        let view = store.view(who, &lobby, start()).await.unwrap().unwrap();
        (view.unread, view.mentions)
    };
    assert_eq!(counts(bob).await, (1_000, 11));
    assert_eq!(counts(ana).await, (1, 0));
    let state = store.mark_read(bob, &lobby, Seq(1_000), false).await.unwrap();
    assert_eq!((state.read, state.unread, state.mentions, state.moved), (Seq(1_000), 101, 2, true));
    store.delete(ana, &lobby, Seq(1_101), start()).await.unwrap();
    assert_eq!(counts(bob).await, (100, 1));
    assert!(!store.mark_read(bob, &lobby, Seq(5), false).await.unwrap().moved);
    assert_eq!(store.mark_read(bob, &lobby, Seq(5), true).await.unwrap().read, Seq(5));
    let head = store.bounds(id).await.unwrap().unwrap().1;
    assert_eq!(store.mark_read(bob, &lobby, Seq(u64::MAX), false).await.unwrap().read, head);
    assert_eq!(counts(bob).await, (0, 0));
    let eve = user(&store, "eve").await;
    assert!(forbidden(store.mark_read(eve, &lobby, Seq(1), false).await));
}

/// Who may send, and what stops it; a repeat is answered before that is looked at.
pub async fn sending_needs_the_right(store: Arc<dyn Store>) {
    let (ana, bob, eve) = (user(&store, "ana").await, user(&store, "bob").await, user(&store, "eve").await);
    let den = make_room(&store, ana, "den", RoomKind::Private).await;
    let try_send = async |who: UserId, to: &RoomName, key: &str| store.append(text(who, to, key, "hi")).await;
    assert_eq!(refused(try_send(eve, &den, "1").await), Refusal::ROOM);
    store.invite(ana, &den, bob, 200, start()).await.unwrap();
    try_send(bob, &den, "1").await.unwrap();
    store.moderate(ana, &den, bob, Moderation::Mute { until: later(1_000) }, None, start()).await.unwrap();
    assert_eq!(refused(try_send(bob, &den, "2").await), Refusal::Muted { until: later(1_000) });
    assert_eq!(try_send(bob, &den, "1").await.unwrap().entry, None);
    let after = crate::storage::Append { at: later(1_000), ..text(bob, &den, "2", "hi") };
    store.append(after).await.unwrap();
    store.moderate(ana, &den, bob, Moderation::Kick, None, start()).await.unwrap();
    assert_eq!(refused(try_send(bob, &den, "3").await), Refusal::ROOM);

    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    assert!(try_send(bob, &hall, "1").await.unwrap().joined);
    store.moderate(ana, &hall, bob, Moderation::Kick, None, start()).await.unwrap();
    assert!(forbidden(try_send(bob, &hall, "2").await), "a kicked member does not come back by sending");
    store.join(bob, &hall, 200, start()).await.unwrap();
    try_send(bob, &hall, "2").await.unwrap();
    store.moderate(ana, &hall, bob, Moderation::Ban { until: None }, None, start()).await.unwrap();
    assert_eq!(refused(try_send(bob, &hall, "3").await), Refusal::Banned { until: None });
    store.set_server_ban(None, eve, Some(later(10)), None, start()).await.unwrap();
    assert_eq!(refused(try_send(eve, &hall, "1").await), Refusal::Banned { until: Some(later(10)) });
    let full = crate::storage::Append { max_rooms: 0, at: later(10), ..text(eve, &hall, "1", "hi") };
    assert!(forbidden(store.append(full).await));

    let (direct, made) = store.ensure_direct(ana, bob, start()).await.unwrap();
    assert!(made && !store.ensure_direct(bob, ana, start()).await.unwrap().1);
    try_send(bob, &direct.name, "1").await.unwrap();
    store.set_block(ana, bob, true, start()).await.unwrap();
    assert!(forbidden(try_send(bob, &direct.name, "2").await));
    try_send(ana, &direct.name, "1").await.unwrap();
    store.set_block(ana, bob, false, start()).await.unwrap();
    try_send(bob, &direct.name, "2").await.unwrap();
    assert_eq!(refused(try_send(eve, &direct.name, "1").await), Refusal::Banned { until: Some(later(10)) });
    let late = crate::storage::Append { at: later(11), ..text(eve, &direct.name, "1", "hi") };
    assert_eq!(refused(store.append(late).await), Refusal::ROOM);
}
