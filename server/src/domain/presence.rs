//! Who is present: connections, chosen status, and the time after the last connection ended. A pure machine; it is
//! told what happens and when, and says what changed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chat_common::model::Status;
use chat_common::{Timestamp, UserId};

/// Offline so long after the last connection ended, so that a quick reconnect does not flap.
pub const GRACE: Duration = Duration::from_secs(10);

/// How a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `Offline` for who has gone.
    pub status: Status,
    /// The user's own line.
    pub text: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Grows with every change on this node: of two reports about a user the higher one holds.
    pub version: u64,
}

/// One that is present.
#[derive(Debug)]
struct Person {
    state: State,
    connections: BTreeSet<u64>,
    /// When the last connection ended.
    alone_since: Option<Timestamp>,
}

/// Everyone present on this node.
#[derive(Debug, Default)]
pub struct People {
    present: HashMap<UserId, Person>,
    version: u64,
}

impl People {
    /// A connection begins. Gives the state if it changed: online at once.
    pub fn connect(&mut self, user: UserId, connection: u64, now: Timestamp) -> Option<State> {
        if let Some(person) = self.present.get_mut(&user) {
            person.connections.insert(connection);
            person.alone_since = None;
            return None;
        }
        self.version += 1;
        let state = State { status: Status::Online, text: None, since: now, version: self.version };
        let connections = BTreeSet::from([connection]);
        self.present.insert(user, Person { state: state.clone(), connections, alone_since: None });
        Some(state)
    }

    /// A connection ended.
    pub fn disconnect(&mut self, user: UserId, connection: u64, now: Timestamp) {
        if let Some(person) = self.present.get_mut(&user)
            && person.connections.remove(&connection)
            && person.connections.is_empty()
        {
            person.alone_since = Some(now);
        }
    }

    /// Takes out who has been without a connection for [`GRACE`].
    pub fn expire(&mut self, now: Timestamp) -> Vec<(UserId, State)> {
        let gone: Vec<UserId> = self
            .present
            .iter()
            .filter(|(_, p)| p.alone_since.is_some_and(|since| now.since(since) >= GRACE))
            .map(|(user, _)| *user)
            .collect();
        gone.into_iter()
            .map(|user| {
                self.present.remove(&user);
                self.version += 1;
                (user, State { status: Status::Offline, text: None, since: now, version: self.version })
            })
            .collect()
    }

    /// Sets status and line of one that is present; gives the state if it changed.
    pub fn set(&mut self, user: UserId, status: Status, text: Option<String>, now: Timestamp) -> Option<State> {
        let person = self.present.get_mut(&user)?;
        if person.state.status == status && person.state.text == text {
            return None;
        }
        self.version += 1;
        person.state = State { status, text, since: now, version: self.version };
        Some(person.state.clone())
    }

    /// How a user is; `None`: offline.
    pub fn get(&self, user: UserId) -> Option<&State> {
        self.present.get(&user).map(|p| &p.state)
    }

    /// Whether a user is present.
    pub fn is_present(&self, user: UserId) -> bool {
        self.present.contains_key(&user)
    }

    /// Everyone present, in no order.
    pub fn ids(&self) -> impl Iterator<Item = UserId> + '_ {
        self.present.keys().copied()
    }

    /// How many are present.
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Nobody is.
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn ana() -> UserId {
        UserId::from_bits(1)
    }

    #[test]
    fn online_at_once_and_offline_ten_seconds_after_the_last_connection() {
        let mut people = People::default();
        assert_eq!(people.connect(ana(), 1, at(0)).unwrap().status, Status::Online);
        assert!(people.connect(ana(), 2, at(1)).is_none());
        people.disconnect(ana(), 1, at(2));
        assert!(people.expire(at(60)).is_empty(), "one connection is left");
        people.disconnect(ana(), 2, at(60));
        assert!(people.expire(at(69)).is_empty());
        assert!(people.is_present(ana()));
        let gone = people.expire(at(70));
        assert_eq!((gone.len(), gone[0].1.status), (1, Status::Offline));
        assert!(!people.is_present(ana()));
    }

    #[test]
    fn a_quick_reconnect_changes_nothing() {
        let mut people = People::default();
        people.connect(ana(), 1, at(0));
        people.set(ana(), Status::Dnd, Some("deep work".into()), at(1));
        people.disconnect(ana(), 1, at(2));
        assert!(people.connect(ana(), 2, at(9)).is_none());
        assert!(people.expire(at(30)).is_empty());
        assert_eq!(people.get(ana()).unwrap().status, Status::Dnd);
    }

    #[test]
    fn an_unknown_or_repeated_end_counts_once() {
        let mut people = People::default();
        people.disconnect(ana(), 9, at(0));
        people.connect(ana(), 1, at(0));
        people.disconnect(ana(), 9, at(0));
        assert!(people.expire(at(100)).is_empty());
        people.disconnect(ana(), 1, at(100));
        people.disconnect(ana(), 1, at(109));
        assert_eq!(people.expire(at(110)).len(), 1, "the second end did not prolong it");
    }

    #[test]
    fn versions_grow_with_every_change() {
        let mut people = People::default();
        let one = people.connect(ana(), 1, at(0)).unwrap().version;
        let two = people.set(ana(), Status::Away, None, at(1)).unwrap().version;
        assert!(two > one);
        assert!(people.set(ana(), Status::Away, None, at(2)).is_none());
        assert!(people.set(UserId::from_bits(2), Status::Away, None, at(2)).is_none(), "nobody sets who is not here");
    }
}
