//! Slows guessing down: five wrong passwords a minute for one address and one name, then growing delays.
//!
//! In memory of this node. Its methods wait for nothing yet; they are `async` because a cluster keeps the same
//! counts in the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_common::{Timestamp, UserName};

use crate::service::limiter::network;
use crate::service::{Error, Result};

/// Wrong ones within this time count together.
const WINDOW: Duration = Duration::from_secs(60);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Counts kept; when there are more, those that are over are forgotten, and if that is not enough, all.
const MAX: usize = 100_000;

/// Whose guesses are counted: from where (`None`: with a session), at which name.
pub(super) type Key = (Option<IpAddr>, UserName);

/// A key of one try to log in.
pub(super) fn key(address: IpAddr, name: &UserName) -> Key {
    (Some(network(address)), name.clone())
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    since: Timestamp,
    closed_until: Timestamp,
}

/// All counts of this process.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Key, Count>>);

impl Throttle {
    /// Lets a try in and counts it as wrong until [`Throttle::right`] says otherwise, so that many at once do not
    /// slip through together. `per_minute`: wrong ones before the delays begin.
    pub async fn admit(&self, key: &Key, per_minute: u32, now: Timestamp) -> Result<()> {
        let mut counts = self.lock();
        if counts.len() >= MAX {
            counts.retain(|_, count| !count.is_over(now));
            if counts.len() >= MAX {
                counts.clear();
            }
        }
        let fresh = Count { wrong: 0, since: now, closed_until: now };
        let count = counts.entry(key.clone()).or_insert(fresh);
        if count.is_over(now) {
            *count = fresh;
        }
        if count.closed_until > now {
            let retry_after = count.closed_until.since(now);
            return Err(Error::RateLimited { what: "too many wrong passwords", retry_after });
        }
        count.wrong = count.wrong.saturating_add(1);
        if count.wrong >= per_minute.max(1) {
            let doubled = count.wrong - per_minute.max(1);
            let delay = WINDOW.saturating_mul(1 << doubled.min(10)).min(LONGEST);
            count.closed_until = now.plus(delay);
        }
        Ok(())
    }

    /// The try was right: the counting begins anew.
    pub async fn right(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        // The map stays whole whatever panicked while it was held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// Before the delays begin: after a minute. Afterwards: when it was quiet for as long again as the last delay.
    fn is_over(&self, now: Timestamp) -> bool {
        if self.closed_until <= self.since {
            now.since(self.since) >= WINDOW
        } else {
            now > self.closed_until && now.since(self.closed_until) >= LONGEST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000)
    }

    fn ana(address: &str) -> Key {
        key(address.parse().unwrap(), &UserName::parse("ana").unwrap())
    }

    async fn wait(throttle: &Throttle, key: &Key, now: Timestamp) -> u64 {
        match throttle.admit(key, 5, now).await {
            Ok(()) => 0,
            Err(Error::RateLimited { retry_after, .. }) => retry_after.as_secs(),
            Err(other) => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn the_sixth_wrong_one_in_a_minute_waits_and_then_longer_and_longer() {
        let throttle = Throttle::default();
        let here = ana("192.0.2.1");
        for i in 0..5 {
            assert_eq!(wait(&throttle, &here, at(i)).await, 0);
        }
        assert_eq!(wait(&throttle, &here, at(5)).await, 59);
        assert_eq!(wait(&throttle, &ana("192.0.2.2"), at(5)).await, 0, "from elsewhere it goes on");
        assert_eq!(wait(&throttle, &here, at(64)).await, 0);
        assert_eq!(wait(&throttle, &here, at(65)).await, 119);
        assert_eq!(wait(&throttle, &here, at(184)).await, 0);
        assert_eq!(wait(&throttle, &here, at(184)).await, 240);
    }

    #[tokio::test]
    async fn a_right_one_and_time_both_forgive() {
        let throttle = Throttle::default();
        let here = ana("2001:db8::1");
        for _ in 0..4 {
            assert_eq!(wait(&throttle, &here, at(0)).await, 0);
        }
        assert_eq!(wait(&throttle, &here, at(60)).await, 0);
        throttle.right(&ana("2001:db8::2")).await;
        for _ in 0..5 {
            assert_eq!(wait(&throttle, &here, at(61)).await, 0);
        }
        assert_eq!(wait(&throttle, &here, at(61)).await, 60);
        assert_eq!(wait(&throttle, &here, at(61 + 60 + 901)).await, 0);
        assert_eq!(wait(&throttle, &here, at(61 + 60 + 902)).await, 0);
    }
}
