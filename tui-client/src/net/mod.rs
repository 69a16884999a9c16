//! The line to the server: one connection that is kept alive, whole logs, and an outbox that loses nothing.
//!
//! [`spawn`] gives a handle and a stream of events. What decides is `state`, a machine without clock, network or
//! disk; `supervisor` carries its wishes out. What the events mean on a screen is left to `app`.

pub mod any;
mod backoff;
mod heartbeat;
mod outbox;
mod relay;
mod resume;
mod socketio;
pub(crate) mod state;
mod supervisor;
pub(crate) mod transport;
mod waiters;

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::server::Hint;
use chat_common::event::{Entry, Ready};
use chat_common::model::{Member, Message, Presence, RoomSummary};
use chat_common::{ClientId, Epoch, ErrorBody, RoomName, RoomRef, Seq, Timestamp};
use tokio::sync::mpsc;

pub use crate::cache::{Outgoing, new_client_id};
pub use crate::credentials::{Access, TokenError, Tokens};
pub use any::{AnyReply, AnyRequest};
pub use outbox::STALE;
pub use relay::{Heard, listen};

pub use crate::server_url::ServerUrl;

use crate::cache::Cache;

/// How the server is reached.
#[derive(Clone)]
pub struct NetOptions {
    /// `http://127.0.0.1:6969`, parsed.
    pub server: ServerUrl,
    /// Where access tokens come from.
    pub tokens: Arc<dyn Tokens>,
    /// How packets travel.
    pub transport: TransportChoice,
    /// Whom to trust beside the system's authorities: the bytes of a PEM file.
    pub ca_pem: Option<Arc<[u8]>>,
}

impl std::fmt::Debug for NetOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetOptions").field("server", &self.server).field("transport", &self.transport).finish()
    }
}

/// How packets may travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TransportChoice {
    /// WebSocket, and long polling where that cannot get through.
    #[default]
    Auto,
    /// WebSocket alone.
    Websocket,
    /// Long polling alone.
    Polling,
}

/// What the line tells. Bounded at [`EVENTS`]; a receiver that does not keep up stops the line from reading, and the
/// server cuts it: nothing is dropped silently.
#[derive(Clone, Debug, PartialEq)]
pub enum NetEvent {
    /// How the line is.
    Line(LineState),
    /// First event of each connection.
    Ready(Box<Ready>),
    /// A room was joined (answer to [`NetHandle::open`]). Its log follows as `Reset` or `Entry`.
    Joined {
        /// As it was asked for (`@bob`, where `room` has an opaque name).
        asked: RoomRef,
        /// As one sees it.
        room: Box<RoomSummary>,
        /// The first page.
        members: Vec<Member>,
        /// The first page.
        present: Vec<Presence>,
    },
    /// A room could not be opened; it is not tried again.
    OpenFailed {
        /// As asked for.
        room: RoomRef,
        /// Why.
        error: ErrorBody,
    },
    /// Forget what is known of this room: these are its latest messages.
    Reset {
        /// Which.
        room: RoomName,
        /// The lineage these numbers belong to.
        epoch: Epoch,
        /// Ascending by `seq`.
        messages: Vec<Message>,
        /// The oldest entry kept.
        first: Seq,
        /// The newest entry; the next `Entry` is the one after it.
        head: Seq,
    },
    /// The next entry of a room: contiguous per room, never twice, never out of order.
    Entry(Box<Entry>),
    /// Entries of a room that was opened by [`NetHandle::follow`] are lost for good.
    Gap {
        /// Which.
        room: RoomName,
        /// The last entry told before.
        after: Seq,
        /// The next that can be told.
        next: Seq,
        /// The store is another; the numbers before and after do not belong together.
        epoch_changed: bool,
    },
    /// A hole is being fetched (true) or is filled (false).
    Repairing {
        /// Which.
        room: RoomName,
        /// Whether.
        on: bool,
    },
    /// May be lost; whoever needs the truth asks.
    Hint(Hint),
    /// A message of this client's outbox changed its state.
    Outbox {
        /// Its key.
        client_id: ClientId,
        /// Where to.
        room: RoomRef,
        /// How it is.
        state: OutboxState,
    },
    /// The answer to [`NetHandle::request`].
    Reply {
        /// The asker's own number.
        tag: u64,
        /// What came of it.
        result: Result<AnyReply, ErrorBody>,
    },
    /// One is no longer in this room.
    Gone {
        /// Which.
        room: RoomName,
    },
}

/// How the line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineState {
    /// Trying.
    Connecting {
        /// 1 for the first try after a working line.
        attempt: u32,
    },
    /// Working.
    Online {
        /// The last heartbeat's round trip.
        rtt_ms: Option<u32>,
        /// `websocket` or `polling`.
        transport: &'static str,
    },
    /// The next try is at this instant; [`NetHandle::reconnect_now`] tries now.
    Waiting {
        /// When.
        until: Timestamp,
        /// How many have failed.
        attempt: u32,
        /// Why, for people.
        reason: String,
    },
    /// Does not try again by itself: a login is needed, or the protocol is another. The message says the way out.
    Refused {
        /// Why.
        error: ErrorBody,
    },
}

/// How a message of the outbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// On disk, waits for the line or for its turn.
    Queued,
    /// Too old to be sent unasked: [`NetHandle::retry`] sends it, [`NetHandle::discard`] drops it.
    Stale {
        /// When it was written.
        since: Timestamp,
    },
    /// On its way.
    Sending,
    /// The server has it; gone from the outbox.
    Stored {
        /// Its position.
        seq: Seq,
        /// When it was stored.
        at: Timestamp,
    },
    /// The server will not have it; stays until [`NetHandle::retry`] or [`NetHandle::discard`].
    Refused {
        /// Why.
        error: ErrorBody,
    },
}

/// A place in a room's log, to go on from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The lineage.
    pub epoch: Epoch,
    /// The last entry known.
    pub seq: Seq,
    /// When it was stored: tells known from new after the lineage has changed.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// The queue to the line is full: nothing was taken, try again in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting for the line; try again in a moment")]
pub struct Full;

/// How the names of the threads begin that a connection lives on. A panic there is the library's and harms nothing: the
/// line notices and makes another connection.
pub const LINK_THREAD: &str = "link-";
/// Events waiting for the receiver.
pub const EVENTS: usize = 1_024;
/// Commands waiting for the line.
pub const COMMANDS: usize = 1_024;

pub(crate) enum Command {
    Send(Outgoing),
    Retry(ClientId),
    Discard(ClientId),
    Request { tag: u64, request: Box<AnyRequest> },
    Open(RoomRef),
    Follow { room: RoomRef, from: Option<Position> },
    Close(RoomName),
    ReconnectNow,
    Shutdown(tokio::sync::oneshot::Sender<()>),
}

/// The way to the line. Cheap to clone; no method waits.
#[derive(Clone)]
pub struct NetHandle {
    commands: mpsc::Sender<Command>,
}

impl std::fmt::Debug for NetHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NetHandle")
    }
}

impl NetHandle {
    fn tell(&self, command: Command) -> Result<(), Full> {
        self.commands.try_send(command).map_err(|_| Full)
    }

    /// Writes the message to the outbox on disk, then sends it in order; its fate comes as [`NetEvent::Outbox`].
    pub fn send(&self, message: Outgoing) -> Result<(), Full> {
        self.tell(Command::Send(message))
    }

    /// Sends a refused or stale message of the outbox again, with its first key.
    pub fn retry(&self, client_id: ClientId) -> Result<(), Full> {
        self.tell(Command::Retry(client_id))
    }

    /// Drops a message from the outbox, unless it is on its way.
    pub fn discard(&self, client_id: ClientId) -> Result<(), Full> {
        self.tell(Command::Discard(client_id))
    }

    /// Asks the server; the answer comes as [`NetEvent::Reply`] with the same tag, `unavailable` while there is no line.
    pub fn request(&self, tag: u64, request: AnyRequest) -> Result<(), Full> {
        self.tell(Command::Request { tag, request: Box::new(request) })
    }

    /// Joins a room and keeps its log whole over reconnects.
    pub fn open(&self, room: RoomRef) -> Result<(), Full> {
        self.tell(Command::Open(room))
    }

    /// As [`NetHandle::open`], from just after a known entry, and every entry however many; what is lost is told as
    /// [`NetEvent::Gap`].
    pub fn follow(&self, room: RoomRef, from: Option<Position>) -> Result<(), Full> {
        self.tell(Command::Follow { room, from })
    }

    /// Ends the live events of a room; the membership stays.
    pub fn close(&self, room: RoomName) -> Result<(), Full> {
        self.tell(Command::Close(room))
    }

    /// Tries now instead of waiting; also after [`LineState::Refused`].
    pub fn reconnect_now(&self) {
        // A full queue means the line is busy, not waiting: nothing is lost by not asking.
        let _ = self.tell(Command::ReconnectNow);
    }

    /// Ends the connection and gives leases back; returns at the latest after `within`.
    pub async fn shutdown(self, within: Duration) {
        let (done, wait) = tokio::sync::oneshot::channel();
        if tokio::time::timeout(within, async {
            if self.commands.send(Command::Shutdown(done)).await.is_ok() {
                drop(wait.await);
            }
        })
        .await
        .is_err()
        {
            tracing::debug!("the line did not end in time");
        }
    }
}

/// Starts the line; must be called within a tokio runtime. It tries until [`NetHandle::shutdown`] or until the handle
/// or the receiver is gone.
pub fn spawn(options: NetOptions, store: Arc<Cache>) -> (NetHandle, mpsc::Receiver<NetEvent>) {
    let transport = socketio::SocketIo::new(options.server.clone(), options.ca_pem.clone());
    supervisor::spawn(options, Arc::new(transport), store)
}
