//! What the chat promises, checked over a history after the fact. Pure: events in, violations out.
//!
//! Each client wrote down what it showed and each positive answer to a send; from that and from the rooms' logs in the
//! end follows whether every acknowledged message is there once, whether all saw one order, whether anybody missed
//! anything or saw what he may not, and whether presence was right.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;

/// A promise that was broken, or a history from which it cannot be told whether one was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// An acknowledged message is not in the log at the number that was promised.
    LostAck { client: String, room: String, key: String, seq: u64 },
    /// A message was never acknowledged, though the client repeated it until the end.
    Unanswered { client: String, room: String, key: String },
    /// A message stands in the log more than once, acknowledged or not.
    StoredTwice { room: String, key: String, seqs: Vec<u64> },
    /// The log holds what nobody sent to this room.
    NobodySent { room: String, key: String },
    /// A number of the log is missing.
    HoleInLog { room: String, after: u64 },
    /// A client showed a number more than once.
    ShownTwice { client: String, room: String, seq: u64 },
    /// A client showed a lower number after a higher one.
    OutOfOrder { client: String, room: String, seq: u64, after: u64 },
    /// A client went over a number.
    Hole { client: String, room: String, after: u64 },
    /// A client did not come to the end of the room.
    Behind { client: String, room: String, at: u64, head: u64 },
    /// A client showed something else than what the log holds under this number.
    Different { client: String, room: String, seq: u64, shown: String, stored: Option<String> },
    /// A client showed something of a room that it is not in.
    ForeignRoom { client: String, room: String },
    /// Somebody who is in no room got content of a private one.
    Leak { client: String, what: String },
    /// In the end a node counts somebody as present who is not, or the other way round.
    Presence { node: usize, room: String, missing: Vec<String>, beyond: Vec<String>, count: u64, expected: u64 },
    /// Presence did not become right after a fault.
    NotHealed { what: String, why: String },
    /// A client met what the protocol does not allow.
    Complaint { client: String, what: String },
    /// Something that must be in a history is not there, so that the rest proves nothing.
    Missing { what: String },
}

/// One entry: number and key.
type Entry = (u64, String);

/// The history, sorted by what it tells about.
#[derive(Default)]
struct Story {
    members: BTreeMap<String, BTreeSet<String>>,
    private: BTreeSet<String>,
    sends: BTreeMap<(String, String), String>,
    acks: Vec<(String, String, String, u64)>,
    shown: BTreeMap<(String, String), Vec<Entry>>,
    log: BTreeMap<String, Vec<Entry>>,
    presence: BTreeSet<String>,
    tries: usize,
    ended: bool,
    found: Vec<Violation>,
}

/// Compares all that was written down. No violation: all promises were kept.
pub fn check<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Violation> {
    let mut story = Story::default();
    events.into_iter().for_each(|event| story.take(event.clone()));
    story.whole();
    story.answers();
    for room in story.members.keys() {
        let empty = Vec::new();
        log(room, story.log.get(room).unwrap_or(&empty), &story.sends, &mut story.found);
    }
    for ((client, room), shown) in &story.shown {
        if !story.members.get(room).is_some_and(|all| all.contains(client)) {
            story.found.push(Violation::ForeignRoom { client: client.clone(), room: room.clone() });
            continue;
        }
        let empty = Vec::new();
        view(client, room, shown, story.log.get(room).unwrap_or(&empty), &mut story.found);
    }
    story.found
}

impl Story {
    fn take(&mut self, event: Event) {
        match event {
            Event::Member { room, client, private } => {
                if private {
                    self.private.insert(room.clone());
                }
                // A view is empty until something is shown, and then stays behind.
                self.shown.entry((client.clone(), room.clone())).or_default();
                self.members.entry(room).or_default().insert(client);
            }
            Event::Send { client, room, key } => drop(self.sends.insert((room, key), client)),
            Event::Ack { client, room, key, seq } => self.acks.push((client, room, key, seq)),
            Event::Shown { client, room, seq, key } => {
                self.shown.entry((client, room)).or_default().push((seq, key));
            }
            Event::Stored { room, seq, key } => self.log.entry(room).or_default().push((seq, key)),
            Event::Present { node, room, count, names } => self.presence(node, room, count, names),
            Event::Complaint { client, what } => self.found.push(Violation::Complaint { client, what }),
            Event::Leak { client, what } => self.found.push(Violation::Leak { client, what }),
            Event::NotHealed { what, why } => self.found.push(Violation::NotHealed { what, why }),
            Event::Tried { .. } => self.tries += 1,
            Event::End {} => self.ended = true,
            Event::Run { .. }
            | Event::Client { .. }
            | Event::Connected { .. }
            | Event::Joined { .. }
            | Event::Fault { .. }
            | Event::Healed { .. } => {}
        }
    }

    fn presence(&mut self, node: usize, room: String, count: u64, names: Option<Vec<String>>) {
        let expected = self.members.get(&room).cloned().unwrap_or_default();
        self.presence.insert(room.clone());
        let (missing, beyond) = names.map_or_else(Default::default, |names| {
            let there: BTreeSet<String> = names.into_iter().collect();
            let less = |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>();
            (less(&expected, &there), less(&there, &expected))
        });
        let expected = expected.len() as u64;
        if count != expected || !missing.is_empty() || !beyond.is_empty() {
            self.found.push(Violation::Presence { node, room, missing, beyond, count, expected });
        }
    }

    /// Nothing that proves something may be missing.
    fn whole(&mut self) {
        let mut missing = |what: String| self.found.push(Violation::Missing { what });
        if !self.ended {
            missing("the end of the history".to_owned());
        }
        if self.sends.is_empty() {
            missing("any message".to_owned());
        }
        for room in self.members.keys().filter(|room| !self.presence.contains(*room)) {
            missing(format!("presence in {room}"));
        }
        if !self.private.is_empty() && self.tries == 0 {
            missing("anybody who tried to see a private room".to_owned());
        }
    }

    fn answers(&mut self) {
        let mut answered = BTreeSet::new();
        for (client, room, key, seq) in &self.acks {
            answered.insert((room, key));
            let stored = self.log.get(room).and_then(|log| at(log, *seq));
            if stored != Some(key.as_str()) {
                let (client, room, key, seq) = (client.clone(), room.clone(), key.clone(), *seq);
                self.found.push(Violation::LostAck { client, room, key, seq });
            }
        }
        for ((room, key), client) in self.sends.iter().filter(|((room, key), _)| !answered.contains(&(room, key))) {
            let (client, room, key) = (client.clone(), room.clone(), key.clone());
            self.found.push(Violation::Unanswered { client, room, key });
        }
    }
}

/// The key under a number; entries ascend.
fn at(entries: &[Entry], seq: u64) -> Option<&str> {
    let found = entries.binary_search_by_key(&seq, |e| e.0).ok()?;
    Some(entries[found].1.as_str())
}

fn log(room: &str, entries: &[Entry], sends: &BTreeMap<(String, String), String>, found: &mut Vec<Violation>) {
    let mut by_key: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut last = 0;
    for (seq, key) in entries {
        if *seq != last + 1 {
            found.push(Violation::HoleInLog { room: room.to_owned(), after: last });
        }
        last = *seq;
        by_key.entry(key).or_default().push(*seq);
    }
    for (key, seqs) in by_key {
        if !sends.contains_key(&(room.to_owned(), key.to_owned())) {
            found.push(Violation::NobodySent { room: room.to_owned(), key: key.to_owned() });
        }
        if seqs.len() > 1 {
            found.push(Violation::StoredTwice { room: room.to_owned(), key: key.to_owned(), seqs });
        }
    }
}

fn view(client: &str, room: &str, shown: &[Entry], stored: &[Entry], found: &mut Vec<Violation>) {
    let (client, room) = (client.to_owned(), room.to_owned());
    let mut seen = BTreeSet::new();
    let mut last = 0;
    for (seq, key) in shown {
        let seq = *seq;
        if !seen.insert(seq) {
            found.push(Violation::ShownTwice { client: client.clone(), room: room.clone(), seq });
        } else if seq < last {
            found.push(Violation::OutOfOrder { client: client.clone(), room: room.clone(), seq, after: last });
        }
        let expected = at(stored, seq);
        if expected != Some(key.as_str()) {
            let stored = expected.map(str::to_owned);
            let (client, room, shown) = (client.clone(), room.clone(), key.clone());
            found.push(Violation::Different { client, room, seq, shown, stored });
        }
        last = last.max(seq);
    }
    let mut after = 0;
    for seq in seen {
        if seq != after + 1 {
            found.push(Violation::Hole { client: client.clone(), room: room.clone(), after });
        }
        after = seq;
    }
    let head = stored.last().map_or(0, |e| e.0);
    if last < head {
        found.push(Violation::Behind { client, room, at: last, head });
    }
}

#[cfg(test)]
mod tests;
