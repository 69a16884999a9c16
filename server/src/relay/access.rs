//! Who may push: whoever carries the token; without one only whoever sits on this machine, unless told otherwise.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use crate::config;

/// The rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody who reaches the server.
    Open,
    /// Bearers of the token with this hash.
    Token([u8; 32]),
}

/// Decides; refuses what would open the relay to others without anybody having said so. `around`: the server is
/// reached from loopback alone, and no proxy stands before it.
pub(super) fn access(relay: &config::Relay, around: bool) -> Result<Access, String> {
    match &relay.token {
        Some(token) => Ok(Access::Token(Sha256::digest(token.as_bytes()).into())),
        None if around || relay.open => Ok(Access::Open),
        None => {
            Err("with --relay anyone who reaches this server could push to every client of the relay, and it can be \
             reached from elsewhere (its address is not loopback, or a trusted proxy is configured); \
             give it --relay-token TOKEN, which a push must then carry, or allow it on purpose with --relay-open"
                .to_owned())
        }
    }
}

impl Access {
    /// Whether a push with these headers is taken.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        let Self::Token(right) = self else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
            let (scheme, token) = v.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let given: [u8; 32] = Sha256::digest(given.unwrap_or_default().as_bytes()).into();
        // In the same time whatever differs; a hash tells nothing of the token's length either.
        right.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(token: Option<&str>, open: bool) -> config::Relay {
        config::Relay { on: true, token: token.map(str::to_owned), open, redis: None }
    }

    #[test]
    fn beyond_this_machine_it_takes_a_token_or_a_word() {
        assert_eq!(access(&relay(None, false), true), Ok(Access::Open));
        let refused = access(&relay(None, false), false).unwrap_err();
        assert!(refused.contains("--relay-token") && refused.contains("--relay-open"), "{refused}");
        assert_eq!(access(&relay(None, true), false), Ok(Access::Open));
        assert!(matches!(access(&relay(Some("0123456789abcdef"), true), true), Ok(Access::Token(_))));
    }

    #[test]
    fn only_the_bearer_is_let_in() {
        let access = access(&relay(Some("0123456789abcdef"), false), false).unwrap();
        let with = |value: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            access.allows(&headers)
        };
        assert!(with(Some("Bearer 0123456789abcdef")) && with(Some("bearer 0123456789abcdef")));
        for wrong in [None, Some(""), Some("Bearer "), Some("0123456789abcdef"), Some("Bearer 0123456789abcdeF")] {
            assert!(!with(wrong), "{wrong:?}");
        }
    }
}
