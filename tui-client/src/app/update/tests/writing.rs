//! Writing: keys of the line, editing the last message, actions from the list.

use super::*;

#[test]
fn the_last_message_of_ones_own_is_edited_with_one_key() {
    let mut at = At::ops();
    at.said("ops", 11, &me());
    at.said("ops", 12, &ana());
    at.types("draft");
    at.keys("shift+up");
    assert_eq!(at.text(), "hi");
    at.types("!");
    at.keys("enter");
    assert!(matches!(at.asked().last(), Some(Ask::Edit(e)) if e.seq == Seq(11) && e.text == "hi!"));
    assert_eq!(at.text(), "draft");
    let mut at = At::ops();
    at.keys("shift+up");
    assert_eq!(at.toast(), "there is no message of yours to edit here");
}

#[test]
fn readline_keys_do_what_they_do_elsewhere() {
    for (keys, expected) in [
        ("ctrl+a alt+f ctrl+w", " two three"),
        ("ctrl+w", "one two "),
        ("ctrl+u", ""),
        ("ctrl+u ctrl+y", "one two three"),
        ("alt+b ctrl+t", "one twot hree"),
        ("alt+b alt+d", "one two "),
        ("ctrl+a ctrl+d", "ne two three"),
        ("ctrl+a alt+f shift+end ctrl+y ctrl+_ ctrl+_", "one two three"),
        ("ctrl+e ctrl+h ctrl+b ctrl+h", "one two the"),
    ] {
        let mut at = At::ops();
        at.tell(Msg::Paste("one two three".to_owned()));
        at.keys(keys);
        assert_eq!(at.text(), expected, "{keys}");
    }
}

#[test]
fn the_list_of_commands_does_what_the_line_can() {
    let mut at = At::ops();
    at.types("some text");
    at.keys("ctrl+p");
    at.types("in $EDITOR");
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::Edit("some text".to_owned())), "{:?}", at.wishes.last());
    at.keys("ctrl+x");
    assert!(at.app.chord);
    at.keys("ctrl+e");
    assert_eq!(at.wishes.iter().filter(|e| matches!(e, Effect::Edit(_))).count(), 2);
}

#[test]
fn a_column_is_hidden_by_one_press_where_the_width_shows_it() {
    let mut at = At::ops();
    at.tell(Msg::Drawn(Drawn { left: true, right: false, ..Drawn::default() }));
    at.keys("f2 f3");
    assert_eq!((at.app.sidebar, at.app.pane), (Some(false), Some(true)));
}

#[test]
fn a_message_that_waited_too_long_is_asked_about() {
    let mut at = At::ops();
    at.types("hello");
    at.keys("enter");
    let (_, id) = at.sent().remove(0);
    let to = RoomRef::parse("ops").unwrap();
    at.net(Event::Outbox { client_id: id.clone(), room: to, state: EchoState::Stale });
    assert!(at.toast().contains("Esc, then r sends it, d drops it"), "{}", at.toast());
    at.drawn_end(5);
    at.keys("esc r");
    assert!(at.wishes.contains(&Effect::Retry(id)));
}
