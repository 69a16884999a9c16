//! Rooms: finding, making, entering, catching up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::model::{Member, Presence, RoomKind, RoomSummary, Sync};
use crate::{Cursor, Epoch, RoomName, RoomRef, Seq, UserName};

/// Public rooms and one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Part of a name or a topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
request!(List, "room:list", ListReply);

/// A page of rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoomPage))]
pub struct ListReply {
    /// By name.
    pub rooms: Vec<RoomSummary>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Makes a room; the creator becomes its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CreateRoom))]
pub struct Create {
    /// Not taken, not beginning with `dm-`.
    pub room: RoomName,
    /// Public unless said otherwise; never direct.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::OpenKind>))]
    pub kind: Option<RoomKind>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::Topic>))]
    pub topic: Option<String>,
}
request!(Create, "room:create", RoomReply);

/// The room as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomReply {
    /// As the asker sees it.
    pub room: RoomSummary,
}

/// Deletes a room with all that was said in it; owner or server admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Which.
    pub room: RoomRef,
}
request!(Delete, "room:delete", Empty);

/// Becomes a member and subscribes this connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Which.
    pub room: RoomRef,
    /// The last contiguous entry known; absent: the latest page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// The epoch `after` belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}
request!(Join, "room:join", JoinReply);

/// All a client needs to show a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JoinReply {
    /// The room.
    pub room: RoomSummary,
    /// Its members, the first page; `member:list` has all.
    pub members: Vec<Member>,
    /// Who of them is present, the first page; `presence:get` has all.
    pub present: Vec<Presence>,
    /// What is missing of its log.
    pub sync: Sync,
}

/// Ends the membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Which.
    pub room: RoomRef,
}
request!(Leave, "room:leave", Empty);

/// Subscribes this connection to a room one is a member of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Which.
    pub room: RoomRef,
    /// The last contiguous entry known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// The epoch `after` belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}
request!(Subscribe, "room:subscribe", JoinReply);

/// Stops live events of a room on this connection; the membership stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// Which.
    pub room: RoomRef,
}
request!(Unsubscribe, "room:unsubscribe", Empty);

/// What is missing of a room's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Which.
    pub room: RoomRef,
    /// The last contiguous entry known.
    pub after: Seq,
    /// The epoch `after` belongs to.
    pub epoch: Epoch,
    /// All entries, however many; never a reset for their number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
}
request!(SyncRequest, "room:sync", Sync);

/// After a reconnect: subscribes and catches up with all rooms in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The epoch the numbers belong to.
    pub epoch: Epoch,
    /// For each room the last contiguous entry known.
    pub rooms: BTreeMap<RoomName, Seq>,
}
request!(Resume, "session:resume", ResumeReply);

/// What is missing, room by room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeReply {
    /// The rooms answered.
    pub rooms: BTreeMap<RoomName, Sync>,
    /// Rooms the asker is no longer in.
    #[serde(default)]
    pub gone: Vec<RoomName>,
    /// Rooms from this one on (by name) are not answered: ask again with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RoomName>,
}

/// Changes a room; topic: moderators, the rest: the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Which.
    pub room: RoomRef,
    /// One line, may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Public or private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RoomKind>,
    /// For how many days texts are kept; 0: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}
request!(Update, "room:update", RoomReply);

/// Makes another user a member of a private room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Which.
    pub room: RoomRef,
    /// Whom.
    pub user: UserName,
}
request!(Invite, "room:invite", Empty);

/// Gives a room to another member; the old owner becomes moderator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which.
    pub room: RoomRef,
    /// To whom.
    pub user: UserName,
}
request!(Transfer, "room:transfer", Empty);
