//! The table as Prometheus reads it, and as people do.

use std::fmt::Write;

use super::table::{Metric, Reading, Scene, TABLE};
use crate::measure::Spread;

/// The text exposition format, version 0.0.4.
pub(super) fn exposition(scene: &Scene<'_>) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for metric in TABLE {
        let reading = (metric.read)(scene);
        if matches!(reading, Reading::Absent) {
            continue;
        }
        let Metric { name, kind, help, .. } = metric;
        // A `String` takes everything that is written to it.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.as_str());
        match reading {
            Reading::Absent => {}
            Reading::One(value) => line(&mut out, metric, "", &[], None, value),
            Reading::Each(values) => {
                values.iter().for_each(|(labels, value)| line(&mut out, metric, "", labels, None, *value));
            }
            Reading::Spread(spreads) => spreads.iter().for_each(|(labels, s)| spread(&mut out, metric, labels, s)),
        }
    }
    out
}

fn spread(out: &mut String, metric: &Metric, labels: &[&str], spread: &Spread) {
    for (bound, count) in spread.cumulated() {
        line(out, metric, "_bucket", labels, Some(&bound.to_string()), count as f64);
    }
    let count = spread.count() as f64;
    line(out, metric, "_bucket", labels, Some("+Inf"), count);
    line(out, metric, "_sum", labels, None, spread.sum());
    line(out, metric, "_count", labels, None, count);
}

/// One sample. Labels' values are our own words, which need no escaping.
fn line(out: &mut String, metric: &Metric, suffix: &str, values: &[&str], le: Option<&str>, value: f64) {
    let pairs = metric.labels.iter().copied().zip(values.iter().copied()).chain(le.map(|le| ("le", le)));
    let labels: Vec<String> = pairs.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{}{suffix}{labels} {value}", metric.name);
}

/// The table of `docs/metrics.md`.
pub fn document() -> String {
    let mut out = String::from("| metric | kind | labels | what |\n|---|---|---|---|\n");
    for Metric { name, kind, help, labels, .. } in TABLE {
        let labels = labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "| `{name}` | {} | {labels} | {help} |", kind.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::table::Kind;
    use super::*;
    use crate::measure::Histogram;

    #[test]
    fn the_document_is_the_table() {
        let document = document();
        let file = include_str!("../../../../docs/metrics.md");
        assert!(file.contains(&document), "the table of docs/metrics.md must be:\n{document}");
    }

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for (i, metric) in TABLE.iter().enumerate() {
            let name = metric.name;
            assert!(name.starts_with("chat_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\', '|']), "{name}");
            assert!(TABLE[..i].iter().all(|other| other.name != name), "{name} stands twice");
        }
    }

    #[test]
    fn a_histogram_is_written_as_buckets_sum_and_count() {
        let metric =
            Metric { name: "x", kind: Kind::Histogram, help: "X.", labels: &["edge"], read: |_| Reading::Absent };
        let histogram = Histogram::sizes();
        histogram.size(3);
        let mut out = String::new();
        spread(&mut out, &metric, &["socket"], &histogram.spread());
        for line in [
            "x_bucket{edge=\"socket\",le=\"2\"} 0",
            "x_bucket{edge=\"socket\",le=\"4\"} 1",
            "x_bucket{edge=\"socket\",le=\"+Inf\"} 1",
            "x_sum{edge=\"socket\"} 3",
            "x_count{edge=\"socket\"} 1",
        ] {
            assert!(out.lines().any(|l| l == line), "{line} is not in\n{out}");
        }
    }
}
