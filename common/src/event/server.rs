//! What the server tells: the entries of a room's log, and hints that may be lost.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Role, RoomKind, RoomSummary, Status, User};
use crate::{ClientId, Emoji, Epoch, Limits, RoomName, Seq, Timestamp, UserId};

/// One element of a room's log. On the wire one flat object; `event` repeats the event's name, so that a list of
/// entries reads like the live events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Where.
    pub room: RoomName,
    /// Upward by one in each room.
    pub seq: Seq,
    /// Never goes back within a room.
    pub at: Timestamp,
    /// Who caused it.
    pub from: User,
    /// What happened.
    #[serde(flatten)]
    pub body: EntryBody,
}

/// What happened; tagged by the event's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event")]
pub enum EntryBody {
    /// A message was sent.
    #[serde(rename = "message:created")]
    Created {
        /// Null where a later entry changed or deleted it.
        text: Option<String>,
        /// The sender's own key.
        client_id: ClientId,
        /// The message this one answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Seq>,
        /// Whom the text names.
        #[serde(default)]
        mentions: Vec<UserId>,
        /// The entry that changed or deleted the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        superseded_by: Option<Seq>,
    },
    /// A message has another text.
    #[serde(rename = "message:edited")]
    Edited {
        /// The message's `seq`.
        target: Seq,
        /// Null where a later entry changed or deleted it.
        text: Option<String>,
        /// Whom the new text names.
        #[serde(default)]
        mentions: Vec<UserId>,
        /// The entry that changed or deleted the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        superseded_by: Option<Seq>,
    },
    /// A message is gone.
    #[serde(rename = "message:deleted")]
    Deleted {
        /// The message's `seq`.
        target: Seq,
    },
    /// Messages lost their texts all at once, for good: the room's retention, or the erasure of a user.
    #[serde(rename = "message:blanked")]
    Blanked {
        /// Every message up to and with this one is deleted.
        through: Seq,
        /// Only those of this user; of all where it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
    },
    /// A reaction was set or taken back.
    #[serde(rename = "reaction:changed")]
    Reacted {
        /// The message's `seq`.
        target: Seq,
        /// Which.
        emoji: Emoji,
        /// Set, or taken back.
        on: bool,
    },
    /// The room itself changed.
    #[serde(rename = "room:updated")]
    RoomUpdated {
        /// The new topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        /// The new kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<RoomKind>,
        /// The new owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<User>,
        /// For how many days texts are kept from now on; 0: for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_days: Option<u32>,
    },
    /// A member was removed.
    #[serde(rename = "member:removed")]
    MemberRemoved {
        /// Who.
        user: User,
        /// Kicked or banned.
        how: Removal,
        /// One line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A member's standing changed.
    #[serde(rename = "member:updated")]
    MemberUpdated {
        /// Who.
        user: User,
        /// The new role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
        /// May not write until then; a time that has passed lifts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        muted_until: Option<Timestamp>,
    },
    /// An event of a later version. What it says is not known here, but it has its place in the log: a reader counts
    /// it, or it would look for a hole that is none.
    #[serde(rename = "entry:unknown", other)]
    Unknown,
}

impl EntryBody {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "message:created",
            Self::Edited { .. } => "message:edited",
            Self::Deleted { .. } => "message:deleted",
            Self::Blanked { .. } => "message:blanked",
            Self::Reacted { .. } => "reaction:changed",
            Self::RoomUpdated { .. } => "room:updated",
            Self::MemberRemoved { .. } => "member:removed",
            Self::MemberUpdated { .. } => "member:updated",
            Self::Unknown => "entry:unknown",
        }
    }
}

/// How a member was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    /// May come back.
    Kick,
    /// May not.
    Ban,
}

/// The first event on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// 1.
    pub protocol: u32,
    /// Who answers.
    pub server: ServerInfo,
    /// The lineage of the store.
    pub epoch: Epoch,
    /// Who one is.
    pub user: User,
    /// What one may do on the whole server.
    pub role: ServerRole,
    /// The limits in force.
    #[serde(deserialize_with = "Limits::of_any_version")]
    pub limits: Limits,
    /// When the token ends; null for one that does not.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The rooms one is a member of.
    pub rooms: Vec<RoomSummary>,
    /// There are more: go on with `room:list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<crate::Cursor>,
    /// Whom one has blocked: their texts are to be marked. At most the latest thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<UserId>,
}

/// What a user may do on the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// What everyone may.
    User,
    /// Everything.
    Admin,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// As configured.
    pub name: String,
    /// Of the program.
    pub version: String,
    /// Which node of a cluster.
    pub node: String,
}

/// An event from the server. One that this version does not know is kept as it came.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// The first event.
    Ready(Box<Ready>),
    /// One element of a room's log.
    Entry(Box<Entry>),
    /// An answer that was asked for by `req_id`.
    Reply(super::RawReply),
    /// A hint.
    Hint(Hint),
    /// Not known to this version, or not readable.
    Unknown {
        /// The event's name.
        name: String,
        /// As it came.
        data: Value,
    },
}

/// Hints: may be lost; whoever needs the truth asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Hint {
    /// The newest entry of a room; also sent to active rooms every 15 s.
    #[serde(rename = "room:head")]
    RoomHead {
        /// Where.
        room: RoomName,
        /// The newest entry.
        head: Seq,
    },
    /// Somebody became a member.
    #[serde(rename = "member:joined")]
    MemberJoined {
        /// Where.
        room: RoomName,
        /// Who.
        user: User,
    },
    /// Somebody is no longer a member.
    #[serde(rename = "member:left")]
    MemberLeft {
        /// Where.
        room: RoomName,
        /// Who.
        user: User,
    },
    /// Somebody's presence changed.
    #[serde(rename = "presence:changed")]
    PresenceChanged {
        /// Where both are members.
        room: RoomName,
        /// Who.
        user: User,
        /// How now.
        status: Status,
        /// The user's own line.
        #[serde(default)]
        text: Option<String>,
    },
    /// A large room's numbers; at most once in 5 s.
    #[serde(rename = "presence:count")]
    PresenceCount {
        /// Where.
        room: RoomName,
        /// How many members.
        members: u32,
        /// How many of them are present.
        present: u32,
    },
    /// Somebody is typing or stopped; expires after 6 s.
    #[serde(rename = "typing:changed")]
    TypingChanged {
        /// Where.
        room: RoomName,
        /// Who.
        user: User,
        /// Whether.
        on: bool,
    },
    /// Another connection of the same user read on.
    #[serde(rename = "read:changed")]
    ReadChanged {
        /// Where.
        room: RoomName,
        /// Read up to and with this.
        read: Seq,
        /// What is left.
        unread: u32,
        /// What is left of mentions.
        mentions: u32,
    },
    /// Somebody has another name or display name.
    #[serde(rename = "user:changed")]
    UserChanged {
        /// As it is now.
        user: User,
    },
    /// Somebody was erased.
    #[serde(rename = "user:erased")]
    UserErased {
        /// Who it was.
        id: UserId,
    },
    /// One has blocked somebody, or taken it back, on another connection.
    #[serde(rename = "user:blocked")]
    UserBlocked {
        /// Whom.
        user: User,
        /// Whether it is blocked now.
        on: bool,
    },
    /// One became a member of a room (by another connection, an invitation, a direct message).
    #[serde(rename = "room:added")]
    RoomAdded {
        /// As one sees it.
        room: Box<RoomSummary>,
    },
    /// One is no longer a member of a room, or it is deleted.
    #[serde(rename = "room:gone")]
    RoomGone {
        /// Which.
        room: RoomName,
    },
    /// The server has something to say.
    #[serde(rename = "server:notice")]
    Notice {
        /// `draining`, `token_expiring`, `too_slow`; others may come.
        code: String,
        /// For people.
        message: String,
        /// When draining: milliseconds after which to come back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// An application's own event.
    #[serde(rename = "event:custom")]
    Custom {
        /// Where.
        room: RoomName,
        /// Who sent it.
        from: User,
        /// The application's name for it.
        name: String,
        /// Anything.
        data: Value,
    },
}

impl Hint {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoomHead { .. } => "room:head",
            Self::MemberJoined { .. } => "member:joined",
            Self::MemberLeft { .. } => "member:left",
            Self::PresenceChanged { .. } => "presence:changed",
            Self::PresenceCount { .. } => "presence:count",
            Self::TypingChanged { .. } => "typing:changed",
            Self::ReadChanged { .. } => "read:changed",
            Self::UserChanged { .. } => "user:changed",
            Self::UserErased { .. } => "user:erased",
            Self::UserBlocked { .. } => "user:blocked",
            Self::RoomAdded { .. } => "room:added",
            Self::RoomGone { .. } => "room:gone",
            Self::Notice { .. } => "server:notice",
            Self::Custom { .. } => "event:custom",
        }
    }
}

impl ServerEvent {
    /// Reads an event by its name; what is not known or not readable is kept as [`ServerEvent::Unknown`].
    pub fn decode(name: &str, data: Value) -> Self {
        match name {
            "ready" => Self::read(name, data, |r| Self::Ready(Box::new(r))),
            "reply" => Self::read(name, data, Self::Reply),
            "message:created" | "message:edited" | "message:deleted" | "reaction:changed" | "room:updated"
            | "member:removed" | "member:updated" => Self::read(name, tagged(name, data), |e| Self::Entry(Box::new(e))),
            _ => match Self::read(name, tagged(name, data), Self::Hint) {
                // What has a place in a log is an entry, whatever it says.
                Self::Unknown { name, data } => Self::read(&name, data, |e| Self::Entry(Box::new(e))),
                known => known,
            },
        }
    }

    fn read<T: DeserializeOwned>(name: &str, data: Value, wrap: impl FnOnce(T) -> Self) -> Self {
        match T::deserialize(&data) {
            Ok(value) => wrap(value),
            Err(_) => Self::Unknown { name: name.to_owned(), data },
        }
    }
}

/// The payload with the event's name in it, whatever it carried under `event` before.
fn tagged(name: &str, mut data: Value) -> Value {
    if let Value::Object(map) = &mut data {
        map.insert("event".to_owned(), Value::String(name.to_owned()));
    }
    data
}
