//! What must hold for every screen; pictures of each stand in [`matrix`].

pub(crate) mod fixture;
mod matrix;
mod newcomer;
mod pointing;

use chat_common::event::server::{Hint, Removal};
use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Member, Presence, Role, RoomKind, Status};
use chat_common::text::is_unsafe;
use chat_common::{ErrorBody, ErrorCode, Seq};
use ratatui::style::Color;

use self::fixture::{Screen, at, busy, message, room, said, summary, user};
use crate::app::{Event, Line, Msg, update};

#[test]
fn no_colour_means_no_colour() {
    let mut s = busy();
    s.keys("esc k");
    let buffer = s.draw(140, 40, "mono");
    for cell in buffer.content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{:?}", cell.symbol());
    }
}

#[test]
fn the_ascii_frame_holds_nothing_else() {
    let mut s = busy();
    s.app.ascii = true;
    s.net(Event::Reset { room: room("ops"), messages: Vec::new(), first: Seq(1), head: Seq(9) });
    said(&mut s, 10, &user(2, "ana"), "```sh\nls\n```\n> quote\n- item");
    s.types("sent");
    s.keys("enter");
    for keys in ["", "esc", "ctrl+k", "esc f1"] {
        s.keys(keys);
        let screen = s.rows(140, 40);
        assert!(screen.chars().filter(|c| !c.is_ascii()).all(|c| "←→".contains(c)), "{screen}");
    }
}

#[test]
fn no_byte_from_outside_reaches_a_cell_unfiltered() {
    let bad = "\u{1b}]52;c;eA==\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\r\u{e0041}x\u{0}";
    let mut evil = user(9, "eve");
    evil.display_name = bad.to_owned();
    let mut s = busy();
    let mut info = summary("ops", RoomKind::Public, 9);
    info.topic = bad.to_owned();
    let member = Member { user: evil.clone(), role: Role::Member, joined_at: at(0), muted_until: None };
    let presence = Presence { user: evil.clone(), status: Status::Away, text: Some(bad.to_owned()), since: at(0) };
    s.net(Event::Joined { room: Box::new(info), members: vec![member], present: vec![presence] });
    said(&mut s, 10, &evil, bad);
    said(&mut s, 11, &evil, &format!("```{bad}\n{bad}\n```\n> {bad}\n- **{bad}** `{bad}` https://{bad}"));
    let removed = EntryBody::MemberRemoved { user: evil.clone(), how: Removal::Ban, reason: Some(bad.to_owned()) };
    s.net(Event::Entry(Box::new(Entry { room: room("ops"), seq: Seq(12), at: at(11), from: evil, body: removed })));
    let notice = Hint::Notice { code: "x".to_owned(), message: bad.to_owned(), retry_after_ms: None };
    let check = |s: &mut Screen, what: &str| {
        for (w, h) in [(140, 40), (80, 24), (40, 12)] {
            for cell in s.draw(w, h, "dark").content() {
                assert!(!cell.symbol().chars().any(is_unsafe), "{what}: {:?}", cell.symbol());
            }
        }
    };
    s.net(Event::Hint(Box::new(notice)));
    check(&mut s, "notice");
    s.types("/who");
    s.keys("enter");
    check(&mut s, "who");
    s.keys("esc");
    let paste = |s: &mut Screen, text: &str| update(&mut s.app, Msg::Paste(text.to_owned()), at(12));
    paste(&mut s, bad);
    check(&mut s, "paste");
    s.net(Event::Line(Line::Refused(ErrorBody::new(ErrorCode::Internal, bad))));
    check(&mut s, "refused");
}

#[test]
fn no_size_is_too_small_to_survive() {
    let mut s = busy();
    s.types("some text that is longer than the screen is wide");
    for width in 1..50 {
        for height in 1..14 {
            s.draw(width, height, "16");
        }
    }
    s.keys("ctrl+k");
    for width in 20..40 {
        s.draw(width, 8, "16");
    }
}

#[test]
fn a_frame_wraps_only_what_is_in_view() {
    let ana = user(2, "ana");
    let mut s = busy();
    let messages = (1..=100_000).map(|n| message("ops", n, 0, &ana, "one of very many messages")).collect();
    s.net(Event::Reset { room: room("ops"), messages, first: Seq(1), head: Seq(100_000) });
    s.draw(80, 24, "dark");
    assert!(s.cache.lines.kept() < 60, "{}", s.cache.lines.kept());
    s.keys("pageup pageup");
    s.draw(80, 24, "dark");
    assert!(s.cache.lines.kept() < 120, "{}", s.cache.lines.kept());
}

#[test]
fn what_comes_below_is_counted_and_the_view_stays() {
    let ana = user(2, "ana");
    let mut s = busy();
    for n in 10..60 {
        said(&mut s, n, &ana, &format!("line {n}"));
    }
    s.draw(80, 24, "dark");
    s.keys("pageup");
    let before = s.rows(80, 24);
    let timeline = |screen: &str| screen.lines().skip(2).take(17).map(str::to_owned).collect::<Vec<_>>();
    said(&mut s, 60, &ana, "news");
    said(&mut s, 61, &ana, "more news");
    let after = s.rows(80, 24);
    assert_eq!(timeline(&before), timeline(&after));
    assert!(after.contains("↓ 2 new below"), "{after}");
    s.keys("end");
    assert!(s.rows(80, 24).contains("more news"));
}
