//! `chat-server ban …`

use chat_common::{RoomName, Timestamp, UserName};
use clap::Subcommand;

use super::admin::Request;
use super::asking::Asks;

/// `ban …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List who is kept out of the server, or of a room
    List {
        /// Of this room and not of the server
        #[arg(long)]
        room: Option<RoomName>,
    },
    /// Keep a user out of the server, or of a room
    Add {
        /// Whom
        name: UserName,
        /// Out of this room and not of the server
        #[arg(long)]
        room: Option<RoomName>,
        /// Until when, as 2026-12-31T00:00:00Z [default: for good]
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// For the audit; in a room the members see it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a banned user come back
    Remove {
        /// Whom
        name: UserName,
        /// Into this room
        #[arg(long)]
        room: Option<RoomName>,
    },
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::List { room: None } => Request::BanList,
            Self::List { room: Some(room) } => Request::RoomBanList { room },
            Self::Add { name, room: None, until, reason } => Request::UserBan { name, until, reason },
            Self::Add { name, room: Some(room), until, reason } => Request::RoomBan { room, name, until, reason },
            Self::Remove { name, room: None } => Request::UserUnban { name },
            Self::Remove { name, room: Some(room) } => Request::RoomUnban { room, name },
        })
    }
}
