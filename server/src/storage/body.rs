//! What the entries that are no messages say, as both back ends store it.

use chat_common::event::server::Removal;
use chat_common::model::{Role, RoomKind};
use chat_common::{Emoji, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What an entry says beside its columns; never a message's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub(super) enum Body {
    /// A message has another text.
    Edited,
    /// A message is gone.
    Deleted,
    /// Messages lost their texts all at once.
    Blanked {
        through: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
    },
    /// A reaction was set or taken back.
    Reacted { emoji: Emoji, on: bool },
    /// The room changed.
    Room {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<RoomKind>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<UserId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_days: Option<u32>,
    },
    /// A member was removed.
    Removed { user: UserId, how: Removal, reason: Option<String> },
    /// A member's standing changed.
    Member { user: UserId, role: Option<Role>, muted_until: Option<Timestamp> },
}
