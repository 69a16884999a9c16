//! `chat-server room …`

use std::str::FromStr;

use chat_common::model::RoomKind;
use chat_common::{RoomName, UserName};
use clap::{Subcommand, ValueEnum};

use super::admin::Request;
use super::asking::Asks;

/// `room …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the rooms, private ones too
    List {
        /// Part of a name or topic
        query: Option<String>,
    },
    /// Show one room: owner, members, who is kept out
    Show {
        /// Which
        room: RoomName,
    },
    /// Make a room
    #[command(alias = "add")]
    Create {
        /// Its name: a-z 0-9 . _ -
        room: RoomName,
        /// Whose it will be
        #[arg(long, value_name = "NAME")]
        owner: UserName,
        /// Who may see it
        #[arg(long, value_enum, default_value = "public")]
        kind: Kind,
        /// One line
        #[arg(long, default_value = "", value_name = "TEXT")]
        topic: String,
    },
    /// Change a room's topic, or who may see it
    Set {
        /// Which
        room: RoomName,
        /// Who may see it
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// One line
        #[arg(long, value_name = "TEXT")]
        topic: Option<String>,
    },
    /// For how many days a room keeps texts; older ones are deleted for good, at once and from then on
    Retention {
        /// Which
        room: RoomName,
        /// A number of days, `off` (for ever) or `default` (as limits.retention_days says)
        days: Days,
    },
    /// Make another member the owner
    Transfer {
        /// Which
        room: RoomName,
        /// Whom
        name: UserName,
    },
    /// Delete a room with everything in it; there is no way back
    Delete {
        /// Which
        room: RoomName,
    },
}

/// What can be said for the days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(Option<u32>);

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self(None)),
            "off" => Ok(Self(Some(0))),
            days => match days.parse() {
                Ok(days) if (1..=36_500).contains(&days) => Ok(Self(Some(days))),
                _ => Err("a number of days from 1 to 36500, off or default"),
            },
        }
    }
}

/// `public` or `private`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Everyone may find and join it
    Public,
    /// Members bring others in
    Private,
}

impl From<Kind> for RoomKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Public => Self::Public,
            Kind::Private => Self::Private,
        }
    }
}

impl Asks for Command {
    fn request(self) -> anyhow::Result<Request> {
        Ok(match self {
            Self::List { query } => Request::RoomList { query },
            Self::Show { room } => Request::RoomShow { room },
            Self::Create { room, owner, kind, topic } => Request::RoomCreate { room, owner, kind: kind.into(), topic },
            Self::Set { room, kind, topic } => Request::RoomSet { room, kind: kind.map(Into::into), topic },
            Self::Retention { room, days: Days(days) } => Request::RoomRetention { room, days },
            Self::Transfer { room, name } => Request::RoomTransfer { room, name },
            Self::Delete { room } => Request::RoomDelete { room },
        })
    }
}
