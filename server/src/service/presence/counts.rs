//! Which large rooms are to be told their numbers, and when: at most once in 5 s.

use std::collections::HashMap;
use std::time::Duration;

use chat_common::{RoomName, Timestamp};

use crate::storage::RoomId;

/// A room is told its numbers at most so often.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Count {
    name: RoomName,
    changed: bool,
    ours: bool,
    told_at: Option<Timestamp>,
}

/// A room that is to be told its numbers.
#[derive(Debug)]
pub(super) struct Due {
    pub room: RoomId,
    pub name: RoomName,
    /// Its members changed by this node's doing.
    pub ours: bool,
}

/// Rooms whose numbers changed, and those told of late. Bounded by the number of large rooms.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<RoomId, Count>);

impl Counts {
    /// The numbers of a room changed; `ours`: its members, by this node's doing.
    pub fn changed(&mut self, room: RoomId, name: &RoomName, ours: bool) {
        let new = || Count { name: name.clone(), changed: true, ours: false, told_at: None };
        let count = self.0.entry(room).or_insert_with(new);
        count.changed = true;
        count.ours |= ours;
    }

    /// The rooms to be told now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let resting = |count: &Count| count.told_at.is_some_and(|at| now >= at && now.since(at) < EVERY);
        self.0.retain(|_, count| count.changed || resting(count));
        let mut due = Vec::new();
        for (room, count) in &mut self.0 {
            if count.changed && !resting(count) {
                count.changed = false;
                count.told_at = Some(now);
                due.push(Due { room: *room, name: count.name.clone(), ours: std::mem::take(&mut count.ours) });
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_at_most_once_in_five_seconds() {
        let at = |s: i64| Timestamp::from_millis(s * 1_000);
        let name = RoomName::parse("all").unwrap();
        let mut counts = Counts::default();
        counts.changed(RoomId(1), &name, true);
        let due = counts.due(at(0));
        assert_eq!((due.len(), due[0].ours), (1, true));
        counts.changed(RoomId(1), &name, false);
        assert!(counts.due(at(4)).is_empty());
        let due = counts.due(at(5));
        assert_eq!((due.len(), due[0].ours), (1, false), "the change is not forgotten");
        assert!(counts.due(at(20)).is_empty());
        assert!(counts.0.is_empty(), "rooms at rest are not kept");
    }
}
