//! What a chat promises, checked over the logs of all its clients after the fact. Pure: logs in, faults out.
//!
//! Each client writes down what it showed, room by room, and each positive answer to a send. From that and from what
//! the store holds in the end follows whether every acknowledged message is there once, whether all saw one order,
//! and whether anybody missed anything.

use std::collections::{BTreeMap, BTreeSet};

/// One entry that a client showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number in the room.
    pub seq: u64,
    /// The sender's key (`client_id`).
    pub key: String,
}

/// One positive answer to a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Where.
    pub room: String,
    /// The sender's key.
    pub key: String,
    /// What the server promised.
    pub seq: u64,
}

/// What one client wrote down.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Who.
    pub name: String,
    /// What it showed, in the order in which it did; a room that it is in and that stayed silent is empty.
    pub rooms: BTreeMap<String, Vec<Shown>>,
    /// The answers it got.
    pub acks: Vec<Ack>,
}

/// What the store holds in the end: each room's entries, ascending.
pub type Truth = BTreeMap<String, Vec<Shown>>;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An acknowledged message is not in the store at the number that was promised.
    LostAck { client: String, room: String, key: String, seq: u64 },
    /// A message stands in the store more than once.
    StoredTwice { room: String, key: String, seqs: Vec<u64> },
    /// A number of the store's own log is missing.
    HoleInStore { room: String, after: u64 },
    /// A client showed a number more than once.
    ShownTwice { client: String, room: String, seq: u64 },
    /// A client showed a lower number after a higher one.
    OutOfOrder { client: String, room: String, seq: u64, after: u64 },
    /// A client went over a number.
    Hole { client: String, room: String, after: u64 },
    /// A client did not come to the end of the room.
    Behind { client: String, room: String, at: u64, head: u64 },
    /// A client showed something else than what the store holds under this number.
    Different { client: String, room: String, seq: u64, shown: String, stored: Option<String> },
    /// A client showed something of a room that it is not in.
    ForeignRoom { client: String, room: String },
}

/// Compares the logs with each other and with the store. `members` says who is in which room. No fault: all promises
/// were kept.
pub fn check(truth: &Truth, members: &BTreeMap<String, BTreeSet<String>>, logs: &[Log]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (room, entries) in truth {
        store(room, entries, &mut faults);
    }
    for log in logs {
        for ack in &log.acks {
            let stored = truth.get(&ack.room).and_then(|entries| at(entries, ack.seq));
            if stored != Some(ack.key.as_str()) {
                let Ack { room, key, seq } = ack.clone();
                faults.push(Fault::LostAck { client: log.name.clone(), room, key, seq });
            }
        }
        for (room, shown) in &log.rooms {
            let client = log.name.clone();
            if !members.get(room).is_some_and(|all| all.contains(&client)) {
                faults.push(Fault::ForeignRoom { client, room: room.clone() });
                continue;
            }
            let empty = Vec::new();
            one_room(&client, room, shown, truth.get(room).unwrap_or(&empty), &mut faults);
        }
    }
    faults
}

/// The key under a number; entries ascend.
fn at(entries: &[Shown], seq: u64) -> Option<&str> {
    let found = entries.binary_search_by_key(&seq, |e| e.seq).ok()?;
    Some(entries[found].key.as_str())
}

fn store(room: &str, entries: &[Shown], faults: &mut Vec<Fault>) {
    let mut by_key: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut last = 0;
    for entry in entries {
        if entry.seq != last + 1 {
            faults.push(Fault::HoleInStore { room: room.to_owned(), after: last });
        }
        last = entry.seq;
        by_key.entry(&entry.key).or_default().push(entry.seq);
    }
    for (key, seqs) in by_key.into_iter().filter(|(_, seqs)| seqs.len() > 1) {
        faults.push(Fault::StoredTwice { room: room.to_owned(), key: key.to_owned(), seqs });
    }
}

fn one_room(client: &str, room: &str, shown: &[Shown], stored: &[Shown], faults: &mut Vec<Fault>) {
    let (client, room) = (client.to_owned(), room.to_owned());
    let mut seen = BTreeSet::new();
    let mut last = 0;
    for entry in shown {
        let seq = entry.seq;
        if !seen.insert(seq) {
            faults.push(Fault::ShownTwice { client: client.clone(), room: room.clone(), seq });
        } else if seq < last {
            faults.push(Fault::OutOfOrder { client: client.clone(), room: room.clone(), seq, after: last });
        }
        let expected = at(stored, seq);
        if expected != Some(entry.key.as_str()) {
            faults.push(Fault::Different {
                client: client.clone(),
                room: room.clone(),
                seq,
                shown: entry.key.clone(),
                stored: expected.map(str::to_owned),
            });
        }
        last = last.max(seq);
    }
    let mut after = 0;
    for seq in seen {
        if seq != after + 1 {
            faults.push(Fault::Hole { client: client.clone(), room: room.clone(), after });
        }
        after = seq;
    }
    let head = stored.last().map_or(0, |e| e.seq);
    if last < head {
        faults.push(Fault::Behind { client, room, at: last, head });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(keys: &[&str]) -> Vec<Shown> {
        (1..).zip(keys).map(|(seq, key)| Shown { seq, key: (*key).to_owned() }).collect()
    }

    /// Two clients in one room with three messages, one of them in a second room; all is well.
    fn story() -> (Truth, BTreeMap<String, BTreeSet<String>>, Vec<Log>) {
        let truth: Truth =
            [("one".to_owned(), entries(&["a1", "b1", "a2"])), ("two".to_owned(), entries(&["b2"]))].into();
        let who = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let members = [("one".to_owned(), who(&["ana", "bob"])), ("two".to_owned(), who(&["bob"]))].into();
        let ack = |room: &str, key: &str, seq| Ack { room: room.to_owned(), key: key.to_owned(), seq };
        let ana = Log {
            name: "ana".to_owned(),
            rooms: [("one".to_owned(), truth["one"].clone())].into(),
            acks: vec![ack("one", "a1", 1), ack("one", "a2", 3)],
        };
        let bob =
            Log { name: "bob".to_owned(), rooms: truth.clone(), acks: vec![ack("one", "b1", 2), ack("two", "b2", 1)] };
        (truth, members, vec![ana, bob])
    }

    /// The faults after somebody has broken the story.
    fn broken(change: impl FnOnce(&mut Truth, &mut Vec<Log>)) -> Vec<Fault> {
        let (mut truth, members, mut logs) = story();
        change(&mut truth, &mut logs);
        check(&truth, &members, &logs)
    }

    fn room(log: &mut Log) -> &mut Vec<Shown> {
        log.rooms.get_mut("one").expect("both are in it")
    }

    #[test]
    fn a_story_that_went_well_has_no_fault() {
        assert_eq!(broken(|_, _| {}), []);
    }

    #[test]
    fn what_was_shown_twice_is_found() {
        let faults = broken(|_, logs| {
            let again = room(&mut logs[0])[1].clone();
            room(&mut logs[0]).push(again);
        });
        assert_eq!(faults, [Fault::ShownTwice { client: "ana".into(), room: "one".into(), seq: 2 }]);
    }

    #[test]
    fn what_was_missed_in_the_middle_is_found() {
        let faults = broken(|_, logs| drop(room(&mut logs[1]).remove(1)));
        assert_eq!(faults, [Fault::Hole { client: "bob".into(), room: "one".into(), after: 1 }]);
    }

    #[test]
    fn what_was_missed_at_the_beginning_or_the_end_is_found() {
        let faults = broken(|_, logs| drop(room(&mut logs[1]).remove(0)));
        assert_eq!(faults, [Fault::Hole { client: "bob".into(), room: "one".into(), after: 0 }]);
        let faults = broken(|_, logs| drop(room(&mut logs[1]).pop()));
        assert_eq!(faults, [Fault::Behind { client: "bob".into(), room: "one".into(), at: 2, head: 3 }]);
        let faults = broken(|_, logs| room(&mut logs[1]).clear());
        assert_eq!(faults, [Fault::Behind { client: "bob".into(), room: "one".into(), at: 0, head: 3 }]);
    }

    #[test]
    fn what_came_out_of_order_is_found() {
        let faults = broken(|_, logs| room(&mut logs[0]).swap(1, 2));
        assert_eq!(faults, [Fault::OutOfOrder { client: "ana".into(), room: "one".into(), seq: 2, after: 3 }]);
    }

    #[test]
    fn an_acknowledged_message_that_is_gone_is_found() {
        // Gone with its number: the store has a hole as well, and the clients showed what it does not hold.
        let faults = broken(|truth, _| drop(truth.get_mut("one").map(|e| e.remove(1))));
        assert!(faults.contains(&Fault::LostAck {
            client: "bob".into(),
            room: "one".into(),
            key: "b1".into(),
            seq: 2
        }));
        assert!(faults.contains(&Fault::HoleInStore { room: "one".into(), after: 1 }));
        // Gone from the end, as after a restore: no hole tells of it.
        let faults = broken(|truth, logs| {
            truth.get_mut("one").map(Vec::pop);
            logs.iter_mut().for_each(|log| drop(room(log).pop()));
        });
        assert_eq!(faults, [Fault::LostAck { client: "ana".into(), room: "one".into(), key: "a2".into(), seq: 3 }]);
    }

    #[test]
    fn an_acknowledgement_with_another_number_is_found() {
        let faults = broken(|_, logs| logs[0].acks[1].seq = 2);
        assert_eq!(faults, [Fault::LostAck { client: "ana".into(), room: "one".into(), key: "a2".into(), seq: 2 }]);
    }

    #[test]
    fn a_message_that_is_stored_twice_is_found() {
        let faults = broken(|truth, logs| {
            let twice = Shown { seq: 4, key: "a1".to_owned() };
            truth.get_mut("one").expect("it is there").push(twice.clone());
            logs.iter_mut().for_each(|log| room(log).push(twice.clone()));
        });
        assert_eq!(faults, [Fault::StoredTwice { room: "one".into(), key: "a1".into(), seqs: vec![1, 4] }]);
    }

    #[test]
    fn two_orders_are_found() {
        let faults = broken(|_, logs| {
            room(&mut logs[1])[0].key = "b1".to_owned();
            room(&mut logs[1])[1].key = "a1".to_owned();
        });
        let different = |seq, shown: &str, stored: &str| Fault::Different {
            client: "bob".into(),
            room: "one".into(),
            seq,
            shown: shown.into(),
            stored: Some(stored.into()),
        };
        assert_eq!(faults, [different(1, "b1", "a1"), different(2, "a1", "b1")]);
    }

    #[test]
    fn what_somebody_saw_of_a_foreign_room_is_found() {
        let faults = broken(|truth, logs| drop(logs[0].rooms.insert("two".to_owned(), truth["two"].clone())));
        assert_eq!(faults, [Fault::ForeignRoom { client: "ana".into(), room: "two".into() }]);
    }
}
