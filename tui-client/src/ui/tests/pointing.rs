//! What the mouse finds where it points: told by the frame that was drawn, at every usual size.

use chat_common::model::Message;
use chat_common::{Emoji, Seq};
use unicode_width::UnicodeWidthStr;

use super::fixture::{Screen, busy, said, user};
use chat_common::UserName;

use super::*;
use crate::app::{RowKey, Target, Zone};

/// The cell where a text begins.
fn find(s: &mut Screen, (width, height): (u16, u16), text: &str) -> (u16, u16) {
    let rows = s.rows(width, height);
    let found = rows.lines().zip(0u16..).find_map(|(row, y)| {
        let x = row.find(text)?;
        Some((u16::try_from(row[..x].width()).unwrap(), y))
    });
    found.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{rows}"))
}

fn under(s: &mut Screen, size: (u16, u16), text: &str) -> Option<Target> {
    let (x, y) = find(s, size, text);
    s.cache.hits().at(x, y)
}

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (100, 30), (140, 40)];

#[test]
fn rooms_messages_links_and_reactions_are_found_where_they_are_drawn() {
    for size in SIZES {
        let mut s = busy();
        assert_eq!(under(&mut s, size, "lobby"), Some(Target::Room(1)), "{size:?}");
        let row = |seq| Some(Target::Row(Zone::Timeline, RowKey::Stored(Seq(seq))));
        assert_eq!(under(&mut s, size, "can you check"), row(4), "{size:?}");
        assert_eq!(under(&mut s, size, "pool_max"), row(5), "every line of a message is the message");
        let url = "https://runbook.example/pool".to_owned();
        assert_eq!(under(&mut s, size, "https://runbook"), Some(Target::Link(url)));
        let thumb = Emoji::parse("👍").unwrap();
        let (x, y) = find(&mut s, size, "👍 3");
        for x in x..x + 4 {
            assert_eq!(s.cache.hits().at(x, y), Some(Target::Reaction(Seq(6), thumb.clone())), "{size:?} {x}");
        }
        assert_eq!(s.cache.hits().at(x + 5, y), row(6), "between two reactions is the message");
        assert!(matches!(under(&mut s, size, "🎉 1"), Some(Target::Reaction(Seq(6), e)) if e.as_str() == "🎉"));
    }
}

#[test]
fn a_link_over_two_rows_is_one_on_both() {
    let mut s = busy();
    let url = "https://a.example/a-path-that-is-much-too-long-to-stand-on-one-row-of-a-screen";
    said(&mut s, 10, &user(2, "ana"), &format!("see {url} please"));
    let link = Some(Target::Link(url.to_owned()));
    assert_eq!(under(&mut s, (60, 20), "https://a.example"), link);
    assert_eq!(under(&mut s, (60, 20), "screen please"), link);
}

#[test]
fn each_cell_of_the_line_is_its_byte() {
    for size in SIZES {
        let mut s = busy();
        s.types("añ日b");
        let (x, y) = find(&mut s, size, "añ日b");
        let at = |x: u16| s.cache.hits().at(x, y);
        let bytes = [0, 1, 3, 3, 6, 7, 7].map(|b| Some(Target::Caret(b)));
        assert_eq!((0..7).map(|i| at(x + i)).collect::<Vec<_>>(), bytes, "{size:?}");
        assert_eq!(at(x - 2), Some(Target::Caret(0)), "the prompt is the beginning");
    }
}

#[test]
fn a_list_hides_what_lies_below_it() {
    let mut s = busy();
    let message = find(&mut s, (80, 24), "can you check");
    s.keys("ctrl+k");
    assert_eq!(under(&mut s, (80, 24), "#dev"), Some(Target::Entry(1)));
    assert_eq!(s.cache.hits().at(0, 0), Some(Target::Outside));
    assert_eq!(under(&mut s, (80, 24), "type to narrow"), None);
    assert!(!matches!(s.cache.hits().at(message.0, message.1), Some(Target::Row(..))));
    assert_eq!(s.cache.hits().zone_at(40, 12), Zone::List);
    s.keys("esc");
    s.types("/jo");
    assert_eq!(under(&mut s, (80, 24), "enter a room"), Some(Target::Proposal(0)));
}

/// A thread of 40 replies to message 4.
fn threaded() -> Screen {
    let mut s = busy();
    s.draw(80, 24, "dark");
    s.keys("esc g down down down t");
    let reply = |n: u64| Message {
        reply_to: Some(Seq(4)),
        ..message("ops", 100 + n, 9, &user(3, "raj"), &format!("reply {n} https://x.example/{n}"))
    };
    let thread = s.app.thread.as_mut().unwrap();
    thread.put((1..=40).map(reply).collect());
    thread.loading = false;
    s
}

#[test]
fn the_wheel_and_the_keys_move_a_thread_and_the_hints_name_the_focus() {
    for (width, height) in [(80, 24), (140, 40)] {
        let mut s = threaded();
        let (x, y) = find(&mut s, (width, height), "reply 40");
        assert_eq!(s.cache.hits().zone_at(x, y), Zone::Thread);
        assert_eq!(s.cache.hits().at(x, y), Some(Target::Row(Zone::Thread, RowKey::Stored(Seq(140)))));
        let link = under(&mut s, (width, height), "https://x.example/40");
        assert_eq!(link, Some(Target::Link("https://x.example/40".to_owned())));
        for _ in 0..5 {
            update(&mut s.app, Msg::Scroll(Zone::Thread, -3), s.now);
            s.draw(width, height, "dark");
        }
        insta::assert_snapshot!(format!("thread_scrolled_{width}x{height}"), s.rows(width, height));
        s.keys("up k");
        insta::assert_snapshot!(format!("thread_browsed_{width}x{height}"), s.rows(width, height));
        s.keys("g");
        assert!(s.rows(width, height).contains("── 41 replies ──"), "the beginning is reached");
        s.keys("tab");
        insta::assert_snapshot!(format!("thread_other_side_{width}x{height}"), s.rows(width, height));
        s.keys("G");
        assert!(s.rows(width, height).contains("see https://runbook"), "the timeline moves now");
    }
}

#[test]
fn a_paste_of_several_lines_asks_over_the_line() {
    for (width, height) in [(80, 24), (140, 40)] {
        let mut s = busy();
        let text = (1..=12).map(|n| format!("line {n}\n")).collect::<String>();
        update(&mut s.app, Msg::Paste(text), s.now);
        insta::assert_snapshot!(format!("pasted_{width}x{height}"), s.rows(width, height));
        s.keys("tab");
        assert!(s.rows(width, height).contains("```"));
    }
}

#[test]
fn a_member_is_found_and_oneself_is_nobody_to_write_to() {
    let mut s = busy();
    let raj = UserName::parse("raj").unwrap();
    let (x, y) = find(&mut s, (140, 40), "◐ raj");
    assert_eq!(s.cache.hits().at(x + 3, y), Some(Target::User(raj)));
    let (x, y) = find(&mut s, (140, 40), "● sam");
    assert_eq!(s.cache.hits().at(x, y), None);
}

#[test]
fn the_bare_view_has_nothing_but_text() {
    let mut s = busy();
    s.draw(140, 40, "dark");
    s.keys("f9");
    let screen = s.rows(140, 40);
    for mark in ["│", "┌", "── new since", "Members"] {
        assert!(!screen.contains(mark), "{mark}: {screen}");
    }
    let row = screen.lines().find(|l| l.contains("pool_max")).unwrap();
    assert_eq!(row, "pool_max = 50", "code is copied as it is");
    s.keys("f9");
    assert!(s.rows(140, 40).contains("Members"));
}
