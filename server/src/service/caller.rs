//! Who asks, and what its token allows.

use chat_common::event::server::ServerRole;
use chat_common::model::{User, UserKind};
use chat_common::rest::Scope;
use chat_common::{RoomName, Timestamp, UserId};

use super::{Error, Result};
use crate::cluster::ConnId;
use crate::domain::Refusal;

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

    /// Refuses everyone but server admins and the owner of the machine.
    pub fn needs_admin(&self) -> Result<()> {
        self.needs(Scope::Admin)?;
        match (&self.proof, self.role) {
            (Proof::Local, _) | (_, ServerRole::Admin) => Ok(()),
            _ => Err(Refusal::Forbidden("only admins of this server may do this").into()),
        }
    }

    /// Refuses guests and API tokens; gives the id of the session.
    pub(crate) fn needs_account(&self) -> Result<&str> {
        match (&self.proof, self.user.kind) {
            (Proof::Session(id), UserKind::User) => Ok(id),
            _ => Err(Refusal::Forbidden(
                "this is for accounts, not for guests and tokens; log in with a password first (chat-tui login NAME)",
            )
            .into()),
        }
    }

    /// Refuses guests and API tokens, but not the owner of the machine.
    pub(crate) fn needs_owner(&self) -> Result<()> {
        if self.proof == Proof::Local { Ok(()) } else { self.needs_account().map(drop) }
    }

    /// Whom the audit names; `None` for the owner of the machine.
    pub(crate) fn actor(&self) -> Option<UserId> {
        (self.proof != Proof::Local).then_some(self.user.id)
    }
}
