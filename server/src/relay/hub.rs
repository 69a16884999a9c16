//! Who is connected to the relay on this node, and in which rooms. A socket is in the room of its own id, as everywhere
//! in Socket.IO; what joins it to others is up to the callers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::peer::Peer;
use super::wire::{Nsp, To};

/// Rooms that one socket may be in.
pub(super) const ROOMS: usize = 200;

/// Both namespaces. Std mutexes: what happens under them is short and never waits.
#[derive(Debug, Default)]
pub(super) struct Hub {
    root: Mutex<Space>,
    events: Mutex<Space>,
}

#[derive(Debug, Default)]
struct Space {
    sockets: HashMap<Arc<str>, Socket>,
    rooms: HashMap<Arc<str>, HashSet<Arc<str>>>,
}

#[derive(Debug)]
struct Socket {
    peer: Arc<Peer>,
    rooms: BTreeSet<Arc<str>>,
}

impl Hub {
    fn space(&self, nsp: Nsp) -> MutexGuard<'_, Space> {
        let space = match nsp {
            Nsp::Root => &self.root,
            Nsp::Events => &self.events,
        };
        space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a socket in.
    pub(super) fn add(&self, peer: &Arc<Peer>) {
        let socket = Socket { peer: Arc::clone(peer), rooms: BTreeSet::new() };
        self.space(peer.nsp).sockets.insert(Arc::clone(&peer.sid), socket);
    }

    /// Forgets a socket and gives the rooms it was in; `None`: it was gone before, or another came under its id.
    pub(super) fn remove(&self, peer: &Arc<Peer>) -> Option<BTreeSet<Arc<str>>> {
        let mut space = self.space(peer.nsp);
        if !space.sockets.get(&peer.sid).is_some_and(|s| Arc::ptr_eq(&s.peer, peer)) {
            return None;
        }
        let socket = space.sockets.remove(&peer.sid)?;
        for room in &socket.rooms {
            space.leave(&peer.sid, room);
        }
        Some(socket.rooms)
    }

    /// Puts a socket into a room, and says whether it was not in it before; `None`: it is in [`ROOMS`] of them, or gone.
    /// In the room of its own id it is anyway.
    pub(super) fn join(&self, nsp: Nsp, sid: &str, room: &str) -> Option<bool> {
        let mut space = self.space(nsp);
        let Space { sockets, rooms } = &mut *space;
        let socket = sockets.get_mut(sid)?;
        if sid == room || socket.rooms.contains(room) {
            return Some(false);
        }
        if socket.rooms.len() >= ROOMS {
            return None;
        }
        let room: Arc<str> = rooms.get_key_value(room).map_or_else(|| room.into(), |(known, _)| Arc::clone(known));
        socket.rooms.insert(Arc::clone(&room));
        rooms.entry(room).or_default().insert(Arc::clone(&socket.peer.sid));
        Some(true)
    }

    /// Takes a socket out of a room; false: it was not in it.
    pub(super) fn leave(&self, nsp: Nsp, sid: &str, room: &str) -> bool {
        let mut space = self.space(nsp);
        let was = space.sockets.get_mut(sid).is_some_and(|s| s.rooms.remove(room));
        if was {
            space.leave(sid, room);
        }
        was
    }

    /// Whether a socket of this node has that id.
    pub(super) fn is_socket(&self, nsp: Nsp, sid: &str) -> bool {
        self.space(nsp).sockets.contains_key(sid)
    }

    /// Whether anybody here is in that room.
    pub(super) fn has_room(&self, nsp: Nsp, room: &str) -> bool {
        let space = self.space(nsp);
        space.sockets.contains_key(room) || space.rooms.contains_key(room)
    }

    /// All rooms here, those of the sockets' own ids too.
    pub(super) fn rooms(&self, nsp: Nsp) -> Vec<Arc<str>> {
        let space = self.space(nsp);
        space.sockets.keys().chain(space.rooms.keys()).cloned().collect()
    }

    /// The rooms of one socket, without the one of its own id.
    pub(super) fn rooms_of(&self, nsp: Nsp, sid: &str) -> Vec<Arc<str>> {
        self.space(nsp).sockets.get(sid).map(|s| s.rooms.iter().cloned().collect()).unwrap_or_default()
    }

    /// The sockets that are meant.
    pub(super) fn select(&self, nsp: Nsp, to: &To) -> Vec<Arc<Peer>> {
        self.space(nsp).select(to)
    }

    /// All sockets of both namespaces.
    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        Nsp::ALL.into_iter().flat_map(|nsp| self.select(nsp, &To::default())).collect()
    }
}

impl Space {
    fn leave(&mut self, sid: &str, room: &str) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(sid);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    fn select(&self, to: &To) -> Vec<Arc<Peer>> {
        let spared = |s: &Socket| to.except.iter().any(|room| **room == *s.peer.sid || s.rooms.contains(room.as_str()));
        let kept = |s: &&Socket| to.except.is_empty() || !spared(s);
        if to.rooms.is_empty() {
            return self.sockets.values().filter(kept).map(|s| Arc::clone(&s.peer)).collect();
        }
        // Nobody is told twice for being in two of the rooms.
        let mut meant: HashSet<&str> = HashSet::new();
        for room in &to.rooms {
            if let Some((sid, _)) = self.sockets.get_key_value(room.as_str()) {
                meant.insert(sid);
            }
            meant.extend(self.rooms.get(room.as_str()).into_iter().flatten().map(|sid| &**sid));
        }
        meant.into_iter().filter_map(|sid| self.sockets.get(sid)).filter(kept).map(|s| Arc::clone(&s.peer)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(rooms: &[&str], except: &[&str]) -> To {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        To { rooms: own(rooms), except: own(except) }
    }

    #[test]
    fn rooms_ids_and_exceptions_choose_whom_is_told() {
        let hub = Hub::default();
        let peers: Vec<_> = ["a", "b", "c"].into_iter().map(|sid| Peer::for_tests(Nsp::Events, sid)).collect();
        for peer in &peers {
            hub.add(peer);
        }
        for (sid, room) in [("a", "r"), ("b", "r"), ("b", "s")] {
            assert_eq!(hub.join(Nsp::Events, sid, room), Some(true));
        }
        let told = |t: To| {
            let mut sids: Vec<_> = hub.select(Nsp::Events, &t).iter().map(|p| p.sid.to_string()).collect();
            sids.sort();
            sids.concat()
        };
        assert_eq!(told(to(&[], &[])), "abc");
        assert_eq!(told(to(&["r", "s"], &[])), "ab");
        assert_eq!(told(to(&["r"], &["a"])), "b");
        assert_eq!(told(to(&[], &["s"])), "ac");
        assert_eq!(told(to(&["c"], &[])), "c", "an id is a room");
        assert_eq!(told(to(&["nobody"], &[])), "");
        assert!(hub.select(Nsp::Root, &To::default()).is_empty());
        assert_eq!(hub.remove(&peers[1]).map(|r| r.len()), Some(2));
        assert!(!hub.has_room(Nsp::Events, "s") && hub.has_room(Nsp::Events, "r"));
        assert!(hub.remove(&peers[1]).is_none());
        assert!(hub.leave(Nsp::Events, "a", "r") && !hub.leave(Nsp::Events, "a", "r"));
        assert!(!hub.has_room(Nsp::Events, "r"));
    }

    #[test]
    fn a_socket_is_in_so_many_rooms_and_no_more() {
        let hub = Hub::default();
        hub.add(&Peer::for_tests(Nsp::Events, "a"));
        assert!((0..ROOMS).all(|i| hub.join(Nsp::Events, "a", &i.to_string()) == Some(true)));
        assert_eq!(hub.join(Nsp::Events, "a", "one more"), None);
        assert_eq!(hub.join(Nsp::Events, "a", "0"), Some(false), "again is no more");
    }
}
