//! `chat-server token …`

use chat_common::UserName;
use clap::Subcommand;

use super::admin::Request;
use super::asking::Asks;

/// `token …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the API tokens of an account; what they are is not known any more
    List {
        /// Whose
        name: UserName,
    },
    /// Delete an API token; its connections end
    Revoke {
        /// Whose
        name: UserName,
        /// Which, as `list` shows it
        id: String,
    },
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::List { name } => Request::TokenList { name },
            Self::Revoke { name, id } => Request::TokenRevoke { name, id },
        })
    }
}
