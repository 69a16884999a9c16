//! Whether something was flat: a straight line through the last quarter of an hour, by least squares. Pure.

use std::fmt;
use std::time::Duration;

use super::sample::Sample;

/// What is looked at: the end of the run. What comes before is warming up.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Growth over the window, as a share of what was there at its beginning, that still counts as flat.
const FLAT: f64 = 0.01;

/// A straight line through one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// Of what.
    pub name: &'static str,
    /// As it is told to people.
    pub unit: &'static str,
    /// The line's beginning, in seconds since the run's, and its value there.
    pub from: (f64, f64),
    /// The line's end.
    pub to: (f64, f64),
    /// The lowest and the highest value within the window.
    pub range: (f64, f64),
}

impl Trend {
    /// The line through the window at the end of `points` (seconds, value); `None` for fewer than two.
    pub fn of(name: &'static str, unit: &'static str, points: &[(f64, f64)]) -> Option<Self> {
        let end = points.last()?.0;
        let points: Vec<_> = points.iter().filter(|p| p.0 >= end - WINDOW.as_secs_f64()).collect();
        let n = points.len() as f64;
        let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
        let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
        let at = |t: f64| (t, y + slope * (t - x));
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        Some(Self { name, unit, from: at(points.first()?.0), to: at(end), range: (low, high) })
    }

    /// Growth over the window, as a share of the beginning; below 0: it shrank.
    pub fn growth(&self) -> f64 {
        (self.to.1 - self.from.1) / self.from.1.max(f64::MIN_POSITIVE)
    }

    /// It did not grow by a hundredth; what is counted may grow by less than one.
    pub fn is_flat(&self) -> bool {
        self.growth() < FLAT || (self.unit.is_empty() && self.to.1 - self.from.1 < 1.0)
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, from, to, range } = self;
        let space = if unit.is_empty() { "" } else { " " };
        let verdict = if self.is_flat() { "flat" } else { "GROWS" };
        let growth = self.growth() * 100.0;
        write!(
            f,
            "{name}: {:.1} to {:.1}{space}{unit} ({growth:+.2} %, between {:.1} and {:.1}): {verdict}",
            from.1, to.1, range.0, range.1
        )
    }
}

/// A figure of a sample: its name, unit, and how it is read.
pub type Figure = (&'static str, &'static str, fn(&Sample) -> f64);

/// What must be flat.
pub const FIGURES: [Figure; 5] = [
    ("resident memory", "MiB", |s| s.resident_kib as f64 / 1024.0),
    ("anonymous memory", "MiB", |s| s.anonymous_kib as f64 / 1024.0),
    ("open files", "", |s| s.files as f64),
    ("tasks", "", |s| s.tasks as f64),
    ("threads", "", |s| s.threads as f64),
];

/// The points of a figure.
pub fn points(samples: &[Sample], figure: &Figure) -> Vec<(f64, f64)> {
    samples.iter().map(|s| (s.seconds, (figure.2)(s))).collect()
}

/// A trend for each of [`FIGURES`].
pub fn all(samples: &[Sample]) -> Vec<Trend> {
    FIGURES.iter().filter_map(|figure| Trend::of(figure.0, figure.1, &points(samples, figure))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half an hour, a value a second.
    fn run(value: impl Fn(f64) -> f64) -> Trend {
        let points: Vec<_> = (0..1_800).map(|s| (f64::from(s), value(f64::from(s)))).collect();
        Trend::of("x", "MiB", &points).unwrap()
    }

    #[test]
    fn warming_up_counts_for_nothing_and_growth_at_the_end_for_all() {
        let warm = run(|t| if t < 600.0 { t } else { 600.0 });
        assert!(warm.is_flat() && warm.growth().abs() < 1e-9, "{warm}");
        // A hundredth in a quarter of an hour is too much, a little less is not.
        let (slow, fast) = (run(|t| 100.0 + t * 0.9 / 900.0), run(|t| 100.0 + t * 1.2 / 900.0));
        assert!(slow.is_flat() && !fast.is_flat(), "{slow} {fast}");
        assert!((fast.growth() - 0.01186).abs() < 1e-4, "{}", fast.growth());
        assert!(run(|t| 2_000.0 - t).is_flat(), "shrinking is no leak");
    }

    #[test]
    fn noise_hides_no_leak_and_makes_none() {
        let noise = |t: f64| (t * 12.9898).sin() * 5.0;
        assert!(run(|t| 100.0 + noise(t)).is_flat());
        assert!(!run(|t| 100.0 + noise(t) + t / 300.0).is_flat());
    }

    #[test]
    fn what_is_counted_may_grow_by_less_than_one() {
        let points = |slope: f64| (0..1_800).map(|s| (f64::from(s), 10.0 + f64::from(s) * slope)).collect::<Vec<_>>();
        assert!(Trend::of("x", "", &points(0.5 / 900.0)).unwrap().is_flat());
        assert!(!Trend::of("x", "", &points(1.5 / 900.0)).unwrap().is_flat());
        assert_eq!(Trend::of("x", "", &[(1.0, 2.0)]), None);
    }
}
