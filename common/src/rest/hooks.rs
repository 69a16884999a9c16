//! Bodies about webhooks: those that are posted to, and those that tell.

use serde::{Deserialize, Serialize};

use crate::{Seq, Timestamp, UserName};

secret_debug!(NewHook, NewOutgoing, NewSigning);

/// `POST /rooms/{room}/hooks`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateHook {
    /// The name of the bot that speaks for it.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::AccountName))]
    pub name: UserName,
}

/// An incoming webhook as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HookInfo {
    /// To delete it by.
    pub id: String,
    /// Its bot.
    pub name: UserName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `POST /rooms/{room}/hooks` → 201, `POST /rooms/{room}/hooks/{id}/rotate` → 200; the `url` is whole, and both secrets
/// are shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewHook {
    /// To delete it by.
    pub id: String,
    /// Its bot.
    pub name: UserName,
    /// Where to post; shown once.
    pub url: String,
    /// What senders that sign are given; shown once.
    #[serde(default)]
    pub signing_secret: String,
}

/// `GET /rooms/{room}/hooks`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hooks {
    /// Newest first.
    pub hooks: Vec<HookInfo>,
}

/// What an outgoing webhook can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Told {
    /// A message was sent.
    #[serde(rename = "message:created")]
    MessageCreated,
    /// A message has another text.
    #[serde(rename = "message:edited")]
    MessageEdited,
    /// A message is gone.
    #[serde(rename = "message:deleted")]
    MessageDeleted,
    /// A reaction was set or taken back.
    #[serde(rename = "reaction:changed")]
    ReactionChanged,
    /// Somebody became a member.
    #[serde(rename = "member:joined")]
    MemberJoined,
    /// Somebody is no longer a member, by its own will or not.
    #[serde(rename = "member:left")]
    MemberLeft,
    /// A member was removed, by whom and why.
    #[serde(rename = "member:removed")]
    MemberRemoved,
    /// A member's role or mute changed.
    #[serde(rename = "member:updated")]
    MemberUpdated,
    /// The room itself changed.
    #[serde(rename = "room:updated")]
    RoomUpdated,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::MessageCreated,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::ReactionChanged,
        Self::MemberJoined,
        Self::MemberLeft,
        Self::MemberRemoved,
        Self::MemberUpdated,
        Self::RoomUpdated,
    ];
    /// Those of a webhook for which none are named.
    pub const USUAL: [Self; 3] = [Self::MessageCreated, Self::MessageEdited, Self::MessageDeleted];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message:created",
            Self::MessageEdited => "message:edited",
            Self::MessageDeleted => "message:deleted",
            Self::ReactionChanged => "reaction:changed",
            Self::MemberJoined => "member:joined",
            Self::MemberLeft => "member:left",
            Self::MemberRemoved => "member:removed",
            Self::MemberUpdated => "member:updated",
            Self::RoomUpdated => "room:updated",
        }
    }
}

impl std::str::FromStr for Told {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|t| t.as_str() == s).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|t| t.as_str()).collect();
            format!("`{s}` is none of the events; they are {}", all.join(", "))
        })
    }
}

/// `POST /rooms/{room}/outgoing`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateOutgoing {
    /// Where events are sent: `https://…` or `http://…`, an address that is public.
    pub url: String,
    /// Which events; absent: messages that are created, edited, deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<Told>>,
    /// Whether events that bots cause are sent too; never those of the maker's own bots.
    #[serde(default)]
    pub bots: bool,
}

/// An outgoing webhook as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutgoingInfo {
    /// To name it by.
    pub id: String,
    /// Where events are sent.
    pub url: String,
    /// Which.
    pub events: Vec<Told>,
    /// Whether events that bots cause are sent too.
    pub bots: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Everything up to and with this entry of the room was sent, left out, or given up.
    pub seq: Seq,
    /// Entries of the room behind it.
    pub waiting: u64,
    /// Events that were given up.
    pub dead: u32,
    /// Nothing has been taken since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Nothing is sent since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
}

/// `POST /rooms/{room}/outgoing` → 201; the secret is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewOutgoing {
    /// As listed later.
    #[serde(flatten)]
    pub info: OutgoingInfo,
    /// Signs what is sent, as `whsec_…`; shown once.
    pub signing_secret: String,
}

/// `POST /rooms/{room}/outgoing/{id}/rotate`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewSigning {
    /// Signs what is sent from now on, as `whsec_…`; shown once.
    pub signing_secret: String,
}

/// `GET /rooms/{room}/outgoing`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outgoings {
    /// Newest first.
    pub outgoing: Vec<OutgoingInfo>,
}

/// An event that an outgoing webhook did not take and that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// Its id, the same when it is sent again.
    pub delivery: String,
    /// What it tells.
    pub event: Told,
    /// The entry it tells of, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When it happened.
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub fault: String,
    /// It waits to be sent again.
    pub again: bool,
}

/// `GET /rooms/{room}/outgoing/{id}/dead`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetters {
    /// Newest first; at most a thousand are kept.
    pub dead: Vec<DeadLetter>,
}

/// `POST /rooms/{room}/outgoing/{id}/resend`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resend {
    /// Which event that was given up; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
}

/// `POST /rooms/{room}/outgoing/{id}/resend` → 202
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resent {
    /// How many will be sent again.
    pub count: u32,
}
