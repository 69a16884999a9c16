//! Threads: what they show, where one writes, how one moves in them.

use super::*;
use crate::app::Zone;

/// A page of replies for the last thread that was asked for.
fn replies(at: &mut At, messages: Vec<Message>) {
    let tag = at.wishes.iter().rev().find_map(|e| match e {
        Effect::Ask { tag, ask } if matches!(**ask, Ask::Thread(_)) => Some(*tag),
        _ => None,
    });
    let reply = chat_common::event::history::ThreadReply { messages, next: None };
    at.net(Event::Answer { tag: tag.expect("a thread was asked for"), result: Ok(Answer::Thread(reply)) });
}

#[test]
fn a_thread_shows_the_replies_and_takes_what_is_written() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("esc up up t");
    assert_eq!(at.app.mode, Mode::Compose);
    let reply = |seq: u64| Message { reply_to: Some(Seq(8)), ..message("ops", seq, &ana()) };
    // One belongs to another thread: a server that sends it is not believed.
    replies(&mut at, vec![reply(9), message("ops", 10, &ana())]);
    let seqs = |at: &At| at.app.thread.as_ref().unwrap().replies.keys().map(|s| s.0).collect::<Vec<_>>();
    assert_eq!(seqs(&at), [9]);
    at.types("first");
    at.keys("enter");
    at.types("second");
    at.keys("enter");
    let to: Vec<Option<Seq>> = at.app.room().unwrap().echoes.iter().map(|e| e.reply_to).collect();
    assert_eq!(to, [Some(Seq(8)), Some(Seq(8))], "everything written answers it until it is closed");
    let mut live = created("ops", 11, &ana(), "live");
    if let EntryBody::Created { reply_to, .. } = &mut live.body {
        *reply_to = Some(Seq(8));
    }
    at.net(Event::Entry(Box::new(live)));
    assert_eq!(seqs(&at), [9, 11]);
    let mut gone = created("ops", 12, &ana(), "");
    gone.body = EntryBody::Deleted { target: Seq(11) };
    at.net(Event::Entry(Box::new(gone)));
    assert!(at.app.thread.as_ref().unwrap().replies[&Seq(11)].deleted);
    at.keys("esc");
    assert!(at.app.thread.is_none() && at.app.mode == Mode::Compose, "Esc closes it and goes no further");
    at.types("third");
    at.keys("enter");
    assert_eq!(at.app.room().unwrap().echoes.last().unwrap().reply_to, None);
}

#[test]
fn a_reply_leads_to_the_whole_thread_and_another_room_closes_it() {
    let mut at = At::ops();
    at.net(Event::Ready(Box::new(ready(vec![summary("ops", 10), summary("dev", 0)]))));
    at.reset(1..=10);
    let mut live = created("ops", 11, &ana(), "an answer");
    if let EntryBody::Created { reply_to, .. } = &mut live.body {
        *reply_to = Some(Seq(3));
    }
    at.net(Event::Entry(Box::new(live)));
    at.drawn_end(5);
    at.keys("esc t");
    let thread = at.app.thread.as_ref().unwrap();
    assert_eq!((thread.root, thread.replies.len()), (Seq(3), 1));
    at.keys("alt+2");
    assert!(at.app.thread.is_none());
}

/// In `ops`, the thread of message 8 with so many replies (101 and on), all of them come.
fn long(n: u64) -> At {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("esc up up t");
    let reply = |seq: u64| Message { reply_to: Some(Seq(8)), ..message("ops", seq, &ana()) };
    replies(&mut at, (101..101 + n).map(reply).collect());
    at
}

/// As if so many rows of the thread were drawn, the last of them this one.
fn drawn(at: &mut At, height: usize, last: u64) {
    let thread = at.app.thread.as_ref().unwrap();
    let mut keys: Vec<RowKey> = vec![RowKey::Stored(thread.root)];
    keys.extend(thread.replies.keys().filter(|s| s.0 <= last).map(|s| RowKey::Stored(*s)));
    let at_end = keys.last() == Some(&thread.last_key());
    let rows = keys.split_off(keys.len().saturating_sub(height)).into_iter().map(|k| (k, 0, 1)).collect();
    let height = u16::try_from(height).unwrap();
    let seen = Drawn { rows, height, at_end, ..Drawn::default() };
    at.tell(Msg::Drawn(Drawn { thread: Some(Box::new(seen)), ..at.app.drawn.clone() }));
}

fn thread(at: &At) -> &crate::app::thread::Thread {
    at.app.thread.as_ref().unwrap()
}

#[test]
fn the_keys_that_move_mean_the_thread_until_the_focus_goes_to_the_timeline() {
    let mut at = long(20);
    drawn(&mut at, 10, 120);
    at.keys("pageup");
    assert_eq!((at.app.mode, &thread(&at).scroll), (Mode::Compose, &Scroll::Bottom(RowKey::Stored(Seq(112)), 0)));
    drawn(&mut at, 10, 112);
    at.keys("up");
    assert_eq!((at.app.mode, at.app.chosen()), (Mode::Browse, Some(&RowKey::Stored(Seq(112)))));
    assert_eq!(at.app.room().unwrap().selected, None, "the timeline stays");
    at.keys("up");
    assert_eq!(at.app.chosen(), Some(&RowKey::Stored(Seq(111))));
    at.keys("tab");
    assert!(!thread(&at).focus);
    assert_eq!(at.app.chosen(), Some(&RowKey::Stored(Seq(10))), "the timeline's last message");
    at.keys("tab g");
    assert_eq!(at.app.chosen(), Some(&RowKey::Stored(Seq(8))), "the answered message is the first of the thread");
    at.keys("esc");
    assert_eq!((at.app.mode, at.app.thread.is_some()), (Mode::Compose, true), "Esc goes back to writing first");
    at.keys("tab");
    assert!(!thread(&at).focus, "in an empty line there is nothing to complete");
    at.keys("esc");
    assert!(at.app.thread.is_none());
}

#[test]
fn what_comes_below_a_thread_that_is_scrolled_back_is_counted() {
    let mut at = long(20);
    drawn(&mut at, 10, 120);
    at.tell(Msg::Scroll(Zone::Thread, -3));
    assert_eq!(thread(&at).scroll, Scroll::Bottom(RowKey::Stored(Seq(117)), 0));
    assert_eq!(at.app.mode, Mode::Compose, "the wheel selects nothing");
    drawn(&mut at, 10, 117);
    let mut live = created("ops", 121, &ana(), "live");
    if let EntryBody::Created { reply_to, .. } = &mut live.body {
        *reply_to = Some(Seq(8));
    }
    at.net(Event::Entry(Box::new(live)));
    assert_eq!(thread(&at).below, 1);
    at.keys("ctrl+end");
    drawn(&mut at, 10, 121);
    assert_eq!((thread(&at).below, &thread(&at).scroll), (0, &Scroll::Follow));
}

#[test]
fn one_letter_acts_on_a_reply_that_the_timeline_does_not_hold() {
    let mut at = long(3);
    drawn(&mut at, 10, 103);
    at.keys("up G y");
    assert!(at.wishes.contains(&Effect::Copy("text 103".to_owned())), "{:?}", at.wishes.last());
    at.keys("e");
    assert_eq!(at.toast(), "only your own messages can be edited");
    at.keys("r");
    at.types("yes");
    at.keys("enter");
    assert!(
        at.wishes.iter().any(|e| matches!(e, Effect::Send { reply_to: Some(Seq(8)), .. })),
        "it goes to the thread"
    );
}

#[test]
fn the_message_that_is_answered_is_fetched_where_it_is_not_loaded() {
    let mut at = At::ops();
    let mut live = created("ops", 500, &ana(), "an answer to something old");
    if let EntryBody::Created { reply_to, .. } = &mut live.body {
        *reply_to = Some(Seq(3));
    }
    at.reset(400..=499);
    at.net(Event::Entry(Box::new(live)));
    at.drawn_end(5);
    at.keys("esc t");
    let asked = at.wishes.iter().find_map(|e| match e {
        Effect::Ask { tag, ask } => match ask.as_ref() {
            Ask::History(get) if get.around == Some(Seq(3)) => Some(*tag),
            _ => None,
        },
        _ => None,
    });
    let page = GetReply { messages: vec![message("ops", 3, &ana())], first: Seq(1), head: Seq(500), has_more: true };
    at.net(Event::Answer { tag: asked.unwrap(), result: Ok(Answer::History(page)) });
    assert_eq!(thread(&at).head.as_ref().map(|m| m.seq), Some(Seq(3)));
}

#[test]
fn an_endless_thread_is_bounded_and_says_so() {
    let at = long(3_000);
    assert_eq!(thread(&at).replies.len(), 2_000);
    assert!(thread(&at).cut);
}
