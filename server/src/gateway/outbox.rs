//! What waits for one socket: a queue bounded in packets and bytes, and the end of the connection behind it.
//!
//! When it is full the connection is cut, never a packet skipped; only hints are left out, from half full on. One at a
//! time empties it (`writer`): whoever found it with nobody at it, and so is told to; nobody else emits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_common::ErrorBody;
use chat_common::Limits;
use tokio::sync::Notify;

use super::told::Out;

/// What is taken at once, in pieces; with [`BATCH_BYTES`] it bounds what stands outside the queue.
pub(super) const BATCH: usize = 64;
/// Bytes taken at once.
pub(super) const BATCH_BYTES: usize = 64 * 1024;
/// A queue that has grown beyond this is given back when it is empty.
const KEPT: usize = 16;

/// Why a connection ends, and so how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The peer has gone; there is nobody to tell.
    Gone,
    /// Authority is gone: told why, then DISCONNECT, so that official clients stay away.
    Refused(ErrorBody),
    /// It does not read fast enough: the transport is dropped, so that official clients come back.
    TooSlow,
    /// We cannot serve it now: the transport is dropped.
    Dropped,
}

/// What is to be done next by whoever empties the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Emit what was taken.
    Emit,
    /// Everything that had to be told was given out.
    End(Ending),
    /// Nothing waits: whoever puts something in is told to empty it.
    Idle,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It will be told, or may be left out.
    Ok,
    /// Nobody empties the queue: the caller has to, or nobody ever will.
    Wake,
    /// There is no room: the connection must be ended as [`Ending::TooSlow`].
    Full,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Out>,
    /// Bytes queued and in the writer's hands.
    bytes: usize,
    /// Packets queued and in the writer's hands.
    packets: usize,
    /// Nothing goes out before `ready`.
    open: bool,
    /// Somebody empties it.
    busy: bool,
    /// Somebody waits until there is room.
    awaited: bool,
    ending: Option<Ending>,
}

impl State {
    fn wake(&mut self) -> Pushed {
        if self.open && !std::mem::replace(&mut self.busy, true) { Pushed::Wake } else { Pushed::Ok }
    }
}

/// One socket's queue.
#[derive(Debug)]
pub(super) struct Outbox {
    // A std mutex is enough: pushes and takes are short and never wait.
    state: Mutex<State>,
    drained: Notify,
    max_packets: usize,
    max_bytes: usize,
}

impl Outbox {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            drained: Notify::new(),
            max_packets: limits.queue_packets,
            // The rest of what may be held for a slow reader stands on its connection or in the library's buffer.
            max_bytes: limits.queue_bytes / 4 * 3,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues packets.
    #[must_use]
    pub(super) fn push(&self, out: Out) -> Pushed {
        self.push_up_to(out, self.max_packets, self.max_bytes, Pushed::Full)
    }

    /// Queues what may be lost; left out from half full on.
    #[must_use]
    pub(super) fn push_hint(&self, out: Out) -> Pushed {
        self.push_up_to(out, self.max_packets / 2, self.max_bytes / 2, Pushed::Ok)
    }

    fn push_up_to(&self, out: Out, packets: usize, bytes: usize, otherwise: Pushed) -> Pushed {
        let mut state = self.state();
        if state.ending.is_some() {
            return Pushed::Ok;
        }
        if state.packets >= packets || state.bytes + out.size() > bytes {
            return otherwise;
        }
        state.bytes += out.size();
        state.packets += out.len();
        state.queue.push_back(out);
        state.wake()
    }

    /// Queues `ready` before everything else and opens the queue.
    #[must_use]
    pub(super) fn open(&self, ready: Out) -> Pushed {
        let mut state = self.state();
        state.bytes += ready.size();
        state.packets += ready.len();
        state.queue.push_front(ready);
        state.open = true;
        state.wake()
    }

    /// Takes nothing more; what had to be told first is `last`. `None`: it was ended before; true: nobody empties it,
    /// so the caller has to.
    pub(super) fn end(&self, ending: Ending, last: Option<Out>) -> Option<bool> {
        let mut state = self.state();
        if state.ending.is_some() {
            return None;
        }
        if !matches!(ending, Ending::Refused(_) | Ending::Dropped) {
            state.queue.clear();
        }
        if let Some(last) = last
            && state.open
        {
            state.queue.push_back(last);
        }
        state.ending = Some(ending);
        let idle = !std::mem::replace(&mut state.busy, true);
        drop(state);
        self.drained.notify_one();
        Some(idle)
    }

    /// Takes what is to be emitted next in place of `batch`, which has been emitted. Only for the one who was told to
    /// empty the queue.
    pub(super) fn take(&self, batch: &mut Vec<Out>) -> Next {
        let mut state = self.state();
        for told in batch.drain(..) {
            state.bytes = state.bytes.saturating_sub(told.size());
            state.packets = state.packets.saturating_sub(told.len());
        }
        if std::mem::take(&mut state.awaited) {
            self.drained.notify_one();
        }
        if state.open && !state.queue.is_empty() {
            take_batch(&mut state.queue, batch);
            return Next::Emit;
        }
        if let Some(ending) = &state.ending {
            return Next::End(ending.clone());
        }
        if state.queue.capacity() > KEPT {
            state.queue = VecDeque::new();
        }
        state.busy = false;
        Next::Idle
    }

    /// Waits until replies may be made: a client that asks faster than it reads waits, instead of being cut for it.
    pub(super) async fn has_room(&self) {
        loop {
            {
                let mut state = self.state();
                if state.ending.is_some() || (state.bytes < self.max_bytes / 3 && state.packets < self.max_packets / 2)
                {
                    return;
                }
                state.awaited = true;
            }
            self.drained.notified().await;
        }
    }

    /// Packets and bytes that wait, those in the writer's hands included.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let state = self.state();
        (state.packets as u64, state.bytes as u64)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.state().packets == 0
    }

    /// Whether the end was decided.
    pub(super) fn is_ending(&self) -> bool {
        self.state().ending.is_some()
    }
}

fn take_batch(queue: &mut VecDeque<Out>, batch: &mut Vec<Out>) {
    let mut bytes = 0;
    let fits = queue
        .iter()
        .take(BATCH)
        .take_while(|out| {
            bytes += out.size();
            bytes <= BATCH_BYTES
        })
        .count();
    batch.extend(queue.drain(..fits.max(1)));
}

#[cfg(test)]
mod tests {
    use chat_common::ErrorCode;

    use super::super::told::{Kind, Told};
    use super::*;

    fn event(name: &'static str, bytes: usize) -> Out {
        Told::event(name, &"x".repeat(bytes))
    }

    fn limits(packets: usize, bytes: usize) -> Limits {
        Limits { queue_packets: packets, queue_bytes: bytes, ..Limits::default() }
    }

    fn taken(outbox: &Outbox) -> Vec<Out> {
        let mut batch = Vec::new();
        assert_eq!(outbox.take(&mut batch), Next::Emit);
        batch
    }

    fn names(outbox: &Outbox) -> Vec<&'static str> {
        let name = |(kind, _)| if let Kind::Event(name) = kind { name } else { "ack" };
        taken(outbox).iter().flat_map(|told| told.packets().map(name).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn ready_goes_first_whatever_came_before() {
        let outbox = Outbox::new(&limits(10, 100_000));
        assert_eq!(outbox.push(event("early", 1)), Pushed::Ok, "nothing is to be emitted yet");
        assert_eq!(outbox.open(event("ready", 1)), Pushed::Wake);
        assert_eq!(names(&outbox), ["ready", "early"]);
    }

    #[test]
    fn one_at_a_time_empties_it() {
        let outbox = Outbox::new(&limits(10, 100_000));
        assert_eq!(outbox.open(event("ready", 1)), Pushed::Wake);
        assert_eq!(outbox.push(event("a", 1)), Pushed::Ok, "somebody was told to");
        assert_eq!(names(&outbox), ["ready", "a"]);
        assert_eq!(outbox.push(event("b", 1)), Pushed::Ok, "still at it");
        assert_eq!(names(&outbox), ["b"]);
        assert_eq!(outbox.take(&mut Vec::new()), Next::Idle);
        assert_eq!(outbox.push(event("c", 1)), Pushed::Wake);
        assert_eq!(outbox.end(Ending::Gone, None), Some(false));
        assert_eq!(outbox.take(&mut Vec::new()), Next::End(Ending::Gone));
    }

    #[test]
    fn packets_and_bytes_are_bounded_and_count_until_they_are_emitted() {
        let outbox = Outbox::new(&limits(4, 100_000));
        assert_eq!(outbox.open(event("ready", 1)), Pushed::Wake);
        for _ in 0..3 {
            assert_eq!(outbox.push(event("a", 1)), Pushed::Ok);
        }
        assert_eq!(outbox.push(event("a", 1)), Pushed::Full);
        let mut batch = taken(&outbox);
        assert_eq!(outbox.push(event("a", 1)), Pushed::Full, "taken is not emitted");
        assert_eq!(outbox.take(&mut batch), Next::Idle);
        assert_eq!(outbox.push(event("a", 80_000)), Pushed::Full, "too many bytes");
        assert_eq!(outbox.push(event("a", 1)), Pushed::Wake);
    }

    #[test]
    fn hints_are_left_out_before_anything_is_cut() {
        let outbox = Outbox::new(&limits(4, 100_000));
        assert_eq!(outbox.open(event("ready", 1)), Pushed::Wake);
        assert_eq!(outbox.push_hint(event("hint", 1)), Pushed::Ok);
        assert_eq!(outbox.push_hint(event("lost", 1)), Pushed::Ok);
        assert_eq!(names(&outbox), ["ready", "hint"]);
    }

    #[test]
    fn a_refused_one_is_told_why_and_nothing_after() {
        let outbox = Outbox::new(&limits(10, 100_000));
        assert_eq!(outbox.open(event("ready", 1)), Pushed::Wake);
        let why = Ending::Refused(ErrorBody::new(ErrorCode::Unauthorized, "expired"));
        assert_eq!(outbox.end(why.clone(), Some(event("notice", 1))), Some(false));
        assert_eq!(outbox.end(Ending::Gone, None), None, "the first reason holds");
        assert_eq!(outbox.push(event("late", 1)), Pushed::Ok);
        assert_eq!(names(&outbox), ["ready", "notice"]);
        assert_eq!(outbox.take(&mut Vec::new()), Next::End(why));
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_but_never_empty() {
        let outbox = Outbox::new(&limits(1_000, 10_000_000));
        assert_eq!(outbox.open(event("ready", BATCH_BYTES * 2)), Pushed::Wake);
        assert_eq!(outbox.push(event("b", BATCH_BYTES / 2)), Pushed::Ok);
        assert_eq!(outbox.push(event("c", BATCH_BYTES / 2)), Pushed::Ok);
        assert_eq!(names(&outbox), ["ready"]);
        assert_eq!(names(&outbox), ["b"]);
    }
}
