//! Where access tokens come from, as the line needs it; `credentials` implements it.

use async_trait::async_trait;
use chat_common::{ErrorBody, Timestamp};

/// An access or API token.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// For CONNECT and `Authorization`.
    pub token: String,
    /// When it ends, as far as that is known.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access { … }")
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TokenError {
    /// For people, with the way out.
    pub error: ErrorBody,
    /// Trying again will not help; otherwise the server could not be asked.
    pub fatal: bool,
    /// Set where no server was there to be asked.
    pub unreached: Option<Unreached>,
}

/// Why nobody could be asked for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// No host of this name.
    Host(String),
    /// No connection.
    Server {
        /// Its address.
        server: String,
        /// The cause.
        reason: String,
    },
}

/// Gives access tokens.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    /// A token that is good for a while, another one than `not`.
    async fn access(&self, not: Option<&str>) -> Result<Access, TokenError>;
}
