//! `chat-server outgoing …`

use chat_common::RoomRef;
use chat_common::rest::{CreateOutgoing, Resend, Told};
use clap::Subcommand;

use super::admin::{OutgoingRequest, Request};
use super::asking::Asks;

/// `outgoing …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send what happens in ROOM to URL; the signing secret is printed once
    #[command(alias = "create")]
    Add {
        /// Whose events
        room: RoomRef,
        /// Where they are sent: https://… or http://…
        url: String,
        /// Which, as message:created,member:joined [default: messages created, edited, deleted]
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        events: Option<Vec<Told>>,
        /// Also what bots do
        #[arg(long)]
        bots: bool,
    },
    /// List a room's outgoing webhooks and how they do
    List {
        /// Whose
        room: RoomRef,
    },
    /// Give one another signing secret
    Rotate {
        /// Its room
        room: RoomRef,
        /// Its id
        id: String,
    },
    /// Let one that was disabled go on where it was
    Enable {
        /// Its room
        room: RoomRef,
        /// Its id
        id: String,
    },
    /// List the events that one did not take and that were given up
    Dead {
        /// Its room
        room: RoomRef,
        /// Its id
        id: String,
    },
    /// Send events that were given up again
    Resend {
        /// Its room
        room: RoomRef,
        /// Its id
        id: String,
        /// Which event [default: all]
        delivery: Option<String>,
    },
    /// Delete one with all that waits for it
    Delete {
        /// Its room
        room: RoomRef,
        /// Its id
        id: String,
    },
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        let (room, ask) = match self {
            Self::Add { room, url, events, bots } => (room, OutgoingRequest::Add(CreateOutgoing { url, events, bots })),
            Self::List { room } => (room, OutgoingRequest::List),
            Self::Rotate { room, id } => (room, OutgoingRequest::Rotate(id)),
            Self::Enable { room, id } => (room, OutgoingRequest::Enable(id)),
            Self::Dead { room, id } => (room, OutgoingRequest::Dead(id)),
            Self::Resend { room, id, delivery } => (room, OutgoingRequest::Resend(id, Resend { delivery })),
            Self::Delete { room, id } => (room, OutgoingRequest::Delete(id)),
        };
        Ok(Request::Outgoing { room, ask })
    }
}
