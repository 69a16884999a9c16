//! How long what was proved once holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Seconds: shorter, and clients would do little else than refresh; longer, and a token that leaked would be good for
/// more than a day.
const ACCESS_SECONDS: std::ops::RangeInclusive<u64> = 5..=86_400;

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// An access token lives so long; a client fetches the next one by its refresh token.
    pub access_token_seconds: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self { access_token_seconds: 900 }
    }
}

impl Auth {
    /// How long an access token lives.
    pub fn access_token_life(&self) -> Duration {
        Duration::from_secs(self.access_token_seconds)
    }

    /// The key that is wrong, and why; `Ok` if none is.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        if ACCESS_SECONDS.contains(&self.access_token_seconds) {
            return Ok(());
        }
        let (least, most) = (ACCESS_SECONDS.start(), ACCESS_SECONDS.end());
        let why = format!("access_token_seconds is {}; it must be {least} to {most}", self.access_token_seconds);
        Err(("access_token_seconds".to_owned(), why))
    }
}
