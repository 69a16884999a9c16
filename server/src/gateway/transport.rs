//! What carries a Socket.IO session: the TCP connections it runs over, whether they take more, and how to drop them.
//!
//! The library cannot drop a transport without a DISCONNECT (after which official clients stay away), cannot wait for
//! a full buffer and cannot end a stalled write. So each request of a session leaves the handle of its TCP connection
//! here, by session id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socketioxide::socket::Sid;

use crate::listen::{ConnHandle, Line, Mark};

/// TCP connections remembered for one session; a browser opens six to one host. The oldest is forgotten.
const HANDLES: usize = 8;
/// Sessions of which we have seen requests but no CONNECT; more are not remembered until some have ended.
const UNKNOWN: usize = 65_536;
/// How long such a session is remembered.
const UNKNOWN_TIME: Duration = Duration::from_secs(30);
/// Refused CONNECTs on one session before it is dropped.
const REFUSALS: u32 = 5;
/// CONNECTs on one session before it is dropped; a client that lives long connects again on a new one.
const CONNECTS: u32 = 50;

/// One session's transport.
#[derive(Debug)]
pub(super) struct Transport {
    /// Of this session alone.
    number: u64,
    handles: Mutex<Vec<ConnHandle>>,
    /// GET requests of long polling seen so far: each takes away what is buffered.
    polls: AtomicU64,
    dropped: AtomicBool,
    refused: AtomicU32,
    connects: AtomicU32,
    since: Instant,
}

impl Transport {
    fn new(now: Instant) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            handles: Mutex::default(),
            polls: AtomicU64::new(0),
            dropped: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            connects: AtomicU32::new(0),
            since: now,
        }
    }

    fn handles(&self) -> MutexGuard<'_, Vec<ConnHandle>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, handle: &ConnHandle) {
        handle.use_by(self.number);
        let mut handles = self.handles();
        handles.retain(|known| known.peer != handle.peer);
        if handles.len() >= HANDLES {
            handles.remove(0);
        }
        handles.push(handle.clone());
    }

    /// Whether a write to the peer is waiting for it to read.
    pub(super) fn is_blocked(&self) -> bool {
        self.handles().iter().any(ConnHandle::is_blocked)
    }

    /// Looks for a mark on all its connections; none: looks no more. False: it cannot be seen on any.
    pub(super) fn watch_for(&self, mark: Option<&Arc<Mark>>) -> bool {
        self.handles().iter().fold(false, |seen, handle| handle.watch_for(mark) | seen)
    }

    /// Polls seen so far.
    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Whether the session was dropped: its further requests are refused.
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Drops the session without a word, so that an official client comes back by itself. A connection that a proxy
    /// shares between clients stays, as does one that a client has since used for another session; the session's next
    /// request on it is refused.
    pub(super) fn drop_now(&self, websocket: bool) {
        self.dropped.store(true, Ordering::Relaxed);
        for handle in self.handles().drain(..) {
            if handle.is_used_by(self.number) && (websocket || handle.peer.ip() == handle.client) {
                handle.cut();
            }
        }
    }

    /// A CONNECT came; true: too many did, drop it.
    pub(super) fn connects_too_often(&self) -> bool {
        self.connects.fetch_add(1, Ordering::Relaxed) + 1 > CONNECTS
    }

    /// A CONNECT was refused; true: too often, drop it.
    pub(super) fn refused(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed) + 1 >= REFUSALS
    }
}

impl Line for Transport {
    fn is_blocked(&self) -> bool {
        self.is_blocked()
    }

    fn polls(&self) -> u64 {
        self.polls()
    }

    fn drop_now(&self, websocket: bool) {
        self.drop_now(websocket);
    }

    fn connects_too_often(&self) -> bool {
        self.connects_too_often()
    }
}

/// All transports by session id.
#[derive(Debug, Default)]
pub(super) struct Transports(Mutex<HashMap<Sid, Arc<Transport>>>);

impl Transports {
    fn map(&self) -> MutexGuard<'_, HashMap<Sid, Arc<Transport>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of a session came over `handle`; false: the session was dropped.
    pub(super) fn seen(&self, sid: Sid, handle: Option<&ConnHandle>, poll: bool, now: Instant) -> bool {
        let mut map = self.map();
        if map.len() >= UNKNOWN && !map.contains_key(&sid) {
            return true;
        }
        let transport = map.entry(sid).or_insert_with(|| Arc::new(Transport::new(now)));
        if transport.is_dropped() {
            return false;
        }
        if let Some(handle) = handle {
            transport.add(handle);
        }
        if poll {
            transport.polls.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// The transport of a session that sent CONNECT; `handle` is of its handshake.
    pub(super) fn of(&self, sid: Sid, handle: Option<&ConnHandle>, now: Instant) -> Arc<Transport> {
        let transport = Arc::clone(self.map().entry(sid).or_insert_with(|| Arc::new(Transport::new(now))));
        // A session that was upgraded has its newest connection already.
        if let Some(handle) = handle
            && transport.handles().is_empty()
        {
            transport.add(handle);
        }
        transport
    }

    /// How many sessions are known.
    pub(super) fn len(&self) -> usize {
        self.map().len()
    }

    /// Forgets sessions that nobody holds and that are old enough not to be on their way in.
    pub(super) fn sweep(&self, now: Instant) {
        self.map().retain(|_, transport| {
            Arc::strong_count(transport) > 1 || now.saturating_duration_since(transport.since) < UNKNOWN_TIME
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(port: u16) -> ConnHandle {
        ConnHandle::new(([127, 0, 0, 1], port).into())
    }

    #[test]
    fn a_dropped_session_cuts_its_connections_and_takes_no_more_requests() {
        let (all, sid, now) = (Transports::default(), Sid::new(), Instant::now());
        let (poll, upgrade) = (handle(1), handle(2));
        assert!(all.seen(sid, Some(&poll), true, now));
        assert!(all.seen(sid, Some(&upgrade), false, now));
        let transport = all.of(sid, Some(&poll), now);
        assert_eq!(transport.polls(), 1);
        transport.drop_now(true);
        assert!(poll.token().is_cancelled() && upgrade.token().is_cancelled());
        assert!(!all.seen(sid, Some(&handle(3)), true, now));
    }

    #[test]
    fn a_connection_shared_by_a_proxy_is_left_alone() {
        let (all, sid, now) = (Transports::default(), Sid::new(), Instant::now());
        let mut shared = handle(1);
        shared.client = [203, 0, 113, 9].into();
        let transport = all.of(sid, Some(&shared), now);
        transport.drop_now(false);
        assert!(!shared.token().is_cancelled());
        assert!(transport.is_dropped());
    }

    #[test]
    fn a_connection_that_another_session_uses_is_left_alone() {
        let (all, now) = (Transports::default(), Instant::now());
        let (dead, lives) = (Sid::new(), Sid::new());
        let (pooled, own) = (handle(1), handle(2));
        for connection in [&pooled, &own] {
            assert!(all.seen(dead, Some(connection), true, now));
        }
        assert!(all.seen(lives, Some(&pooled), true, now));
        all.of(dead, None, now).drop_now(false);
        assert!(own.token().is_cancelled() && !pooled.token().is_cancelled());
    }

    #[test]
    fn made_up_sessions_are_forgotten() {
        let (all, now) = (Transports::default(), Instant::now());
        let held = all.of(Sid::new(), None, now);
        for _ in 0..100 {
            all.seen(Sid::new(), None, false, now);
        }
        all.sweep(now + UNKNOWN_TIME);
        assert_eq!(all.map().len(), 1);
        drop(held);
    }
}
