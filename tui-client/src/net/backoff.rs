//! How long to wait before the next try: full jitter, so that many clients do not come back at once.

use std::time::Duration;

/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Randomness that is good enough to spread clients; never for secrets. SplitMix64.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Anything from `low` up to `high`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(u64::MAX);
        low + Duration::from_millis(self.bits() % span.saturating_add(1).max(1))
    }
}

/// The wait after `failures` failures in a row: anything between half a second and a bound that doubles from 1 s up
/// to 30 s.
pub fn delay(failures: u32, jitter: &mut Jitter) -> Duration {
    let bound = Duration::from_secs(1).saturating_mul(1u32 << failures.saturating_sub(1).min(5)).min(LONGEST);
    jitter.between(SHORTEST, bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut jitter = Jitter::new(7);
        for failures in 0..100 {
            for _ in 0..50 {
                let d = delay(failures, &mut jitter);
                assert!(d >= SHORTEST && d <= LONGEST, "{failures}: {d:?}");
                if failures <= 1 {
                    assert!(d <= Duration::from_secs(1));
                }
            }
        }
    }

    #[test]
    fn waits_are_spread() {
        let mut jitter = Jitter::new(1);
        let mut waits: Vec<_> = (0..200).map(|_| delay(6, &mut jitter).as_secs()).collect();
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 20, "only {} different seconds", waits.len());
    }
}
