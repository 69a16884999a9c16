//! The screen's state and what changes it: [`update()`] takes a message and gives effects. No terminal, no network, no
//! clock: the same messages at the same times always lead to the same state. Drawing is `ui`'s, doing `runtime`'s.

pub mod complete;
pub mod editor;
mod effect;
pub mod field;
pub mod form;
pub mod kept;
pub mod link;
mod msg;
pub mod parts;
pub mod picker;
pub mod room;
pub mod search;
pub mod settings;
pub mod thread;
pub mod timeline;
mod update;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chat_common::event::server::ServerInfo;
use chat_common::model::{Message, RoomSummary, Status, User};
use chat_common::{ClientId, ErrorBody, Limits, RoomName, RoomRef, Seq, Timestamp, UserId, UserName};

use crate::keymap::Keymap;

pub use effect::{Alert, Ask, Effect};
pub use msg::{Answer, Drawn, Echo, EchoState, Event, HookAnswer, Line, Msg, RowKey, Target, Zone};
pub use room::{Room, RoomId, Scroll};
pub use update::update;

/// Whether one writes or looks around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every printable key types.
    Compose,
    /// One letter acts on the selected message.
    Browse,
}

/// What lies on top of the screen.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// A list.
    Picker(Box<picker::Picker>),
    /// Everything that can be set.
    Settings(Box<settings::View>),
    /// A question; Enter or `y` says yes.
    Confirm {
        /// In words, unfiltered.
        question: String,
        /// What yes does.
        yes: Confirmed,
    },
}

/// What a yes does.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirmed {
    /// Delete this message.
    Delete(RoomId, Seq),
    /// Drop this unsent message.
    Discard(RoomId, ClientId),
    /// Leave the room for good.
    Leave(RoomId),
    /// Make a room that is not there.
    Create(RoomRef),
    /// Send what is written there as several messages.
    Split(RoomId),
    /// Put this on the clipboard.
    Copy(String),
}

/// One line said for a few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// In words, unfiltered.
    pub text: String,
    /// Something failed.
    pub error: bool,
    /// Until when.
    pub until: Timestamp,
}

/// A paste of several lines that the user is asked about. Its text stands in the line already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// In which room.
    pub room: RoomId,
    /// Its bytes in the line.
    pub range: std::ops::Range<usize>,
    /// How many lines.
    pub lines: usize,
    /// The line's count of changes right after it.
    pub changes: u64,
}

/// What an answer is for.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    /// Nobody waits; a failure is not said.
    Ignore,
    /// Say this when it is done.
    Say(String),
    /// Older messages.
    Older(RoomId),
    /// The inside of a hole.
    Hole(RoomId, timeline::Hole),
    /// The inside of a hole, from its end backwards.
    HoleBack(RoomId, timeline::Hole),
    /// A message that was jumped to.
    Around(RoomId, Seq),
    /// The open search list, if the query is still this.
    Search(String),
    /// The replies to a message.
    Thread(RoomId, Seq),
    /// The message that a thread answers.
    Root(RoomId, Seq),
    /// The members of a room, for `/who`.
    Who(RoomId),
    /// Public rooms, for lists.
    Rooms,
    /// A room is made: enter it.
    Created(RoomRef),
    /// A room is left: forget it.
    Left(RoomId),
    /// One's own new name.
    Profile,
    /// Somebody was blocked or not.
    Block(chat_common::UserName, bool),
    /// A room's webhooks.
    Hook(crate::command::HookAsk),
}

/// The whole state.
#[derive(Debug)]
pub struct App {
    /// Who one is; none before the first connection.
    pub me: Option<User>,
    /// One's own status as set here.
    pub status: Status,
    /// Who answers.
    pub server: Option<ServerInfo>,
    /// In force.
    pub limits: Limits,
    /// How the line is.
    pub line: Line,
    /// In the order of their numbers.
    pub rooms: Vec<Room>,
    /// Index into `rooms`.
    pub active: usize,
    /// Writing or looking.
    pub mode: Mode,
    /// On top of the screen.
    pub overlay: Option<Overlay>,
    /// The thread beside the timeline.
    pub thread: Option<thread::Thread>,
    /// Completion.
    pub popup: Option<complete::Popup>,
    /// A paste that may be meant as code.
    pub pasted: Option<Pasted>,
    /// The next key completes a chord (Ctrl+X Ctrl+E).
    pub chord: bool,
    /// Said for a few seconds.
    pub toast: Option<Toast>,
    /// The terminal has the focus; terminals that do not tell have it.
    pub focused: bool,
    /// The left column: shown, hidden, or as the width allows.
    pub sidebar: Option<bool>,
    /// The right column, likewise.
    pub pane: Option<bool>,
    /// Only text, for copying with the mouse.
    pub bare: bool,
    /// Frames and marks in ASCII alone.
    pub ascii: bool,
    /// The live keys.
    pub keymap: Keymap,
    /// For clocks and day dividers.
    pub tz: jiff::tz::TimeZone,
    /// The time of the last message.
    pub now: Timestamp,
    /// What the last frame showed.
    pub drawn: Drawn,
    /// Whose texts are collapsed.
    pub blocked: BTreeSet<UserId>,
    /// Public rooms one is not in, for lists.
    pub public: Vec<RoomSummary>,
    /// The look in use, to be shown in settings.
    pub theme: String,
    /// What is set, and where it stands.
    pub settings: settings::Known,
    history: Vec<String>,
    history_at: Option<usize>,
    history_draft: String,
    pending: HashMap<u64, Pending>,
    next_tag: u64,
    seed: u128,
    next_id: u64,
    next_room: u32,
    /// Where one was before jumping to the next unread room.
    back_to: Option<RoomId>,
    /// The room in view before this one.
    came_from: Option<RoomId>,
    focus_on: Option<RoomRef>,
    typing_sent: Option<(RoomId, Timestamp)>,
    quit_armed: bool,
    search_due: Option<Timestamp>,
    dismissed: Option<usize>,
    old_drafts: HashMap<String, String>,
}

/// How the screen begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// The rooms to open; the last gets the focus.
    pub rooms: Vec<RoomRef>,
    /// 128 random bits, from which the keys of messages are made.
    pub seed: u128,
    /// For clocks.
    pub tz: jiff::tz::TimeZone,
    /// The keys.
    pub keymap: Keymap,
    /// The look's name.
    pub theme: String,
    /// Now.
    pub now: Timestamp,
}

impl App {
    /// The state at the start, and the rooms to be opened.
    pub fn new(start: Start) -> (Self, Vec<Effect>) {
        let mut app = Self {
            me: None,
            status: Status::Online,
            server: None,
            limits: Limits::default(),
            line: Line::Connecting { attempt: 1 },
            rooms: Vec::new(),
            active: 0,
            mode: Mode::Compose,
            overlay: None,
            thread: None,
            popup: None,
            pasted: None,
            chord: false,
            toast: None,
            focused: true,
            sidebar: None,
            pane: None,
            bare: false,
            ascii: false,
            keymap: start.keymap,
            tz: start.tz,
            now: start.now,
            drawn: Drawn::default(),
            blocked: BTreeSet::new(),
            public: Vec::new(),
            theme: start.theme,
            settings: settings::Known::default(),
            history: Vec::new(),
            history_at: None,
            history_draft: String::new(),
            pending: HashMap::new(),
            next_tag: 0,
            seed: start.seed,
            next_id: 0,
            next_room: 0,
            back_to: None,
            came_from: None,
            focus_on: None,
            typing_sent: None,
            quit_armed: false,
            search_due: None,
            dismissed: None,
            old_drafts: HashMap::new(),
        };
        let mut effects = Vec::new();
        for room in start.rooms {
            app.active = app.ensure(&room);
            effects.push(Effect::Open(room));
        }
        (app, effects)
    }

    /// The room in view.
    pub fn room(&self) -> Option<&Room> {
        self.rooms.get(self.active)
    }

    /// Which rows the keys that move mean.
    pub fn focus_zone(&self) -> Zone {
        match &self.thread {
            Some(thread) if thread.focus => Zone::Thread,
            _ => Zone::Timeline,
        }
    }

    /// The question about a paste, while it can be answered.
    pub fn asked_paste(&self) -> Option<&Pasted> {
        let room = self.room()?;
        self.pasted.as_ref().filter(|p| p.room == room.id && p.changes == room.editor.changes())
    }

    /// Whether a message is selected there.
    fn browses(&self, zone: Zone) -> bool {
        self.mode == Mode::Browse && self.focus_zone() == zone
    }

    /// The selected row of the side that has the focus.
    pub fn chosen(&self) -> Option<&RowKey> {
        match &self.thread {
            Some(thread) if thread.focus => thread.selected.as_ref(),
            _ => self.room()?.selected.as_ref(),
        }
    }

    /// A message of the room in view, from the timeline or the open thread.
    pub fn message(&self, seq: Seq) -> Option<Message> {
        let room = self.room()?;
        let thread = self.thread.as_ref().filter(|t| t.room == room.id);
        room.timeline.message(seq).or_else(|| thread?.message(seq).cloned())
    }

    fn room_mut(&mut self) -> Option<&mut Room> {
        self.rooms.get_mut(self.active)
    }

    /// A room by its id.
    pub fn by_id(&self, id: RoomId) -> Option<&Room> {
        self.rooms.iter().find(|r| r.id == id)
    }

    fn by_id_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|r| r.id == id)
    }

    fn by_name_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|r| r.name() == Some(name))
    }

    /// Whether somebody of this name was met: in a room, or in a conversation.
    fn knows(&self, name: &UserName) -> bool {
        self.rooms.iter().any(|r| {
            r.members.iter().any(|m| m.user.name == *name)
                || r.summary.as_ref().and_then(|s| s.peer.as_ref()).is_some_and(|p| p.name == *name)
        })
    }

    /// The place of a room, by name or as the conversation with a user.
    fn find(&self, room: &RoomRef) -> Option<usize> {
        self.rooms.iter().position(|r| {
            r.target == *room
                || match room {
                    RoomRef::Room(name) => r.name() == Some(name),
                    RoomRef::Direct(user) => {
                        r.summary.as_ref().and_then(|s| s.peer.as_ref()).is_some_and(|p| p.name == *user)
                    }
                }
        })
    }

    /// The place of a room, added at the end if it is new.
    fn ensure(&mut self, room: &RoomRef) -> usize {
        if let Some(i) = self.find(room) {
            return i;
        }
        let id = RoomId(self.next_room);
        self.next_room += 1;
        let mut new = Room::new(id, room.clone());
        if let Some(text) = self.old_drafts.remove(&room.to_string()) {
            new.editor.set(&text);
        }
        self.rooms.push(new);
        self.rooms.len() - 1
    }

    fn is_online(&self) -> bool {
        matches!(self.line, Line::Online { .. })
    }

    /// Messages of one's own that the server has not confirmed.
    pub fn queued(&self) -> usize {
        let waits = |e: &&Echo| !matches!(e.state, EchoState::Stored(_) | EchoState::Refused(_));
        self.rooms.iter().map(|r| r.echoes.iter().filter(waits).count()).sum()
    }

    fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: false, until: self.now.plus(Duration::from_secs(6)) });
    }

    /// Empties the line, without a way back.
    pub fn drop_line(&mut self) {
        if let Some(room) = self.room_mut() {
            room.editor.take();
        }
    }

    /// Says what was done outside.
    pub fn inform(&mut self, text: impl Into<String>) {
        self.say(text);
    }

    /// Says something that went wrong outside.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.complain(text);
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: true, until: self.now.plus(Duration::from_secs(10)) });
    }

    fn ask(&mut self, ask: Ask, pending: Pending) -> Effect {
        self.next_tag += 1;
        if pending != Pending::Ignore {
            self.pending.insert(self.next_tag, pending);
        }
        Effect::Ask { tag: self.next_tag, ask: Box::new(ask) }
    }

    /// A fresh key for a message.
    fn client_id(&mut self) -> Option<ClientId> {
        self.next_id += 1;
        ClientId::parse(&format!("{:032x}-{}", self.seed, self.next_id)).ok()
    }

    /// When [`Msg::Tick`] is needed next; `None`: not before something else happens.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let typing = self.rooms.get(self.active).into_iter().flat_map(|r| r.typing.iter().map(|(_, t)| *t));
        let saves = self.rooms.iter().flat_map(|r| r.draft_due.into_iter().chain(r.view_due));
        let countdown = match &self.line {
            Line::Waiting { until, .. } if *until > self.now => Some(self.now.plus(Duration::from_secs(1))),
            _ => None,
        };
        let toast = self.toast.as_ref().map(|t| t.until);
        let marks = self
            .rooms
            .iter()
            .filter(|r| r.mark_waits() && self.is_online())
            .map(|r| r.marked_at.plus(update::MARK_EVERY));
        typing.chain(saves).chain(marks).chain(countdown).chain(toast).chain(self.search_due).min()
    }

    /// In words why a request failed, and what to do.
    fn explain(error: &ErrorBody) -> String {
        match error.retry_after_ms {
            Some(ms) => format!("{} (try again in {} s)", error.message, ms.div_ceil(1000)),
            None => error.message.clone(),
        }
    }
}
