//! A picture of every screen at six sizes, and what must hold for each in every look. A picture's heading is as wide as
//! its screen. A new screen is a row of [`SCREENS`] and a function that leads to it by keys and what the server tells.

use chat_common::event::history::SearchReply;
use chat_common::event::{Entry, EntryBody, history, room};
use chat_common::model::{Member, Role, RoomKind};
use chat_common::{ErrorBody, ErrorCode, Seq};
use ratatui::buffer::Buffer;

use super::fixture::{self, Screen, at, busy, message, said, summary, user};
use super::newcomer;
use crate::app::{Answer, EchoState, Event, Line, Msg, RowKey};

/// The sizes of a small window, a half, the usual, and larger ones.
pub(crate) const SIZES: [(u16, u16); 6] = [(40, 12), (60, 20), (80, 24), (100, 30), (140, 40), (200, 60)];

/// One screen.
pub(crate) struct Shape {
    /// Of the snapshot's file.
    name: &'static str,
    /// Words that the hints must have at every size: the way back or on.
    way: &'static str,
    /// Leads to it, for a terminal of this size.
    build: fn(u16, u16) -> Screen,
}

const fn shape(name: &'static str, way: &'static str, build: fn(u16, u16) -> Screen) -> Shape {
    Shape { name, way, build }
}

/// Every screen there is.
pub(crate) const SCREENS: &[Shape] = &[
    shape("timeline", "Enter send", |_, _| busy()),
    shape("timeline_top", "Esc back to writing", timeline_top),
    shape("own_messages", "Enter send", |_, _| own_messages()),
    shape("hole", "Esc back to writing", hole),
    shape("new_below", "Enter send", new_below),
    shape("browse", "Esc back to writing", browse),
    shape("browse_refused", "Esc back to writing", browse_refused),
    shape("reply", "Enter send", reply),
    shape("long_draft", "Enter send", |_, _| long_draft()),
    shape("bare", "Enter send", |_, _| pressed("f9")),
    shape("opening", "Enter send", |_, _| Screen::new()),
    shape("no_rooms", "Enter send", |_, _| no_rooms()),
    shape("empty_room", "Enter send", |_, _| pressed("alt+2")),
    shape("not_loaded", "Enter send", |_, _| pressed("alt+4")),
    shape("conversation", "Enter send", |_, _| conversation()),
    shape("jump", "Esc close", |_, _| pressed("ctrl+k")),
    shape("commands", "Esc close", |_, _| pressed("ctrl+p")),
    shape("search", "Esc close", |_, _| search()),
    shape("help", "Esc close", |_, _| pressed("f1")),
    shape("settings", "Esc close", |_, _| settings("chosen")),
    shape("settings_typing", "Esc leave it", |_, _| settings("typing")),
    shape("settings_damaged", "Esc close", |_, _| settings("damaged")),
    shape("rooms", "Esc close", |_, _| rooms()),
    shape("who", "Esc close", |_, _| said_line("/who")),
    shape("react", "Esc close", react),
    shape("links", "Esc close", links),
    shape("pasted", "Enter keep as text", |_, _| pasted()),
    shape("ask_split", "Esc no", |_, _| ask_split()),
    shape("thread", "Esc close thread", thread),
    shape("members", "Enter send", |_, _| members()),
    shape("complete_command", "Esc dismiss", |_, _| typed("/")),
    shape("complete_name", "Esc dismiss", |_, _| typed("thanks @")),
    shape("offline", "Enter reconnect now", |_, _| offline()),
    shape("refused", "Enter reconnect now", |_, _| refused()),
    shape("unreachable", "Enter reconnect now", |_, _| unreachable()),
    shape("ask_delete", "Esc", ask_delete),
    shape("ask_create", "Esc", |_, _| ask_create()),
    shape("wide", "Enter send", |_, _| wide()),
];

fn pressed(keys: &str) -> Screen {
    let mut s = busy();
    s.keys(keys);
    s
}

fn typed(text: &str) -> Screen {
    let mut s = busy();
    s.types(text);
    s
}

fn said_line(text: &str) -> Screen {
    let mut s = typed(text);
    s.keys("enter");
    s
}

fn settings(state: &str) -> Screen {
    newcomer::settings().into_iter().find(|(name, _)| *name == state).unwrap().1
}

fn timeline_top(width: u16, height: u16) -> Screen {
    let mut s = busy();
    s.draw(width, height, "dark");
    s.keys("esc g");
    s
}

fn own_messages() -> Screen {
    let mut s = busy();
    for text in ["one that waits", "one that is on its way", "one that the server has", "one that it did not want"] {
        s.types(text);
        s.keys("enter");
    }
    let states = [
        EchoState::Queued,
        EchoState::Sending,
        EchoState::Stored(Seq(12)),
        EchoState::Refused(ErrorBody::new(ErrorCode::Muted, "you are muted here until 10:30")),
    ];
    let echoes: Vec<_> = s.app.rooms[0].echoes.iter().map(|e| (e.client_id.clone(), e.room.clone())).collect();
    for ((client_id, room), state) in echoes.into_iter().zip(states) {
        s.net(Event::Outbox { client_id, room, state });
    }
    s.types("an older one, kept over night");
    s.keys("enter");
    let old = s.app.rooms[0].echoes.last_mut().unwrap();
    old.state = EchoState::Stale;
    old.at = at(-600);
    s.app.toast = None;
    s
}

/// A stretch that is not loaded, between two that are.
fn hole(width: u16, height: u16) -> Screen {
    let ana = user(2, "ana");
    let mut s = busy();
    let page = |from: u64| (from..from + 30).map(|n| message("ops", n, 0, &ana, &format!("line {n}"))).collect();
    s.net(Event::Reset { room: fixture::room("ops"), messages: page(500), first: Seq(1), head: Seq(529) });
    s.app.rooms[0].timeline.around(page(100), Seq(1));
    s.draw(width, height, "dark");
    s.keys("esc");
    s.app.rooms[0].selected = Some(RowKey::Stored(Seq(500)));
    s.app.rooms[0].scroll = crate::app::Scroll::Bottom(RowKey::Stored(Seq(501)), u16::MAX);
    s
}

fn new_below(width: u16, height: u16) -> Screen {
    let ana = user(2, "ana");
    let mut s = busy();
    for n in 10..90 {
        said(&mut s, n, &ana, &format!("line {n}"));
    }
    s.draw(width, height, "dark");
    s.keys("pageup");
    s.draw(width, height, "dark");
    said(&mut s, 90, &ana, "news");
    said(&mut s, 91, &ana, "more news");
    s
}

fn browse(width: u16, height: u16) -> Screen {
    let mut s = busy();
    s.draw(width, height, "dark");
    for _ in 0..3 {
        s.keys("up");
        s.draw(width, height, "dark");
    }
    s
}

fn browse_refused(width: u16, height: u16) -> Screen {
    let mut s = own_messages();
    s.draw(width, height, "dark");
    s.keys("up up");
    s
}

fn reply(width: u16, height: u16) -> Screen {
    let mut s = busy();
    s.draw(width, height, "dark");
    s.keys("esc r");
    s.types("done");
    s
}

fn long_draft() -> Screen {
    let mut s = busy();
    let lines: String = (1..=30).map(|n| format!("line {n} of a text that was pasted\n")).collect();
    s.tell(Msg::Paste(lines));
    s.types("and the end");
    s
}

fn no_rooms() -> Screen {
    let mut s = busy();
    for name in ["ops", "lobby", "dev", "dm-x"] {
        s.net(Event::Gone { room: fixture::room(name) });
    }
    s.app.toast = None;
    s
}

fn conversation() -> Screen {
    let (me, ana) = (user(1, "sam"), user(2, "ana"));
    let mut s = pressed("alt+4");
    let here = chat_common::model::Presence {
        user: ana.clone(),
        status: chat_common::model::Status::Online,
        text: None,
        since: at(0),
    };
    let summary = s.app.rooms[3].summary.clone().unwrap();
    s.net(Event::Joined { room: Box::new(summary), members: Vec::new(), present: vec![here] });
    let messages = vec![
        message("dm-x", 1, -1500, &me, "are you on call this week?"),
        message("dm-x", 2, -1490, &ana, "yes, until Friday"),
        message("dm-x", 3, 9, &ana, "do you have a minute?"),
    ];
    s.net(Event::Reset { room: fixture::room("dm-x"), messages, first: Seq(1), head: Seq(3) });
    s
}

fn search() -> Screen {
    let (ana, ci) = (user(2, "ana"), user(4, "ci"));
    let mut s = pressed("ctrl+f");
    s.types("pool in:ops");
    s.wait(300);
    let text = "the pool of the replicas is small, too; I would set both to 50 and look at it again on Monday";
    let messages = vec![
        message("ops", 8, 8, &ana, "see https://runbook.example/pool and the list"),
        message("ops", 4, 5, &ana, "@sam can you check the pool size?"),
        message("dev", 3, -3000, &ci, text),
    ];
    s.answer(Answer::Search(SearchReply { messages, next: None }));
    s
}

fn rooms() -> Screen {
    let mut s = said_line("/join");
    let mut far = summary("announcements", RoomKind::Public, 40);
    far.topic = "what everybody should know; one message a week".to_owned();
    far.members = 120;
    s.answer(Answer::Rooms(room::ListReply { rooms: vec![far, summary("random", RoomKind::Public, 3)], next: None }));
    s
}

fn react(width: u16, height: u16) -> Screen {
    let mut s = busy();
    s.draw(width, height, "dark");
    s.keys("esc +");
    s
}

/// Two links in a message, one of them with a host that could be mistaken.
fn links(width: u16, height: u16) -> Screen {
    let mut s = busy();
    let text =
        "compare https://ci.example.org/8812 with https://xn--exmple-cua.org/a/rather/long/path?with=a&query=too";
    said(&mut s, 10, &user(2, "ana"), text);
    s.draw(width, height, "dark");
    s.keys("esc o");
    s
}

fn pasted() -> Screen {
    let mut s = busy();
    s.tell(Msg::Paste((1..=12).map(|n| format!("line {n}\n")).collect()));
    s
}

fn ask_split() -> Screen {
    let mut s = busy();
    let most = s.app.limits.text_bytes;
    s.tell(Msg::Paste("one word after another ".repeat(most / 20)));
    s.keys("enter");
    s
}

fn thread(width: u16, height: u16) -> Screen {
    let mut s = busy();
    s.draw(width, height, "dark");
    s.keys("esc g down down down t");
    let reply = |seq, minutes, from, text| chat_common::model::Message {
        reply_to: Some(Seq(4)),
        ..message("ops", seq, minutes, &from, text)
    };
    let messages = vec![
        reply(5, 6, user(1, "sam"), "it is **20**, I will raise it to `50`"),
        reply(9, 9, user(3, "raj"), "and the replicas?"),
    ];
    s.answer(Answer::Thread(history::ThreadReply { messages, next: None }));
    s.types("they follow");
    s
}

/// More than fit, some with long names.
fn members() -> Screen {
    let mut s = busy();
    let mut info = summary("ops", RoomKind::Private, 9);
    info.members = 62;
    let mut members: Vec<Member> = (10..70)
        .map(|n| Member {
            user: user(n, &format!("person-{n}")),
            role: Role::Member,
            joined_at: at(0),
            muted_until: None,
        })
        .collect();
    members[0].role = Role::Moderator;
    members[1].user = user(90, "a-name-as-long-as-names-may-be12");
    members[1].role = Role::Owner;
    let present = (10..14).map(|n| chat_common::model::Presence {
        user: user(n, &format!("person-{n}")),
        status: if n % 2 == 0 { chat_common::model::Status::Online } else { chat_common::model::Status::Dnd },
        text: None,
        since: at(0),
    });
    s.net(Event::Joined { room: Box::new(info), members, present: present.collect() });
    s.keys("f3");
    s
}

fn offline() -> Screen {
    let mut s = busy();
    s.net(Event::Line(Line::Waiting {
        until: at(10).plus(std::time::Duration::from_secs(3)),
        attempt: 2,
        reason: String::new(),
    }));
    s.types("rolling restart now");
    s.keys("enter");
    s
}

fn refused() -> Screen {
    let mut s = offline();
    let words = "your session has ended; run `chat-tui login`";
    s.net(Event::Line(Line::Refused(ErrorBody::new(ErrorCode::Unauthorized, words))));
    s
}

/// The first start with no server there.
fn unreachable() -> Screen {
    let mut s = Screen::new();
    let reason = "http://127.0.0.1:6969: connection refused; is the server running there?".to_owned();
    s.net(Event::Line(Line::Waiting { until: at(11), attempt: 3, reason }));
    s
}

fn ask_delete(width: u16, height: u16) -> Screen {
    let mut s = browse(width, height);
    s.keys("d");
    s
}

fn ask_create() -> Screen {
    let mut s = typed("/join new-room-of-ours");
    s.keys("enter");
    let room = "new-room-of-ours".parse().unwrap();
    s.net(Event::OpenFailed { room, error: ErrorBody::new(ErrorCode::NotFound, "there is no such room") });
    s
}

fn wide() -> Screen {
    let ana = user(2, "ana");
    let mut s = busy();
    for (seq, text) in (10u64..).zip([
        "日本語のテキストは二つの欄を取る、折り返しても崩れない",
        "family 👨‍👩‍👧 flags 🇩🇪🇻🇳 skin 👍🏽 keycap 1️⃣ heart ❤️ done",
        "Điện thoại: e\u{301}a\u{308}o\u{303} ｶﾀｶﾅ ｶﾞ",
        "שלום לכולם and مرحبا بالجميع لا",
        "ภาษาไทย हिन्दी 한국어 각",
    ]) {
        said(&mut s, seq, &ana, text);
    }
    let body =
        EntryBody::RoomUpdated {
            topic: Some("話題 👨‍👩‍👧".to_owned()), kind: None, owner: None, retention_days: None
        };
    let entry = Entry { room: fixture::room("ops"), seq: Seq(15), at: s.now, from: ana, body };
    s.net(Event::Entry(Box::new(entry)));
    s
}

/// A heading as wide as the screen.
pub(crate) fn heading(text: &str, width: u16) -> String {
    let words = format!("══ {text} ");
    let rest = usize::from(width).saturating_sub(words.chars().count());
    format!("{words}{}", "═".repeat(rest))
}

fn pictures(shape: &Shape) -> String {
    let mut out = String::new();
    for (width, height) in SIZES {
        let mut s = (shape.build)(width, height);
        let rows = s.rows(width, height);
        let cursor = s.cursor.map_or_else(String::new, |at| format!(" cursor {},{}", at.x, at.y));
        out.push_str(&format!("{}\n{rows}\n", heading(&format!("{width}×{height}{cursor}"), width)));
    }
    out
}

#[test]
fn every_screen_looks_as_it_was_approved() {
    for shape in SCREENS {
        insta::assert_snapshot!(shape.name, pictures(shape));
    }
}

#[test]
fn every_screen_names_the_way_back_at_every_size() {
    for shape in SCREENS {
        for (width, height) in SIZES {
            let screen = (shape.build)(width, height).rows(width, height);
            // Where something lies on top that has hints of its own, the last row is left empty.
            let left = if shape.name.starts_with("settings") { 0 } else { usize::from(height) - 1 };
            let hints = screen.lines().skip(left).collect::<Vec<_>>().join("\n");
            assert!(hints.contains(shape.way), "{} at {width}×{height} says {hints:?}", shape.name);
        }
    }
}

fn picture(shape: &Shape, (width, height): (u16, u16), look: &str, ascii: bool) -> Buffer {
    let mut s = (shape.build)(width, height);
    // What was wrapped on the way had the colours of another look.
    s.cache.clear();
    s.app.ascii = ascii;
    s.draw(width, height, look)
}

#[test]
fn a_look_changes_no_letter() {
    for shape in SCREENS {
        for size in SIZES {
            let dark = fixture::text(&picture(shape, size, "dark", false));
            for look in ["light", "16"] {
                let other = fixture::text(&picture(shape, size, look, false));
                assert_eq!(dark, other, "{} at {size:?} in {look}", shape.name);
            }
        }
    }
}

/// In ASCII each cell keeps its place; what is left of other letters is what people wrote.
#[test]
fn ascii_changes_marks_in_their_places() {
    let ours = "─—│▌▎┌┐└┘╭╮╰╯›↳‹⏎●•◌○◐✗⊘✓↓↑⟳…·×";
    for shape in SCREENS {
        for size in SIZES {
            let drawn = picture(shape, size, "dark", false);
            let plain = picture(shape, size, "mono", true);
            for (a, b) in drawn.content.iter().zip(&plain.content) {
                let same = a.symbol() == b.symbol() && !ours.contains(a.symbol());
                let marked = !a.symbol().is_ascii() && b.symbol().is_ascii() && b.symbol().len() == 1;
                let what = (shape.name, size, a.symbol(), b.symbol());
                assert!(same || marked || a.symbol().is_ascii(), "{what:?}");
            }
        }
    }
}

#[test]
fn the_colours_are_as_they_were_approved() {
    for (look, ascii) in [("dark", false), ("light", false), ("16", false), ("mono", true)] {
        let mut all = String::new();
        for name in ["browse", "jump", "refused", "own_messages"] {
            let shape = SCREENS.iter().find(|s| s.name == name).unwrap();
            let drawn = picture(shape, (80, 24), look, ascii);
            all.push_str(&format!("{}\n{}", heading(name, 80), fixture::looks(&drawn)));
        }
        insta::assert_snapshot!(format!("colours_{look}"), all);
    }
}
