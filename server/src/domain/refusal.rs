//! Why a rule says no. One enum for all rules, mapped once to the wire.

use chat_common::{ErrorBody, ErrorCode, Timestamp};

/// A rule's no. The texts say what is wrong and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not there, or not for this asker to see; `what` is `room`, `user`, `message`, ….
    #[error("no such {what}")]
    NotFound {
        /// What was asked for.
        what: &'static str,
    },
    /// Known, but not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Banned from the room or the server.
    #[error("banned{}", until_text(*.until))]
    Banned {
        /// Until then; `None`: for good.
        until: Option<Timestamp>,
    },
    /// May read, not write.
    #[error("muted until {until}")]
    Muted {
        /// Until then.
        until: Timestamp,
    },
    /// Taken, or said before with another content.
    #[error("{0}")]
    Conflict(&'static str),
    /// The input is wrong.
    #[error("{message}")]
    Invalid {
        /// The request's field.
        field: &'static str,
        /// What is wrong with it and what would be right.
        message: String,
    },
}

fn until_text(until: Option<Timestamp>) -> String {
    until.map(|t| format!(" until {t}")).unwrap_or_default()
}

impl Refusal {
    /// `NotFound` of a room: the answer for what one may not see, too.
    pub const ROOM: Self = Self::NotFound { what: "room" };
    /// `NotFound` of a user.
    pub const USER: Self = Self::NotFound { what: "user" };
    /// `NotFound` of a message.
    pub const MESSAGE: Self = Self::NotFound { what: "message" };

    /// As the wire tells it.
    pub fn body(&self) -> ErrorBody {
        let code = match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::Banned { .. } => ErrorCode::Banned,
            Self::Muted { .. } => ErrorCode::Muted,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Invalid { field, .. } => return ErrorBody::invalid(*field, self.to_string()),
        };
        ErrorBody::new(code, self.to_string())
    }
}
