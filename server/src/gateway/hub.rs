//! Who is connected here and who follows which room: the one place that tells entries and hints to sockets.
//!
//! Everything of a room happens under one lock, so a subscription that a kick has ended gets nothing after the kick's
//! entry. What overflows, and whose outbox is to be emptied, is
//! handed back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat_common::event::server::Hint;
use chat_common::event::{Entry, EntryBody};
use chat_common::model::RoomKind;
use chat_common::{RoomName, Seq, UserId};
use socketioxide::socket::Sid;

use crate::cluster::sequencer::Sequencer;
use crate::cluster::wire::Topic;
use crate::cluster::{Bus, ConnId, Interest};
use crate::service::counters::Followed;
use crate::storage::RoomId;

use super::call::{Payload, raw};
use super::chorus::{After, Chorus, Sub};
use super::conn::Conn;
use super::outbox::{BATCH, BATCH_BYTES};
use super::told::{Kind, Told};

#[derive(Debug)]
struct Room {
    name: RoomName,
    sequencer: Sequencer,
    subs: Chorus,
    /// An entry was told since the last head check.
    stirred: bool,
    /// Other nodes tell this one of the room.
    _interest: Interest,
}

#[derive(Debug, Default)]
struct Person {
    conns: Vec<Arc<Conn>>,
    /// Other nodes tell this one of the user.
    _interest: Interest,
}

#[derive(Debug, Default)]
struct Inner {
    conns: HashMap<ConnId, (Arc<Conn>, HashSet<RoomId>)>,
    users: HashMap<UserId, Person>,
    rooms: HashMap<RoomId, Room>,
    /// What was told of rooms that nobody follows any more.
    past_deliveries: u64,
}

/// Why a connection is not taken in or a room not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The user has as many connections as it may, or the connection follows as many rooms as it may.
    TooMany,
    /// The connection has ended.
    Ended,
}

/// See the module.
pub(super) struct Hub {
    bus: Arc<dyn Bus>,
    // A std mutex is enough: pushes do not wait, and a broadcast to 10,000 takes some milliseconds.
    inner: Mutex<Inner>,
}

impl Hub {
    /// Of nobody yet; `bus` is told what is to be heard of other nodes.
    pub(super) fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in.
    pub(super) fn add(&self, conn: &Arc<Conn>, per_user: usize) -> Result<(), Refused> {
        let mut inner = self.inner();
        let of_user = inner
            .users
            .entry(conn.user)
            .or_insert_with(|| Person { conns: Vec::new(), _interest: self.bus.follow(Topic::User(conn.user)) });
        if of_user.conns.len() >= per_user {
            return Err(Refused::TooMany);
        }
        of_user.conns.push(Arc::clone(conn));
        inner.conns.insert(conn.id, (Arc::clone(conn), HashSet::new()));
        Ok(())
    }

    /// Forgets a connection; false: it was not known.
    pub(super) fn remove(&self, conn: &Conn) -> bool {
        let mut inner = self.inner();
        let Some((_, rooms)) = inner.conns.remove(&conn.id) else { return false };
        for room in rooms {
            inner.drop_sub(room, conn.id);
        }
        if let Some(of_user) = inner.users.get_mut(&conn.user) {
            of_user.conns.retain(|c| c.id != conn.id);
            if of_user.conns.is_empty() {
                inner.users.remove(&conn.user);
            }
        }
        true
    }

    /// All connections.
    pub(super) fn all(&self) -> Vec<Arc<Conn>> {
        self.inner().conns.values().map(|(conn, _)| Arc::clone(conn)).collect()
    }

    /// How many connections.
    pub(super) fn len(&self) -> usize {
        self.inner().conns.len()
    }

    /// A user's connections.
    pub(super) fn of_user(&self, user: UserId) -> Vec<Arc<Conn>> {
        self.inner().users.get(&user).map(|of_user| of_user.conns.clone()).unwrap_or_default()
    }

    /// Whether a connection of this Socket.IO session is here.
    pub(super) fn has_session(&self, sid: Sid) -> bool {
        self.inner().conns.values().any(|(conn, _)| conn.sid == sid)
    }

    /// First step of following a room: from now on a kick finds the subscription, but it is told nothing yet.
    pub(super) fn pend(&self, room: RoomId, name: &RoomName, conn: &Arc<Conn>, max: usize) -> Result<(), Refused> {
        let mut inner = self.inner();
        let Some((_, rooms)) = inner.conns.get_mut(&conn.id) else { return Err(Refused::Ended) };
        if !rooms.contains(&room) && rooms.len() >= max {
            return Err(Refused::TooMany);
        }
        rooms.insert(room);
        let entry = inner.rooms.entry(room).or_insert_with(|| Room {
            name: name.clone(),
            sequencer: Sequencer::default(),
            subs: Chorus::default(),
            stirred: false,
            _interest: self.bus.follow(Topic::Room(room)),
        });
        entry.subs.add(conn);
        Ok(())
    }

    /// Whether the room's head must be read before [`Hub::activate`].
    pub(super) fn needs_head(&self, room: RoomId) -> bool {
        self.inner().rooms.get(&room).is_none_or(|r| !r.sequencer.started())
    }

    /// Second step: it is told from here on. False: a kick came between.
    pub(super) fn activate(&self, room: RoomId, conn: &Conn, head: Option<Seq>, member: bool) -> bool {
        let mut inner = self.inner();
        let Some(entry) = inner.rooms.get_mut(&room) else { return false };
        let Some(sub) = entry.subs.get_mut(conn.id) else { return false };
        if let Some(head) = head {
            entry.sequencer.start(head);
        }
        if !entry.sequencer.started() {
            return false;
        }
        sub.active = true;
        sub.member |= member;
        true
    }

    /// Whether the connection still follows the room; notes whether it is a member, as of the room's head `since`.
    pub(super) fn settle(&self, room: RoomId, conn: &Conn, member: bool, since: Seq) -> bool {
        let mut inner = self.inner();
        let Some(sub) = inner.rooms.get_mut(&room).and_then(|r| r.subs.get_mut(conn.id)) else { return false };
        sub.member = member;
        sub.since = since;
        sub.active
    }

    /// Stops following.
    pub(super) fn unsubscribe(&self, room: RoomId, conn: ConnId) {
        let mut inner = self.inner();
        if let Some((_, rooms)) = inner.conns.get_mut(&conn) {
            rooms.remove(&room);
        }
        inner.drop_sub(room, conn);
    }

    /// The room of this name that a connection follows.
    pub(super) fn followed(&self, conn: ConnId, name: &RoomName) -> Option<RoomId> {
        let inner = self.inner();
        let (_, rooms) = inner.conns.get(&conn)?;
        rooms.iter().find(|id| inner.rooms.get(id).is_some_and(|r| r.name == *name)).copied()
    }

    /// Ends a user's subscriptions of a room; gives the connections that had one, and the room's name.
    pub(super) fn leave(&self, room: RoomId, user: UserId) -> Option<(RoomName, Vec<Arc<Conn>>)> {
        let mut inner = self.inner();
        let name = inner.rooms.get(&room)?.name.clone();
        let gone = inner.drop_subs(room, |sub| sub.conn.user == user);
        (!gone.is_empty()).then_some((name, gone))
    }

    /// Whether somebody of `user` follows the room; its name.
    pub(super) fn follows(&self, room: RoomId, user: UserId) -> Option<RoomName> {
        let inner = self.inner();
        let entry = inner.rooms.get(&room)?;
        entry.subs.iter().any(|sub| sub.conn.user == user).then(|| entry.name.clone())
    }

    /// Ends the subscriptions of those who are no members; tells them.
    pub(super) fn close_to_strangers(&self, room: RoomId) -> After {
        self.inner().close_to_strangers(room, None)
    }

    /// Ends all subscriptions of a room that is no more; tells them.
    pub(super) fn close_room(&self, room: RoomId) -> After {
        let mut inner = self.inner();
        let Some(name) = inner.rooms.get(&room).map(|r| r.name.clone()) else { return After::default() };
        let gone = inner.drop_subs(room, |_| true);
        tell_gone(&name, &gone)
    }

    /// Notes that a user is a member now.
    pub(super) fn joined(&self, room: RoomId, user: UserId) {
        if let Some(entry) = self.inner().rooms.get_mut(&room) {
            entry.subs.of_user(user).for_each(|sub| sub.member = true);
        }
    }

    /// Entries of a room came over the wire.
    pub(super) fn offer(&self, room: RoomId, entries: Vec<Arc<Entry>>, now: Instant) -> (After, bool) {
        let mut inner = self.inner();
        let Some(found) = inner.rooms.get_mut(&room) else { return (After::default(), false) };
        if !found.sequencer.started() {
            // Only pending subscriptions: a kick must find them all the same.
            let mut after = After::default();
            entries.iter().for_each(|entry| after.and(inner.apply(room, entry)));
            return (after, false);
        }
        let told: Vec<_> = entries.into_iter().flat_map(|entry| found.sequencer.offer(entry, now)).collect();
        let hole = found.sequencer.has_hole();
        (inner.tell(room, &told), hole)
    }

    /// What the store has of a room's hole; `None`: it could not be read.
    pub(super) fn filled(&self, room: RoomId, entries: Option<Vec<Arc<Entry>>>, now: Instant) -> (After, bool) {
        let mut inner = self.inner();
        let Some(found) = inner.rooms.get_mut(&room) else { return (After::default(), false) };
        let told = match entries {
            Some(entries) => found.sequencer.filled(entries, now),
            None => {
                found.sequencer.failed(now);
                Vec::new()
            }
        };
        let hole = found.sequencer.has_hole();
        (inner.tell(room, &told), hole)
    }

    /// The position to read after, if the room's hole is old enough; the other: whether there still is one.
    pub(super) fn due(&self, room: RoomId, now: Instant) -> (Option<Seq>, bool) {
        let mut inner = self.inner();
        let Some(found) = inner.rooms.get_mut(&room) else { return (None, false) };
        (found.sequencer.due(now), found.sequencer.has_hole())
    }

    /// Whether somebody follows the room.
    pub(super) fn is_followed(&self, room: RoomId) -> bool {
        self.inner().rooms.contains_key(&room)
    }

    /// Entries told since the start, counted for each connection.
    pub(super) fn deliveries(&self) -> u64 {
        let inner = self.inner();
        inner.past_deliveries + inner.rooms.values().map(|room| room.subs.deliveries).sum::<u64>()
    }

    /// Every room that somebody follows, but direct conversations: with how many do, and the entries told of it.
    pub(super) fn followed_rooms(&self) -> Vec<Followed> {
        let rooms = |room: &Room| Followed {
            room: room.name.clone(),
            followers: room.subs.len() as u64,
            entries: room.subs.entries,
        };
        self.inner().rooms.values().filter(|room| !room.name.is_direct()).map(rooms).collect()
    }

    /// Rooms that somebody follows, and how many follow one, counted for each room.
    pub(super) fn follows_now(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.rooms.len() as u64, inner.rooms.values().map(|room| room.subs.len() as u64).sum())
    }

    /// Rooms that somebody follows.
    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.inner().rooms.keys().copied().collect()
    }

    /// The store's head of a room: told where the room was active or something was lost. True: there is a hole.
    pub(super) fn saw_head(&self, room: RoomId, head: Seq, now: Instant) -> (After, bool) {
        let mut inner = self.inner();
        let Some(found) = inner.rooms.get_mut(&room) else { return (After::default(), false) };
        found.sequencer.saw_head(head, now);
        let hole = found.sequencer.has_hole();
        if !std::mem::take(&mut found.stirred) && !hole {
            return (After::default(), false);
        }
        let hint = Hint::RoomHead { room: found.name.clone(), head };
        (inner.tell_hint(room, &hint, None), hole)
    }

    /// A hint for a room's subscribers but `except`.
    pub(super) fn hint_room(&self, room: RoomId, hint: &Hint, except: Option<UserId>) -> After {
        self.inner().tell_hint(room, hint, except)
    }

    /// A hint for a user's connections but `except`.
    pub(super) fn hint_user(&self, user: UserId, hint: &Hint, except: Option<ConnId>) -> After {
        let told = Told::event(hint.name(), hint);
        let mut after = After::default();
        for conn in self.of_user(user).iter().filter(|c| Some(c.id) != except && may_know(c, hint)) {
            after.note(conn, conn.outbox.push(Arc::clone(&told)));
        }
        after
    }
}

impl Inner {
    fn drop_sub(&mut self, room: RoomId, conn: ConnId) {
        if let Some(entry) = self.rooms.get_mut(&room) {
            entry.subs.remove(conn);
            self.drop_empty(room);
        }
    }

    /// Forgets a room that nobody follows any more.
    fn drop_empty(&mut self, room: RoomId) {
        if self.rooms.get(&room).is_some_and(|entry| entry.subs.is_empty())
            && let Some(gone) = self.rooms.remove(&room)
        {
            self.past_deliveries += gone.subs.deliveries;
        }
    }

    fn drop_subs(&mut self, room: RoomId, which: impl Fn(&Sub) -> bool) -> Vec<Arc<Conn>> {
        let Some(entry) = self.rooms.get_mut(&room) else { return Vec::new() };
        let gone = entry.subs.remove_if(which);
        self.drop_empty(room);
        for conn in &gone {
            if let Some((_, rooms)) = self.conns.get_mut(&conn.id) {
                rooms.remove(&room);
            }
        }
        gone
    }

    fn close_to_strangers(&mut self, room: RoomId, by: Option<Seq>) -> After {
        let Some(name) = self.rooms.get(&room).map(|r| r.name.clone()) else { return After::default() };
        let gone = self.drop_subs(room, |sub| !sub.member && by.is_none_or(|seq| sub.since < seq));
        tell_gone(&name, &gone)
    }

    /// Tells entries in order; each is encoded once. What an entry ends, ends before the next one.
    fn tell(&mut self, room: RoomId, entries: &[Arc<Entry>]) -> After {
        let mut after = After::default();
        let (mut run, mut bytes) = (Vec::<(Kind, Payload)>::new(), 0);
        for (i, entry) in entries.iter().enumerate() {
            let Some(found) = self.rooms.get_mut(&room) else { break };
            found.stirred = true;
            let payload = raw(&**entry);
            bytes += payload.get().len();
            run.push((Kind::Event(entry.body.name()), payload));
            let ends = changes_followers(&entry.body);
            // What is told together leaves each connection in one write.
            if ends || run.len() >= BATCH || bytes >= BATCH_BYTES || i + 1 == entries.len() {
                after.and(found.subs.tell(&Told::run(run.iter().map(|(kind, payload)| (*kind, &**payload)))));
                run.clear();
                bytes = 0;
            }
            if ends {
                after.and(self.apply(room, entry));
            }
        }
        after
    }

    /// Ends the subscriptions that an entry ends.
    fn apply(&mut self, room: RoomId, entry: &Entry) -> After {
        match &entry.body {
            EntryBody::MemberRemoved { user, .. } => {
                self.drop_subs(room, |sub| sub.conn.user == user.id && sub.since < entry.seq);
                After::default()
            }
            EntryBody::RoomUpdated { kind: Some(RoomKind::Private), .. } => {
                self.close_to_strangers(room, Some(entry.seq))
            }
            _ => After::default(),
        }
    }

    fn tell_hint(&mut self, room: RoomId, hint: &Hint, except: Option<UserId>) -> After {
        let Some(found) = self.rooms.get(&room) else { return After::default() };
        found.subs.hint(&Told::event(hint.name(), hint), except)
    }
}

/// Whether an entry ends subscriptions: nobody it takes out may be told what comes after it.
fn changes_followers(body: &EntryBody) -> bool {
    matches!(body, EntryBody::MemberRemoved { .. } | EntryBody::RoomUpdated { kind: Some(RoomKind::Private), .. })
}

fn tell_gone(name: &RoomName, conns: &[Arc<Conn>]) -> After {
    let hint = Hint::RoomGone { room: name.clone() };
    let told = Told::event(hint.name(), &hint);
    let mut after = After::default();
    conns.iter().for_each(|conn| after.note(conn, conn.outbox.push(Arc::clone(&told))));
    after
}

/// Whether a connection's token lets it know of the hint's room.
fn may_know(conn: &Conn, hint: &Hint) -> bool {
    let caller = conn.caller();
    match hint {
        Hint::ReadChanged { room, .. } | Hint::RoomGone { room } | Hint::RoomHead { room, .. } => caller.covers(room),
        Hint::RoomAdded { room } => caller.covers(&room.room),
        _ => true,
    }
}
