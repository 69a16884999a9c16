//! Screens as snapshots, and what must hold for every screen.

mod pointing;

use chat_common::event::server::{Hint, Removal, ServerInfo, ServerRole};
use chat_common::event::{Entry, EntryBody, Ready};
use chat_common::model::{Member, Message, Presence, Reaction, Role, RoomKind, RoomSummary, Status, User, UserKind};
use chat_common::text::is_unsafe;
use chat_common::{
    ClientId, Emoji, Epoch, ErrorBody, ErrorCode, Limits, RoomName, RoomRef, Seq, Timestamp, UserId, UserName,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use super::{Cache, draw};
use crate::app::{App, Event, Line, Msg, Start, update};
use crate::keymap::Keymap;
use crate::theme::Theme;

/// Tue 14 Oct 2025, 10:00 UTC.
const TEN: i64 = 1_760_436_000_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(TEN + minutes * 60_000)
}

fn user(n: u64, name: &str) -> User {
    let name = UserName::parse(name).unwrap();
    User { id: UserId::from_bits(n), display_name: name.to_string(), name, kind: UserKind::User }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn summary(name: &str, kind: RoomKind, head: u64) -> RoomSummary {
    RoomSummary {
        room: room(name),
        kind,
        peer: None,
        topic: String::new(),
        role: Some(Role::Member),
        first: Seq(1),
        head: Seq(head),
        read: Seq(head),
        unread: 0,
        mentions: 0,
        members: 3,
        present: 2,
        muted_until: None,
    }
}

fn message(name: &str, seq: u64, minutes: i64, from: &User, text: &str) -> Message {
    Message {
        room: room(name),
        seq: Seq(seq),
        rev: Seq(seq),
        at: at(minutes),
        from: from.clone(),
        text: Some(text.to_owned()),
        client_id: ClientId::parse(&format!("k{seq}")).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
    }
}

/// A screen with its own clock.
struct Screen {
    app: App,
    now: Timestamp,
    cache: Cache,
}

impl Screen {
    fn new() -> Self {
        let (app, _) = App::new(Start {
            rooms: vec![RoomRef::parse("ops").unwrap()],
            seed: 7,
            tz: jiff::tz::TimeZone::UTC,
            keymap: Keymap::default(),
            theme: "dark".to_owned(),
            now: at(10),
        });
        Self { app, now: at(10), cache: Cache::default() }
    }

    fn net(&mut self, event: Event) {
        update(&mut self.app, Msg::Net(event), self.now);
    }

    fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            update(&mut self.app, Msg::Key(key.parse().unwrap()), self.now);
        }
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            update(&mut self.app, Msg::Key(crate::keymap::Key::char(c)), self.now);
        }
    }

    /// Draws, and tells the state what was drawn, as at work.
    fn draw(&mut self, width: u16, height: u16, look: &str) -> Buffer {
        let theme = Theme::named(look).unwrap();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        for _ in 0..2 {
            let mut seen = crate::app::Drawn::default();
            terminal.draw(|f| seen = draw(&self.app, &theme, &mut self.cache, f)).unwrap();
            update(&mut self.app, Msg::Drawn(seen), self.now);
        }
        terminal.backend().buffer().clone()
    }

    /// The rows of the screen as text.
    fn rows(&mut self, width: u16, height: u16) -> String {
        let buffer = self.draw(width, height, "dark");
        let row = |y: u16| {
            let (mut text, mut x) = (String::new(), 0);
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(symbol.width()).unwrap().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }
}

/// Three rooms and a conversation, with something of everything.
fn busy() -> Screen {
    let (me, ana, raj, ci) = (user(1, "sam"), user(2, "ana"), user(3, "raj"), user(4, "ci"));
    let mut s = Screen::new();
    s.net(Event::Line(Line::Online { rtt_ms: Some(18), transport: "websocket" }));
    let mut ops = summary("ops", RoomKind::Public, 9);
    ops.topic = "deploys, alerts and the pager".to_owned();
    ops.read = Seq(2);
    ops.unread = 4;
    let mut dm = summary("dm-x", RoomKind::Direct, 3);
    dm.peer = Some(ana.clone());
    dm.unread = 1;
    let mut dev = summary("dev", RoomKind::Public, 5);
    dev.unread = 3;
    s.net(Event::Ready(Box::new(Ready {
        protocol: 1,
        server: ServerInfo { name: "chat.example".to_owned(), version: "1".to_owned(), node: "a".to_owned() },
        epoch: Epoch("e".to_owned()),
        user: me.clone(),
        role: ServerRole::User,
        limits: Limits::default(),
        expires_at: None,
        rooms: vec![ops.clone(), summary("lobby", RoomKind::Public, 0), dev, dm],
        next: None,
        blocked: Vec::new(),
    })));
    let members = [(&me, Role::Owner), (&ana, Role::Moderator), (&raj, Role::Member), (&ci, Role::Member)];
    let members = members.map(|(u, role)| Member { user: u.clone(), role, joined_at: at(0), muted_until: None });
    let present = [(&me, Status::Online), (&ana, Status::Online), (&raj, Status::Away)];
    let present = present.map(|(u, status)| Presence { user: u.clone(), status, text: None, since: at(0) });
    s.net(Event::Joined { room: Box::new(ops), members: members.to_vec(), present: present.to_vec() });
    let mut asked = message("ops", 4, 5, &ana, "@sam can you check the pool size?");
    asked.mentions = vec![me.id];
    let mut answered = message(
        "ops",
        5,
        6,
        &me,
        "it is **20**, I will raise it to `50`:\n```toml\npool_max = 50\npool_timeout = \"2s\"\n```",
    );
    answered.reply_to = Some(Seq(4));
    let mut thanks = message("ops", 6, 7, &raj, "thanks!");
    let reaction = |e: &str, count, me| Reaction { emoji: Emoji::parse(e).unwrap(), count, me };
    thanks.reactions = vec![reaction("👍", 3, true), reaction("🎉", 1, false)];
    let mut gone = message("ops", 7, 7, &raj, "");
    gone.text = None;
    gone.deleted = true;
    let mut edited =
        message("ops", 8, 8, &ana, "see https://runbook.example/pool and the list:\n- raise it\n- watch it");
    edited.edited_at = Some(at(9));
    s.net(Event::Reset {
        room: room("ops"),
        messages: vec![
            message("ops", 1, -2, &ana, "deploy of api-42 starting, watch #alerts please"),
            message("ops", 2, 1, &ci, "build 8812 passed  https://ci.example.org/8812"),
            message("ops", 3, 1, &ci, "> 412 tests\n> 0 failed"),
            asked,
            answered,
            thanks,
            gone,
            edited,
        ],
        first: Seq(1),
        head: Seq(9),
    });
    let hint = Hint::TypingChanged { room: room("ops"), user: raj, on: true };
    s.net(Event::Hint(Box::new(hint)));
    s
}

fn said(s: &mut Screen, seq: u64, from: &User, text: &str) {
    let body = EntryBody::Created {
        text: Some(text.to_owned()),
        client_id: ClientId::parse(&format!("k{seq}")).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        superseded_by: None,
    };
    let entry = Entry { room: room("ops"), seq: Seq(seq), at: s.now, from: from.clone(), body };
    s.net(Event::Entry(Box::new(entry)));
}

#[test]
fn a_thread_stands_at_the_right_or_in_the_timelines_place() {
    for (width, height) in [(80, 24), (140, 40)] {
        let mut s = busy();
        s.draw(width, height, "dark");
        s.keys("esc g down down down t");
        let reply = |seq, minutes, from: &User, text| Message {
            reply_to: Some(Seq(4)),
            ..message("ops", seq, minutes, from, text)
        };
        let messages = vec![
            reply(5, 6, &user(1, "sam"), "it is **20**, I will raise it to `50`"),
            reply(9, 9, &user(3, "raj"), "and the replicas?"),
        ];
        s.app.thread.as_mut().unwrap().put(messages);
        s.app.thread.as_mut().unwrap().loading = false;
        s.types("they follow");
        insta::assert_snapshot!(format!("thread_{width}x{height}"), s.rows(width, height));
    }
}

#[test]
fn the_screen_at_every_usual_size() {
    for (width, height) in [(40, 12), (60, 20), (80, 24), (100, 30), (140, 40)] {
        let mut s = busy();
        s.types("hello team_");
        insta::assert_snapshot!(format!("busy_{width}x{height}"), s.rows(width, height));
    }
}

#[test]
fn browsing_shows_what_one_letter_does() {
    let mut s = busy();
    s.rows(80, 24);
    s.keys("esc k k k");
    insta::assert_snapshot!(s.rows(80, 24));
}

#[test]
fn lists_lie_on_top() {
    let mut s = busy();
    s.keys("ctrl+k");
    insta::assert_snapshot!("jump_80x24", s.rows(80, 24));
    s.keys("esc f1");
    insta::assert_snapshot!("help_80x24", s.rows(80, 24));
    s.keys("esc ctrl+p");
    s.types("jo");
    insta::assert_snapshot!("commands_80x24", s.rows(80, 24));
    s.keys("esc");
    s.types("/who");
    s.keys("enter");
    insta::assert_snapshot!("who_40x12", s.rows(40, 12));
}

#[test]
fn a_line_that_is_down_says_when_it_comes_back_and_what_waits() {
    let mut s = busy();
    s.net(Event::Line(Line::Waiting {
        until: at(10).plus(std::time::Duration::from_secs(3)),
        attempt: 2,
        reason: String::new(),
    }));
    s.types("rolling restart now");
    s.keys("enter");
    insta::assert_snapshot!("offline_80x24", s.rows(80, 24));
    let words = "your session has ended; run `chat-tui login`";
    s.net(Event::Line(Line::Refused(ErrorBody::new(ErrorCode::Unauthorized, words))));
    insta::assert_snapshot!("refused_60x20", s.rows(60, 20));
}

#[test]
fn a_new_user_is_told_what_to_do() {
    let mut s = Screen::new();
    insta::assert_snapshot!("opening_60x20", s.rows(60, 20));
    let mut s = busy();
    s.keys("alt+2");
    insta::assert_snapshot!("empty_room_60x20", s.rows(60, 20));
}

#[test]
fn wide_combined_and_right_to_left_texts_keep_the_columns() {
    let ana = user(2, "ana");
    let mut s = busy();
    for (i, text) in [
        "日本語のテキストは二つの欄を取る、折り返しても崩れない",
        "family 👨‍👩‍👧 flags 🇩🇪🇻🇳 skin 👍🏽 done",
        "Điện thoại: e\u{301}a\u{308}o\u{303} ｶﾀｶﾅ",
        "שלום לכולם and مرحبا بالجميع",
    ]
    .iter()
    .enumerate()
    {
        said(&mut s, 10 + i as u64, &ana, text);
    }
    insta::assert_snapshot!("wide_60x20", s.rows(60, 20));
}

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

/// Settings as a file, a profile and the environment give them.
fn configured(s: &mut Screen) {
    use crate::settings::{Origin, Values, find};
    let mut values = Values::default();
    for (key, value, origin) in [
        ("theme", "dark", Origin::File),
        ("mouse", "off", Origin::File),
        ("quiet", "22:00-07:00", Origin::Profile("work".to_owned())),
        ("server", "https://chat.example.org", Origin::Environment("CHAT_SERVER")),
        ("rooms", "lobby ops", Origin::Flag("--room")),
    ] {
        values.put(find(key).unwrap(), value.to_owned(), origin);
    }
    let now = crate::app::settings::Configured {
        values,
        keymap: Keymap::default(),
        theme: "dark".to_owned(),
        ascii: s.app.ascii,
        sidebar: None,
        members: None,
        restart: vec!["timeout"],
        file: "~/.config/chat-tui/config.toml".to_owned(),
        by: crate::app::settings::By::Start,
    };
    update(&mut s.app, Msg::Configured(Box::new(now)), s.now);
}

/// The settings view in its states: chosen, typing with what was wrong, a file that cannot be obeyed.
fn settings() -> Vec<(&'static str, Screen)> {
    let open = |keys: &str| {
        let mut s = busy();
        configured(&mut s);
        s.keys(keys);
        s
    };
    let chosen = open("f12");
    let mut typing = open("f12 end up up up up enter ctrl+u");
    typing.types("a/b");
    typing.keys("enter");
    let mut damaged = open("f12");
    let error = "/home/sam/.config/chat-tui/config.toml:12:1: unknown field `thema`, expected one of `theme`, `keymap`, \
                 `mouse`, `plain`, `ascii`, `sidebar`, `members`";
    update(&mut damaged.app, Msg::Misconfigured(error.to_owned()), damaged.now);
    vec![("chosen", chosen), ("typing", typing), ("damaged", damaged)]
}

/// The form of the first start in its states.
fn forms() -> Vec<(&'static str, crate::app::form::Form)> {
    use crate::app::form::{Form, Input, Place};
    let keys = |form: &mut Form, keys: &str| {
        for key in keys.split_whitespace() {
            form.update(Input::Key(key.parse().unwrap()));
        }
    };
    let fresh = Form::new("sam", "~/.config/chat-tui/config.toml");
    let mut trying = fresh.clone();
    keys(&mut trying, "up enter");
    let (done, now) = ("http://127.0.0.1:6969 answers".to_owned(), "coming in as sam".to_owned());
    trying.update(Input::Step { done, now });
    let mut account = fresh.clone();
    keys(&mut account, "up enter");
    account.update(Input::NoGuests);
    keys(&mut account, "tab");
    account.update(Input::Paste("correct horse".to_owned()));
    account.update(Input::Failed {
        at: Place::Password,
        wrong: "name or password is wrong".to_owned(),
        hint: "look at name and password; capitals count".to_owned(),
    });
    let mut away = fresh.clone();
    away.update(Input::Failed {
        at: Place::Server,
        wrong: "cannot reach http://127.0.0.1:6969: Connection refused (os error 111)".to_owned(),
        hint: "is a server running on this machine? chat-server starts one in another terminal".to_owned(),
    });
    vec![("fresh", fresh), ("trying", trying), ("account", account), ("away", away)]
}

/// The form's screen as text.
fn form_rows(form: &crate::app::form::Form, width: u16, height: u16, look: &str, ascii: bool) -> Buffer {
    let theme = Theme::named(look).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| super::form(form, &theme, ascii, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..area.height).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn settings_say_what_holds_where_it_comes_from_and_what_it_does() {
    for (name, mut screen) in settings() {
        for (width, height) in [(80, 24), (140, 40)] {
            insta::assert_snapshot!(format!("settings_{name}_{width}x{height}"), screen.rows(width, height));
        }
    }
}

#[test]
fn the_first_start_is_a_calm_form() {
    for (name, form) in forms() {
        for (width, height) in [(80, 24), (140, 40)] {
            let screen = text(&form_rows(&form, width, height, "dark", false));
            assert!(!screen.contains("correct"), "the password is shown");
            insta::assert_snapshot!(format!("form_{name}_{width}x{height}"), screen);
        }
        for (width, height) in [(1, 1), (10, 3), (24, 7), (40, 12)] {
            form_rows(&form, width, height, "16", true);
        }
    }
}
