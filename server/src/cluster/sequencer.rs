//! Brings one room's entries into order before they are told: the wire between nodes may lose, repeat and reorder.
//!
//! A pure machine; who owns it reads the store and keeps the time. The next entry is delivered, a lower one dropped, a
//! higher one held for up to [`HOLD`], then what is missing is read from the store. [`Sequencer::saw_head`] finds a
//! lost tail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_common::Seq;
use chat_common::event::Entry;

/// How long a hole may close by itself before it is read from the store.
pub const HOLD: Duration = Duration::from_millis(100);
/// After a failed read the next one waits so long.
const RETRY: Duration = Duration::from_secs(1);
/// Entries held beyond a hole. When it is full the highest is forgotten: it is read from the store with the hole.
const HELD: usize = 256;

/// What was told of one room on this node.
#[derive(Debug, Default)]
pub struct Sequencer {
    /// The last entry delivered; `None` until the first subscriber's head is known.
    delivered: Option<Seq>,
    /// The highest entry known to exist.
    known: Seq,
    held: BTreeMap<Seq, Arc<Entry>>,
    /// When what is missing may be read.
    due: Option<Instant>,
    reading: bool,
}

impl Sequencer {
    /// Everything up to `head` is known to whoever subscribes now; a second call changes nothing.
    pub fn start(&mut self, head: Seq) {
        if self.delivered.is_none() {
            self.delivered = Some(head);
            self.known = self.known.max(head);
        }
    }

    /// Whether [`Sequencer::start`] was called.
    pub fn started(&self) -> bool {
        self.delivered.is_some()
    }

    /// An entry came over the wire; gives what is to be told now, in order.
    pub fn offer(&mut self, entry: Arc<Entry>, now: Instant) -> Vec<Arc<Entry>> {
        let Some(delivered) = self.delivered else { return Vec::new() };
        let seq = entry.seq;
        if seq <= delivered {
            return Vec::new();
        }
        self.known = self.known.max(seq);
        if seq == delivered.next() && self.held.is_empty() {
            self.delivered = Some(seq);
            self.look_for_hole(now + HOLD);
            return vec![entry];
        }
        self.held.insert(seq, entry);
        if self.held.len() > HELD {
            self.held.pop_last();
        }
        let told = self.release();
        self.look_for_hole(now + HOLD);
        told
    }

    /// The store's newest entry; starts a hole where it is above what was delivered.
    pub fn saw_head(&mut self, head: Seq, now: Instant) {
        if self.delivered.is_some() {
            self.known = self.known.max(head);
            self.look_for_hole(now + HOLD);
        }
    }

    /// Whether something is missing.
    pub fn has_hole(&self) -> bool {
        self.due.is_some()
    }

    /// The position to read after, when a hole did not close by itself. The answer is owed to [`Sequencer::filled`]
    /// or [`Sequencer::failed`].
    pub fn due(&mut self, now: Instant) -> Option<Seq> {
        if self.reading || self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.reading = true;
        self.delivered
    }

    /// What the store has after the position asked for, ascending; gives what is to be told now.
    pub fn filled(&mut self, entries: Vec<Arc<Entry>>, now: Instant) -> Vec<Arc<Entry>> {
        self.reading = false;
        let mut told = Vec::with_capacity(entries.len());
        if entries.is_empty() {
            // The store knows nothing further (retention took it, or a head was told that is no more): go on with
            // what is held.
            match self.held.first_key_value() {
                Some((seq, _)) => self.delivered = Some(seq.prev()),
                None => self.known = self.delivered.unwrap_or_default(),
            }
        }
        for entry in entries {
            if self.delivered.is_none_or(|delivered| entry.seq > delivered) {
                self.delivered = Some(entry.seq);
                told.push(entry);
            }
        }
        told.append(&mut self.release());
        self.known = self.known.max(self.delivered.unwrap_or_default());
        // There may be more than one page: read on at once.
        self.due = None;
        self.look_for_hole(now);
        told
    }

    /// The store could not be read; tried again after a second.
    pub fn failed(&mut self, now: Instant) {
        self.reading = false;
        self.due = Some(now + RETRY);
    }

    fn release(&mut self) -> Vec<Arc<Entry>> {
        let mut told = Vec::new();
        while let Some(first) = self.held.first_entry() {
            let delivered = self.delivered.unwrap_or_default();
            if *first.key() > delivered.next() {
                break;
            }
            let (seq, entry) = first.remove_entry();
            if seq > delivered {
                self.delivered = Some(seq);
                told.push(entry);
            }
        }
        told
    }

    /// A hole that is known already keeps its time, unless the one before it has closed.
    fn look_for_hole(&mut self, due: Instant) {
        if self.known <= self.delivered.unwrap_or_default() {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_common::event::EntryBody;
    use chat_common::model::{User, UserKind};
    use chat_common::{RoomName, Timestamp, UserId, UserName};
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: u64) -> Arc<Entry> {
        Arc::new(Entry {
            room: RoomName::parse("lobby").unwrap(),
            seq: Seq(seq),
            at: Timestamp::from_millis(0),
            from: User {
                id: UserId::from_bits(1),
                name: UserName::parse("ana").unwrap(),
                display_name: "Ana".into(),
                kind: UserKind::User,
            },
            body: EntryBody::Deleted { target: Seq(1) },
        })
    }

    fn seqs(told: &[Arc<Entry>]) -> Vec<u64> {
        told.iter().map(|e| e.seq.0).collect()
    }

    #[test]
    fn the_next_is_told_a_lower_one_dropped_a_higher_one_held() {
        let now = Instant::now();
        let mut s = Sequencer::default();
        assert!(s.offer(entry(6), now).is_empty(), "not started");
        s.start(Seq(5));
        assert_eq!(seqs(&s.offer(entry(6), now)), [6]);
        assert!(s.offer(entry(6), now).is_empty());
        assert!(s.offer(entry(9), now).is_empty());
        assert!(s.offer(entry(8), now).is_empty());
        assert!(s.has_hole());
        assert_eq!(seqs(&s.offer(entry(7), now)), [7, 8, 9]);
        assert!(!s.has_hole());
    }

    #[test]
    fn a_hole_is_read_after_the_hold_and_only_once() {
        let now = Instant::now();
        let mut s = Sequencer::default();
        s.start(Seq(0));
        assert!(s.offer(entry(3), now).is_empty());
        assert_eq!(s.due(now + HOLD / 2), None);
        assert_eq!(s.due(now + HOLD), Some(Seq(0)));
        assert_eq!(s.due(now + HOLD), None, "one read at a time");
        assert_eq!(seqs(&s.filled(vec![entry(1), entry(2), entry(3)], now)), [1, 2, 3]);
        assert!(!s.has_hole());
    }

    #[test]
    fn a_lost_tail_shows_by_the_head_and_a_failed_read_is_tried_again() {
        let now = Instant::now();
        let mut s = Sequencer::default();
        s.start(Seq(4));
        s.saw_head(Seq(4), now);
        assert!(!s.has_hole());
        s.saw_head(Seq(5), now);
        assert_eq!(s.due(now + HOLD), Some(Seq(4)));
        s.failed(now);
        assert_eq!(s.due(now + HOLD), None);
        assert_eq!(s.due(now + RETRY), Some(Seq(4)));
        assert_eq!(seqs(&s.filled(vec![entry(5)], now)), [5]);
    }

    #[test]
    fn what_retention_took_does_not_hold_up_the_rest() {
        let now = Instant::now();
        let mut s = Sequencer::default();
        s.start(Seq(1));
        s.offer(entry(9), now);
        assert_eq!(s.due(now + HOLD), Some(Seq(1)));
        assert_eq!(seqs(&s.filled(vec![], now)), [9]);
        assert!(!s.has_hole());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let now = Instant::now();
        let mut s = Sequencer::default();
        s.start(Seq(0));
        for seq in 2..2_000 {
            s.offer(entry(seq), now);
        }
        assert!(s.held.len() <= HELD);
    }

    proptest! {
        /// Whatever the wire does, each entry is told once and in order, as soon as the store can be read.
        #[test]
        fn every_entry_is_told_once_in_order(wire in prop::collection::vec(1u64..40, 0..120), head in 0u64..40) {
            let mut now = Instant::now();
            let mut s = Sequencer::default();
            s.start(Seq(0));
            let mut told = Vec::new();
            let mut newest = head;
            for seq in wire {
                newest = newest.max(seq);
                now += Duration::from_millis(30);
                told.extend(seqs(&s.offer(entry(seq), now)));
                if let Some(after) = s.due(now) {
                    let page = (after.0 + 1..=newest).take(7).map(entry).collect();
                    told.extend(seqs(&s.filled(page, now)));
                }
            }
            s.saw_head(Seq(newest), now);
            while s.has_hole() {
                now += HOLD;
                if let Some(after) = s.due(now) {
                    let page = (after.0 + 1..=newest).take(7).map(entry).collect();
                    told.extend(seqs(&s.filled(page, now)));
                }
            }
            prop_assert_eq!(told, (1..=newest).collect::<Vec<_>>());
        }
    }
}
