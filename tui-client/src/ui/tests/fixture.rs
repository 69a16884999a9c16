//! A screen of its own clock with people, rooms and a conversation, drawn without a terminal.

use chat_common::event::server::{Hint, ServerInfo, ServerRole};
use chat_common::event::{Entry, EntryBody, Ready};
use chat_common::model::{Member, Message, Presence, Reaction, Role, RoomKind, RoomSummary, Status, User, UserKind};
use chat_common::{ClientId, Emoji, Epoch, Limits, RoomName, RoomRef, Seq, Timestamp, UserId, UserName};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};

use crate::app::{Answer, App, Effect, Event, Line, Msg, Start, update};
use crate::keymap::{Key, Keymap};
use crate::theme::Theme;
use crate::ui::{Cache, draw};

/// Tue 14 Oct 2025, 10:00 UTC.
pub(crate) const TEN: i64 = 1_760_436_000_000;

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(TEN + minutes * 60_000)
}

pub(crate) fn user(n: u64, name: &str) -> User {
    let name = UserName::parse(name).unwrap();
    User { id: UserId::from_bits(n), display_name: name.to_string(), name, kind: UserKind::User }
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(crate) fn summary(name: &str, kind: RoomKind, head: u64) -> RoomSummary {
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
        retention_days: None,
    }
}

pub(crate) fn message(name: &str, seq: u64, minutes: i64, from: &User, text: &str) -> Message {
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
pub(crate) struct Screen {
    pub(crate) app: App,
    pub(crate) now: Timestamp,
    pub(crate) cache: Cache,
    /// Where the last picture has its cursor; `None`: hidden.
    pub(crate) cursor: Option<Position>,
    /// The last question to the server.
    asked: Option<u64>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let (app, _) = App::new(Start {
            rooms: vec![RoomRef::parse("ops").unwrap()],
            seed: 7,
            tz: jiff::tz::TimeZone::UTC,
            keymap: Keymap::default(),
            theme: "dark".to_owned(),
            now: at(10),
        });
        Self { app, now: at(10), cache: Cache::default(), cursor: None, asked: None }
    }

    pub(crate) fn tell(&mut self, msg: Msg) {
        for effect in update(&mut self.app, msg, self.now) {
            if let Effect::Ask { tag, .. } = effect {
                self.asked = Some(tag);
            }
        }
    }

    pub(crate) fn net(&mut self, event: Event) {
        self.tell(Msg::Net(event));
    }

    /// The server answers what it was asked last.
    pub(crate) fn answer(&mut self, answer: Answer) {
        let tag = self.asked.take().expect("something was asked");
        self.net(Event::Answer { tag, result: Ok(answer) });
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(std::time::Duration::from_millis(millis));
        self.tell(Msg::Tick);
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.tell(Msg::Key(key.parse().unwrap()));
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.tell(Msg::Key(Key::char(c)));
        }
    }

    /// Draws, and tells the state what was drawn, as at work.
    pub(crate) fn draw(&mut self, width: u16, height: u16, look: &str) -> Buffer {
        let theme = Theme::named(look).unwrap();
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        for _ in 0..2 {
            let mut seen = crate::app::Drawn::default();
            terminal.draw(|f| seen = draw(&self.app, &theme, &mut self.cache, f)).unwrap();
            self.tell(Msg::Drawn(seen));
        }
        let backend = terminal.backend();
        self.cursor = backend.cursor_visible().then(|| backend.cursor_position());
        terminal.backend().buffer().clone()
    }

    /// The rows of the screen as text.
    pub(crate) fn rows(&mut self, width: u16, height: u16) -> String {
        text(&self.draw(width, height, "dark"))
    }
}

/// The rows of a picture, without the white space at their ends.
pub(crate) fn text(picture: &Buffer) -> String {
    let row = |y: u16| {
        let (mut text, mut x) = (String::new(), 0);
        while x < picture.area.width {
            text.push_str(picture[(x, y)].symbol());
            x += picture[(x, y)].symbol().cell_width().max(1);
        }
        text.trim_end().to_owned()
    };
    (0..picture.area.height).map(row).collect::<Vec<_>>().join("\n")
}

/// The colours of a picture: each look has a letter, `.` is the text's own, white space in it is left out; below, what
/// the letters mean in the words of a theme.
pub(crate) fn looks(picture: &Buffer) -> String {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let plain = |c: &Cell| c.bg == Color::Reset && !c.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED);
    let mut legend: Vec<String> = vec![look(&picture[(0, 0)])];
    let mut out = String::new();
    for y in 0..picture.area.height {
        let mut row = String::new();
        for x in 0..picture.area.width {
            let cell = &picture[(x, y)];
            if cell.symbol() == " " && plain(cell) {
                row.push(' ');
                continue;
            }
            let look = look(cell);
            let at = legend.iter().position(|l| *l == look).unwrap_or_else(|| {
                legend.push(look);
                legend.len() - 1
            });
            row.push(at.checked_sub(1).map_or('.', |i| LETTERS.chars().nth(i).unwrap()));
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    for (i, look) in legend.iter().enumerate() {
        let letter = i.checked_sub(1).map_or('.', |i| LETTERS.chars().nth(i).unwrap());
        out.push_str(&format!("{letter} {look}\n"));
    }
    out
}

/// `bold #88c0d0 on #202020`
fn look(cell: &Cell) -> String {
    let words = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underline"),
        (Modifier::REVERSED, "reverse"),
    ];
    let mut all: Vec<String> =
        words.iter().filter(|(m, _)| cell.modifier.contains(*m)).map(|(_, w)| (*w).to_owned()).collect();
    all.push(cell.fg.to_string().to_lowercase());
    if cell.bg != Color::Reset {
        all.push(format!("on {}", cell.bg.to_string().to_lowercase()));
    }
    all.join(" ")
}

/// Three rooms and a conversation, with something of everything.
pub(crate) fn busy() -> Screen {
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

pub(crate) fn said(s: &mut Screen, seq: u64, from: &User, text: &str) {
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
