//! Who is in a room, remembered for at most two seconds: what reads, typing and presence may be late by.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chat_common::{Timestamp, UserId};

use crate::domain::presence::Everyone;
use crate::service::{Result, Services};
use crate::storage::RoomId;

/// A copy may be so old.
const FRESH: Duration = Duration::from_secs(2);
/// User ids remembered over all rooms; when there are more, all are forgotten and read anew.
const MAX: usize = 1_000_000;

/// The copies.
#[derive(Debug, Default)]
pub(super) struct Members {
    rooms: HashMap<RoomId, Remembered>,
    held: usize,
}

#[derive(Debug)]
struct Remembered {
    read_at: Timestamp,
    members: Arc<HashSet<UserId>>,
    /// How many of them are present, and the [`Everyone::moves`] it was counted at.
    present: Option<(u64, u32)>,
}

impl Members {
    fn get(&mut self, room: RoomId, now: Timestamp) -> Option<Arc<HashSet<UserId>>> {
        self.fresh(room, now).map(|copy| Arc::clone(&copy.members))
    }

    fn fresh(&mut self, room: RoomId, now: Timestamp) -> Option<&mut Remembered> {
        // A clock that was set back makes a copy look young for ever: it must not be from the future either.
        self.rooms.get_mut(&room).filter(|copy| now >= copy.read_at && now.since(copy.read_at) < FRESH)
    }

    fn put(&mut self, room: RoomId, members: Arc<HashSet<UserId>>, now: Timestamp) {
        if self.held + members.len() > MAX {
            self.rooms.clear();
            self.held = 0;
        }
        self.forget(room);
        // One more for the room itself, so that empty ones count.
        self.held += members.len() + 1;
        self.rooms.insert(room, Remembered { read_at: now, members, present: None });
    }

    /// Brings a copy up to date, so that many joins do not make the room be read as often.
    pub fn change(&mut self, room: RoomId, user: UserId, member: bool) {
        if let Some(copy) = self.rooms.get_mut(&room) {
            copy.present = None;
            let members = Arc::make_mut(&mut copy.members);
            let before = members.len();
            if member {
                members.insert(user);
            } else {
                members.remove(&user);
            }
            self.held = (self.held + members.len()).saturating_sub(before);
        }
    }

    /// Reads it anew the next time.
    pub fn forget(&mut self, room: RoomId) {
        if let Some(copy) = self.rooms.remove(&room) {
            self.held = self.held.saturating_sub(copy.members.len() + 1);
        }
    }
}

/// Who is in a room.
pub(in crate::service) async fn of_room(s: &Services, room: RoomId) -> Result<Arc<HashSet<UserId>>> {
    let now = s.now();
    if let Some(members) = s.presence.lock().members.get(room, now) {
        return Ok(members);
    }
    let members = Arc::new(s.store.member_ids(room).await?.into_iter().collect::<HashSet<_>>());
    s.presence.lock().members.put(room, Arc::clone(&members), now);
    Ok(members)
}

/// How many of a room are present. Counted anew only after somebody came or went: when thousands come back at once, all
/// of whom are still present, it is counted once.
pub(in crate::service) async fn count(s: &Services, room: RoomId) -> Result<u32> {
    let members = of_room(s, room).await?;
    let now = s.now();
    let mut inner = s.presence.lock();
    let moves = inner.everyone.moves();
    let known = inner.members.fresh(room, now).and_then(|copy| copy.present);
    if let Some((_, count)) = known.filter(|(at, _)| *at == moves) {
        return Ok(count);
    }
    let count = u32::try_from(both(&inner.everyone, &members).count()).unwrap_or(u32::MAX);
    // Who joined or left meanwhile made another copy.
    if let Some(copy) = inner.members.fresh(room, now).filter(|copy| Arc::ptr_eq(&copy.members, &members)) {
        copy.present = Some((moves, count));
    }
    Ok(count)
}

/// Who is present and a member; walks the smaller of the two.
pub(super) fn both<'a>(people: &'a Everyone, members: &'a HashSet<UserId>) -> Box<dyn Iterator<Item = UserId> + 'a> {
    if people.len() < members.len() {
        Box::new(people.ids().filter(|id| members.contains(id)))
    } else {
        Box::new(members.iter().copied().filter(|id| people.is_present(*id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_age_and_are_bounded() {
        let at = |ms: i64| Timestamp::from_millis(1_000_000 + ms);
        let set = |n: u64| Arc::new((0..n).map(UserId::from_bits).collect::<HashSet<_>>());
        let mut members = Members::default();
        members.put(RoomId(1), set(10), at(0));
        assert!(members.get(RoomId(1), at(1_999)).is_some());
        assert!(members.get(RoomId(1), at(2_000)).is_none());
        assert!(members.get(RoomId(1), at(-1)).is_none());
        members.put(RoomId(1), set(20), at(0));
        assert_eq!(members.held, 21);
        members.change(RoomId(1), UserId::from_bits(99), true);
        members.change(RoomId(1), UserId::from_bits(99), true);
        members.change(RoomId(1), UserId::from_bits(3), false);
        members.change(RoomId(2), UserId::from_bits(3), true);
        let copy = members.get(RoomId(1), at(0)).unwrap();
        assert!(copy.contains(&UserId::from_bits(99)) && !copy.contains(&UserId::from_bits(3)));
        assert_eq!((copy.len(), members.held), (20, 21));
        members.fresh(RoomId(1), at(0)).unwrap().present = Some((7, 20));
        members.change(RoomId(1), UserId::from_bits(98), true);
        assert_eq!(members.fresh(RoomId(1), at(0)).unwrap().present, None, "a join is counted");
        members.forget(RoomId(1));
        assert_eq!(members.held, 0);
        let large = set(600_000);
        members.put(RoomId(1), Arc::clone(&large), at(0));
        members.put(RoomId(2), large, at(0));
        assert_eq!(members.rooms.len(), 1, "the older one made room");
    }
}
