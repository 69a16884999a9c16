//! The tables.

use clap::ValueEnum;

use super::super::peer::Peer;
use super::super::record::Record;
use super::super::results::Results;

/// Loads of messages, as the tables call them.
pub const LOADS: &[(&str, &str)] = &[
    ("fanout/one", "400 sockets, one by one"),
    ("fanout/burst10", "400 sockets, bursts of 10"),
    ("fanout/burst25", "400 sockets, bursts of 25"),
    ("stream", "20 sockets, 2,000 messages/s"),
    ("heavy", "400 sockets, 500/s: 200,000 deliveries/s"),
    ("flood", "400 sockets, 2,000/s: 800,000 deliveries/s"),
    ("rooms", "1,000 rooms × 10 sockets, 2,000/s over all"),
];

/// The servers of which there is anything, in their order.
fn peers(results: &Results) -> Vec<Peer> {
    let there = |peer: &&Peer| results.records.iter().any(|r| r.peer == peer.key());
    Peer::value_variants().iter().filter(there).copied().collect()
}

/// A number with a space nowhere and commas between thousands.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(w, r)| (w, r));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 && !out.ends_with('-') {
            out.push(',');
        }
        out.push(c);
    }
    if rest.is_empty() { out } else { format!("{out}.{rest}") }
}

/// Milliseconds with as many digits as mean something.
fn ms(value: f64) -> String {
    let digits = if value < 10.0 { 1 } else { 0 };
    number(value, if value < 0.95 { 2 } else { digits })
}

fn delays(record: &Record) -> Option<String> {
    let [p50, p99, max] = ["p50", "p99", "max"].map(|key| record.get(key));
    Some(format!("{} / {} / {}", ms(p50?), ms(p99?), ms(max?)))
}

/// A table whose rows are kinds of load and whose columns are the servers.
fn by_peer(results: &Results, loads: &[(&str, &str)], cell: impl Fn(&Record) -> Option<String>) -> String {
    let peers = peers(results);
    let mut out = format!("| |{}\n|---|", peers.iter().map(|p| format!(" {} |", p.name())).collect::<String>());
    out.push_str(&"---|".repeat(peers.len()));
    for (load, title) in loads {
        out.push_str(&format!("\n| {title} |"));
        for peer in &peers {
            let shown = results.find(load, peer.key(), None).and_then(&cell);
            out.push_str(&format!(" {} |", shown.unwrap_or_else(|| "–".to_owned())));
        }
    }
    out
}

/// A table whose rows are what `rows` names and whose columns are figures of them.
fn rows(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        out.push_str(&format!("\n| {} |", row.join(" | ")));
    }
    out
}

/// Under what it was measured.
pub fn about(results: &Results) -> String {
    rows(&["", ""], results.about.iter().map(|(key, value)| vec![key.clone(), value.clone()]))
}

/// Every table with the name of its place.
pub fn all(results: &Results) -> Vec<(&'static str, String)> {
    vec![
        ("cpu", by_peer(results, LOADS, |r| Some(number(r.get("cpu")?, 2)))),
        ("delays", by_peer(results, LOADS, delays)),
        ("shares", by_peer(results, &LOADS[3..], share)),
        ("peak", peak(results)),
        ("connections", connections(results)),
        ("durable", durable(results)),
        ("stored", stored(results)),
        ("generator", by_peer(results, LOADS, generator)),
    ]
}

fn share(r: &Record) -> Option<String> {
    let mut text = format!("{} % ({}/s)", number(r.get("share")?, 1), number(r.get("rate")?, 0));
    for (key, what) in [("refused", "sends refused"), ("cut", "connections cut")] {
        if let Some(count) = r.get(key).filter(|n| *n >= 1.0) {
            text.push_str(&format!(", {} {what}", number(count, 0)));
        }
    }
    Some(text)
}

fn generator(r: &Record) -> Option<String> {
    Some(format!("{} %, {}", number(r.get("own")?, 0), ms(r.get("late_p99")?)))
}

fn peak(results: &Results) -> String {
    let row = |peer: Peer| {
        let r = results.find("peak", peer.key(), None)?;
        Some(vec![
            peer.name().to_owned(),
            number(r.get("rate")?, 0),
            ms(r.get("p99")?),
            number(r.get("core")?, 0),
            number(r.get("cpu")?, 2),
        ])
    };
    let head = ["", "deliveries/s", "p99, ms", "of its core, %", "CPU a delivery, µs"];
    rows(&head, peers(results).into_iter().filter_map(row))
}

fn connections(results: &Results) -> String {
    let row = |peer: Peer| {
        let idle = results.find("idle", peer.key(), None)?;
        let storm = results.find("storm", peer.key(), None);
        let of_storm =
            |cell: &dyn Fn(&Record) -> Option<String>| storm.and_then(cell).unwrap_or_else(|| "–".to_owned());
        Some(vec![
            peer.name().to_owned(),
            number(idle.get("memory")?, 1),
            number(idle.get("resident")?, 0),
            number(idle.get("idle")?, 2),
            of_storm(&|r| Some(number(r.get("connect_cpu")?, 0))),
            of_storm(&delays),
            of_storm(&|r| Some(number(r.get("connects")?, 0))),
        ])
    };
    let head = [
        "",
        "resident a connection, KiB",
        "resident with 5,000, MiB",
        "idle: % of its core",
        "coming back: CPU a connection, µs",
        "5,000 at once: back in its room after, p50 / p99 / max, ms",
        "connections/s",
    ];
    rows(&head, peers(results).into_iter().filter_map(row))
}

fn durable(results: &Results) -> String {
    let row = |r: &Record| {
        Some(vec![
            number(r.at? as f64, 0),
            number(r.get("acked")?, 0),
            ms(r.get("ack_p50")?),
            ms(r.get("ack_p99")?),
            number(r.get("send_cpu")?, 1),
            format!("{} / {}", ms(r.get("sync_p50")?), ms(r.get("sync_p99")?)),
        ])
    };
    let head =
        ["senders", "acked/s", "p50, ms", "p99, ms", "server CPU a send, µs", "a sync of the disk, p50 / p99, ms"];
    rows(&head, results.curve("durable", Peer::Ours.key()).filter_map(row))
}

fn stored(results: &Results) -> String {
    let row = |start: &Record| {
        let find = |load: &str| results.find(load, start.peer.as_str(), start.at);
        let two = |load: &str| {
            let shown = find(load).and_then(|r| Some(format!("{} / {}", ms(r.get("p50")?), ms(r.get("p99")?))));
            shown.unwrap_or_else(|| "–".to_owned())
        };
        let sends = find("stored/sends")?;
        let mut row = vec![number(start.at? as f64, 0)];
        row.extend(["latest", "page", "rare", "common", "both"].map(|what| two(&format!("stored/{what}"))));
        row.push(format!("{} ({})", number(sends.get("acked")?, 0), ms(sends.get("ack_p99")?)));
        row.push(format!("{}, {} MiB", ms(start.get("ready")?), number(start.get("resident")?, 0)));
        Some(row)
    };
    let head = [
        "stored",
        "latest page",
        "a page anywhere",
        "search: one hit",
        "search: a common word",
        "search: two words",
        "64 senders: acked/s (p99)",
        "ready after, resident",
    ];
    rows(&head, results.curve("stored/start", Peer::Ours.key()).filter_map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let shown = [(0.0, 0), (999.0, 0), (1000.0, 0), (1234567.0, 0), (12345.678, 2)].map(|(n, d)| number(n, d));
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567", "12,345.68"]);
        assert_eq!([0.1234, 2.345, 123.4, 4567.0].map(ms), ["0.12", "2.3", "123", "4,567"]);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let records = vec![
            Record::new("stream", "ours").with("cpu", 1.25),
            Record::new("stream", "node").with("cpu", 4.0),
            Record::new("flood", "node").with("cpu", 5.0),
        ];
        let results = Results { records, ..Results::default() };
        let table = by_peer(&results, &[("stream", "S"), ("flood", "F")], |r| Some(number(r.get("cpu")?, 1)));
        assert_eq!(table, "| | chat-server | socket.io on Node |\n|---|---|---|\n| S | 1.2 | 4.0 |\n| F | – | 5.0 |");
    }
}
