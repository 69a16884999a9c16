//! Messages: sending and what happens to them afterwards.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::{ClientId, Emoji, RoomRef, Seq, Timestamp};

/// Sends a message. A public room is joined by sending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// Where.
    pub room: RoomRef,
    /// 1 to 8,000 bytes.
    pub text: String,
    /// The sender's own key: a repeat with the same key is stored once.
    pub client_id: ClientId,
    /// The message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
}
request!(Send, "message:send", SendReply);

/// The message is on stable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendReply {
    /// Its position in the room.
    pub seq: Seq,
    /// When it was stored.
    pub at: Timestamp,
    /// It was stored before, by the same key.
    pub duplicate: bool,
}

/// Replaces the text; the author alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where.
    pub room: RoomRef,
    /// Which message.
    pub seq: Seq,
    /// The new text.
    pub text: String,
}
request!(Edit, "message:edit", Empty);

/// Blanks a message for ever; the author or a moderator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Where.
    pub room: RoomRef,
    /// Which message.
    pub seq: Seq,
}
request!(Delete, "message:delete", Empty);

/// Sets or takes back one's reaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// Where.
    pub room: RoomRef,
    /// Which message.
    pub seq: Seq,
    /// One grapheme.
    pub emoji: Emoji,
    /// Set, or take back.
    pub on: bool,
}
request!(React, "reaction:set", Empty);
