//! What somebody does who has read nothing: each of these once lost a text, or left one without a way on.

use super::*;
use crate::app::room::Purpose;

#[test]
fn one_reads_back_by_pages_and_writes_on() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("pageup");
    assert_eq!(at.app.mode, Mode::Compose);
    assert_eq!(at.app.room().unwrap().scroll, Scroll::Bottom(RowKey::Stored(Seq(7)), 0), "some rows stay in view");
    at.types("red");
    assert_eq!(at.text(), "red", "no letter acts on a message");
    at.tell(Msg::Drawn(Drawn {
        rows: (2..=6).map(|n| (RowKey::Stored(Seq(n)), 0, 1)).collect(),
        height: 5,
        at_end: false,
        ..Drawn::default()
    }));
    at.keys("pagedown");
    assert_eq!(at.app.room().unwrap().scroll, Scroll::Top(RowKey::Stored(Seq(5)), 0));
    at.keys("enter");
    assert_eq!(at.app.room().unwrap().scroll, Scroll::Follow, "what one says oneself is seen");
}

#[test]
fn only_an_answer_answers_a_question() {
    let mut at = At::ops();
    at.types("/leave");
    at.keys("enter");
    at.types("/quit");
    at.keys("tab up");
    assert!(matches!(at.app.overlay, Some(Overlay::Confirm { .. })), "what was typed without looking waits");
    assert_eq!((at.text(), at.sent().len()), ("", 0), "and nothing of it goes out");
    at.keys("n");
    assert!(at.app.overlay.is_none());
    assert!(!at.asked().iter().any(|a| matches!(a, Ask::Leave(_))));
}

#[test]
fn what_was_said_about_one_try_is_gone_with_the_next() {
    let mut at = At::ops();
    at.types("/theme nope");
    at.keys("enter");
    assert!(at.toast().contains("none of dark"));
    at.types("/theme light");
    at.keys("enter");
    assert_eq!(at.toast(), "theme: light");
}

#[test]
fn commands_of_other_chats_are_told_what_does_it_here() {
    for (typed, said) in [
        ("/edit", "Esc chooses a message, then e edits it"),
        ("/react :+1:", "then + reacts"),
        ("/server chat.example", "chat-tui --server URL"),
    ] {
        let mut at = At::ops();
        at.types(typed);
        at.keys("enter");
        assert!(at.toast().contains(said), "{typed}: {}", at.toast());
        assert!(at.sent().is_empty());
    }
}

#[test]
fn an_emoji_typed_to_its_end_is_one_but_not_in_code() {
    for (typed, shown) in [
        ("fine :thumbsup:", "fine 👍"),
        ("fine :+1:", "fine 👍"),
        (":nothing:", ":nothing:"),
        ("`a :x:", "`a :x:"),
        ("std::fire:", "std::fire:"),
    ] {
        let mut at = At::ops();
        at.types(typed);
        assert_eq!(at.text(), shown);
    }
    let mut at = At::ops();
    at.types("ok :x:");
    at.keys("ctrl+_");
    assert_eq!(at.text(), "ok :x:", "undo gives the letters back");
}

#[test]
fn esc_takes_back_that_one_answers_as_long_as_nothing_is_written() {
    let mut at = At::ops();
    at.drawn_end(5);
    at.keys("esc r");
    assert!(matches!(at.app.room().unwrap().purpose, Purpose::Reply(_)));
    at.keys("esc");
    assert_eq!(at.app.mode, Mode::Compose);
    assert!(matches!(at.app.room().unwrap().purpose, Purpose::Say));
}

#[test]
fn one_is_not_shown_as_typing_when_the_line_is_empty_again() {
    let mut at = At::ops();
    let told = |at: &At| -> Vec<bool> {
        at.asked().iter().filter_map(|a| if let Ask::Typing(t) = a { Some(t.on) } else { None }).collect()
    };
    at.types("hm");
    at.keys("ctrl+u");
    assert_eq!(told(&at), [true, false]);
    at.types("a");
    at.keys("enter");
    assert_eq!(told(&at), [true, false, true], "a message says it by itself");
}

#[test]
fn a_search_finds_a_guest_without_the_mark() {
    let mut at = At::ops();
    let guest = user(3, "~eve");
    at.net(Event::Hint(Box::new(Hint::MemberJoined { room: room("ops"), user: guest.clone() })));
    at.types("/search from:eve");
    at.keys("enter");
    at.later(1_000);
    let asked = at.asked().iter().any(|a| matches!(a, Ask::Search(s) if s.from.as_ref() == Some(&guest.name)));
    assert!(asked, "{:?}", at.asked());
}
