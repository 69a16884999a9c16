//! One connection's share of requests: a token bucket, with the time passed in.

use std::time::{Duration, Instant};

/// Refills by `rate` a second up to `burst`.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self { rate: f64::from(rate.max(1)), burst: f64::from(burst.max(1)), level: f64::from(burst.max(1)), at: now }
    }

    /// Takes one, or says when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.burst);
        self.at = now;
        if self.level >= 1.0 {
            self.level -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.level) / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut b = Bucket::new(10, 3, now);
        assert!((0..3).all(|_| b.take(now).is_ok()));
        let wait = b.take(now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(b.take(now + wait).is_ok());
        assert!(b.take(now + wait).is_err());
    }
}
