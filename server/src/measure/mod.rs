//! What is counted while it happens and read when somebody asks: histograms of atomics, and what the kernel says of
//! this process. Noting costs two relaxed additions and no lock; who reads it (`/metrics`, `/admin`) pays for the rest.

pub mod process;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of durations, in microseconds.
const DURATIONS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// Upper bounds of counts.
const SIZES: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Microseconds of a second.
const MICROS: f64 = 1e6;

/// How values are spread over fixed bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// What one is worth in the unit that is shown.
    unit: f64,
    /// One for each bound, and one for what is above the last.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64], unit: f64) -> Self {
        let buckets = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { bounds, unit, buckets, sum: AtomicU64::new(0) }
    }

    /// Of durations, 100 µs to 10 s; shown in seconds.
    pub fn durations() -> Self {
        Self::new(&DURATIONS, 1.0 / MICROS)
    }

    /// Of counts, 1 to 512.
    pub fn sizes() -> Self {
        Self::new(&SIZES, 1.0)
    }

    /// Notes a duration.
    pub fn time(&self, took: Duration) {
        self.times(took, 1);
    }

    /// Notes the same duration `n` times.
    pub fn times(&self, took: Duration, n: u64) {
        self.note(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), n);
    }

    /// Notes a count.
    pub fn size(&self, n: u64) {
        self.note(n, 1);
    }

    fn note(&self, value: u64, n: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(n, Ordering::Relaxed);
        }
        self.sum.fetch_add(value.saturating_mul(n), Ordering::Relaxed);
    }

    /// How it stands now.
    pub fn spread(&self) -> Spread {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        Spread { bounds: self.bounds, unit: self.unit, counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// A histogram as it stood at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    bounds: &'static [u64],
    unit: f64,
    counts: Vec<u64>,
    sum: u64,
}

impl Spread {
    /// How many were noted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum as it was noted (microseconds, or a count).
    pub fn raw_sum(&self) -> u64 {
        self.sum
    }

    /// Their sum in the unit that is shown.
    pub fn sum(&self) -> f64 {
        self.sum as f64 * self.unit
    }

    /// Upper bounds in the unit that is shown, each with how many are not above it.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut so_far = 0;
        self.bounds.iter().zip(&self.counts).map(move |(bound, count)| {
            so_far += count;
            (*bound as f64 * self.unit, so_far)
        })
    }

    /// What was noted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { counts, sum: self.sum.saturating_sub(earlier.sum), ..*self }
    }

    /// The value that a share `q` (0 to 1) does not exceed, in the unit that is shown, taken as evenly spread within its
    /// bucket; what is above the last bound counts as the last bound. `None`: nothing was noted.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let wanted = q.clamp(0.0, 1.0) * self.count() as f64;
        let (mut below, mut low) = (0.0, 0.0);
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            let (high, count) = (*bound as f64, *count as f64);
            if count > 0.0 && below + count >= wanted {
                return Some((low + (high - low) * ((wanted - below) / count).max(0.0)) * self.unit);
            }
            below += count;
            low = high;
        }
        (self.count() > 0).then_some(low * self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_falls_into_the_bucket_that_bounds_it() {
        let histogram = Histogram::sizes();
        for n in [0, 1, 2, 3, 512, 513] {
            histogram.size(n);
        }
        let spread = histogram.spread();
        assert_eq!((spread.count(), spread.raw_sum()), (6, 1 + 2 + 3 + 512 + 513));
        let upto: Vec<_> = spread.cumulated().collect();
        assert_eq!(upto[..3], [(1.0, 2), (2.0, 3), (4.0, 4)]);
        assert_eq!(upto[9], (512.0, 5), "what is above the last bound stands in none");
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        let histogram = Histogram::durations();
        histogram.times(Duration::from_millis(2), 10);
        histogram.time(Duration::from_secs(3_600));
        let spread = histogram.spread();
        assert!((spread.sum() - 3_600.02).abs() < 1e-9);
        assert_eq!(spread.cumulated().find(|(bound, _)| *bound >= 0.0025).unwrap().1, 10);
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let histogram = Histogram::durations();
        assert_eq!(histogram.spread().quantile(0.5), None);
        histogram.times(Duration::from_micros(900), 100);
        let before = histogram.spread();
        let half = before.quantile(0.5).unwrap();
        assert!((0.000_5..=0.001).contains(&half), "{half}");
        histogram.time(Duration::from_secs(60));
        assert_eq!(histogram.spread().since(&before).quantile(0.99), Some(10.0));
        assert_eq!(histogram.spread().since(&before).count(), 1);
    }
}
