//! People and machines that speak.

use serde::{Deserialize, Serialize};

use crate::{UserId, UserName};

/// What stands behind a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    /// An account.
    User,
    /// A guest.
    Guest,
    /// An integration: an API token's bot or an incoming webhook.
    Bot,
}

/// A user as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// For ever.
    pub id: UserId,
    /// May change; never given to another id.
    pub name: UserName,
    /// As the user wants to be shown; one line.
    pub display_name: String,
    /// What stands behind it.
    pub kind: UserKind,
}
