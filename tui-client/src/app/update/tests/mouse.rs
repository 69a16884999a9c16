//! The mouse: what a press on something does, and what the wheel moves.

use super::*;
use crate::app::{Target, Zone};

fn click(at: &mut At, target: Target) {
    at.tell(Msg::Click(target));
}

fn row(seq: u64) -> Target {
    Target::Row(Zone::Timeline, RowKey::Stored(Seq(seq)))
}

#[test]
fn a_message_is_selected_and_the_line_below_writes_again() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.types("half");
    click(&mut at, row(8));
    assert_eq!((at.app.mode, at.app.chosen()), (Mode::Browse, Some(&RowKey::Stored(Seq(8)))));
    click(&mut at, Target::Caret(2));
    assert_eq!((at.app.mode, at.app.room().unwrap().editor.cursor()), (Mode::Compose, 2));
    at.types("x");
    assert_eq!(at.text(), "haxlf");
    click(&mut at, Target::Caret(999));
    assert_eq!(at.app.room().unwrap().editor.cursor(), 5, "what is not there any more is the end");
}

#[test]
fn a_link_is_opened_as_by_its_key_and_several_are_offered() {
    let mut at = At::ops();
    click(&mut at, Target::Link("https://a.example".to_owned()));
    assert!(at.wishes.contains(&Effect::OpenLink("https://a.example".to_owned())));
    at.net(Event::Entry(Box::new(created("ops", 11, &ana(), "see https://b.example."))));
    at.drawn_end(5);
    at.keys("esc o");
    assert!(at.wishes.contains(&Effect::OpenLink("https://b.example".to_owned())));
    at.net(Event::Entry(Box::new(created("ops", 12, &ana(), "https://c.example or https://d.example"))));
    at.drawn_end(5);
    at.keys("G o down enter");
    assert!(at.wishes.contains(&Effect::OpenLink("https://d.example".to_owned())), "{:?}", at.wishes.last());
}

#[test]
fn a_reaction_is_toggled() {
    let mut at = At::ops();
    let emoji = Emoji::parse("👍").unwrap();
    let on = |at: &At| match at.asked().last() {
        Some(Ask::React(r)) => Some((r.seq, r.on)),
        _ => None,
    };
    let reacted = |on: bool, seq: u64, from: &User| {
        let mut e = created("ops", seq, from, "");
        e.body = EntryBody::Reacted { target: Seq(9), emoji: Emoji::parse("👍").unwrap(), on };
        Event::Entry(Box::new(e))
    };
    at.net(reacted(true, 11, &ana()));
    click(&mut at, Target::Reaction(Seq(9), emoji.clone()));
    assert_eq!(on(&at), Some((Seq(9), true)));
    at.net(reacted(true, 12, &me()));
    click(&mut at, Target::Reaction(Seq(9), emoji));
    assert_eq!(on(&at), Some((Seq(9), false)));
}

#[test]
fn lists_are_chosen_from_and_left_and_questions_wait() {
    let mut at = At::ops();
    at.net(Event::Joined { room: Box::new(summary("dev", 0)), members: Vec::new(), present: Vec::new() });
    at.keys("ctrl+k");
    click(&mut at, row(8));
    assert!(at.app.overlay.is_some() && at.app.mode == Mode::Compose, "nothing below a list is meant");
    at.tell(Msg::Scroll(Zone::List, 3));
    let Some(Overlay::Picker(picker)) = &at.app.overlay else { panic!("a list") };
    let dev = picker.shown.iter().position(|i| picker.items[*i].label == "#dev").unwrap();
    click(&mut at, Target::Entry(dev));
    assert_eq!(at.app.room().unwrap().title(), "#dev");
    at.keys("ctrl+k");
    click(&mut at, Target::Outside);
    assert!(at.app.overlay.is_none());
    at.types("/leave");
    at.keys("enter");
    click(&mut at, Target::Outside);
    assert!(matches!(at.app.overlay, Some(Overlay::Confirm { .. })), "a question is not answered by a slip");
}

#[test]
fn the_wheel_scrolls_what_is_under_it_and_the_words_below_lead_back() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.tell(Msg::Scroll(Zone::Timeline, -2));
    assert_eq!(at.app.room().unwrap().scroll, Scroll::Bottom(RowKey::Stored(Seq(8)), 0));
    click(&mut at, Target::Newest);
    assert_eq!(at.app.room().unwrap().scroll, Scroll::Follow);
}

#[test]
fn a_member_is_written_to() {
    let mut at = At::ops();
    click(&mut at, Target::User(ana().name));
    assert!(at.wishes.contains(&Effect::Open(RoomRef::parse("@ana").unwrap())));
}

#[test]
fn a_proposal_is_taken() {
    let mut at = At::ops();
    at.types("/jo");
    click(&mut at, Target::Proposal(0));
    assert_eq!(at.text(), "/join ");
}
