//! `chat-server hook …`

use chat_common::{RoomRef, UserName};
use clap::Subcommand;

use super::admin::Request;
use super::asking::Asks;

/// `hook …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a webhook that posts into ROOM as the bot NAME; its address is printed once
    #[command(alias = "create")]
    Add {
        /// Where it posts
        room: RoomRef,
        /// The name of its bot, new to this server
        name: UserName,
    },
    /// List a room's webhooks
    List {
        /// Whose
        room: RoomRef,
    },
    /// Give a webhook another address and another signing secret; the earlier ones end at once
    Rotate {
        /// Where it posts
        room: RoomRef,
        /// Its id, or the name of its bot
        hook: String,
    },
    /// Delete a webhook; what it posted stays
    Delete {
        /// Where it posts
        room: RoomRef,
        /// Its id, or the name of its bot
        hook: String,
    },
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::Add { room, name } => Request::HookAdd { room, name },
            Self::List { room } => Request::HookList { room },
            Self::Rotate { room, hook } => Request::HookRotate { room, hook },
            Self::Delete { room, hook } => Request::HookDelete { room, hook },
        })
    }
}
