//! The connection itself.

use serde::{Deserialize, Serialize};

use super::request;
use crate::Timestamp;

/// A fresh access token for this connection, of the same user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// An access token.
    pub token: String,
}
request!(Refresh, "session:refresh", RefreshReply);

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refresh { token: … }")
    }
}

/// How long the connection may live now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshReply {
    /// When the token ends; null for a token that does not.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// Heartbeat; overtakes every other request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}
request!(Ping, "ping", PingReply);

/// The server's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingReply {
    /// Now.
    pub at: Timestamp,
}
