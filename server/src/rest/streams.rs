//! How many event streams a user has open at once: as many as connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_common::UserId;

/// Counts streams by user; holds only users that have one.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    // A std mutex is enough: one lock at a stream's beginning and end.
    open: Arc<Mutex<HashMap<UserId, u32>>>,
}

/// One counted stream; given back on drop.
#[derive(Debug)]
pub struct Slot {
    streams: Streams,
    user: UserId,
}

impl Streams {
    fn open(&self) -> MutexGuard<'_, HashMap<UserId, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a stream of `user`; `None` when it has `max` already.
    pub fn take(&self, user: UserId, max: u32) -> Option<Slot> {
        let mut open = self.open();
        let count = open.get(&user).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        open.insert(user, count + 1);
        Some(Slot { streams: self.clone(), user })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        match open.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_streams_and_gets_them_back() {
        let streams = Streams::default();
        let (ana, bob) = (UserId::from_bits(1), UserId::from_bits(2));
        let first = streams.take(ana, 2).unwrap();
        let _second = streams.take(ana, 2).unwrap();
        assert!(streams.take(ana, 2).is_none());
        assert!(streams.take(bob, 2).is_some());
        drop(first);
        assert!(streams.take(ana, 2).is_some());
        assert_eq!(streams.open().len(), 1);
    }
}
