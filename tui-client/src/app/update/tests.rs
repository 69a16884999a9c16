//! The state under what can happen to it.

mod commands;
mod mouse;
mod newcomer;
mod pasting;
mod reading;
mod rooms;
mod settings;
mod threads;
mod writing;

use std::time::Duration;

use chat_common::event::history::GetReply;
use chat_common::event::server::{Hint, ServerInfo, ServerRole};
use chat_common::event::{Entry, EntryBody, Ready};
use chat_common::model::{Member, Message, Role, RoomKind, RoomSummary, User, UserKind};
use chat_common::{
    ClientId, Emoji, Epoch, ErrorBody, ErrorCode, Limits, RoomName, RoomRef, Seq, Timestamp, UserId, UserName,
};
use proptest::prelude::*;

use crate::app::timeline::Timeline;
use crate::app::{
    Answer, App, Ask, Drawn, EchoState, Effect, Event, Line, Mode, Msg, Overlay, RowKey, Scroll, Start, update,
};
use crate::keymap::{Key, Keymap};

fn user(n: u64, name: &str) -> User {
    let name = UserName::parse(name).unwrap();
    User { id: UserId::from_bits(n), display_name: String::new(), name, kind: UserKind::User }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn summary(name: &str, head: u64) -> RoomSummary {
    RoomSummary {
        room: room(name),
        kind: RoomKind::Public,
        peer: None,
        topic: String::new(),
        role: None,
        first: Seq(1),
        head: Seq(head),
        read: Seq(head),
        unread: 0,
        mentions: 0,
        members: 2,
        present: 2,
        muted_until: None,
        retention_days: None,
    }
}

fn created(name: &str, seq: u64, from: &User, text: &str) -> Entry {
    let body = EntryBody::Created {
        text: Some(text.to_owned()),
        client_id: ClientId::parse(&format!("k{seq}")).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        superseded_by: None,
    };
    Entry { room: room(name), seq: Seq(seq), at: Timestamp::from_millis(0), from: from.clone(), body }
}

fn message(name: &str, seq: u64, from: &User) -> Message {
    Message {
        room: room(name),
        seq: Seq(seq),
        rev: Seq(seq),
        at: Timestamp::from_millis(0),
        from: from.clone(),
        text: Some(format!("text {seq}")),
        client_id: ClientId::parse(&format!("k{seq}")).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
    }
}

fn ready(rooms: Vec<RoomSummary>) -> Ready {
    Ready {
        protocol: 1,
        server: ServerInfo { name: "s".to_owned(), version: "1".to_owned(), node: "a".to_owned() },
        epoch: Epoch("e".to_owned()),
        user: me(),
        role: ServerRole::User,
        limits: Limits::default(),
        expires_at: None,
        rooms,
        next: None,
        blocked: Vec::new(),
    }
}

/// A state with its clock and everything it wished for.
struct At {
    app: App,
    now: Timestamp,
    wishes: Vec<Effect>,
}

impl At {
    /// Online in `ops`, with messages 1 to 10 by another.
    fn ops() -> Self {
        let mut at = Self::offline();
        at.net(Event::Line(Line::Online { rtt_ms: None, transport: "websocket" }));
        at.net(Event::Ready(Box::new(ready(vec![summary("ops", 10)]))));
        at.reset(1..=10);
        at.wishes.clear();
        at
    }

    fn offline() -> Self {
        let (app, wishes) = App::new(Start {
            rooms: vec![RoomRef::parse("ops").unwrap()],
            seed: 1,
            tz: jiff::tz::TimeZone::UTC,
            keymap: Keymap::default(),
            theme: "dark".to_owned(),
            now: Timestamp::from_millis(0),
        });
        Self { app, now: Timestamp::from_millis(0), wishes }
    }

    fn reset(&mut self, seqs: std::ops::RangeInclusive<u64>) {
        let head = Seq(*seqs.end());
        let messages = seqs.map(|n| message("ops", n, &ana())).collect();
        self.net(Event::Reset { room: room("ops"), messages, first: Seq(1), head });
    }

    fn tell(&mut self, msg: Msg) {
        self.wishes.extend(update(&mut self.app, msg, self.now));
    }

    fn net(&mut self, event: Event) {
        self.tell(Msg::Net(event));
    }

    fn said(&mut self, name: &str, seq: u64, from: &User) {
        self.net(Event::Entry(Box::new(created(name, seq, from, "hi"))));
    }

    fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.tell(Msg::Key(key.parse().unwrap()));
        }
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.tell(Msg::Key(Key::char(c)));
        }
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.plus(Duration::from_millis(ms));
        self.tell(Msg::Tick);
    }

    /// As if the last `n` items filled the view, one row each.
    fn drawn_end(&mut self, n: usize) {
        let room = self.app.room().unwrap();
        let mut keys = Vec::new();
        let mut at = room.last_key();
        while let Some(key) = at.filter(|_| keys.len() < n) {
            at = room.key_before(&key);
            keys.push((key, 0, 1));
        }
        keys.reverse();
        let height = u16::try_from(n).unwrap();
        self.tell(Msg::Drawn(Drawn { rows: keys, height, at_end: true, ..Drawn::default() }));
    }

    fn text(&self) -> &str {
        self.app.room().unwrap().editor.text()
    }

    fn asked(&self) -> Vec<&Ask> {
        let ask = |e: &Effect| matches!(e, Effect::Ask { .. });
        self.wishes
            .iter()
            .filter(|e| ask(e))
            .map(|e| match e {
                Effect::Ask { ask, .. } => ask.as_ref(),
                _ => unreachable!("filtered"),
            })
            .collect()
    }

    fn last_tag(&self) -> u64 {
        let tag = |e: &Effect| match e {
            Effect::Ask { tag, .. } => Some(*tag),
            _ => None,
        };
        self.wishes.iter().rev().find_map(tag).unwrap()
    }

    fn sent(&self) -> Vec<(String, ClientId)> {
        let send = |e: &Effect| match e {
            Effect::Send { text, client_id, .. } => Some((text.clone(), client_id.clone())),
            _ => None,
        };
        self.wishes.iter().filter_map(send).collect()
    }

    fn toast(&self) -> &str {
        self.app.toast.as_ref().map_or("", |t| t.text.as_str())
    }
}

fn me() -> User {
    user(1, "sam")
}

fn ana() -> User {
    user(2, "ana")
}

#[test]
fn a_sent_message_is_shown_at_once_and_replaced_by_its_entry() {
    let mut at = At::ops();
    at.types("hello");
    at.keys("enter");
    let (text, id) = at.sent().remove(0);
    assert_eq!(text, "hello");
    assert_eq!(at.text(), "");
    let state = |at: &At| at.app.room().unwrap().echoes.first().map(|e| e.state.clone());
    assert_eq!(state(&at), Some(EchoState::Queued));
    let to = RoomRef::parse("ops").unwrap();
    at.net(Event::Outbox { client_id: id.clone(), room: to.clone(), state: EchoState::Sending });
    at.net(Event::Outbox { client_id: id.clone(), room: to, state: EchoState::Stored(Seq(11)) });
    assert_eq!(state(&at), Some(EchoState::Stored(Seq(11))));
    let mut entry = created("ops", 11, &me(), "hello");
    if let EntryBody::Created { client_id, .. } = &mut entry.body {
        *client_id = id;
    }
    at.net(Event::Entry(Box::new(entry)));
    assert_eq!(state(&at), None);
    assert_eq!(at.app.room().unwrap().timeline.newest(), Some(Seq(11)));
}

#[test]
fn the_entry_may_come_before_the_reply() {
    let mut at = At::ops();
    at.types("hello");
    at.keys("enter");
    let (_, id) = at.sent().remove(0);
    let mut entry = created("ops", 11, &me(), "hello");
    if let EntryBody::Created { client_id, .. } = &mut entry.body {
        client_id.clone_from(&id);
    }
    at.net(Event::Entry(Box::new(entry)));
    let to = RoomRef::parse("ops").unwrap();
    at.net(Event::Outbox { client_id: id, room: to, state: EchoState::Stored(Seq(11)) });
    assert!(at.app.room().unwrap().echoes.is_empty());
}

#[test]
fn a_refused_message_stays_with_its_reason_and_can_be_tried_again() {
    let mut at = At::ops();
    at.types("hello");
    at.keys("enter");
    let (_, id) = at.sent().remove(0);
    let error = ErrorBody::new(ErrorCode::Muted, "you are muted until 10:00");
    let to = RoomRef::parse("ops").unwrap();
    at.net(Event::Outbox { client_id: id.clone(), room: to, state: EchoState::Refused(error) });
    assert!(at.toast().contains("you are muted until 10:00"));
    at.drawn_end(5);
    at.keys("esc r");
    assert!(at.wishes.contains(&Effect::Retry(id.clone())));
    at.keys("d");
    assert!(matches!(at.app.overlay, Some(Overlay::Confirm { .. })));
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::Discard(id)));
    assert!(at.app.room().unwrap().echoes.is_empty());
}

#[test]
fn what_is_too_long_or_no_command_is_not_sent_and_not_lost() {
    let mut at = At::ops();
    let long = "x".repeat(8_001);
    at.tell(Msg::Paste(long.clone()));
    at.keys("enter");
    assert!(at.sent().is_empty());
    assert_eq!(at.text(), long);
    let Some(Overlay::Confirm { question, .. }) = &at.app.overlay else { panic!("{}", at.toast()) };
    assert!(question.contains("8001 bytes, 8000 are allowed"), "{question}");
    at.keys("esc ctrl+c");
    at.types("/jion ops");
    at.keys("enter");
    assert_eq!(at.toast(), "there is no /jion; did you mean /join?");
    assert_eq!(at.text(), "/jion ops");
    at.keys("ctrl+c");
    at.types("//etc");
    at.keys("enter");
    assert_eq!(at.sent()[0].0, "/etc");
}

#[test]
fn a_paste_of_ten_thousand_lines_sends_nothing() {
    let mut at = At::ops();
    at.keys("esc");
    at.tell(Msg::Paste("line\n".repeat(10_000)));
    assert_eq!(at.app.mode, Mode::Compose);
    assert!(at.sent().is_empty());
    assert_eq!(at.text().lines().count(), 10_000);
}

#[test]
fn a_draft_is_saved_within_a_second_per_room_and_at_the_end() {
    let mut at = At::ops();
    at.types("abc");
    assert!(!at.wishes.iter().any(|e| matches!(e, Effect::SaveDraft { .. })));
    let due = at.app.next_wake().unwrap();
    assert!(due.since(at.now) < Duration::from_secs(1));
    at.later(1_000);
    let saved = |text: &str| Effect::SaveDraft { room: RoomRef::parse("ops").unwrap(), text: text.to_owned() };
    assert!(at.wishes.contains(&saved("abc")));
    at.types("d");
    at.tell(Msg::Quit);
    assert!(at.wishes.contains(&saved("abcd")));
    assert!(at.wishes.contains(&Effect::Quit));
}

#[test]
fn editing_keeps_the_draft_aside_and_gives_it_back() {
    let mut at = At::ops();
    at.said("ops", 11, &me());
    at.types("draft");
    at.drawn_end(5);
    at.keys("esc e");
    assert_eq!(at.text(), "hi");
    at.later(1_000);
    let saved = Effect::SaveDraft { room: RoomRef::parse("ops").unwrap(), text: "draft".to_owned() };
    at.types("!");
    at.later(1_000);
    assert!(at.wishes.contains(&saved));
    at.keys("enter");
    let edit = at.asked().into_iter().find_map(|a| match a {
        Ask::Edit(e) => Some((e.seq, e.text.clone())),
        _ => None,
    });
    assert_eq!(edit, Some((Seq(11), "hi!".to_owned())));
    assert_eq!(at.text(), "draft");
    at.keys("esc e ctrl+c");
    assert_eq!(at.text(), "draft");
}

#[test]
fn others_messages_cannot_be_edited() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("up e");
    assert_eq!(at.toast(), "only your own messages can be edited");
}

#[test]
fn a_reply_names_its_message_and_is_dropped_by_backspace() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("esc r");
    at.types("yes");
    at.keys("enter");
    assert!(at.wishes.iter().any(|e| matches!(e, Effect::Send { reply_to: Some(Seq(10)), .. })));
    at.drawn_end(5);
    at.keys("esc k r backspace");
    at.types("no");
    at.keys("enter");
    assert_eq!(at.wishes.iter().filter(|e| matches!(e, Effect::Send { reply_to: None, .. })).count(), 1);
}

#[test]
fn typing_is_told_at_most_every_three_seconds_and_others_expire_after_six() {
    let told = |at: &At| at.asked().iter().filter(|a| matches!(a, Ask::Typing(t) if t.on)).count();
    let mut at = At::ops();
    at.types("hello you");
    assert_eq!(told(&at), 1);
    at.later(3_000);
    at.types("!");
    assert_eq!(told(&at), 2);
    at.keys("ctrl+c");
    at.types("/join ops");
    assert_eq!(told(&at), 2, "a command is not told");
    at.net(Event::Hint(Box::new(Hint::TypingChanged { room: room("ops"), user: ana(), on: true })));
    at.later(5_900);
    assert_eq!(at.app.room().unwrap().typing.len(), 1);
    at.later(100);
    assert_eq!(at.app.room().unwrap().typing.len(), 0);
}

#[test]
fn a_conversation_opened_by_name_becomes_its_room_with_all_that_was_written() {
    let mut at = At::ops();
    at.types("/msg ana are you there?");
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::Open(RoomRef::parse("@ana").unwrap())));
    at.types("and a draft");
    let mut dm = summary("dm-1-2", 0);
    dm.kind = RoomKind::Direct;
    dm.peer = Some(ana());
    at.net(Event::Hint(Box::new(Hint::RoomAdded { room: Box::new(dm.clone()) })));
    at.net(Event::Joined { room: Box::new(dm), members: Vec::new(), present: Vec::new() });
    assert_eq!(at.app.rooms.len(), 2);
    let room = at.app.room().unwrap();
    assert_eq!((room.title(), room.echoes.len(), room.editor.text()), ("@ana".to_owned(), 1, "and a draft"));
}

#[test]
fn a_room_that_is_not_there_is_offered_and_one_stays_where_one_was() {
    let mut at = At::ops();
    at.net(Event::Joined { room: Box::new(summary("dev", 0)), members: Vec::new(), present: Vec::new() });
    at.types("/join nowhere");
    at.keys("enter");
    let target = RoomRef::parse("nowhere").unwrap();
    at.net(Event::OpenFailed { room: target.clone(), error: ErrorBody::new(ErrorCode::NotFound, "no such room") });
    assert!(matches!(at.app.overlay, Some(Overlay::Confirm { .. })));
    assert_eq!(at.app.room().unwrap().title(), "#ops");
    at.keys("enter");
    assert!(matches!(at.asked().last(), Some(Ask::Create(c)) if c.room == room("nowhere")));
    let tag = at.last_tag();
    at.net(Event::Answer { tag, result: Ok(Answer::Done) });
    assert!(at.wishes.contains(&Effect::Open(target)));
    assert_eq!(at.app.room().unwrap().title(), "#nowhere");
}

#[test]
fn a_guest_who_was_met_needs_no_mark() {
    let mut at = At::ops();
    let guest =
        Member { user: user(9, "~eve"), role: Role::Member, joined_at: Timestamp::from_millis(0), muted_until: None };
    at.net(Event::Joined { room: Box::new(summary("ops", 10)), members: vec![guest], present: Vec::new() });
    at.types("/msg eve hello");
    at.keys("enter");
    let eve = RoomRef::parse("@~eve").unwrap();
    assert!(at.wishes.contains(&Effect::Open(eve.clone())), "{:?}", at.wishes);
    assert!(at.wishes.iter().any(|w| matches!(w, Effect::Send { room, .. } if *room == eve)));
}

#[test]
fn a_name_that_no_account_has_may_be_a_guests() {
    let mut at = At::ops();
    let (plain, guest) = (RoomRef::parse("@eve").unwrap(), RoomRef::parse("@~eve").unwrap());
    at.types("/msg eve");
    at.keys("enter");
    at.types("half a word");
    let error = ErrorBody::new(ErrorCode::NotFound, "no such user");
    at.net(Event::OpenFailed { room: plain, error: error.clone() });
    assert!(at.wishes.contains(&Effect::Open(guest.clone())));
    assert_eq!((at.app.room().unwrap().title(), at.text(), at.app.rooms.len()), ("@~eve".to_owned(), "half a word", 2));
    at.net(Event::OpenFailed { room: guest, error });
    assert_eq!(at.toast(), "@~eve: no such user");
}

#[test]
fn leaving_what_never_was_drops_what_was_refused_there() {
    let mut at = At::ops();
    at.types("/msg nobody hi");
    at.keys("enter");
    let echo = at.app.room().unwrap().echoes[0].clone();
    let refused = EchoState::Refused(ErrorBody::new(ErrorCode::NotFound, "no such user"));
    at.net(Event::Outbox { client_id: echo.client_id.clone(), room: echo.room, state: refused });
    at.types("/leave");
    at.keys("enter");
    at.keys("y");
    assert!(at.wishes.contains(&Effect::Discard(echo.client_id)), "{:?}", at.wishes);
    assert_eq!(at.app.room().unwrap().title(), "#ops");
}

#[test]
fn an_endless_list_of_rooms_is_cut() {
    let mut at = At::ops();
    for n in 0..1_500 {
        let hint = Hint::RoomAdded { room: Box::new(summary(&format!("r{n}"), 0)) };
        at.net(Event::Hint(Box::new(hint)));
        at.said(&format!("s{n}"), u64::MAX, &ana());
    }
    assert!(at.app.rooms.len() <= 1_000);
}

#[test]
fn being_removed_takes_the_room_but_not_what_was_typed() {
    let mut at = At::ops();
    at.net(Event::Joined { room: Box::new(summary("dev", 0)), members: Vec::new(), present: Vec::new() });
    at.keys("alt+2");
    at.types("precious");
    at.net(Event::Gone { room: room("dev") });
    assert_eq!(at.app.rooms.len(), 1);
    assert_eq!(at.text(), "precious");
    assert_eq!(at.toast(), "you are no longer in #dev");
}

#[test]
fn quitting_takes_two_presses_on_an_empty_line() {
    let mut at = At::ops();
    at.types("x");
    at.keys("ctrl+c ctrl+c");
    assert!(!at.wishes.contains(&Effect::Quit));
    at.keys("ctrl+c");
    assert!(at.wishes.contains(&Effect::Quit));
}

#[test]
fn completion_takes_names_and_enter_sends_unless_one_was_chosen() {
    let mut at = At::ops();
    at.types("/jo");
    assert!(at.app.popup.is_some());
    at.keys("tab");
    assert_eq!(at.text(), "/join ");
    at.keys("ctrl+c");
    at.types("see :tad");
    at.keys("tab");
    assert_eq!(at.text(), "see 🎉 ");
    at.keys("ctrl+c");
    at.types("i like #op");
    at.keys("esc");
    assert!(at.app.popup.is_none() && at.app.mode == Mode::Compose);
    at.keys("enter");
    assert_eq!(at.sent().last().unwrap().0, "i like #op");
}

#[test]
fn enter_on_an_empty_line_reconnects_while_there_is_none() {
    let mut at = At::offline();
    at.net(Event::Line(Line::Waiting { until: at_ms(9_000), attempt: 1, reason: String::new() }));
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::ReconnectNow));
}

fn at_ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

proptest! {
    /// Whatever order pages and entries come in, and however often: the same timeline.
    #[test]
    fn order_and_repetition_do_not_matter(
        mut order in Just((1u64..=12).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(0usize..12, 0..12),
    ) {
        let entry = |n: u64| -> Entry {
            let mut e = created("ops", n, &ana(), "text");
            match n {
                4 => e.body = EntryBody::Edited { target: Seq(2), text: Some("edited".to_owned()), mentions: Vec::new(), superseded_by: None },
                6 => e.body = EntryBody::Deleted { target: Seq(3) },
                9 => e.body = EntryBody::Reacted { target: Seq(5), emoji: Emoji::parse("👍").unwrap(), on: true },
                _ => {}
            }
            e
        };
        // Entries of one message come in the order of the log; between messages any order must do.
        order.sort_by_key(|n| match n { 4 | 6 | 9 => 1, _ => 0 });
        let mut once = Timeline::default();
        (1..=12).for_each(|n| { once.apply(&entry(n), None); });
        let mut other = Timeline::default();
        for n in &order {
            other.apply(&entry(*n), None);
        }
        for i in again {
            other.apply(&entry(order[i]), None);
        }
        let body = |t: &Timeline| t.items().iter().map(|(s, i)| (*s, i.body.clone())).collect::<Vec<_>>();
        prop_assert_eq!(body(&once), body(&other));
        prop_assert_eq!(other.message(Seq(2)).unwrap().text, Some("edited".to_owned()));
        prop_assert!(other.message(Seq(3)).unwrap().deleted);
        prop_assert_eq!(other.message(Seq(5)).unwrap().reactions[0].count, 1);
    }

    /// Whatever keys are pressed, what is typed is either there, or sent, or brought back by undo.
    #[test]
    fn no_key_but_enter_and_clear_takes_what_is_typed(
        keys in proptest::collection::vec(proptest::sample::select(vec![
            "esc", "up", "down", "pageup", "pagedown", "i", "tab", "f1", "f2", "ctrl+k", "ctrl+f", "ctrl+p", "f4",
            "alt+1", "alt+2", "f3", "j", "k", "r", "u", "y", "G", "g",
        ]), 0..30)
    ) {
        let mut at = At::ops();
        at.drawn_end(5);
        at.types("PRECIOUS");
        for key in keys {
            at.keys(key);
            at.drawn_end(5);
        }
        prop_assert!(at.app.rooms[0].draft().contains("PRECIOUS") , "{:?}", at.app.rooms[0].draft());
        prop_assert!(at.sent().is_empty());
    }
}
