//! Why a use case did not do it, mapped once to what clients see.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_common::rest::Scope;
use chat_common::text::TextError;
use chat_common::{ErrorBody, ErrorCode};

use crate::domain::Refusal;
use crate::storage::StoreError;

/// That the store is away is logged once in so long.
const AGAIN: Duration = Duration::from_secs(10);

/// What a use case gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Why not.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No, bad, expired or revoked proof.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The token does not allow it.
    #[error("this token lacks the scope `{0}`; make one that has it (chat-tui token create NAME --scope read,send)")]
    Scope(Scope),
    /// Over a limit of size.
    #[error("{field} has {got} bytes, {max} are allowed")]
    TooLarge {
        /// The request's field.
        field: &'static str,
        /// Bytes given.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Too often.
    #[error("{what}; try again in {} s", .retry_after.as_millis().div_ceil(1000))]
    RateLimited {
        /// What was too often.
        what: &'static str,
        /// When to come back.
        retry_after: Duration,
    },
    /// Not now; safe to repeat.
    #[error("the server cannot do this now; try again")]
    Unavailable,
    /// A fault of ours; logged where it happened.
    #[error("the server failed; its log says why")]
    Internal,
}

impl Error {
    /// `invalid`, naming the field.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::Invalid { field, message: message.into() })
    }

    /// A text's fault in `field`.
    pub fn text(field: &'static str, error: &TextError) -> Self {
        match error {
            TextError::TooLong { got, max } => Self::TooLarge { field, got: *got, max: *max },
            other => Self::invalid(field, other.to_string()),
        }
    }

    /// As clients see it.
    pub fn body(&self) -> ErrorBody {
        let code = match self {
            Self::Refused(refusal) => return refusal.body(),
            Self::Unauthorized(_) => ErrorCode::Unauthorized,
            Self::Scope(_) => ErrorCode::Forbidden,
            Self::TooLarge { field, .. } => {
                return ErrorBody {
                    field: Some((*field).to_owned()),
                    ..ErrorBody::new(ErrorCode::TooLarge, self.to_string())
                };
            }
            Self::RateLimited { retry_after, .. } => {
                let ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX).max(1);
                return ErrorBody {
                    retry_after_ms: Some(ms),
                    ..ErrorBody::new(ErrorCode::RateLimited, self.to_string())
                };
            }
            Self::Unavailable => ErrorCode::Unavailable,
            Self::Internal => ErrorCode::Internal,
        };
        ErrorBody::new(code, self.to_string())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Unavailable(why) => {
                say_away(&why);
                Self::Unavailable
            }
            StoreError::Internal(why) => {
                tracing::error!(%why, "the store failed");
                Self::Internal
            }
        }
    }
}

/// Says that the store is away, once in [`AGAIN`]: every request finds out for itself.
fn say_away(why: &str) {
    static SAID: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.is_some_and(|at| now.duration_since(at) < AGAIN) {
        tracing::debug!(%why, "the store is not available");
    } else {
        *said = Some(now);
        tracing::warn!(%why, "the store is not available; requests are refused until it is there again");
    }
}

impl From<Error> for ErrorBody {
    fn from(error: Error) -> Self {
        error.body()
    }
}
