//! Reading: marks, alerts, pages, rooms with news.

use super::*;

#[test]
fn reading_is_told_only_with_the_end_in_view_and_the_focus() {
    let marks = |at: &At| at.asked().iter().filter(|a| matches!(a, Ask::Mark(_))).count();
    let mut at = At::ops();
    at.drawn_end(5);
    at.tell(Msg::Focus(false));
    at.said("ops", 11, &ana());
    at.drawn_end(5);
    at.later(2_000);
    assert_eq!((marks(&at), at.app.rooms[0].unread), (0, 1));
    at.tell(Msg::Focus(true));
    assert_eq!((marks(&at), at.app.rooms[0].unread), (1, 0), "what stands in view is read when one looks");
    for seq in 12..30 {
        at.said("ops", seq, &ana());
        at.drawn_end(5);
    }
    assert_eq!(marks(&at), 1, "at most one a second");
    at.later(1_000);
    assert_eq!(marks(&at), 2);
}

#[test]
fn older_pages_are_fetched_ahead_once_and_again_after_a_failure() {
    let mut at = At::ops();
    at.reset(100..=120);
    at.wishes.clear();
    at.drawn_end(10);
    let pages = |at: &At| at.asked().iter().filter(|a| matches!(a, Ask::History(_))).count();
    assert_eq!(pages(&at), 1);
    at.drawn_end(10);
    assert_eq!(pages(&at), 1, "one at a time");
    let tag = at.last_tag();
    at.net(Event::Answer { tag, result: Err(ErrorBody::new(ErrorCode::Unavailable, "not now")) });
    at.drawn_end(10);
    assert_eq!(pages(&at), 1, "not at once again");
    at.later(5_000);
    at.drawn_end(10);
    assert_eq!(pages(&at), 2);
    let messages: Vec<Message> = (20..100).map(|n| message("ops", n, &ana())).collect();
    let page = GetReply { messages, first: Seq(1), head: Seq(120), has_more: true };
    let tag = at.last_tag();
    at.net(Event::Answer { tag, result: Ok(Answer::History(page)) });
    assert_eq!(at.app.room().unwrap().timeline.oldest(), Some(Seq(20)));
    at.drawn_end(10);
    assert_eq!(pages(&at), 2, "enough is loaded");
}

#[test]
fn a_message_found_far_back_is_fetched_with_a_hole_that_fills() {
    let mut at = At::ops();
    at.reset(500..=600);
    at.types("/search text 50");
    at.keys("enter");
    let tag = at.last_tag();
    let hits = chat_common::event::history::SearchReply { messages: vec![message("ops", 50, &ana())], next: None };
    at.net(Event::Answer { tag, result: Ok(Answer::Search(hits)) });
    at.keys("enter");
    let page = |range: std::ops::RangeInclusive<u64>, has_more| {
        let messages = range.map(|n| message("ops", n, &ana())).collect();
        Ok(Answer::History(GetReply { messages, first: Seq(1), head: Seq(600), has_more }))
    };
    let tag = at.last_tag();
    at.net(Event::Answer { tag, result: page(30..=70, true) });
    let room = at.app.room().unwrap();
    assert_eq!(room.selected, Some(RowKey::Stored(Seq(50))));
    assert_eq!(room.timeline.holes().len(), 1);
    assert!(matches!(room.scroll, Scroll::Top(..)));
    let rows = (60..=70).chain(500..=505).map(|n| (RowKey::Stored(Seq(n)), 0, 1)).collect();
    at.tell(Msg::Drawn(Drawn { rows, height: 17, at_end: false, ..Drawn::default() }));
    let tag = at.last_tag();
    at.net(Event::Answer { tag, result: page(71..=499, false) });
    let timeline = &at.app.room().unwrap().timeline;
    assert!(timeline.holes().is_empty());
    assert_eq!(timeline.items().len(), 571);
}

#[test]
fn next_unread_goes_to_the_one_that_names_one_and_comes_back() {
    let mut at = At::ops();
    for (name, unread, mentions) in [("dev", 3, 0), ("alerts", 2, 1)] {
        let s = RoomSummary { unread, mentions, read: Seq(1), ..summary(name, 10) };
        at.net(Event::Joined { room: Box::new(s), members: Vec::new(), present: Vec::new() });
    }
    let title = |at: &At| at.app.room().unwrap().title();
    at.keys("f4");
    assert_eq!(title(&at), "#alerts");
    at.app.rooms[2].unread = 0;
    at.keys("alt+a");
    assert_eq!(title(&at), "#dev");
    at.app.rooms[1].unread = 0;
    at.keys("f4");
    assert_eq!(title(&at), "#ops");
}

#[test]
fn what_one_does_not_see_raises_an_alert_and_what_one_sees_does_not() {
    let named = |seq| {
        let mut e = created("ops", seq, &ana(), "@sam");
        if let EntryBody::Created { mentions, .. } = &mut e.body {
            mentions.push(me().id);
        }
        Event::Entry(Box::new(e))
    };
    let alerts = |at: &At| {
        let alert = |e: &Effect| match e {
            Effect::Alert(a) => Some(a.named),
            _ => None,
        };
        at.wishes.iter().filter_map(alert).collect::<Vec<_>>()
    };
    let mut at = At::ops();
    at.net(named(11));
    assert!(alerts(&at).is_empty());
    at.tell(Msg::Focus(false));
    at.net(named(12));
    at.said("ops", 13, &ana());
    assert_eq!(alerts(&at), [true, false]);
    at.types("/dnd");
    at.keys("enter");
    at.net(named(14));
    assert_eq!(alerts(&at).len(), 2);
}
