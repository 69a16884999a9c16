//! One room's log as this client knows it: whole up to a position, and what is done about a hole.
//!
//! `seq + 1` is told on, a lower one dropped, a higher one held while `room:sync` fetches what is missing. A server that
//! lies (numbers that jump, a head nobody can reach, pages that lead nowhere) costs a bounded number of questions and
//! a bounded number of held entries.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_common::event::Entry;
use chat_common::model::{Message, Sync};
use chat_common::{Epoch, RoomName, Seq, Timestamp};

use super::Position;

/// Entries held above a hole; beyond, the highest go, and the hole's repair brings them.
const HELD: usize = 1_024;
/// Messages taken from a reset; the latest count.
const PAGE: usize = 500;
/// Useless answers in a row after which the server is no longer believed.
const STRIKES: u32 = 5;

/// What a log wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// The next entry.
    Entry(Box<Entry>),
    /// Everything known is void.
    Reset {
        /// Their lineage.
        epoch: Epoch,
        /// Ascending.
        messages: Vec<Message>,
        /// The oldest kept.
        first: Seq,
        /// The newest.
        head: Seq,
    },
    /// Lost for good (only for a log that is followed).
    Gap {
        /// The last told.
        after: Seq,
        /// The next that can be told.
        next: Seq,
        /// Another store.
        epoch_changed: bool,
    },
    /// A repair began or ended.
    Repairing(bool),
    /// Send `room:sync`.
    Ask {
        /// The last contiguous entry.
        after: Seq,
        /// Its lineage.
        epoch: Epoch,
        /// However many.
        full: bool,
    },
}

/// One room's log.
#[derive(Clone, Debug)]
pub struct Log {
    room: RoomName,
    /// Every entry is wanted, however many; otherwise a long absence is answered by the latest page.
    full: bool,
    /// Whole up to here.
    at: Option<(Epoch, Seq)>,
    /// When the last entry told was stored.
    last_at: Option<Timestamp>,
    /// After a change of epoch: entries up to this time were told under their old numbers.
    told_until: Option<Timestamp>,
    held: BTreeMap<Seq, Entry>,
    /// The highest position said to exist.
    target: Seq,
    asking: bool,
    /// A `room:sync` went out on this connection (a join or a resume may answer with a reset for its length alone).
    asked: bool,
    repairing: bool,
    strikes: u32,
    retry_at: Option<Duration>,
}

impl Log {
    /// A log of which nothing is known yet, or that is whole up to `from`.
    pub fn new(room: RoomName, full: bool, from: Option<Position>) -> Self {
        Self {
            room,
            full,
            target: from.as_ref().map_or(Seq::ZERO, |p| p.seq),
            last_at: from.as_ref().and_then(|p| p.at),
            at: from.map(|p| (p.epoch, p.seq)),
            told_until: None,
            held: BTreeMap::new(),
            asking: true,
            asked: false,
            repairing: false,
            strikes: 0,
            retry_at: None,
        }
    }

    /// Whole up to here, once anything is known.
    pub fn at(&self) -> Option<&(Epoch, Seq)> {
        self.at.as_ref()
    }

    /// The same with the time of the last entry told.
    pub fn position(&self) -> Option<Position> {
        self.at.clone().map(|(epoch, seq)| Position { epoch, seq, at: self.last_at })
    }

    /// When to look again.
    pub fn wake_at(&self) -> Option<Duration> {
        self.retry_at
    }

    /// A live entry.
    pub fn entry(&mut self, entry: Entry, out: &mut Vec<Out>) {
        if entry.room != self.room {
            return;
        }
        let Some((_, last)) = &self.at else {
            self.hold(entry);
            return;
        };
        if entry.seq <= *last {
            return;
        }
        self.target = self.target.max(entry.seq);
        let next = entry.seq == last.next();
        self.hold(entry);
        if next && !self.asking {
            self.advance(out);
        }
        self.look(out);
    }

    /// The room's newest entry, as a hint.
    pub fn head(&mut self, head: Seq, out: &mut Vec<Out>) {
        if self.at.as_ref().is_some_and(|(_, last)| head > *last) {
            self.target = self.target.max(head);
            self.look(out);
        }
    }

    /// An answer: to a join, a resume or a sync.
    pub fn sync(&mut self, sync: Sync, now: Duration, out: &mut Vec<Out>) {
        self.asking = false;
        let before = self.at.clone();
        if sync.reset {
            self.reset(sync, out);
        } else {
            self.apply(sync, out);
        }
        if before == self.at && self.missing() && self.asked {
            self.strike(now);
        } else {
            self.strikes = 0;
        }
        self.look(out);
    }

    /// The question was not answered.
    pub fn failed(&mut self, now: Duration) {
        self.asking = false;
        self.retry_at = Some(now + Duration::from_secs(2));
    }

    /// A time has come.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<Out>) {
        if self.retry_at.is_some_and(|t| t <= now) {
            self.retry_at = None;
            self.look(out);
        }
    }

    /// The connection is gone; the next one resumes, which counts as a question.
    pub fn disconnected(&mut self) {
        self.held.clear();
        self.asking = true;
        self.asked = false;
        self.retry_at = None;
        self.strikes = 0;
    }

    fn missing(&self) -> bool {
        self.at.as_ref().is_some_and(|(_, last)| *last < self.target)
    }

    fn hold(&mut self, entry: Entry) {
        self.held.insert(entry.seq, entry);
        if self.held.len() > HELD {
            self.held.pop_last();
        }
    }

    /// Tells on what follows without a hole.
    fn advance(&mut self, out: &mut Vec<Out>) {
        let Some((_, last)) = &mut self.at else { return };
        self.held.retain(|seq, _| seq > last);
        while let Some(entry) = self.held.remove(&last.next()) {
            *last = entry.seq;
            if self.told_until.is_none_or(|t| entry.at > t) {
                self.told_until = None;
                self.last_at = Some(entry.at);
                out.push(Out::Entry(Box::new(entry)));
            }
        }
    }

    /// Asks if something is missing and nothing is asked yet; says when a repair begins and ends.
    fn look(&mut self, out: &mut Vec<Out>) {
        let missing = self.missing();
        if missing
            && !self.asking
            && self.retry_at.is_none()
            && let Some((epoch, last)) = &self.at
        {
            out.push(Out::Ask { after: *last, epoch: epoch.clone(), full: self.full });
            self.asking = true;
            self.asked = true;
        }
        if missing != self.repairing {
            self.repairing = missing;
            out.push(Out::Repairing(missing));
        }
    }

    fn strike(&mut self, now: Duration) {
        self.strikes += 1;
        if self.strikes >= STRIKES {
            // What was promised is not there. Go on from what is known; the next honest entry asks again.
            self.strikes = 0;
            self.held.clear();
            self.target = self.at.as_ref().map_or(Seq::ZERO, |(_, last)| *last);
        } else {
            self.retry_at = Some(now + Duration::from_secs(1 << self.strikes));
        }
    }

    fn apply(&mut self, sync: Sync, out: &mut Vec<Out>) {
        let Some((epoch, last)) = &self.at else { return };
        if *epoch != sync.epoch {
            return;
        }
        let mut next = last.next();
        for entry in sync.entries.unwrap_or_default() {
            // A page is contiguous; what jumps is not believed.
            if entry.room == self.room && entry.seq == next {
                next = next.next();
                self.held.insert(entry.seq, entry);
            }
        }
        self.target = self.target.max(sync.head);
        self.advance(out);
    }

    fn reset(&mut self, sync: Sync, out: &mut Vec<Out>) {
        if let (true, Some((epoch, last))) = (self.full, self.at.clone()) {
            let epoch_changed = epoch != sync.epoch || last > sync.head;
            let before = sync.first.prev();
            self.target = sync.head;
            if epoch_changed {
                self.held.clear();
                self.told_until = self.last_at;
                self.at = Some((sync.epoch, before));
                out.push(Out::Gap { after: last, next: sync.first, epoch_changed });
            } else if last < before {
                self.at = Some((sync.epoch, before));
                out.push(Out::Gap { after: last, next: sync.first, epoch_changed });
            }
            // Otherwise too much was missing for one answer: ask for all of it.
            return;
        }
        let mut messages: Vec<Message> = sync.messages.unwrap_or_default();
        messages.retain(|m| m.room == self.room && m.seq <= sync.head && m.rev <= sync.head);
        messages.sort_by_key(|m| m.seq);
        messages.dedup_by_key(|m| m.seq);
        messages.drain(..messages.len().saturating_sub(PAGE));
        self.last_at = messages.last().map(|m| m.at).or(self.last_at);
        if self.at.as_ref().is_some_and(|(epoch, _)| *epoch != sync.epoch) {
            self.held.clear();
        }
        self.at = Some((sync.epoch.clone(), sync.head));
        self.target = self.held.last_key_value().map_or(sync.head, |(seq, _)| sync.head.max(*seq));
        out.push(Out::Reset { epoch: sync.epoch, messages, first: sync.first, head: sync.head });
        self.advance(out);
    }
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
