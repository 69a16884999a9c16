//! What `update` is told: keys, the network, the cache, what was drawn. Mirrors of the network half's events, so
//! that this layer knows no network.

use chat_common::event::server::Hint;
use chat_common::event::{Entry, Ready, history, member, presence, room, user};
use chat_common::model::{Member, Message, Presence, RoomSummary};
use chat_common::rest::{HookInfo, NewHook, NewOutgoing, OutgoingInfo};
use chat_common::{ClientId, Emoji, ErrorBody, RoomName, RoomRef, Seq, Timestamp, UserName};

use super::settings::Configured;
use crate::keymap::Key;

/// Everything that can happen to the screen.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted; never sends.
    Paste(String),
    /// The wheel was turned over a part of the screen: lines, negative is up.
    Scroll(Zone, i32),
    /// The mouse was pressed on something.
    Click(Target),
    /// The terminal has (true) or has not the focus.
    Focus(bool),
    /// Time has passed; asked for by `App::next_wake`.
    Tick,
    /// What the last frame showed of the timeline.
    Drawn(Drawn),
    /// The external editor came back with this text.
    Edited(String),
    /// The cache's last view of a room, before the network answers.
    Cached {
        /// Which room.
        room: Box<RoomSummary>,
        /// Ascending.
        messages: Vec<Message>,
    },
    /// A draft kept by an earlier run.
    Draft {
        /// Where.
        room: RoomRef,
        /// What was typed.
        text: String,
    },
    /// A message still in the outbox of an earlier run.
    Unsent(Echo),
    /// Other settings hold, or the first ones.
    Configured(Box<Configured>),
    /// The configuration file cannot be obeyed: why, with its place.
    Misconfigured(String),
    /// A setting holds, and could not be written: why.
    Unwritten(String),
    /// The program ends: everything must be on disk.
    Quit,
    /// From the network half.
    Net(Event),
}

/// What a frame showed of the timeline, from the first row to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Per row of the screen: the item and which of its lines this is, of how many.
    pub rows: Vec<(RowKey, u16, u16)>,
    /// Rows the timeline has on the screen.
    pub height: u16,
    /// The end of the timeline is in view.
    pub at_end: bool,
    /// The same of an open thread, where it is shown.
    pub thread: Option<Box<Drawn>>,
    /// The left column is shown.
    pub left: bool,
    /// The right column is shown.
    pub right: bool,
}

/// A part of the screen that scrolls by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The messages of the room.
    Timeline,
    /// The thread beside or over them.
    Thread,
    /// The list on top of the screen.
    List,
}

/// What stands where the mouse is pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The room with this index.
    Room(usize),
    /// An item of the timeline or of the thread.
    Row(Zone, RowKey),
    /// Somebody in the list of members.
    User(UserName),
    /// An address.
    Link(String),
    /// A reaction to this message.
    Reaction(Seq, Emoji),
    /// An entry of the list on top: index into what is shown of it.
    Entry(usize),
    /// Beside what lies on top.
    Outside,
    /// The text being written, before this byte.
    Caret(usize),
    /// A proposal.
    Proposal(usize),
    /// The words that lead to the end.
    Newest,
}

/// Names one item of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    /// A stored entry.
    Stored(Seq),
    /// A message of one's own that is on its way.
    Echo(ClientId),
}

/// A message of one's own that is on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Echo {
    /// Where.
    pub room: RoomRef,
    /// Its key.
    pub client_id: ClientId,
    /// As typed.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<Seq>,
    /// When it was typed.
    pub at: Timestamp,
    /// How far it is.
    pub state: EchoState,
}

/// How far a message of one's own is.
#[derive(Clone, Debug, PartialEq)]
pub enum EchoState {
    /// On disk, waiting.
    Queued,
    /// Too old to be sent unasked.
    Stale,
    /// On the wire.
    Sending,
    /// The server has it; its entry will replace the echo.
    Stored(Seq),
    /// The server said no.
    Refused(ErrorBody),
}

/// How the line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// First or another try.
    Connecting {
        /// From 1.
        attempt: u32,
    },
    /// Connected.
    Online {
        /// Round trip, milliseconds.
        rtt_ms: Option<u32>,
        /// `websocket` or `polling`.
        transport: &'static str,
    },
    /// Waiting for the next try.
    Waiting {
        /// When it comes.
        until: Timestamp,
        /// From 1.
        attempt: u32,
        /// Why the last one failed.
        reason: String,
    },
    /// Not tried again by itself.
    Refused(ErrorBody),
}

/// What the network half tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// The line changed.
    Line(Line),
    /// A connection is up.
    Ready(Box<Ready>),
    /// A room was entered.
    Joined {
        /// As it is now.
        room: Box<RoomSummary>,
        /// The first page.
        members: Vec<Member>,
        /// The first page.
        present: Vec<Presence>,
    },
    /// A room could not be entered.
    OpenFailed {
        /// As asked for.
        room: RoomRef,
        /// Why.
        error: ErrorBody,
    },
    /// Forget what is known of a room.
    Reset {
        /// Which.
        room: RoomName,
        /// Its latest page, ascending.
        messages: Vec<Message>,
        /// The oldest entry kept.
        first: Seq,
        /// The newest entry.
        head: Seq,
    },
    /// The next entry of a room.
    Entry(Box<Entry>),
    /// A hole at the end is being fetched.
    Repairing {
        /// Where.
        room: RoomName,
        /// Begun or done.
        on: bool,
    },
    /// A hint.
    Hint(Box<Hint>),
    /// A message of one's own changed its state.
    Outbox {
        /// Which.
        client_id: ClientId,
        /// Where.
        room: RoomRef,
        /// How far it is.
        state: EchoState,
    },
    /// An answer to `Effect::Ask`.
    Answer {
        /// The effect's.
        tag: u64,
        /// What came.
        result: Result<Answer, ErrorBody>,
    },
    /// One is no longer in this room.
    Gone {
        /// Which.
        room: RoomName,
    },
}

/// The answers this layer reads.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Done.
    Done,
    /// A page of messages.
    History(history::GetReply),
    /// Messages found.
    Search(history::SearchReply),
    /// The replies to a message.
    Thread(history::ThreadReply),
    /// A page of members.
    Members(member::ListReply),
    /// Who is there.
    Present(presence::GetReply),
    /// A page of rooms.
    Rooms(room::ListReply),
    /// A room as it is now.
    Room(room::RoomReply),
    /// A user as it is now.
    User(user::UserReply),
    /// About a room's webhooks.
    Hook(HookAnswer),
}

/// What came of a wish about webhooks.
#[derive(Clone, Debug)]
pub enum HookAnswer {
    /// Those of a room: that post, and that tell.
    Listed(Vec<HookInfo>, Vec<OutgoingInfo>),
    /// One that posts, with its address and its secret.
    Made(NewHook),
    /// One that tells, with its secret.
    Out(NewOutgoing),
    /// It is gone.
    Deleted,
}
