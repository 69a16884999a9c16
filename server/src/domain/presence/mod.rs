//! Who is present: connections, chosen status, and the time after the last connection ended. Pure machines; they are
//! told what happens and when, and say what changed.
//!
//! `People` are those connected to this node; `peer` is what is known of another node's, from what it said in
//! whatever order; [`Everyone`] puts them together, so that every node gives the same answer.

mod everyone;
mod peer;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chat_common::model::Status;
use chat_common::{Timestamp, UserId};

pub use everyone::Everyone;
pub use peer::{Beat, Delta, Part};

/// Offline so long after the last connection ended, so that a quick reconnect does not flap.
pub const GRACE: Duration = Duration::from_secs(10);

/// How a user is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// `Offline` for who has gone.
    pub status: Status,
    /// The user's own line.
    pub text: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When the user chose it; 1970: never, it is what everybody begins with.
    pub chosen: Timestamp,
}

impl State {
    fn online(now: Timestamp) -> Self {
        Self { status: Status::Online, text: None, since: now, chosen: Timestamp::from_millis(0) }
    }

    /// How somebody is who has gone.
    pub fn offline(now: Timestamp) -> Self {
        Self { status: Status::Offline, text: None, since: now, chosen: Timestamp::from_millis(0) }
    }

    /// What holds where nodes differ: what was chosen last; else who has been there for longer. The rest only keeps
    /// nodes from differing about two that are equal in both.
    fn rank(&self) -> (Timestamp, Reverse<Timestamp>, u8, Option<&str>) {
        (self.chosen, Reverse(self.since), self.status as u8, self.text.as_deref())
    }

    /// The one of two that holds.
    fn best<'a>(&'a self, other: &'a Self) -> &'a Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// One that is present.
#[derive(Debug)]
struct Person {
    state: State,
    connections: BTreeSet<u64>,
    /// When the last connection ended.
    alone_since: Option<Timestamp>,
}

/// Everyone connected to this node.
#[derive(Debug, Default)]
struct People {
    present: HashMap<UserId, Person>,
}

impl People {
    /// A connection begins; true: of one who was not here.
    fn connect(&mut self, user: UserId, connection: u64, now: Timestamp) -> bool {
        let mut new = false;
        let person = self.present.entry(user).or_insert_with(|| {
            new = true;
            Person { state: State::online(now), connections: BTreeSet::new(), alone_since: None }
        });
        person.connections.insert(connection);
        person.alone_since = None;
        new
    }

    /// A connection ended.
    fn disconnect(&mut self, user: UserId, connection: u64, now: Timestamp) {
        if let Some(person) = self.present.get_mut(&user)
            && person.connections.remove(&connection)
            && person.connections.is_empty()
        {
            person.alone_since = Some(now);
        }
    }

    /// Takes out who has been without a connection for [`GRACE`].
    fn expire(&mut self, now: Timestamp) -> Vec<UserId> {
        // Where the clock was set back the grace begins again, instead of lasting until the clock has caught up.
        for person in self.present.values_mut() {
            person.alone_since = person.alone_since.map(|since| since.min(now));
        }
        let gone: Vec<UserId> = self
            .present
            .iter()
            .filter(|(_, p)| p.alone_since.is_some_and(|since| now.since(since) >= GRACE))
            .map(|(user, _)| *user)
            .collect();
        for user in &gone {
            self.present.remove(user);
        }
        gone
    }

    fn state(&self, user: UserId) -> Option<&State> {
        self.present.get(&user).map(|p| &p.state)
    }

    /// Puts one's state in the place of the one so far; false: there is nobody, or it is the same.
    fn put(&mut self, user: UserId, state: &State) -> bool {
        match self.present.get_mut(&user) {
            Some(person) if person.state != *state => {
                person.state = state.clone();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
