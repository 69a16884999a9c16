//! Slows guessing down: some wrong passwords a minute are free, then each one doubles the delay.

use std::time::Duration;

use chat_common::Timestamp;

/// Wrong ones within this time count together.
const WINDOW: Duration = Duration::from_secs(60);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The wrong tries of one address at one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub wrong: u32,
    /// Since when.
    pub since: Timestamp,
    /// No further one before this; not after `since`: there is no delay yet.
    pub closed_until: Timestamp,
}

impl Count {
    /// None yet.
    pub fn new(now: Timestamp) -> Self {
        Self { wrong: 0, since: now, closed_until: now }
    }

    /// Lets a try in and counts it as wrong, or says how long to wait. `per_minute`: wrong ones before the delays
    /// begin.
    pub fn admit(&mut self, per_minute: u32, now: Timestamp) -> Result<(), Duration> {
        if now >= self.over_at() {
            *self = Self::new(now);
        }
        // Nobody is told to wait for longer than that: the clock was set back, or is far from another node's. It must
        // not lock anybody out until it has caught up; what was wrong so far counts on.
        if self.closed_until > now && self.closed_until <= now.plus(LONGEST) {
            return Err(self.closed_until.since(now));
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= per_minute.max(1) {
            let doubled = self.wrong - per_minute.max(1);
            let delay = WINDOW.saturating_mul(1 << doubled.min(10)).min(LONGEST);
            self.closed_until = now.plus(delay);
        }
        Ok(())
    }

    /// When it is as good as forgotten. Before the delays begin: after a minute. Afterwards: when it was quiet for as
    /// long again as the longest delay.
    pub fn over_at(&self) -> Timestamp {
        if self.closed_until <= self.since { self.since.plus(WINDOW) } else { self.closed_until.plus(LONGEST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000)
    }

    fn wait(count: &mut Count, now: Timestamp) -> u64 {
        count.admit(5, now).err().map_or(0, |wait| wait.as_secs())
    }

    #[test]
    fn the_sixth_wrong_one_in_a_minute_waits_and_then_longer_and_longer() {
        let mut count = Count::new(at(0));
        for i in 0..5 {
            assert_eq!(wait(&mut count, at(i)), 0);
        }
        assert_eq!(wait(&mut count, at(5)), 59);
        assert_eq!(wait(&mut count, at(64)), 0);
        assert_eq!(wait(&mut count, at(65)), 119);
        assert_eq!(wait(&mut count, at(184)), 0);
        assert_eq!(wait(&mut count, at(184)), 240);
    }

    #[test]
    fn time_forgives() {
        let mut count = Count::new(at(0));
        for _ in 0..4 {
            assert_eq!(wait(&mut count, at(0)), 0);
        }
        for _ in 0..5 {
            assert_eq!(wait(&mut count, at(60)), 0, "a minute without a delay");
        }
        assert_eq!(wait(&mut count, at(60)), 60);
        assert_eq!(wait(&mut count, at(60 + 60)), 0);
        let quiet = count.over_at();
        for _ in 0..5 {
            assert_eq!(wait(&mut count, quiet), 0);
        }
        assert_eq!(wait(&mut count, quiet), 60);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let mut count = Count::new(at(0));
        for _ in 0..5 {
            assert_eq!(wait(&mut count, at(86_400)), 0);
        }
        assert_eq!(wait(&mut count, at(0)), 0, "one more is let in");
        assert_eq!(wait(&mut count, at(0)), 120, "and is one more wrong one");
    }
}
