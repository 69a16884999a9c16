//! Rooms, membership, and what a client must know to be whole again.

use serde::{Deserialize, Serialize};

use super::{Message, User};
use crate::event::Entry;
use crate::{Epoch, RoomName, Seq, Timestamp};

/// Who may see and join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// Any logged-in user.
    Public,
    /// Who was invited; to others it does not exist.
    Private,
    /// Two users.
    Direct,
}

/// A member's standing in one room; a higher one acts on lower ones only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Keeps order: topic, kick, ban, mute, delete.
    Moderator,
    /// Owns the room.
    Owner,
}

/// A room as one user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomSummary {
    /// How to address it.
    pub room: RoomName,
    /// Who may see it.
    pub kind: RoomKind,
    /// The other one of a direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<User>,
    /// One line, may be empty.
    pub topic: String,
    /// The asker's standing; absent if it is no member.
    #[serde(default)]
    pub role: Option<Role>,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry; `first - 1` while the log is empty.
    pub head: Seq,
    /// Up to where the asker has read.
    pub read: Seq,
    /// Others' undeleted messages above `read`, capped at 1,000.
    pub unread: u32,
    /// Those of them that mention the asker.
    pub mentions: u32,
    /// How many members.
    pub members: u32,
    /// How many of them are present.
    pub present: u32,
    /// The asker may not write until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// For how many days texts are kept; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

impl RoomSummary {
    /// Whether a reference means this room: by its name, or a direct conversation by the other one's.
    pub fn is_meant(&self, by: &crate::RoomRef) -> bool {
        match by {
            crate::RoomRef::Room(name) => self.room == *name,
            crate::RoomRef::Direct(user) => {
                self.peer.as_ref().is_some_and(|p| p.name == *user || p.name == user.clone().guest())
            }
        }
    }
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// Who.
    pub user: User,
    /// Standing.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// May not write until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
}

/// What a client is missing of one room's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sync {
    /// The lineage these numbers belong to.
    pub epoch: Epoch,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry.
    pub head: Seq,
    /// True: forget what is known of this room and take `messages`. False: apply `entries`.
    pub reset: bool,
    /// The missing entries, ascending without a hole; with `reset:false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<Entry>>,
    /// The latest page, ascending; with `reset:true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// More is missing: ask again with this as `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
}
