//! Who registered which name on `/events`, on this node and on the others; pure. Every node owns its users and tells
//! the others what changes, and all of it every few seconds; who is silent for longer is forgotten. Of two who took one
//! name at the same moment on two nodes, the earlier keeps it, on every node alike.

use std::collections::{BTreeSet, HashMap};

use chat_common::Timestamp;
use serde::{Deserialize, Serialize};

/// How often all of it is told, seconds.
pub(in super::super) const BEAT: u64 = 5;
/// A node of which nothing was heard for so long is forgotten, milliseconds.
const SILENCE: i64 = 16_000;
/// Nodes remembered; of more nothing is taken.
const NODES: usize = 256;
/// Users remembered of one other node.
const USERS: usize = 100_000;
/// Bytes of one page of users, about.
const PAGE: usize = 32 * 1024;

/// A registered user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct User {
    /// Its socket.
    pub sid: String,
    /// As registered.
    pub name: String,
    /// In the order joined.
    pub rooms: Vec<String>,
    /// When the name was taken, milliseconds since 1970.
    pub since: i64,
}

/// What nodes tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub(in super::super) enum Say {
    /// A node has come: tell it everything.
    Hello,
    /// One user, new or changed.
    User(User),
    /// One user less.
    Gone {
        /// Whose socket.
        sid: String,
    },
    /// A page of all users; after the last page, who was in none of the round is gone.
    All {
        /// Of this telling.
        round: u64,
        /// Nothing follows.
        last: bool,
        /// Some of them.
        users: Vec<User>,
    },
}

/// A message between nodes of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Note {
    /// Who says it.
    pub node: String,
    /// What.
    #[serde(flatten)]
    pub say: Say,
}

/// What follows from what was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// Tell the other nodes.
    Tell(Say),
    /// This user of ours lost its name to an earlier one.
    Lost(User),
}

#[derive(Debug, Default)]
struct Node {
    heard: i64,
    users: HashMap<String, User>,
    /// Sockets told in the round under way.
    round: u64,
    told: BTreeSet<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(in super::super) struct Roster {
    own: HashMap<String, User>,
    others: HashMap<String, Node>,
    /// Who claims a name, the rightful first.
    names: HashMap<String, BTreeSet<(i64, String)>>,
    round: u64,
}

impl Roster {
    /// The name under which a socket of this node is registered.
    pub(in super::super) fn name(&self, sid: &str) -> Option<&str> {
        self.own.get(sid).map(|u| u.name.as_str())
    }

    /// Whether a registered user anywhere has that socket.
    pub(in super::super) fn is_socket(&self, sid: &str) -> bool {
        self.own.contains_key(sid) || self.others.values().any(|n| n.users.contains_key(sid))
    }

    /// Gives a name to a socket of this node; `None`: somebody else has it.
    pub(in super::super) fn claim(&mut self, sid: &str, name: &str, rooms: Vec<String>, now: Timestamp) -> Option<Say> {
        let taken = self.names.get(name).is_some_and(|claims| claims.iter().any(|(_, other)| other != sid));
        if taken {
            return None;
        }
        let since = self.own.get(sid).filter(|u| u.name == name).map_or(now.as_millis(), |u| u.since);
        let user = User { sid: sid.to_owned(), name: name.to_owned(), rooms, since };
        if let Some(before) = self.own.insert(sid.to_owned(), user.clone()) {
            forget(&mut self.names, &before);
        }
        remember(&mut self.names, &user);
        Some(Say::User(user))
    }

    /// A socket of this node joined or left a room.
    pub(in super::super) fn moved(&mut self, sid: &str, room: &str, joined: bool) -> Option<Say> {
        let user = self.own.get_mut(sid)?;
        user.rooms.retain(|r| r != room);
        if joined {
            user.rooms.push(room.to_owned());
        }
        Some(Say::User(user.clone()))
    }

    /// A socket of this node has gone; its name is free.
    pub(in super::super) fn gone(&mut self, sid: &str) -> Option<Say> {
        let user = self.own.remove(sid)?;
        forget(&mut self.names, &user);
        Some(Say::Gone { sid: sid.to_owned() })
    }

    /// Takes what another node says.
    pub(in super::super) fn heard(&mut self, note: Note, now: Timestamp) -> Vec<Act> {
        let now = now.as_millis();
        if !self.others.contains_key(&note.node) && self.others.len() >= NODES {
            return Vec::new();
        }
        let node = self.others.entry(note.node).or_default();
        node.heard = now;
        match note.say {
            Say::Hello => return self.all().into_iter().map(Act::Tell).collect(),
            Say::User(user) => node.put(&mut self.names, user),
            Say::Gone { sid } => node.drop_user(&mut self.names, &sid),
            Say::All { round, last, users } => {
                if node.round != round {
                    node.round = round;
                    node.told.clear();
                }
                for user in users {
                    node.told.insert(user.sid.clone());
                    node.put(&mut self.names, user);
                }
                if last {
                    let told = std::mem::take(&mut node.told);
                    let silent: Vec<_> = node.users.keys().filter(|sid| !told.contains(*sid)).cloned().collect();
                    for sid in silent {
                        node.drop_user(&mut self.names, &sid);
                    }
                }
            }
        }
        self.settle()
    }

    /// Of our users those who claim a name that an earlier one has lose it.
    fn settle(&mut self) -> Vec<Act> {
        let own = &self.own;
        let lost: Vec<String> = self
            .names
            .values()
            .filter(|claims| claims.len() > 1)
            .flat_map(|claims| claims.iter().skip(1))
            .filter(|(_, sid)| own.contains_key(sid))
            .map(|(_, sid)| sid.clone())
            .collect();
        let mut acts = Vec::new();
        for sid in lost {
            let user = self.own.get(&sid).cloned();
            acts.extend(self.gone(&sid).map(Act::Tell));
            acts.extend(user.map(Act::Lost));
        }
        acts
    }

    /// Every [`BEAT`] seconds: forgets who is silent and gives what is to be told.
    pub(in super::super) fn beat(&mut self, now: Timestamp) -> Vec<Say> {
        let names = &mut self.names;
        self.others.retain(|_, node| {
            let lives = now.as_millis() - node.heard < SILENCE;
            if !lives {
                node.users.values().for_each(|user| forget(names, user));
            }
            lives
        });
        self.all()
    }

    /// All users of this node, in pages; one page at least, so that the others hear that it lives.
    fn all(&mut self) -> Vec<Say> {
        self.round += 1;
        let round = self.round;
        let mut pages = vec![Vec::new()];
        let mut bytes = 0;
        for user in self.own.values() {
            let size = 80 + user.name.len() + user.rooms.iter().map(|r| r.len() + 4).sum::<usize>();
            if bytes + size > PAGE && bytes > 0 {
                pages.push(Vec::new());
                bytes = 0;
            }
            bytes += size;
            if let Some(page) = pages.last_mut() {
                page.push(user.clone());
            }
        }
        let count = pages.len();
        let page = |(i, users)| Say::All { round, last: i + 1 == count, users };
        pages.into_iter().enumerate().map(page).collect()
    }

    /// Everybody, by name: who, and the room last joined.
    pub(in super::super) fn users(&self) -> Vec<(String, Option<String>)> {
        let mut all: Vec<_> = self.everybody().map(|u| (u.name.clone(), u.rooms.last().cloned())).collect();
        all.sort();
        all
    }

    /// The names in a room, in order.
    pub(in super::super) fn members(&self, room: &str) -> Vec<String> {
        let there = self.everybody().filter(|u| u.rooms.iter().any(|r| r == room));
        let mut names: Vec<_> = there.map(|u| u.name.clone()).collect();
        names.sort();
        names
    }

    fn everybody(&self) -> impl Iterator<Item = &User> {
        self.own.values().chain(self.others.values().flat_map(|n| n.users.values()))
    }
}

impl Node {
    fn put(&mut self, names: &mut Names, user: User) {
        if self.users.len() >= USERS && !self.users.contains_key(&user.sid) {
            return;
        }
        let (name, since) = (user.name.clone(), user.since);
        remember(names, &user);
        if let Some(before) = self.users.insert(user.sid.clone(), user)
            && (before.name != name || before.since != since)
        {
            forget(names, &before);
        }
    }

    fn drop_user(&mut self, names: &mut Names, sid: &str) {
        if let Some(user) = self.users.remove(sid) {
            forget(names, &user);
        }
    }
}

type Names = HashMap<String, BTreeSet<(i64, String)>>;

fn remember(names: &mut Names, user: &User) {
    names.entry(user.name.clone()).or_default().insert((user.since, user.sid.clone()));
}

fn forget(names: &mut Names, user: &User) {
    if let Some(claims) = names.get_mut(&user.name) {
        claims.remove(&(user.since, user.sid.clone()));
        if claims.is_empty() {
            names.remove(&user.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    fn note(node: &str, say: Say) -> Note {
        // As on the wire.
        let text = serde_json::to_string(&Note { node: node.to_owned(), say }).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_name_is_one_users_until_it_goes() {
        let mut roster = Roster::default();
        assert!(roster.claim("s1", "ana", vec![], at(0)).is_some());
        assert!(roster.claim("s2", "ana", vec![], at(1)).is_none());
        assert!(roster.claim("s1", "ana", vec![], at(2)).is_some(), "its own again");
        assert!(roster.claim("s1", "anna", vec![], at(3)).is_some());
        assert!(roster.claim("s2", "ana", vec![], at(4)).is_some(), "the old name is free");
        assert_eq!(roster.gone("s1"), Some(Say::Gone { sid: "s1".into() }));
        assert!(roster.claim("s3", "anna", vec![], at(5)).is_some());
    }

    #[test]
    fn nodes_agree_who_has_a_name_taken_at_once() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        let early = a.claim("s1", "ana", vec![], at(0)).unwrap();
        let late = b.claim("s2", "ana", vec![], at(1)).unwrap();
        assert_eq!(a.heard(note("b", late), at(2)), []);
        let acts = b.heard(note("a", early), at(2));
        let [Act::Tell(gone), Act::Lost(user)] = acts.as_slice() else { panic!("{acts:?}") };
        assert_eq!((user.sid.as_str(), b.name("s2")), ("s2", None));
        assert_eq!(a.heard(note("b", gone.clone()), at(3)), []);
        for roster in [&a, &b] {
            assert_eq!(roster.users(), [("ana".to_owned(), None)]);
        }
    }

    #[test]
    fn users_and_rooms_of_other_nodes_are_known_until_they_fall_silent() {
        let (mut a, mut b) = (Roster::default(), Roster::default());
        a.claim("s1", "ana", vec!["x".into()], at(0));
        a.moved("s1", "y", true);
        let acts = a.heard(note("b", Say::Hello), at(0));
        for act in acts {
            let Act::Tell(say) = act else { panic!() };
            b.heard(note("a", say), at(0));
        }
        assert_eq!(b.users(), [("ana".to_owned(), Some("y".to_owned()))]);
        assert_eq!(b.members("x"), ["ana"]);
        assert!(b.is_socket("s1") && b.claim("s2", "ana", vec![], at(1)).is_none());
        a.moved("s1", "y", false);
        a.gone("s1");
        a.claim("s9", "zoe", vec![], at(5));
        for say in a.beat(at(5_000)) {
            b.heard(note("a", say), at(5_000));
        }
        assert_eq!(b.users(), [("zoe".to_owned(), None)], "what was not told again is gone");
        b.beat(at(5_000 + SILENCE));
        assert_eq!((b.users().len(), b.claim("s2", "zoe", vec![], at(1)).is_some()), (0, true));
    }

    #[test]
    fn many_users_are_told_in_pages() {
        let mut a = Roster::default();
        for i in 0..2_000 {
            a.claim(&format!("s{i}"), &format!("u{i}"), vec!["a room".into()], at(0));
        }
        let pages = a.beat(at(0));
        assert!(pages.len() > 3 && pages.len() < 20, "{}", pages.len());
        let mut b = Roster::default();
        for say in pages {
            b.heard(note("a", say), at(0));
        }
        assert_eq!(b.users().len(), 2_000);
    }
}
