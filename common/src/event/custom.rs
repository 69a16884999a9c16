//! An application's own events: told to the room, never stored.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::RoomRef;

/// Tells the room an event of the application's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// Where.
    pub room: RoomRef,
    /// The application's name for it: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
    pub name: String,
    /// Anything, up to 16 KiB of JSON.
    #[serde(default)]
    pub data: serde_json::Value,
}
request!(Send, "event:send", Empty);
