//! Messages: what the entries of a room add up to.

use serde::{Deserialize, Serialize};

use super::User;
use crate::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId};

/// A message as it stands after all entries up to `rev`. Its identity is `(room, seq)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Where.
    pub room: RoomName,
    /// Its `message:created`.
    pub seq: Seq,
    /// The last entry folded in; entries up to it are not applied again.
    pub rev: Seq,
    /// When it was stored.
    pub at: Timestamp,
    /// Who wrote it.
    pub from: User,
    /// The text as it stands; null once deleted.
    pub text: Option<String>,
    /// The sender's own key.
    pub client_id: ClientId,
    /// The message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// Whom the text names.
    #[serde(default)]
    pub mentions: Vec<UserId>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Whether it was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Reactions, in the order in which they first came.
    #[serde(default)]
    pub reactions: Vec<Reaction>,
}

/// One emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reaction {
    /// Which.
    pub emoji: Emoji,
    /// How many users.
    pub count: u32,
    /// Whether the asker is one of them.
    pub me: bool,
}
