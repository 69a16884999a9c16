//! Who is there, and who is typing.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::model::{Presence, Status};
use crate::{RoomRef, UserName};

/// Says how present one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// `online`, `away` or `dnd`.
    pub status: Status,
    /// One line; absent clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
request!(Set, "presence:set", Empty);

/// Who is present in a room, or how the named users are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// The members of this room that are not offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomRef>,
    /// These users, as far as one shares a room with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserName>>,
}
request!(Get, "presence:get", GetReply);

/// By name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PresencePage))]
pub struct GetReply {
    /// By name.
    pub present: Vec<Presence>,
}

/// One is typing, or no longer. Expires after 6 s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Where.
    pub room: RoomRef,
    /// Whether.
    pub on: bool,
}
request!(Typing, "typing", Empty);
