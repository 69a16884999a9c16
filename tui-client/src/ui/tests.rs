//! Screens as snapshots, and what must hold for every screen.

use chat_common::event::server::{Hint, ServerInfo, ServerRole};
use chat_common::event::{Entry, EntryBody, Ready};
use chat_common::model::{Member, Message, Presence, Reaction, Role, RoomKind, RoomSummary, Status, User, UserKind};
use chat_common::{ClientId, Emoji, Epoch, Limits, RoomName, RoomRef, Seq, Timestamp, UserId, UserName};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::{Cache, draw};
use crate::app::{App, Event, Line, Msg, Start, update};
use crate::keymap::Keymap;
use crate::theme::{self, Theme};

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
            themes: theme::NAMES,
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

    /// The rows of the screen; what was drawn is told to the state, as at work.
    fn rows(&mut self, width: u16, height: u16, look: &str) -> String {
        let theme = Theme::named(look).unwrap();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        for _ in 0..2 {
            let mut seen = crate::app::Drawn::default();
            terminal.draw(|f| seen = draw(&self.app, &theme, &mut self.cache, f)).unwrap();
            update(&mut self.app, Msg::Drawn(seen), self.now);
        }
        let shown = terminal.backend().to_string();
        shown.lines().map(|l| l.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
    }

    fn cells(&mut self, width: u16, height: u16) -> Vec<String> {
        let theme = Theme::named("dark").unwrap();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|f| drop(draw(&self.app, &theme, &mut self.cache, f))).unwrap();
        terminal.backend().buffer().content().iter().map(|c| c.symbol().to_owned()).collect()
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
fn peek() {
    let mut s = busy();
    s.types("hello @an");
    for (w, h) in [(80, 24), (40, 12), (60, 20), (100, 30), (140, 40)] {
        println!("{w}x{h}\n{}", s.rows(w, h, "dark"));
    }
    s.keys("esc esc k k");
    println!("{}", s.rows(80, 24, "dark"));
    s.keys("ctrl+k");
    println!("{}", s.rows(80, 24, "dark"));
    s.keys("esc f1");
    println!("{}", s.rows(80, 24, "dark"));
}
