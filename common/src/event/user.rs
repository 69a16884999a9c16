//! Users: looking one up, one's own profile, blocking.

use serde::{Deserialize, Serialize};

use super::{Empty, request};
use crate::UserName;
use crate::model::User;

/// Looks a user up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Whom.
    pub user: UserName,
}
request!(Get, "user:get", UserReply);

/// A user as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserReply {
    /// As others see it.
    pub user: User,
    /// Whether the asker has blocked it.
    #[serde(default)]
    pub blocked: bool,
}

/// Changes one's own profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetProfile {
    /// How one is shown; one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Another name; a guest's gets its `~`. The old one is given to nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
request!(SetProfile, "profile:set", UserReply);

/// Blocks a user or takes it back: its direct messages are refused, its texts marked for the blocker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Whom.
    pub user: UserName,
    /// Block, or take back.
    pub on: bool,
}
request!(Block, "user:block", Empty);
