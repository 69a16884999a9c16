//! Everyone present, on whichever node. A node answers for the people connected to it and tells the others in steps;
//! what it tells of a user and what they tell is joined by one rule, so that all come to the same.
//!
//! A node at which a user is connected takes over what holds for the user, so that it outlives the node that was told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chat_common::model::Status;
use chat_common::{Timestamp, UserId};

use super::peer::{Beat, Delta, Part, Peer, digest};
use super::{People, State};

/// People of one part, when everything is told.
const PART: usize = 500;
/// Everything is told at most so often: all who ask hear the same answer.
const TELL: Duration = Duration::from_millis(500);

/// See the module. Nodes are named by their ids.
#[derive(Debug, Default)]
pub struct Everyone {
    own: People,
    /// The number of the last step told.
    version: u64,
    /// Own people who changed since the last step.
    untold: HashSet<UserId>,
    /// When everything was last told.
    told_all: Option<Timestamp>,
    peers: BTreeMap<u64, Peer>,
    /// What holds for who is present anywhere.
    merged: HashMap<UserId, State>,
    /// Counts the comings and goings.
    moves: u64,
    /// Users for whom something else may hold than before.
    changed: HashSet<UserId>,
}

impl Everyone {
    /// A connection to this node begins: online at once.
    pub fn connect(&mut self, user: UserId, connection: u64, now: Timestamp) {
        if self.own.connect(user, connection, now) {
            self.untold.insert(user);
            self.merge(user);
        }
    }

    /// A connection to this node ended.
    pub fn disconnect(&mut self, user: UserId, connection: u64, now: Timestamp) {
        self.own.disconnect(user, connection, now);
    }

    /// Takes out who has been without a connection for [`super::GRACE`].
    pub fn expire(&mut self, now: Timestamp) {
        for user in self.own.expire(now) {
            self.untold.insert(user);
            self.merge(user);
        }
    }

    /// Sets status and line of one that is connected here.
    pub fn set(&mut self, user: UserId, status: Status, text: Option<String>, now: Timestamp) {
        let Some(state) = self.own.state(user) else { return };
        if state.status == status && state.text == text {
            return;
        }
        // What was chosen before is older, whatever the clocks of two nodes say.
        let chosen = now.max(Timestamp::from_millis(state.chosen.as_millis() + 1));
        if self.own.put(user, &State { status, text, since: now, chosen }) {
            self.untold.insert(user);
            self.merge(user);
        }
    }

    /// How a user is, on whichever node; `None`: offline.
    pub fn get(&self, user: UserId) -> Option<&State> {
        self.merged.get(&user)
    }

    /// Whether a user is present on any node.
    pub fn is_present(&self, user: UserId) -> bool {
        self.merged.contains_key(&user)
    }

    /// Everyone present, in no order.
    pub fn ids(&self) -> impl Iterator<Item = UserId> + '_ {
        self.merged.keys().copied()
    }

    /// As long as it is the same, the same users are present.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// How many are present.
    pub fn len(&self) -> usize {
        self.merged.len()
    }

    /// Nobody is.
    pub fn is_empty(&self) -> bool {
        self.merged.is_empty()
    }

    /// Nobody is connected to this node.
    pub fn is_alone(&self) -> bool {
        self.own.present.is_empty()
    }

    /// Whether a user is connected to this node, or was until a moment ago.
    pub fn is_own(&self, user: UserId) -> bool {
        self.own.state(user).is_some()
    }

    /// Up to `max` users for whom something else may hold, or of whom the other nodes do not know yet.
    pub fn take_changed(&mut self, max: usize) -> Vec<UserId> {
        let mut users: HashSet<UserId> = self.changed.iter().copied().take(max).collect();
        let room = max - users.len();
        users.extend(self.untold.iter().copied().take(room));
        for user in &users {
            self.changed.remove(user);
        }
        users.into_iter().collect()
    }

    /// Something else may hold for this user: it could not be told.
    pub fn again(&mut self, user: UserId) {
        self.changed.insert(user);
    }

    /// Whether something else may hold for this user.
    pub fn is_again(&self, user: UserId) -> bool {
        self.changed.contains(&user)
    }

    /// Whether the other nodes do not know yet how a user connected here is.
    pub fn is_untold(&self, user: UserId) -> bool {
        self.untold.contains(&user)
    }

    /// A step that tells the other nodes how these users are, as far as they do not know.
    pub fn step(&mut self, users: impl IntoIterator<Item = UserId>) -> Option<Delta> {
        let people: Vec<_> = users
            .into_iter()
            .filter(|user| self.untold.remove(user))
            .map(|user| (user, self.own.state(user).cloned()))
            .collect();
        if people.is_empty() {
            return None;
        }
        self.version += 1;
        Some(Delta { version: self.version, people })
    }

    /// How far this node is.
    pub fn beat(&self) -> Beat {
        let people = self.own.present.iter().map(|(user, person)| (user, &person.state));
        Beat { version: self.version, digest: self.untold.is_empty().then(|| digest(people)) }
    }

    /// Everyone connected here, in parts; `None`: that was told only just now.
    pub fn parts(&mut self, now: Timestamp) -> Option<Vec<Part>> {
        if self.told_all.is_some_and(|told| now >= told && now.since(told) < TELL) {
            return None;
        }
        self.told_all = Some(now);
        let people: Vec<_> = self.own.present.iter().map(|(user, person)| (*user, person.state.clone())).collect();
        let parts = u32::try_from(people.len().div_ceil(PART).max(1)).unwrap_or(u32::MAX);
        let mut chunks = people.chunks(PART);
        let part = |part| Part {
            version: self.version,
            part,
            parts,
            people: chunks.next().map(<[_]>::to_vec).unwrap_or_default(),
        };
        Some((0..parts).map(part).collect())
    }

    /// Another node's step.
    pub fn hear_delta(&mut self, node: u64, delta: Delta, now: Timestamp) {
        let changed = self.peers.entry(node).or_default().delta(delta, now);
        self.merge_all(changed);
    }

    /// How far another node is; true: it was not known.
    pub fn hear_beat(&mut self, node: u64, beat: Beat, now: Timestamp) -> bool {
        let new = !self.peers.contains_key(&node);
        self.peers.entry(node).or_default().beat(beat, now);
        new
    }

    /// A part of another node's people.
    pub fn hear_part(&mut self, node: u64, part: Part, now: Timestamp) {
        let changed = self.peers.entry(node).or_default().part(part, now);
        self.merge_all(changed);
    }

    /// The nodes that are to be asked for everything now.
    pub fn asks(&mut self, now: Timestamp) -> Vec<u64> {
        self.peers.iter_mut().filter_map(|(node, peer)| peer.asks(now).then_some(*node)).collect()
    }

    /// A node is no more.
    pub fn drop_node(&mut self, node: u64) {
        if let Some(peer) = self.peers.remove(&node) {
            self.merge_all(peer.people.into_keys().collect());
        }
    }

    fn merge_all(&mut self, users: Vec<UserId>) {
        for user in users {
            self.merge(user);
        }
    }

    /// Finds out what holds for a user.
    fn merge(&mut self, user: UserId) {
        let peers = self.peers.values().filter_map(|peer| peer.people.get(&user));
        let best = self.own.state(user).into_iter().chain(peers).reduce(State::best).cloned();
        if let Some(state) = &best
            && self.own.put(user, state)
        {
            self.untold.insert(user);
        }
        if self.merged.get(&user) == best.as_ref() {
            return;
        }
        self.changed.insert(user);
        let (is, was) = match best {
            Some(state) => (true, self.merged.insert(user, state).is_some()),
            None => (false, self.merged.remove(&user).is_some()),
        };
        self.moves += u64::from(is != was);
    }
}
