//! What the fuzzer (`dev/fuzz`) calls: the way from what a server says to what the terminal gets, made of the real
//! parts (the line's machine, `convert`, `app`, `ui`, `columns`, `hyperlink`, `plain`, `notify`), without a network and
//! without a terminal.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use chat_common::{ErrorBody, ErrorCode, RoomRef, Timestamp};
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};
use serde_json::Value;

use super::hyperlink::Linking;
use super::{columns, convert, plain, terminal};
use crate::app::{self, App, Effect, Msg};
use crate::cache::{OutboxRow, RowState};
use crate::config::Notify;
use crate::credentials::{Access, TokenError};
use crate::keymap::{Key, KeyCode, Keymap};
use crate::net::state::{self, Action, State};
use crate::net::transport::{End, LinkEvent};
use crate::net::{Outgoing, TransportChoice};
use crate::notify::{Notifier, Rules};
use crate::theme::Theme;
use crate::ui::{self, Links};

/// Tue 14 Oct 2025, 10:00 UTC.
const BEGIN: i64 = 1_760_436_000_000;

/// What a terminal is written into.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One that looks at the screen, from the connection to the letters.
pub struct Viewer {
    state: State,
    conn: u64,
    app: App,
    theme: Theme,
    drawn: ui::Cache,
    screen: ratatui::Terminal<Linking<Sink>>,
    sink: Sink,
    links: Rc<RefCell<Links>>,
    printer: plain::Printer,
    notifier: Notifier,
    /// Requests that wait for their answer.
    asked: VecDeque<String>,
    position: i64,
    mono: Duration,
    /// What plain output printed, and what was sent beside the frames.
    pub lines: Vec<String>,
    /// Bells, notifications, copied texts.
    pub sequences: Vec<String>,
}

impl Viewer {
    /// Before the first connection, on a screen of so many cells; `None` where the machine cannot do that.
    pub fn new(width: u16, height: u16) -> Option<Self> {
        let (sink, links) = (Sink::default(), Rc::<RefCell<Links>>::default());
        let backend = Linking::new(sink.clone(), Rc::clone(&links));
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, width, height)) };
        let screen = ratatui::Terminal::with_options(backend, options).ok()?;
        let (app, effects) = App::new(app::Start {
            rooms: vec![RoomRef::parse("lobby").ok()?],
            seed: 7,
            tz: jiff::tz::TimeZone::UTC,
            keymap: Keymap::default(),
            theme: "dark".to_owned(),
            now: Timestamp::from_millis(BEGIN),
        });
        let mut viewer = Self {
            state: State::new(TransportChoice::Auto, 7),
            conn: 0,
            app,
            theme: Theme::named("dark").ok()?,
            drawn: ui::Cache::default(),
            screen,
            sink,
            links,
            printer: plain::Printer::default(),
            notifier: Notifier::new(Rules::read(&Notify::default()).ok()?, "xterm"),
            asked: VecDeque::new(),
            position: 0,
            mono: Duration::ZERO,
            lines: Vec::new(),
            sequences: Vec::new(),
        };
        viewer.effects(effects);
        viewer.net(state::Event::Tick);
        Some(viewer)
    }

    /// The server sends an event. A reply that names no request answers the oldest one that waits.
    pub fn packet(&mut self, name: &str, mut data: Value) {
        if let ("reply", Value::Object(fields)) = (name, &mut data)
            && !fields.contains_key("req_id")
            && let Some(id) = self.asked.pop_front()
        {
            fields.insert("req_id".to_owned(), Value::String(id));
        }
        self.link(LinkEvent::Packet { name: name.to_owned(), data });
    }

    /// The server refuses the connection.
    pub fn refused(&mut self, text: &str) {
        self.link(LinkEvent::Refused(text.to_owned()));
    }

    /// The connection ends; `why` may be what a proxy or a library says.
    pub fn closed(&mut self, why: &str) {
        self.link(LinkEvent::Closed { reason: why.to_owned(), end: End::Broken });
    }

    /// No token can be had.
    pub fn no_token(&mut self, why: &str, fatal: bool) {
        let error = ErrorBody::new(ErrorCode::Unauthorized, why);
        self.net(state::Event::Token(Err(TokenError { error, fatal, unreached: None })));
    }

    /// A key by its name, as `Ctrl+K`; nothing where there is none.
    pub fn key(&mut self, name: &str) {
        if let Ok(key) = name.parse() {
            self.tell(Msg::Key(key));
        }
    }

    /// Something is typed, and sent with Enter.
    pub fn types(&mut self, text: &str) {
        for c in text.chars().take(200) {
            self.tell(Msg::Key(Key::char(c)));
        }
        self.tell(Msg::Key(Key::plain(KeyCode::Enter)));
    }

    /// Something is pasted.
    pub fn pastes(&mut self, text: &str) {
        self.tell(Msg::Paste(text.to_owned()));
    }

    /// Time passes.
    pub fn later(&mut self, by: Duration) {
        self.mono += by.min(Duration::from_secs(3_600));
        self.net(state::Event::Tick);
        self.tell(Msg::Tick);
        let (now, mut rings) = (self.now().wall, Vec::new());
        rings.extend(self.notifier.due(now, 600, |_| true));
        self.sequences.append(&mut rings);
    }

    /// Draws what there is now: the bytes of this frame. `None` where the backend failed.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        let (app, theme, cache, links) = (&self.app, &self.theme, &mut self.drawn, &self.links);
        let mut seen = app::Drawn::default();
        self.screen
            .draw(|frame| {
                seen = ui::draw(app, theme, cache, frame);
                *links.borrow_mut() = cache.links().clone();
                columns::guard(frame.buffer_mut());
            })
            .ok()?;
        self.lines.extend(self.printer.news(&self.app));
        self.tell(Msg::Drawn(seen));
        Some(std::mem::take(&mut *self.sink.0.borrow_mut()))
    }

    fn now(&self) -> state::Now {
        state::Now { mono: self.mono, wall: Timestamp::from_millis(BEGIN).plus(self.mono) }
    }

    fn link(&mut self, event: LinkEvent) {
        self.net(state::Event::Link { conn: self.conn, event });
    }

    fn net(&mut self, event: state::Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.state.step(event, self.now()) {
                match action {
                    Action::Token { .. } => {
                        let access = Access { token: "t".to_owned(), expires_at: None };
                        events.push_back(state::Event::Token(Ok(access)));
                    }
                    Action::Connect { conn, .. } => self.conn = conn,
                    Action::Emit { payload, .. } => {
                        let id = payload.get("req_id").and_then(Value::as_str).map(str::to_owned);
                        self.asked.extend(id);
                    }
                    Action::Tell(event) => {
                        if let Some(event) = convert::event(event) {
                            self.tell(Msg::Net(event));
                        }
                    }
                    Action::Drop | Action::Identified(_) | Action::Claim | Action::Remove(_) | Action::Mark(..) => {}
                }
            }
        }
    }

    fn tell(&mut self, msg: Msg) {
        let now = self.now().wall;
        let effects = app::update(&mut self.app, msg, now);
        self.effects(effects);
    }

    fn effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { room, text, client_id, reply_to } => {
                    self.position += 1;
                    let message = Outgoing { room, text, client_id, reply_to };
                    let (position, written_at) = (self.position, self.now().wall);
                    let row = OutboxRow { position, message, written_at, state: RowState::Queued, patient: false };
                    self.net(state::Event::Rows(vec![row]));
                }
                Effect::Ask { tag, ask } => {
                    self.net(state::Event::Request { tag, request: Box::new(convert::request(*ask)) });
                }
                Effect::Open(room) => self.net(state::Event::Open { room, full: false, from: None }),
                Effect::Close(room) => self.net(state::Event::Close(room)),
                Effect::Retry(id) => self.net(state::Event::Retry(id)),
                Effect::Discard(id) => self.net(state::Event::Discard(id)),
                Effect::ReconnectNow => self.net(state::Event::ReconnectNow),
                Effect::Copy(text) => self.sequences.push(terminal::clipboard(&text)),
                Effect::OpenLink(url) => self.app.inform(format!("opening {url}")),
                Effect::Alert(alert) => {
                    let now = self.now().wall;
                    self.sequences.extend(self.notifier.ring(&alert, now, 600));
                }
                Effect::Edit(text) => self.tell(Msg::Edited(text)),
                // What was said stays; nothing is on disk here.
                _ => {}
            }
        }
    }
}
