//! The use cases, the only writers. Each is a free function `verb(&Services, &Caller, request) -> Result<reply>`
//! named like the event it serves; REST and the command line enter at the same functions. Services publish on the
//! bus, they never emit.

pub mod access;
pub mod accounts;
pub mod custom;
pub mod error;
pub mod history;
pub mod limiter;
pub mod members;
pub mod messages;
pub mod presence;
pub mod profile;
pub mod read;
pub mod rooms;
pub mod search;
pub mod sync;
pub mod tokens;

use std::sync::Arc;

use chat_common::event::server::{ServerInfo, ServerRole};
use chat_common::model::User;
use chat_common::rest::Scope;
use chat_common::{Clock, Limits, RoomName, Timestamp};

pub use error::{Error, Result};

use crate::cluster::{Bus, ConnId};
use crate::storage::Store;

/// What every use case works with. One per process; the edges hold it in an `Arc`.
pub struct Services {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The wire to all nodes' fan-outs.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is allowed.
    pub limits: Arc<Limits>,
    /// Who answers.
    pub server: ServerInfo,
    /// Keys, password hashing, the access policy.
    pub auth: accounts::Auth,
    /// Token buckets.
    pub limiter: limiter::Limiter,
    /// Who is there.
    pub presence: presence::Presence,
}

/// By what a caller has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An access token of this session.
    Session(String),
    /// The API token of this id.
    Token(String),
    /// The owner of the machine (command line, admin socket).
    Local,
}

/// Who asks, as proved by its token. A connection keeps one and replaces it on `session:refresh` and on `Changed`.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user: User,
    /// On the whole server.
    pub role: ServerRole,
    /// By what.
    pub proof: Proof,
    /// What an API token allows; `None`: everything.
    pub scopes: Option<Vec<Scope>>,
    /// The only rooms of an API token; `None`: all.
    pub rooms: Option<Vec<RoomName>>,
    /// When the proof ends; `None`: it does not by itself.
    pub expires_at: Option<Timestamp>,
    /// The connection it asks on; `None` over REST.
    pub conn: Option<ConnId>,
}

impl Caller {
    /// Refuses what the token's scopes do not allow.
    pub fn needs(&self, scope: Scope) -> Result<()> {
        match &self.scopes {
            Some(scopes) if !scopes.contains(&scope) => Err(Error::Scope(scope)),
            _ => Ok(()),
        }
    }

    /// Whether the token may be used in this room at all.
    pub fn covers(&self, room: &RoomName) -> bool {
        self.rooms.as_ref().is_none_or(|rooms| rooms.contains(room))
    }
}
