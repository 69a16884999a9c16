//! `chat-server invite …`

use chat_common::Timestamp;
use chat_common::rest::CreateInvite;
use clap::Subcommand;

use super::admin::Request;
use super::asking::Asks;

/// `invite …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an invitation and print its code, once
    #[command(alias = "add")]
    Create {
        /// How many may register with it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// Until when, as 2026-12-31T00:00:00Z [default: seven days]
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
    /// List the invitations that are still good
    List,
    /// Take an invitation back
    Delete {
        /// Which, as `list` shows it
        id: String,
    },
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::Create { uses, until } => {
                Request::InviteCreate { invite: CreateInvite { uses: Some(uses), expires_at: until } }
            }
            Self::List => Request::InviteList,
            Self::Delete { id } => Request::InviteDelete { id },
        })
    }
}
