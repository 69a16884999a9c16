//! Members and moderation. Nobody acts on equals or betters.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::model::{Member, Role};
use crate::{Cursor, RoomRef, Timestamp, UserName};

/// Who is a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Where.
    pub room: RoomRef,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
request!(List, "member:list", ListReply);

/// A page of members, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MemberPage))]
pub struct ListReply {
    /// By name.
    pub members: Vec<Member>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Removes a member; it may come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kick {
    /// Where.
    pub room: RoomRef,
    /// Whom.
    pub user: UserName,
    /// One line for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
request!(Kick, "member:kick", Empty);

/// Removes a user and keeps it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Where.
    pub room: RoomRef,
    /// Whom, member or not.
    pub user: UserName,
    /// One line for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until then; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
request!(Ban, "member:ban", Empty);

/// Lets a banned user come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unban {
    /// Where.
    pub room: RoomRef,
    /// Whom.
    pub user: UserName,
}
request!(Unban, "member:unban", Empty);

/// Silences a member until a time; a time that has passed lifts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Where.
    pub room: RoomRef,
    /// Whom.
    pub user: UserName,
    /// Until then; absent: ten years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
request!(Mute, "member:mute", Empty);

/// Makes a member a moderator or a plain member again; the owner alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRole {
    /// Where.
    pub room: RoomRef,
    /// Whom.
    pub user: UserName,
    /// `moderator` or `member`; an owner is made by `room:transfer`.
    pub role: Role,
}
request!(SetRole, "member:role", Empty);
