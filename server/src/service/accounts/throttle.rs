//! Slows guessing down: five wrong passwords a minute for one address and one name, then growing delays. The counts
//! are in the store, since an attacker who is sent from node to node must not get five at each. The rule is
//! `domain::throttle`'s.

use std::net::IpAddr;

use chat_common::UserName;
use sha2::{Digest, Sha256};

use crate::service::limiter::network;
use crate::service::{Error, Result, Services};

/// Whose guesses are counted: a hash, so that the store does not tell who tries to log in from where.
pub(super) struct Key([u8; 32]);

/// Of one try: from where (`None`: with a session), at which name.
pub(super) fn key(address: Option<IpAddr>, name: &UserName) -> Key {
    let place = address.map_or_else(|| "session".to_owned(), |address| network(address).to_string());
    Key(Sha256::digest(format!("guesses\n{place}\n{name}")).into())
}

/// Lets a try in and counts it as wrong until [`right`] says otherwise, so that many at once do not slip through
/// together.
pub(super) async fn admit(s: &Services, key: &Key) -> Result<()> {
    match s.store.admit_guess(key.0, s.limits.logins_per_minute, s.now()).await? {
        Ok(()) => Ok(()),
        Err(retry_after) => Err(Error::RateLimited { what: "too many wrong passwords", retry_after }),
    }
}

/// The try was right: the counting begins anew.
pub(super) async fn right(s: &Services, key: &Key) -> Result<()> {
    Ok(s.store.forgive_guesses(key.0).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_place_and_a_session_another() {
        let ana = UserName::parse("ana").unwrap();
        let of = |address: &str| key(Some(address.parse().unwrap()), &ana).0;
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("192.0.2.1"), key(None, &ana).0);
        assert_ne!(of("192.0.2.1"), key(Some("192.0.2.1".parse().unwrap()), &UserName::parse("bob").unwrap()).0);
    }
}
