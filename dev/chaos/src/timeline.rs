//! One room as a client keeps it, by the rules of the protocol: the next entry is shown, a lower one dropped, a
//! higher one held until what lies between has been fetched.

use std::collections::BTreeMap;

/// A client's view of one room.
#[derive(Debug, Default)]
pub struct Timeline {
    last: u64,
    held: BTreeMap<u64, String>,
    /// The highest number it has heard of.
    head: u64,
}

impl Timeline {
    /// An entry came, live or fetched; gives what can be shown now, number and key.
    #[must_use]
    pub fn offer(&mut self, seq: u64, key: &str) -> Vec<(u64, String)> {
        self.head = self.head.max(seq);
        if seq > self.last {
            self.held.insert(seq, key.to_owned());
        }
        let mut shown = Vec::new();
        while let Some(key) = self.held.remove(&(self.last + 1)) {
            self.last += 1;
            shown.push((self.last, key));
        }
        shown
    }

    /// The server told the room's head.
    pub fn saw_head(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// The last number without a gap before it.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether something must be fetched from behind [`Self::last`].
    pub fn has_gap(&self) -> bool {
        self.head > self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_in_order_drops_what_it_had_and_holds_what_is_ahead() {
        let mut room = Timeline::default();
        let mut shown = Vec::new();
        for (seq, key) in [(1, "a"), (3, "c"), (1, "again"), (4, "d")] {
            shown.extend(room.offer(seq, key));
        }
        assert!(room.last() == 1 && room.has_gap());
        shown.extend(room.offer(2, "b"));
        let shown: Vec<_> = shown.iter().map(|(seq, key)| (*seq, key.as_str())).collect();
        assert_eq!(shown, [(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        assert!(!room.has_gap());
        room.saw_head(5);
        assert!(room.has_gap(), "a lost tail shows by the head");
    }
}
