//! How often users and addresses may do what costs others something. In memory, for this node.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_common::{Limits, Timestamp, UserId};

use super::{Error, Result};
use crate::domain::bucket::{Bucket, Rate};

/// Buckets kept. When there are more, the full ones are forgotten; if that is not enough, all are: to be lenient for
/// a moment is better than to refuse strangers.
const MAX: usize = 100_000;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What is limited; a new one needs its rate and its sentence below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Messages, edits, reactions, own events of a user.
    Message(UserId),
    /// Rooms created by a user.
    CreateRoom(UserId),
    /// Direct conversations opened by a user.
    OpenDirect(UserId),
    /// New names of a user: each is taken for ever.
    Rename(UserId),
    /// API tokens and webhooks made by a user: each takes a name for ever.
    MakeToken(UserId),
    /// Accounts made from an address.
    Register(IpAddr),
    /// Guests made from an address.
    Guest(IpAddr),
}

impl Action {
    fn rate(self, limits: &Limits) -> Rate {
        match self {
            Self::Message(_) => Rate::new(limits.messages_per_second, SECOND, limits.message_burst),
            Self::CreateRoom(_) => Rate::new(limits.rooms_created_per_hour, HOUR, limits.rooms_created_per_hour),
            Self::OpenDirect(_) => Rate::new(60, HOUR, 60),
            Self::Rename(_) => Rate::new(3, 24 * HOUR, 3),
            Self::MakeToken(_) => Rate::new(20, HOUR, 20),
            Self::Register(_) => Rate::new(limits.registrations_per_hour, HOUR, limits.registrations_per_hour),
            Self::Guest(_) => Rate::new(limits.guests_per_minute, MINUTE, limits.guests_per_minute),
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Message(_) => "too many messages",
            Self::CreateRoom(_) => "too many new rooms",
            Self::OpenDirect(_) => "too many new direct conversations",
            Self::Rename(_) => "too many new names",
            Self::MakeToken(_) => "too many new tokens and webhooks",
            Self::Register(_) => "too many new accounts from this address",
            Self::Guest(_) => "too many guests from this address",
        }
    }

    /// An IPv6 customer has a whole /64: it counts as one address.
    fn key(self) -> Self {
        match self {
            Self::Register(address) => Self::Register(network(address)),
            Self::Guest(address) => Self::Guest(network(address)),
            other => other,
        }
    }
}

/// The address, or of IPv6 the first 64 bits of it.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

/// All buckets of this process, bounded in number. A mutex is enough: a turn holds it for one look-up.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    buckets: Arc<Mutex<HashMap<Action, Bucket>>>,
}

impl Limiter {
    /// Takes one, or `rate_limited` with the time to wait.
    pub fn take(&self, action: Action, limits: &Limits, now: Timestamp) -> Result<()> {
        let mut buckets = self.lock();
        if buckets.len() >= MAX {
            buckets.retain(|_, bucket| !bucket.is_idle(now));
            if buckets.len() >= MAX {
                buckets.clear();
            }
        }
        buckets
            .entry(action.key())
            .or_default()
            .take(action.rate(limits), now)
            .map_err(|retry_after| Error::RateLimited { what: action.what(), retry_after })
    }

    /// Gives one back that came to nothing.
    pub fn give_back(&self, action: Action, limits: &Limits) {
        if let Some(bucket) = self.lock().get_mut(&action.key()) {
            bucket.give_back(action.rate(limits));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Action, Bucket>> {
        // The map stays whole whatever panicked while it was held.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let limits = Limits::default();
        let limiter = Limiter::default();
        let now = Timestamp::from_millis(0);
        for i in 1..=3u16 {
            let address = format!("2001:db8::{i}").parse().unwrap();
            limiter.take(Action::Register(address), &limits, now).unwrap();
        }
        let fourth = limiter.take(Action::Register("2001:db8::ffff".parse().unwrap()), &limits, now);
        assert!(matches!(fourth, Err(Error::RateLimited { .. })));
        limiter.take(Action::Register("2001:db8:0:1::1".parse().unwrap()), &limits, now).unwrap();
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let limits = Limits::default();
        let limiter = Limiter::default();
        for i in 0..MAX as u64 + 10 {
            limiter.take(Action::Message(UserId::from_bits(i)), &limits, Timestamp::from_millis(0)).unwrap();
        }
        assert!(limiter.lock().len() <= MAX);
    }
}
