//! Who is there.

use serde::{Deserialize, Serialize};

use super::User;
use crate::Timestamp;

/// How present a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At least one live connection.
    Online,
    /// Connected, not looking.
    Away,
    /// Connected, wants no notification.
    Dnd,
    /// No connection for 10 s. Told, never set.
    Offline,
}

/// One user's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presence {
    /// Who.
    pub user: User,
    /// How.
    pub status: Status,
    /// One line of the user's own, or null.
    #[serde(default)]
    pub text: Option<String>,
    /// Since when.
    pub since: Timestamp,
}
