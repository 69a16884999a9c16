//! What the line needs from a Socket.IO client, so that tests can do without one.

use serde_json::Value;
use tokio::sync::mpsc;

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One lasting connection.
    Websocket,
    /// Long polling, where something between does not let a WebSocket pass.
    Polling,
}

impl Kind {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Polling => "polling",
        }
    }
}

/// What a link tells, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// The transport stands; the server has not said yes yet.
    Opened,
    /// CONNECT_ERROR: its text.
    Refused(String),
    /// An event with its one argument.
    Packet {
        /// The event's name.
        name: String,
        /// Its first argument.
        data: Value,
    },
    /// It is over; nothing follows.
    Closed {
        /// For people.
        reason: String,
        /// How it came about.
        end: End,
    },
}

/// How a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It broke, or could not be made; another transport may do better.
    Broken,
    /// Nobody answers at that address, whatever the transport.
    Unreachable,
    /// The server sent DISCONNECT: authority is gone.
    ByServer,
}

/// Where links tell: the number of the connection, and what.
pub type LinkEvents = mpsc::Sender<(u64, LinkEvent)>;

/// Makes links.
pub trait Transport: Send + Sync + 'static {
    /// Begins to connect and comes back at once; what comes of it is told to `events`.
    fn connect(&self, conn: u64, kind: Kind, token: &str, events: LinkEvents) -> Box<dyn Link>;
}

/// One connection; ends when it is dropped.
pub trait Link: Send + Sync {
    /// Sends an event; false if the link is over or cannot keep up, which it also tells as `Closed`.
    fn emit(&mut self, name: &str, payload: Value) -> bool;
}
