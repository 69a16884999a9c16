//! A token bucket in one number: the time at which it would be full again (the generic cell rate algorithm).

use std::time::Duration;

use chat_common::Timestamp;

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What one costs, microseconds.
    every: i64,
    /// How many at once after a pause.
    burst: i64,
}

impl Rate {
    /// `count` in `period`, `burst` of them at once. A count or burst of zero counts as one.
    pub fn new(count: u32, period: Duration, burst: u32) -> Self {
        let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
        Self { every: (period / i64::from(count.max(1))).max(1), burst: i64::from(burst.max(1)) }
    }
}

/// One bucket; full when new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// When it is full again, microseconds since 1970.
    full_at: i64,
}

impl Bucket {
    /// Takes one, or says how long until one can be taken.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let now = micros(now);
        // A clock that was set back must not lock anybody out for longer than the bucket is deep: kept also where the
        // answer is no, or the next one would find the bucket as far ahead as this one did.
        self.full_at = self.full_at.clamp(now, now.saturating_add(rate.every.saturating_mul(rate.burst)));
        let free_at = self.full_at.saturating_sub(rate.every.saturating_mul(rate.burst - 1));
        if free_at > now {
            return Err(Duration::from_micros(u64::try_from(free_at - now).unwrap_or(0)));
        }
        self.full_at = self.full_at.saturating_add(rate.every);
        Ok(())
    }

    /// Gives one back that was taken for nothing.
    pub fn give_back(&mut self, rate: Rate) {
        self.full_at = self.full_at.saturating_sub(rate.every);
    }

    /// Full again: as good as forgotten.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.full_at <= micros(now)
    }
}

fn micros(t: Timestamp) -> i64 {
    t.as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let rate = Rate::new(10, Duration::from_secs(1), 30);
        let mut bucket = Bucket::default();
        for _ in 0..30 {
            bucket.take(rate, at(0)).unwrap();
        }
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_millis(100)));
        assert!(bucket.take(rate, at(100)).is_ok());
        assert!(bucket.take(rate, at(100)).is_err());
        assert!(!bucket.is_idle(at(3_000)));
        assert!(bucket.is_idle(at(3_100)));
    }

    #[test]
    fn what_was_given_back_can_be_taken_again() {
        let rate = Rate::new(1, Duration::from_secs(60), 1);
        let mut bucket = Bucket::default();
        bucket.take(rate, at(0)).unwrap();
        bucket.give_back(rate);
        bucket.take(rate, at(0)).unwrap();
        assert!(bucket.take(rate, at(0)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            count in 1u32..100, burst in 1u32..100, steps in proptest::collection::vec(0i64..2_000, 1..300),
        ) {
            let rate = Rate::new(count, Duration::from_secs(1), burst);
            let (mut bucket, mut now, mut taken) = (Bucket::default(), 0i64, 0i64);
            for step in steps {
                now += step;
                match bucket.take(rate, at(now)) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        let wait = i64::try_from(wait.as_micros().div_ceil(1_000)).unwrap();
                        proptest::prop_assert!(wait > 0);
                        let mut later = bucket;
                        proptest::prop_assert!(later.take(rate, at(now + wait)).is_ok(), "the time told is enough");
                    }
                }
                // One microsecond of rounding for each one taken.
                let allowed = i64::from(burst) + (now * 1_000 + taken) / (1_000_000 / i64::from(count)) + 1;
                proptest::prop_assert!(taken <= allowed, "{taken} > {allowed}");
            }
        }
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let rate = Rate::new(1, Duration::from_secs(1), 3);
        let mut bucket = Bucket::default();
        bucket.take(rate, at(86_400_000)).unwrap();
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_secs(1)));
        bucket.take(rate, at(1_000)).expect("who waits as long as was told is let in");
    }
}
