//! Reading: history, search, threads, how far one has read.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::model::Message;
use crate::{Cursor, RoomRef, Seq, Timestamp, UserName};

/// A page of messages; at most one of `before`, `after`, `around`, none: the latest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Where.
    pub room: RoomRef,
    /// Older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Newer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// This one in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<Seq>,
    /// At most so many; 200 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
request!(Get, "history:get", GetReply);

/// Messages, ascending by `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MessagePage))]
pub struct GetReply {
    /// Ascending by `seq`.
    pub messages: Vec<Message>,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry.
    pub head: Seq,
    /// There are more in the direction asked for (older ones for `around` and for the latest page).
    pub has_more: bool,
}

/// Messages that hold a text, without regard to case and accents, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Words, all of which must stand in the text as parts; may be empty where another filter is given.
    pub query: String,
    /// Only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomRef>,
    /// Only by this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UserName>,
    /// Not earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Earlier than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `link`: only messages with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<Has>,
    /// Only messages that mention the asker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention: Option<bool>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
request!(Search, "search", SearchReply);

/// What a message can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Has {
    /// `http://` or `https://`.
    Link,
}

/// Messages found, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchReply {
    /// Newest first.
    pub messages: Vec<Message>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// The replies to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Where.
    pub room: RoomRef,
    /// The message answered.
    pub seq: Seq,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
}
request!(Thread, "thread:get", ThreadReply);

/// The replies, ascending by `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadReply {
    /// Ascending by `seq`.
    pub messages: Vec<Message>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Says how far one has read; never back, unless `force`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub room: RoomRef,
    /// Read up to and with this.
    pub seq: Seq,
    /// Back, too ("unread from here").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}
request!(Mark, "read:mark", Empty);
