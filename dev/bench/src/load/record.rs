//! What was measured: rows of named figures, printed as they come, kept as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;

/// Figures of one kind of load on one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The kind of load: a scene, and what of it (`fanout/one`).
    pub load: String,
    /// [`super::peer::Peer::key`].
    pub peer: String,
    /// Where on a curve: sockets, rooms, stored messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// By the key of a [`Column`].
    pub figures: BTreeMap<String, f64>,
}

/// A figure that can be shown.
pub struct Column {
    pub key: &'static str,
    /// With its unit.
    pub title: &'static str,
    /// Digits after the point.
    pub digits: usize,
}

const fn column(key: &'static str, title: &'static str, digits: usize) -> Column {
    Column { key, title, digits }
}

/// Every figure there is, in the order of the tables.
pub const COLUMNS: &[Column] = &[
    column("rate", "deliveries/s", 0),
    column("share", "delivered %", 2),
    column("cpu", "server CPU a delivery, µs", 2),
    column("core", "server's core, %", 0),
    column("p50", "p50, ms", 2),
    column("p99", "p99, ms", 2),
    column("max", "max, ms", 1),
    column("acked", "sends acked/s", 0),
    column("refused", "sends refused", 0),
    column("ack_p50", "ack p50, ms", 2),
    column("ack_p99", "ack p99, ms", 2),
    column("send_cpu", "server CPU a send, µs", 1),
    column("cut", "connections cut", 0),
    column("connects", "connections/s", 0),
    column("connect_cpu", "server CPU a connection, µs", 0),
    column("memory", "resident a connection, KiB", 1),
    column("ready", "ready after, ms", 0),
    column("resident", "resident, MiB", 1),
    column("idle", "idle: server's core, %", 2),
    column("sync_p50", "the disk's sync p50, ms", 2),
    column("sync_p99", "the disk's sync p99, ms", 2),
    column("request_cpu", "server CPU a request, µs", 0),
    column("late_p99", "generator late p99, ms", 2),
    column("own", "generator's core, %", 0),
    column("exact", "each once", 0),
];

impl Record {
    /// No figures yet.
    pub fn new(load: &str, peer: &str) -> Self {
        Self { load: load.to_owned(), peer: peer.to_owned(), at: None, figures: BTreeMap::new() }
    }

    /// At a place of a curve.
    pub fn at(mut self, at: usize) -> Self {
        self.at = Some(at as u64);
        self
    }

    /// With one more figure.
    pub fn with(mut self, key: &str, value: f64) -> Self {
        debug_assert!(COLUMNS.iter().any(|c| c.key == key), "{key} has no column");
        self.figures.insert(key.to_owned(), value);
        self
    }

    /// A figure.
    pub fn get(&self, key: &str) -> Option<f64> {
        self.figures.get(key).copied()
    }

    /// What a load of messages came to.
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    pub fn outcome(self, outcome: &Outcome, standing: usize, wanted: usize) -> Self {
        let (wall, whole) = (outcome.wall.as_secs_f64(), outcome.whole.as_secs_f64());
        let tally = &outcome.tally;
        let busy = outcome.cpu.as_secs_f64() / whole;
        let record = self
            .with("core", busy * 100.0)
            .with("acked", tally.acked as f64 / wall)
            .with("ack_p50", tally.acks.ms(0.5))
            .with("ack_p99", tally.acks.ms(0.99))
            .with("send_cpu", outcome.cpu.as_secs_f64() * 1e6 / outcome.sent.max(1) as f64)
            .with("late_p99", tally.late.ms(0.99))
            .with("own", outcome.own * 100.0)
            .with("refused", tally.refused as f64)
            .with("cut", wanted.saturating_sub(standing) as f64);
        if outcome.wanted == 0 {
            return record;
        }
        record
            .with("rate", tally.deliveries as f64 / whole)
            .with("share", outcome.share() * 100.0)
            .with("cpu", outcome.cpu_us())
            .with("p50", tally.latency.ms(0.5))
            .with("p99", tally.latency.ms(0.99))
            .with("max", tally.latency.max() as f64 / 1e6)
            .with("exact", f64::from(u8::from(outcome.exact)))
    }

    /// One line for whoever watches.
    pub fn line(&self) -> String {
        let at = self.at.map_or(String::new(), |at| format!(" at {at}"));
        let figures = COLUMNS.iter().filter_map(|c| Some(format!("{} {:.*}", c.title, c.digits, self.get(c.key)?)));
        format!("{:<16}{:<6}{at} {}", self.load, self.peer, figures.collect::<Vec<_>>().join(" | "))
    }
}

/// One row for several that measured the same: each figure's median.
pub fn medians(rounds: Vec<Record>) -> Vec<Record> {
    let mut rows: Vec<(Record, BTreeMap<String, Vec<f64>>)> = Vec::new();
    for record in rounds {
        let same = |r: &Record| r.load == record.load && r.peer == record.peer && r.at == record.at;
        let place = rows.iter().position(|(r, _)| same(r)).unwrap_or(rows.len());
        if place == rows.len() {
            rows.push((record.clone(), BTreeMap::new()));
        }
        for (key, value) in record.figures {
            rows[place].1.entry(key).or_default().push(value);
        }
    }
    let row = |(mut record, figures): (Record, BTreeMap<String, Vec<f64>>)| {
        record.figures = figures.into_iter().map(|(key, values)| (key, median(values))).collect();
        record
    };
    rows.into_iter().map(row).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 0 => f64::midpoint(values[n / 2 - 1], values[n / 2]),
        n => values[n / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_become_one_row_of_medians() {
        let row = |cpu: f64| Record::new("fanout/one", "ours").with("cpu", cpu);
        let rows = medians(vec![row(3.0), row(9.0), Record::new("fanout/one", "node").with("cpu", 1.0), row(4.0)]);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].get("cpu"), rows[1].get("cpu")), (Some(4.0), Some(1.0)));
        assert_eq!(medians(vec![row(1.0), row(2.0)])[0].get("cpu"), Some(1.5));
    }
}
