//! What can go wrong, as clients see it: they branch on the code, people read the message.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of failure. Never renamed, never removed; an unknown one is read as [`ErrorCode::Internal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No, bad, expired or revoked token.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// Banned from this room or this server.
    Banned,
    /// May read here, not write, until a time.
    Muted,
    /// It is not there, or not for this asker to see.
    NotFound,
    /// Taken, or said before with another content.
    Conflict,
    /// The input is wrong; `field` names where.
    Invalid,
    /// Over a limit of size.
    TooLarge,
    /// Too often; `retry_after_ms` says when to come back.
    RateLimited,
    /// The server does not know this request.
    Unsupported,
    /// Not now; the outcome is unknown and the request is safe to repeat.
    Unavailable,
    /// A fault of the server.
    #[serde(other)]
    Internal,
}

impl ErrorCode {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 12] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::Banned,
        Self::Muted,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::TooLarge,
        Self::RateLimited,
        Self::Unsupported,
        Self::Unavailable,
        Self::Internal,
    ];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::Muted => "muted",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// From the wire's spelling, `None` if it is no code.
    pub fn parse(s: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == s)
    }

    /// The HTTP status of the REST interface.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid | Self::Unsupported => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::Banned | Self::Muted => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// Whether the same request may succeed later without a change (the same `client_id` keeps it single).
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Internal)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure, told to a client. As CONNECT_ERROR it is the string `CODE: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{code}: {message}")]
pub struct ErrorBody {
    /// What clients branch on.
    pub code: ErrorCode,
    /// What people read: what is wrong and what to do next.
    pub message: String,
    /// Milliseconds until a repeat makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The field of the request that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ErrorBody {
    /// A failure with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None, field: None }
    }

    /// `invalid`, naming the field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorCode::Invalid, message) }
    }

    /// Reads `CODE: message` of a CONNECT_ERROR; `None` if it does not begin with a code.
    pub fn from_connect_error(s: &str) -> Option<Self> {
        let (code, message) = s.split_once(": ")?;
        Some(Self::new(ErrorCode::parse(code)?, message))
    }
}
