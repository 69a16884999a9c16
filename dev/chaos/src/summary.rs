//! The figures of a history, and the verdict as people read it. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use crate::check::{Violation, check};
use crate::event::{Event, Line};

/// How many violations are printed one by one.
const PRINTED: usize = 20;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// What made the plan.
    pub seed: u64,
    /// What it was played on.
    pub about: String,
    /// Clients.
    pub clients: usize,
    /// Messages that clients were told to send.
    pub sends: usize,
    /// Positive answers.
    pub acks: usize,
    /// Entries that clients showed.
    pub receipts: usize,
    /// Entries in the logs in the end.
    pub stored: usize,
    /// Receipts that there must be: each entry by each member of its room.
    pub due: usize,
    /// Faults by kind.
    pub faults: BTreeMap<String, usize>,
    /// Connections beyond the first of each client.
    pub reconnects: usize,
    /// What outsiders tried to see of private rooms.
    pub tries: usize,
    /// From the order to the positive answer: p50, p99, longest.
    pub to_ack: [Duration; 3],
    /// The same for each kind of client.
    pub to_ack_by: BTreeMap<String, [Duration; 3]>,
    /// The order that waited longest: when it was given, by whom, and during what.
    pub slowest: Option<String>,
    /// From the positive answer to each other client's showing it (nothing where that was first): p50, p99, longest.
    pub to_receipt: [Duration; 3],
    /// The longest time from the end of a fault until presence was right on all nodes.
    pub healed: Duration,
    /// From the first line to the last.
    pub length: Duration,
    /// Promises broken.
    pub violations: Vec<Violation>,
}

impl Summary {
    /// Reads a history.
    pub fn of(lines: &[Line]) -> Self {
        let mut it = Self { violations: check(lines.iter().map(|l| &l.event)), ..Self::default() };
        let mut connects: HashMap<&str, usize> = HashMap::new();
        let (mut sent, mut acked) = (HashMap::new(), HashMap::new());
        let mut members: HashMap<&str, usize> = HashMap::new();
        let mut kinds: HashMap<&str, &str> = HashMap::new();
        let mut faults = vec![(0, "before any fault")];
        for Line { t, event } in lines {
            match event {
                Event::Run { seed, about } => (it.seed, it.about) = (*seed, about.clone()),
                Event::Connected { client } => *connects.entry(client).or_default() += 1,
                Event::Client { client, by } => drop(kinds.insert(client, by)),
                Event::Send { room, key, .. } => drop(sent.insert((room, key), *t)),
                Event::Ack { client, room, key, .. } => {
                    acked.entry((room, key)).or_insert((*t, client));
                    it.acks += 1;
                }
                Event::Shown { .. } => it.receipts += 1,
                Event::Member { room, .. } => *members.entry(room).or_default() += 1,
                Event::Stored { room, .. } => {
                    it.stored += 1;
                    it.due += members.get(room.as_str()).copied().unwrap_or(0);
                }
                Event::Tried { .. } => it.tries += 1,
                Event::Fault { fault, what } => {
                    faults.push((*t, what.as_str()));
                    *it.faults.entry(fault.clone()).or_default() += 1;
                }
                Event::Healed { after_us, .. } => it.healed = it.healed.max(Duration::from_micros(*after_us)),
                _ => {}
            }
        }
        it.sends = sent.len();
        it.clients = connects.len();
        it.reconnects = connects.values().map(|n| n - 1).sum();
        it.length = Duration::from_micros(lines.last().map_or(0, |l| l.t));
        let mut waits: Vec<(u64, u64, &str)> = Vec::new();
        for (key, (t, client)) in &acked {
            waits.extend(sent.get(key).map(|sent| (t.saturating_sub(*sent), *sent, client.as_str())));
        }
        waits.sort_unstable();
        it.to_ack = ranks(waits.iter().map(|w| w.0).collect());
        let mut by: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (wait, _, client) in &waits {
            by.entry(kinds.get(client).copied().unwrap_or("unknown")).or_default().push(*wait);
        }
        it.to_ack_by = by.into_iter().map(|(kind, waits)| (kind.to_owned(), ranks(waits))).collect();
        it.slowest = waits.last().map(|(_, sent, client)| {
            let (kind, at) = (kinds.get(client).copied().unwrap_or("unknown"), Duration::from_micros(*sent));
            let during = faults.iter().rev().find(|(t, _)| t <= sent).map_or("", |f| f.1);
            format!("{client} ({kind}) at {at:.1?}, in or after: {during}")
        });
        let late = |line: &Line| {
            let Event::Shown { client, room, key, .. } = &line.event else { return None };
            let (t, sender) = acked.get(&(room, key))?;
            (*sender != client).then(|| line.t.saturating_sub(*t))
        };
        it.to_receipt = ranks(lines.iter().filter_map(late).collect());
        it
    }
}

fn ranks(mut all: Vec<u64>) -> [Duration; 3] {
    all.sort_unstable();
    [50, 99, 100].map(|of| {
        let at = (all.len() * of / 100).min(all.len().saturating_sub(1));
        Duration::from_micros(all.get(at).copied().unwrap_or(0))
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}, {:.0?}", self.seed, self.about, self.length)?;
        let Self { sends, acks, receipts, stored, due, clients, reconnects, tries, .. } = self;
        let share = *receipts as f64 * 100.0 / (*due).max(1) as f64;
        writeln!(f, "sends {sends}, acks {acks}, in the logs {stored}, receipts {receipts} of {due} ({share:.3} %)")?;
        writeln!(f, "clients {clients}, reconnects {reconnects}, tries at a private room {tries}")?;
        let faults: Vec<String> = self.faults.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        writeln!(f, "faults {}: {}", self.faults.values().sum::<usize>(), faults.join(", "))?;
        for (what, [half, most, longest]) in [("send → ack", self.to_ack), ("ack → receipt", self.to_receipt)] {
            writeln!(f, "{what}: p50 {half:.1?}, p99 {most:.1?}, longest {longest:.1?}")?;
        }
        for (kind, [half, most, longest]) in &self.to_ack_by {
            writeln!(f, "  send → ack, {kind}: p50 {half:.1?}, p99 {most:.1?}, longest {longest:.1?}")?;
        }
        if let Some(slowest) = &self.slowest {
            writeln!(f, "  the longest: {slowest}")?;
        }
        writeln!(f, "presence right on all nodes at the latest {:.1?} after the end of a fault", self.healed)?;
        if self.violations.is_empty() {
            return write!(f, "KEPT: every acknowledged message once, seq without a hole, one order everywhere");
        }
        writeln!(f, "BROKEN: {} violations", self.violations.len())?;
        for violation in self.violations.iter().take(PRINTED) {
            writeln!(f, "  {violation:?}")?;
        }
        write!(f, "  ({} in all)", self.violations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_history() {
        let text = r#"{"t":0,"kind":"run","seed":5,"about":"x"}
{"t":1,"kind":"member","room":"r","client":"a","private":false}
{"t":1,"kind":"member","room":"r","client":"b","private":false}
{"t":1,"kind":"client","client":"a","by":"ours by Polling"}
{"t":2,"kind":"connected","client":"a"}
{"t":2,"kind":"connected","client":"b"}
{"t":3,"kind":"connected","client":"b"}
{"t":100,"kind":"send","client":"a","room":"r","key":"k"}
{"t":110,"kind":"fault","fault":"kill","what":"node 0"}
{"t":400,"kind":"ack","client":"a","room":"r","key":"k","seq":1}
{"t":450,"kind":"shown","client":"a","room":"r","seq":1,"key":"k"}
{"t":1400,"kind":"shown","client":"b","room":"r","seq":1,"key":"k"}
{"t":1500,"kind":"healed","what":"node 0","after_us":700}
{"t":1600,"kind":"stored","room":"r","seq":1,"key":"k"}
{"t":1700,"kind":"present","node":0,"room":"r","count":2,"names":["a","b"]}
{"t":2000,"kind":"end"}"#;
        let it = Summary::of(&crate::event::read(text).unwrap());
        assert_eq!((it.seed, it.sends, it.acks, it.receipts, it.stored), (5, 1, 1, 2, 1));
        assert_eq!(it.due, 2, "one entry, two members");
        assert!(it.to_string().contains("receipts 2 of 2 (100.000 %)"), "{it}");
        assert_eq!((it.clients, it.reconnects, it.faults["kill"]), (2, 1, 1));
        assert_eq!(it.to_ack, [Duration::from_micros(300); 3]);
        assert_eq!(it.to_ack_by["ours by Polling"], [Duration::from_micros(300); 3]);
        assert_eq!(it.slowest.as_deref(), Some("a (ours by Polling) at 100.0µs, in or after: before any fault"));
        assert_eq!(it.to_receipt, [Duration::from_micros(1_000); 3], "the sender's own is not counted");
        assert_eq!((it.healed, it.length), (Duration::from_micros(700), Duration::from_millis(2)));
        assert!(it.violations.is_empty(), "{it}");
        assert!(it.to_string().contains("KEPT"));
    }
}
