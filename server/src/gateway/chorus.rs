//! The followers of one room, and how a run of entries reaches them.
//!
//! Those who keep up stand in a room of the library's, which is told each entry as one packet that is encoded once;
//! the others are told by their outbox. Nothing here locks: the hub calls it under its lock, and nobody else joins or
//! leaves the library's rooms.

use std::collections::HashMap;
use std::sync::Arc;

use chat_common::{Seq, UserId};
use futures_util::FutureExt;
use socketioxide::socket::Socket;
use socketioxide::{BroadcastError, SocketError};

use crate::cluster::ConnId;
use crate::storage::RoomId;

use super::conn::Conn;
use super::outbox::{Out, Pushed};

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
    /// It stands in the library's room.
    in_step: bool,
}

impl Sub {
    /// Joins or leaves the library's room as it keeps up or not; true: packets of so many bytes reach it there.
    fn keeps_step(&mut self, key: &str, packets: usize, bytes: usize) -> bool {
        if !self.in_step {
            let Some(socket) = self.conn.websocket() else { return false };
            if self.conn.may_pass(packets, bytes) {
                socket.join(key.to_owned());
                self.in_step = true;
            }
        } else if !self.conn.may_pass(packets, bytes) {
            self.step_out(key);
        }
        self.in_step
    }

    fn step_out(&mut self, key: &str) {
        // Where the socket is no more, the library has forgotten its rooms.
        if std::mem::take(&mut self.in_step)
            && let Some(socket) = self.conn.socket()
        {
            socket.leave(key.to_owned());
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Chorus {
    subs: HashMap<ConnId, Sub>,
    /// The library's room.
    key: String,
    /// Entries told so far.
    pub entries: u64,
    /// Those, counted for each connection that was told.
    pub deliveries: u64,
}

impl Chorus {
    /// Nobody follows yet.
    pub(super) fn new(room: RoomId) -> Self {
        Self { subs: HashMap::new(), key: room.0.to_string(), entries: 0, deliveries: 0 }
    }

    /// Takes a connection in that is told nothing yet, unless it follows already.
    pub(super) fn add(&mut self, conn: &Arc<Conn>) {
        self.subs.entry(conn.id).or_insert_with(|| Sub {
            conn: Arc::clone(conn),
            active: false,
            member: false,
            since: Seq::ZERO,
            in_step: false,
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
        if let Some(mut sub) = self.subs.remove(&conn) {
            sub.step_out(&self.key);
        }
    }

    /// Takes out those whom `which` names.
    pub(super) fn remove_if(&mut self, which: impl Fn(&Sub) -> bool) -> Vec<Arc<Conn>> {
        let gone = self.subs.extract_if(|_, sub| which(sub));
        gone.map(|(_, mut sub)| {
            sub.step_out(&self.key);
            sub.conn
        })
        .collect()
    }

    /// Tells a run of events to all who are active; gives those whose outbox is full.
    pub(super) fn tell(&mut self, run: &[Out]) -> Vec<Arc<Conn>> {
        let bytes = run.iter().map(Out::size).sum();
        let (mut overflown, mut voice, mut told) = (Vec::new(), None, 0);
        for sub in self.subs.values_mut().filter(|sub| sub.active) {
            told += 1;
            if sub.keeps_step(&self.key, run.len(), bytes) {
                voice = voice.or_else(|| sub.conn.socket());
            } else if run.iter().any(|out| sub.conn.outbox.push(out.clone()) == Pushed::Full) {
                overflown.push(Arc::clone(&sub.conn));
            }
        }
        self.entries += run.len() as u64;
        self.deliveries += told * run.len() as u64;
        if let Some(voice) = voice
            && !run.iter().all(|out| broadcast(&voice, &self.key, out))
        {
            // The library does not say whom it could not tell. Nothing may be skipped, so all of them come back.
            overflown.extend(self.subs.values().filter(|sub| sub.in_step).map(|sub| Arc::clone(&sub.conn)));
        }
        overflown
    }
}

/// Tells an event to the library's room `key`, which `voice` need not stand in. False: somebody was left out.
fn broadcast(voice: &Socket, key: &str, out: &Out) -> bool {
    let Out::Event(name, data) = out else { return false };
    // The local adapter never waits.
    match voice.within(key.to_owned()).emit(name, &**data).now_or_never() {
        Some(Ok(())) => true,
        Some(Err(BroadcastError::Socket(errors))) => errors.iter().all(|error| matches!(error, SocketError::Closed)),
        Some(Err(error)) => {
            tracing::error!(%error, "an event could not be told to a room");
            false
        }
        None => false,
    }
}
