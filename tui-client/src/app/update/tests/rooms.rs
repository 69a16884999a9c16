//! Rooms, people, and the lists that lead to them.

use super::*;
use crate::app::picker::Pick;

/// In `ops`, with `dev` (3 unread) and `alerts` (one that names).
fn three() -> At {
    let mut at = At::ops();
    for (name, unread, mentions) in [("dev", 3, 0), ("alerts", 2, 1)] {
        let s = RoomSummary { unread, mentions, read: Seq(1), ..summary(name, 10) };
        at.net(Event::Joined { room: Box::new(s), members: Vec::new(), present: Vec::new() });
    }
    at
}

fn labels(at: &At) -> Vec<String> {
    let Some(Overlay::Picker(p)) = &at.app.overlay else { panic!("a list") };
    p.shown.iter().map(|i| p.items[*i].label.clone()).collect()
}

fn title(at: &At) -> String {
    at.app.room().unwrap().title()
}

#[test]
fn rooms_are_reached_by_number_in_both_states_and_one_after_the_other() {
    let mut at = three();
    at.keys("alt+2");
    assert_eq!(title(&at), "#dev");
    at.keys("alt+1");
    at.drawn_end(5);
    at.keys("esc 3");
    assert_eq!(title(&at), "#alerts");
    at.keys("f6");
    assert_eq!(title(&at), "#ops");
    at.keys("f5");
    assert_eq!(title(&at), "#alerts");
    at.keys("alt+9");
    assert_eq!(at.toast(), "there is no room 9; Ctrl+K opens one");
}

#[test]
fn jumping_shows_what_is_unread_first_then_people_and_rooms_one_is_not_in() {
    let mut at = three();
    let member = Member { user: ana(), role: Role::Member, joined_at: at_ms(0), muted_until: None };
    at.net(Event::Joined { room: Box::new(summary("ops", 10)), members: vec![member], present: Vec::new() });
    at.keys("ctrl+k");
    let tag = at.last_tag();
    let rooms = chat_common::event::room::ListReply { rooms: vec![summary("open", 0)], next: None };
    at.net(Event::Answer { tag, result: Ok(Answer::Rooms(rooms)) });
    assert_eq!(labels(&at), ["#alerts", "#dev", "#ops", "@ana", "#open"]);
    at.types("an");
    assert_eq!(labels(&at)[0], "@ana");
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::Open(RoomRef::parse("@ana").unwrap())));
    at.keys("ctrl+k");
    at.types("brand-new");
    at.keys("enter");
    assert!(at.wishes.contains(&Effect::Open(RoomRef::parse("brand-new").unwrap())), "Enter opens what is not listed");
}

#[test]
fn help_and_commands_are_made_from_the_live_keys() {
    let mut at = At::ops();
    at.app.keymap.rebind("search", &["f11".to_owned()]).unwrap();
    let shows = |at: &At, key: &str, action| {
        let Some(Overlay::Picker(p)) = &at.app.overlay else { panic!("a list") };
        p.items
            .iter()
            .any(|i| (i.label.contains(key) || i.detail.contains(key)) && (i.pick == action || i.pick == Pick::Nothing))
    };
    at.keys("f1");
    assert!(shows(&at, "F11", Pick::Nothing));
    at.keys("esc ctrl+p");
    assert!(shows(&at, "F11", Pick::Action(crate::keymap::Action::Search)));
    assert!(!shows(&at, "Ctrl+F", Pick::Action(crate::keymap::Action::Search)));
}

#[test]
fn marking_unread_from_a_message_holds_until_one_leaves_the_room() {
    let mut at = three();
    at.drawn_end(5);
    at.keys("esc k k u");
    let marked = at.asked().into_iter().find_map(|a| match a {
        Ask::Mark(m) => Some((m.seq, m.force)),
        _ => None,
    });
    assert_eq!(marked, Some((Seq(7), Some(true))));
    at.drawn_end(5);
    at.later(2_000);
    assert_eq!(at.app.rooms[0].unread, 3, "seeing it does not read it again");
    at.keys("alt+2 alt+1");
    at.drawn_end(5);
    assert_eq!(at.app.rooms[0].unread, 0);
}

#[test]
fn opening_a_room_with_many_unread_begins_at_the_first_of_them() {
    let mut at = three();
    let s = RoomSummary { unread: 20, read: Seq(30), ..summary("dev", 50) };
    at.net(Event::Joined { room: Box::new(s), members: Vec::new(), present: Vec::new() });
    let messages = (1..=50).map(|n| message("dev", n, &ana())).collect();
    at.net(Event::Reset { room: room("dev"), messages, first: Seq(1), head: Seq(50) });
    at.keys("alt+2");
    let room = at.app.room().unwrap();
    assert_eq!((room.divider, &room.scroll), (Some(Seq(30)), &Scroll::Top(RowKey::Stored(Seq(31)), 0)));
}
