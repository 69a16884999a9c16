//! What carries one client's session, as an edge that does not manage transports itself sees it. The gateway, through
//! which every session comes in, implements it.

use std::sync::Arc;

use super::ConnHandle;

/// One session's transport.
pub trait Line: Send + Sync {
    /// Whether a write to the peer waits for it to read.
    fn is_blocked(&self) -> bool;
    /// Polls seen so far (long polling): each takes away what is buffered.
    fn polls(&self) -> u64;
    /// Drops the session without a word, so that an official client comes back by itself.
    fn drop_now(&self, websocket: bool);
    /// A CONNECT came; true: too many did, drop it.
    fn connects_too_often(&self) -> bool;
}

/// All of them.
pub trait Lines: Send + Sync {
    /// The transport of a session; `handle` is of its handshake.
    fn of(&self, session: &str, handle: Option<&ConnHandle>) -> Option<Arc<dyn Line>>;
}
