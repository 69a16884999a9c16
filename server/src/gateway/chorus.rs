//! The followers of one room, and how a run of entries reaches them: encoded once, put into the outbox of each.
//!
//! Nothing here locks or writes: the hub calls it under its lock, and whoever holds what it gives back empties the
//! outboxes after that.

use std::collections::HashMap;
use std::sync::Arc;

use chat_common::{Seq, UserId};

use crate::cluster::ConnId;

use super::conn::Conn;
use super::outbox::Pushed;
use super::told::Out;

/// One connection that follows a room.
#[derive(Debug)]
pub(super) struct Sub {
    pub conn: Arc<Conn>,
    /// Told entries and hints; not yet while its right is being checked.
    pub active: bool,
    /// Keeps following when the room goes private.
    pub member: bool,
    /// Its right was checked when the room's head was this: what an older entry took away was given back since.
    pub since: Seq,
}

/// What is to be done after something was told.
#[derive(Debug, Default)]
pub(super) struct After {
    /// Their outbox is full; each has to be ended.
    pub overflown: Vec<Arc<Conn>>,
    /// Nobody empties their outbox; the one who holds this has to.
    pub wake: Vec<Arc<Conn>>,
}

impl After {
    /// Notes what became of what a connection was told.
    pub(super) fn note(&mut self, conn: &Arc<Conn>, pushed: Pushed) {
        match pushed {
            Pushed::Ok => {}
            Pushed::Wake => self.wake.push(Arc::clone(conn)),
            Pushed::Full => self.overflown.push(Arc::clone(conn)),
        }
    }

    /// Both.
    pub(super) fn and(&mut self, mut other: Self) {
        self.overflown.append(&mut other.overflown);
        self.wake.append(&mut other.wake);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Chorus {
    subs: HashMap<ConnId, Sub>,
    /// Entries told so far.
    pub entries: u64,
    /// Those, counted for each connection that was told.
    pub deliveries: u64,
}

impl Chorus {
    /// Takes a connection in that is told nothing yet, unless it follows already.
    pub(super) fn add(&mut self, conn: &Arc<Conn>) {
        self.subs.entry(conn.id).or_insert_with(|| Sub {
            conn: Arc::clone(conn),
            active: false,
            member: false,
            since: Seq::ZERO,
        });
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Sub> {
        self.subs.get_mut(&conn)
    }

    /// All, active or not.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sub> {
        self.subs.values()
    }

    /// A user's.
    pub(super) fn of_user(&mut self, user: UserId) -> impl Iterator<Item = &mut Sub> {
        self.subs.values_mut().filter(move |sub| sub.conn.user == user)
    }

    pub(super) fn len(&self) -> usize {
        self.subs.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subs.is_empty()
    }

    /// Takes one out: it is told nothing more.
    pub(super) fn remove(&mut self, conn: ConnId) {
        self.subs.remove(&conn);
    }

    /// Takes out those whom `which` names.
    pub(super) fn remove_if(&mut self, which: impl Fn(&Sub) -> bool) -> Vec<Arc<Conn>> {
        self.subs.extract_if(|_, sub| which(sub)).map(|(_, sub)| sub.conn).collect()
    }

    /// Tells what must not be left out to all who are active.
    pub(super) fn tell(&mut self, told: &Out) -> After {
        let (mut after, mut readers) = (After::default(), 0);
        for sub in self.subs.values().filter(|sub| sub.active) {
            readers += 1;
            after.note(&sub.conn, sub.conn.outbox.push(Arc::clone(told)));
        }
        self.entries += told.len() as u64;
        self.deliveries += readers * told.len() as u64;
        after
    }

    /// Tells a hint to all who are active but `except`.
    pub(super) fn hint(&self, told: &Out, except: Option<UserId>) -> After {
        let mut after = After::default();
        for sub in self.subs.values().filter(|sub| sub.active && Some(sub.conn.user) != except) {
            after.note(&sub.conn, sub.conn.outbox.push_hint(Arc::clone(told)));
        }
        after
    }
}
