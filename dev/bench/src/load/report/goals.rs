//! What was aimed at, and what was measured.

use super::super::results::Results;
use super::table::number;

/// Which way is better.
#[derive(Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

struct Goal {
    what: &'static str,
    aim: Aim,
    /// How it is written: digits, and what follows the number.
    unit: (usize, &'static str),
    measured: fn(&Results) -> Option<f64>,
}

/// How many times `load`'s figure of `other` is ours.
fn times(results: &Results, load: &str, other: &str, key: &str) -> Option<f64> {
    Some(results.get(load, other, key)? / results.get(load, "ours", key)?)
}

/// Ours as a share of another's.
fn of(results: &Results, load: &str, other: &str, key: &str) -> Option<f64> {
    times(results, load, other, key).map(|times| 1.0 / times)
}

const LOADED: [&str; 4] = ["fanout/burst10", "fanout/burst25", "stream", "heavy"];

fn worst(shares: impl Iterator<Item = Option<f64>>, pick: fn(f64, f64) -> f64) -> Option<f64> {
    shares.collect::<Option<Vec<f64>>>()?.into_iter().reduce(pick)
}

const GOALS: &[Goal] = &[
    Goal {
        what: "deliveries a second on one core at p99 < 100 ms, beside Node",
        aim: Aim::AtLeast(4.0),
        unit: (1, " times"),
        measured: |r| of(r, "peak", "node", "rate"),
    },
    Goal {
        what: "CPU per delivery one by one, Node's beside ours",
        aim: Aim::AtLeast(1.2),
        unit: (2, " times"),
        measured: |r| times(r, "fanout/one", "node", "cpu"),
    },
    Goal {
        what: "in bursts of 10 (stretch: 5)",
        aim: Aim::AtLeast(3.0),
        unit: (1, " times"),
        measured: |r| times(r, "fanout/burst10", "node", "cpu"),
    },
    Goal {
        what: "in bursts of 25 (stretch: 5)",
        aim: Aim::AtLeast(3.0),
        unit: (1, " times"),
        measured: |r| times(r, "fanout/burst25", "node", "cpu"),
    },
    Goal {
        what: "20 sockets × 2,000/s",
        aim: Aim::AtLeast(2.5),
        unit: (2, " times"),
        measured: |r| times(r, "stream", "node", "cpu"),
    },
    Goal {
        what: "p99 at 200,000 deliveries/s, Node's beside ours",
        aim: Aim::AtLeast(30.0),
        unit: (0, " times"),
        measured: |r| times(r, "heavy", "node", "p99"),
    },
    Goal {
        what: "memory of an idle connection, ours beside Node's",
        aim: Aim::AtMost(1.0),
        unit: (2, ""),
        measured: |r| of(r, "idle", "node", "memory"),
    },
    Goal {
        what: "CPU per delivery one by one beside bare socketioxide's",
        aim: Aim::AtMost(1.2),
        unit: (2, ""),
        measured: |r| of(r, "fanout/one", "bare", "cpu"),
    },
    Goal {
        what: "the same under load: the worst of bursts of 10 and 25, 20 × 2,000/s, 200,000/s",
        aim: Aim::Below(1.0),
        unit: (2, ""),
        measured: |r| worst(LOADED.iter().map(|load| of(r, load, "bare", "cpu")), f64::max),
    },
    Goal {
        what: "stretch: of the bare WebSocket floor's deliveries for the same CPU, the worst of these and one by one",
        aim: Aim::AtLeast(0.6),
        unit: (2, ""),
        measured: |r| worst(LOADED.iter().chain(&["fanout/one"]).map(|load| times(r, load, "floor", "cpu")), f64::min),
    },
    Goal {
        what: "durable sends a second with 1,000 senders",
        aim: Aim::AtLeast(10_000.0),
        unit: (0, ""),
        measured: |r| r.find("durable", "ours", Some(1_000))?.get("acked"),
    },
    Goal {
        what: "their p99",
        aim: Aim::Below(50.0),
        unit: (1, " ms"),
        measured: |r| r.find("durable", "ours", Some(1_000))?.get("ack_p99"),
    },
    Goal {
        what: "supposed for these two: a disk whose sync takes (p50)",
        aim: Aim::AtMost(4.0),
        unit: (2, " ms"),
        measured: |r| r.find("durable", "ours", Some(1_000))?.get("sync_p50"),
    },
];

/// One row for each goal.
pub fn table(results: &Results) -> String {
    let mut out = "| goal | aim | measured | |\n|---|---|---|---|".to_owned();
    for goal in GOALS {
        let (digits, unit) = goal.unit;
        let shown = |value: f64| format!("{}{unit}", number(value, digits));
        let (aim, limit) = match goal.aim {
            Aim::AtLeast(limit) => ("≥", limit),
            Aim::AtMost(limit) => ("≤", limit),
            Aim::Below(limit) => ("<", limit),
        };
        let aim = format!("{aim} {}{unit}", plain(limit));
        let (measured, reached) = match (goal.measured)(results) {
            None => ("not measured".to_owned(), ""),
            Some(value) => (shown(value), if goal.aim.reached(value) { "reached" } else { "**not reached**" }),
        };
        out.push_str(&format!("\n| {} | {aim} | {measured} | {reached} |", goal.what));
    }
    out
}

/// A limit as one says it.
fn plain(limit: f64) -> String {
    if limit.fract() == 0.0 { number(limit, 0) } else { format!("{limit}") }
}

impl Aim {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
            Self::Below(limit) => value < limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::record::Record;
    use super::*;

    #[test]
    fn a_goal_is_reached_missed_or_unmeasured() {
        let record = |peer: &str, cpu: f64| Record::new("stream", peer).with("cpu", cpu);
        let row = |ours: f64| {
            let results = Results { records: vec![record("ours", ours), record("node", 9.0)], ..Results::default() };
            table(&results).lines().find(|l| l.contains("20 sockets × 2,000/s")).unwrap().to_owned()
        };
        assert_eq!(row(3.0), "| 20 sockets × 2,000/s | ≥ 2.5 times | 3.00 times | reached |");
        assert_eq!(row(6.0), "| 20 sockets × 2,000/s | ≥ 2.5 times | 1.50 times | **not reached** |");
        assert!(table(&Results::default()).lines().skip(2).all(|l| l.ends_with("| not measured |  |")));
    }
}
