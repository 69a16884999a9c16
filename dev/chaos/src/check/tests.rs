//! A history that went well, and one broken on purpose for each way of breaking a promise.

use super::*;

fn text(s: &str) -> String {
    s.to_owned()
}

fn shown(client: &str, room: &str, seq: u64, key: &str) -> Event {
    Event::Shown { client: text(client), room: text(room), seq, key: text(key) }
}

fn stored(room: &str, seq: u64, key: &str) -> Event {
    Event::Stored { room: text(room), seq, key: text(key) }
}

fn ack(client: &str, room: &str, key: &str, seq: u64) -> Event {
    Event::Ack { client: text(client), room: text(room), key: text(key), seq }
}

fn send(client: &str, room: &str, key: &str) -> Event {
    Event::Send { client: text(client), room: text(room), key: text(key) }
}

fn present(room: &str, names: &[&str]) -> Event {
    let names: Vec<_> = names.iter().map(|n| text(n)).collect();
    Event::Present { node: 0, room: text(room), count: names.len() as u64, names: Some(names) }
}

/// Ana and Bob in `one`, where three messages are; Bob alone in the private `two`, where one is; Eve tried.
fn story() -> Vec<Event> {
    let member =
        |room: &str, client: &str| Event::Member { room: text(room), client: text(client), private: room == "two" };
    vec![
        Event::Run { seed: 1, about: String::new() },
        member("one", "ana"),
        member("one", "bob"),
        member("two", "bob"),
        send("ana", "one", "a1"),
        send("bob", "one", "b1"),
        send("ana", "one", "a2"),
        send("bob", "two", "b2"),
        ack("ana", "one", "a1", 1),
        ack("bob", "one", "b1", 2),
        ack("ana", "one", "a2", 3),
        ack("bob", "two", "b2", 1),
        shown("ana", "one", 1, "a1"),
        shown("ana", "one", 2, "b1"),
        shown("ana", "one", 3, "a2"),
        shown("bob", "one", 1, "a1"),
        shown("bob", "one", 2, "b1"),
        shown("bob", "one", 3, "a2"),
        shown("bob", "two", 1, "b2"),
        Event::Tried { client: text("eve"), what: text("room:join"), answer: text("not_found") },
        stored("one", 1, "a1"),
        stored("one", 2, "b1"),
        stored("one", 3, "a2"),
        stored("two", 1, "b2"),
        present("one", &["ana", "bob"]),
        present("two", &["bob"]),
        Event::End {},
    ]
}

/// What is found after these have been taken out, each once, and those put in before the end.
fn changed(out: &[Event], put: &[Event]) -> Vec<Violation> {
    let mut events = story();
    for event in out {
        let at = events.iter().position(|e| e == event).expect("it is in the story");
        events.remove(at);
    }
    let end = events.len().saturating_sub(1);
    events.splice(end..end, put.iter().cloned());
    check(&events)
}

/// What is found after one event has become another in its place.
fn replaced(from: &[Event], to: &[Event]) -> Vec<Violation> {
    let mut events = story();
    for (from, to) in from.iter().zip(to) {
        let at = events.iter().position(|e| e == from).expect("it is in the story");
        events[at] = to.clone();
    }
    check(&events)
}

#[test]
fn a_history_that_went_well_has_no_violation() {
    assert_eq!(check(&story()), []);
}

#[test]
fn an_acknowledged_message_that_is_gone_with_its_number_is_found() {
    let found = changed(&[stored("one", 2, "b1")], &[]);
    let lost = Violation::LostAck { client: text("bob"), room: text("one"), key: text("b1"), seq: 2 };
    assert!(found.contains(&lost), "{found:?}");
    assert!(found.contains(&Violation::HoleInLog { room: text("one"), after: 1 }), "{found:?}");
}

#[test]
fn an_acknowledged_message_that_is_gone_from_the_end_is_found_though_no_hole_tells_of_it() {
    let found = changed(&[stored("one", 3, "a2"), shown("ana", "one", 3, "a2"), shown("bob", "one", 3, "a2")], &[]);
    assert_eq!(found, [Violation::LostAck { client: text("ana"), room: text("one"), key: text("a2"), seq: 3 }]);
}

#[test]
fn an_acknowledgement_with_another_number_is_found() {
    let found = replaced(&[ack("ana", "one", "a2", 3)], &[ack("ana", "one", "a2", 2)]);
    assert_eq!(found, [Violation::LostAck { client: text("ana"), room: text("one"), key: text("a2"), seq: 2 }]);
    // And a repeat that was answered otherwise than the first time.
    let found = changed(&[], &[ack("ana", "one", "a2", 1)]);
    assert_eq!(found, [Violation::LostAck { client: text("ana"), room: text("one"), key: text("a2"), seq: 1 }]);
}

#[test]
fn a_message_that_was_never_acknowledged_is_found() {
    let found = changed(&[ack("ana", "one", "a2", 3)], &[]);
    assert_eq!(found, [Violation::Unanswered { client: text("ana"), room: text("one"), key: text("a2") }]);
}

#[test]
fn a_message_that_is_stored_twice_is_found() {
    let again = [stored("one", 4, "a1"), shown("ana", "one", 4, "a1"), shown("bob", "one", 4, "a1")];
    let twice = Violation::StoredTwice { room: text("one"), key: text("a1"), seqs: vec![1, 4] };
    assert_eq!(changed(&[], &again), [twice]);
}

#[test]
fn an_unacknowledged_message_that_is_stored_twice_is_found() {
    let again = [stored("one", 4, "a1"), shown("ana", "one", 4, "a1"), shown("bob", "one", 4, "a1")];
    let found = changed(&[ack("ana", "one", "a1", 1)], &again);
    let twice = Violation::StoredTwice { room: text("one"), key: text("a1"), seqs: vec![1, 4] };
    assert!(found.contains(&twice), "{found:?}");
}

#[test]
fn what_nobody_sent_to_this_room_is_found() {
    let found = changed(&[], &[stored("two", 2, "a1"), shown("bob", "two", 2, "a1")]);
    assert_eq!(found, [Violation::NobodySent { room: text("two"), key: text("a1") }]);
}

#[test]
fn a_log_that_does_not_begin_with_one_is_found() {
    let found = changed(&[stored("one", 1, "a1")], &[]);
    assert!(found.contains(&Violation::HoleInLog { room: text("one"), after: 0 }), "{found:?}");
}

#[test]
fn what_a_client_showed_twice_is_found() {
    let found = changed(&[], &[shown("ana", "one", 2, "b1")]);
    assert_eq!(found, [Violation::ShownTwice { client: text("ana"), room: text("one"), seq: 2 }]);
}

#[test]
fn what_a_client_missed_in_the_middle_or_at_the_beginning_is_found() {
    for (seq, key) in [(1, "a1"), (2, "b1")] {
        let found = changed(&[shown("bob", "one", seq, key)], &[]);
        assert_eq!(found, [Violation::Hole { client: text("bob"), room: text("one"), after: seq - 1 }]);
    }
}

#[test]
fn a_client_that_did_not_come_to_the_end_is_found() {
    let found = changed(&[shown("bob", "one", 3, "a2")], &[]);
    assert_eq!(found, [Violation::Behind { client: text("bob"), room: text("one"), at: 2, head: 3 }]);
    // One that showed nothing at all.
    let found = changed(&[shown("bob", "two", 1, "b2")], &[]);
    assert_eq!(found, [Violation::Behind { client: text("bob"), room: text("two"), at: 0, head: 1 }]);
}

#[test]
fn a_client_that_went_back_is_found() {
    let (second, third) = (shown("ana", "one", 2, "b1"), shown("ana", "one", 3, "a2"));
    let found = changed(&[second.clone(), third.clone()], &[third, second]);
    assert_eq!(found, [Violation::OutOfOrder { client: text("ana"), room: text("one"), seq: 2, after: 3 }]);
}

#[test]
fn two_orders_are_found() {
    let (first, second) = (shown("bob", "one", 1, "a1"), shown("bob", "one", 2, "b1"));
    let found = replaced(&[first, second], &[shown("bob", "one", 1, "b1"), shown("bob", "one", 2, "a1")]);
    let different = |seq, shown: &str, stored: &str| Violation::Different {
        client: text("bob"),
        room: text("one"),
        seq,
        shown: text(shown),
        stored: Some(text(stored)),
    };
    assert_eq!(found, [different(1, "b1", "a1"), different(2, "a1", "b1")]);
}

#[test]
fn what_is_shown_and_not_stored_is_found() {
    let found = changed(&[], &[shown("bob", "one", 4, "ghost")]);
    let (client, room, shown) = (text("bob"), text("one"), text("ghost"));
    assert_eq!(found, [Violation::Different { client, room, seq: 4, shown, stored: None }]);
}

#[test]
fn what_a_client_showed_of_a_room_that_it_is_not_in_is_found() {
    let found = changed(&[], &[shown("ana", "two", 1, "b2")]);
    assert_eq!(found, [Violation::ForeignRoom { client: text("ana"), room: text("two") }]);
}

#[test]
fn content_of_a_private_room_that_an_outsider_got_is_found() {
    let found = changed(&[], &[Event::Leak { client: text("eve"), what: text("search") }]);
    assert_eq!(found, [Violation::Leak { client: text("eve"), what: text("search") }]);
}

#[test]
fn somebody_too_many_or_too_few_in_presence_is_found() {
    let wrong = |missing: &[&str], beyond: &[&str], count| Violation::Presence {
        node: 0,
        room: text("one"),
        missing: missing.iter().map(|s| text(s)).collect(),
        beyond: beyond.iter().map(|s| text(s)).collect(),
        count,
        expected: 2,
    };
    let right = [present("one", &["ana", "bob"])];
    assert_eq!(replaced(&right, &[present("one", &["ana"])]), [wrong(&["bob"], &[], 1)]);
    assert_eq!(replaced(&right, &[present("one", &["ana", "bob", "eve"])]), [wrong(&[], &["eve"], 3)]);
    assert_eq!(replaced(&right, &[present("one", &["ana", "eve"])]), [wrong(&["bob"], &["eve"], 2)]);
    // Where only a number is told.
    let counted = |count| Event::Present { node: 0, room: text("one"), count, names: None };
    assert_eq!(replaced(&right, &[counted(2)]), []);
    assert_eq!(replaced(&right, &[counted(3)]), [wrong(&[], &[], 3)]);
    // Any node that is wrong, though another one is right.
    let other = Event::Present { node: 1, room: text("one"), count: 1, names: None };
    assert_eq!(changed(&[], &[other]).len(), 1);
}

#[test]
fn what_did_not_heal_and_what_a_client_complains_of_is_found() {
    let (what, why) = (text("node 1 killed"), text("bob is missing"));
    let found = changed(&[], &[Event::NotHealed { what: what.clone(), why: why.clone() }]);
    assert_eq!(found, [Violation::NotHealed { what, why }]);
    let (client, what) = (text("ana"), text("the epoch changed"));
    let found = changed(&[], &[Event::Complaint { client: client.clone(), what: what.clone() }]);
    assert_eq!(found, [Violation::Complaint { client, what }]);
}

#[test]
fn a_history_that_proves_nothing_is_found() {
    let missing = |what: &str| Violation::Missing { what: text(what) };
    assert_eq!(changed(&[Event::End {}], &[]), [missing("the end of the history")]);
    assert_eq!(changed(&[present("one", &["ana", "bob"])], &[]), [missing("presence in one")]);
    let tried = Event::Tried { client: text("eve"), what: text("room:join"), answer: text("not_found") };
    assert_eq!(changed(&[tried], &[]), [missing("anybody who tried to see a private room")]);
    assert_eq!(check(&[]), [missing("the end of the history"), missing("any message")]);
}
