//! What waits for one socket: a queue bounded in packets and bytes, and the end of the connection behind it.
//!
//! When it is full the connection is cut, never a packet skipped; only hints are left out, from half full on. The
//! writer (`writer`) empties it; nobody else emits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_common::ErrorBody;
use chat_common::Limits;
use tokio::sync::Notify;

use super::call::Payload;

/// Packets the writer takes at once; with [`BATCH_BYTES`] it bounds what stands in the library's own buffer.
pub(super) const BATCH: usize = 64;
/// Bytes the writer takes at once.
pub(super) const BATCH_BYTES: usize = 64 * 1024;
/// Bytes on the wire beside a packet's payload: the namespace, the event's name, the frame.
const FRAME: usize = 48;

/// One packet for a socket.
#[derive(Clone, Debug)]
pub(super) enum Out {
    /// An event.
    Event(&'static str, Payload),
    /// The acknowledgement of a packet.
    Ack(i64, Payload),
}

impl Out {
    /// Bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        let (Self::Event(_, data) | Self::Ack(_, data)) = self;
        data.get().len() + FRAME
    }
}

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

/// What the writer does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Emit these.
    Packets(Vec<Out>),
    /// Everything that had to be told was given out.
    End(Ending),
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It will be told, or may be left out.
    Ok,
    /// There is no room: the connection must be ended as [`Ending::TooSlow`].
    Full,
}

/// What was told past the queue since it was last looked whether the peer takes something.
#[derive(Debug, Default)]
struct Credit {
    flow: u64,
    packets: usize,
    bytes: usize,
}

impl Credit {
    /// Looks only where a batch is used up: the stream's counter belongs to another thread's cache.
    fn take(&mut self, packets: usize, bytes: usize, flow: impl FnOnce() -> Option<u64>) -> bool {
        let fits = |used: &Self| used.packets + packets <= BATCH && used.bytes + bytes <= BATCH_BYTES;
        if !fits(self) {
            match flow() {
                Some(flow) if flow != self.flow => *self = Self { flow, ..Self::default() },
                _ => return false,
            }
        }
        let taken = fits(self);
        if taken {
            self.packets += packets;
            self.bytes += bytes;
        }
        taken
    }
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
    credit: Credit,
    ending: Option<Ending>,
}

/// One socket's queue.
#[derive(Debug)]
pub(super) struct Outbox {
    // A std mutex is enough: pushes and takes are short and never wait.
    state: Mutex<State>,
    wake: Notify,
    drained: Notify,
    max_packets: usize,
    max_bytes: usize,
}

impl Outbox {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            drained: Notify::new(),
            max_packets: limits.queue_packets,
            // The rest of what may be held for a slow reader stands in the library's and the WebSocket's buffers.
            max_bytes: limits.queue_bytes / 4 * 3,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a packet.
    pub(super) fn push(&self, out: Out) -> Pushed {
        self.push_up_to(out, self.max_packets, self.max_bytes, Pushed::Full)
    }

    /// Whether packets of so many bytes may be told past the queue: nothing waits in it, and no more than a batch goes
    /// past it until the peer is seen to take something. `flow` moves on whenever it does; `None` while it does not.
    pub(super) fn may_pass(&self, packets: usize, bytes: usize, flow: impl FnOnce() -> Option<u64>) -> bool {
        let mut state = self.state();
        state.open && state.packets == 0 && state.ending.is_none() && state.credit.take(packets, bytes, flow)
    }

    /// Queues what may be lost; left out from half full on.
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
        state.packets += 1;
        state.queue.push_back(out);
        drop(state);
        self.wake.notify_one();
        Pushed::Ok
    }

    /// Queues `ready` before everything else and opens the queue.
    pub(super) fn open(&self, ready: Out) {
        let mut state = self.state();
        state.bytes += ready.size();
        state.packets += 1;
        state.queue.push_front(ready);
        state.open = true;
        drop(state);
        self.wake.notify_one();
    }

    /// Takes nothing more; what had to be told first is `last`. False: it was ended before.
    pub(super) fn end(&self, ending: Ending, last: Option<Out>) -> bool {
        let mut state = self.state();
        if state.ending.is_some() {
            return false;
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
        drop(state);
        self.wake.notify_one();
        self.drained.notify_one();
        true
    }

    /// The next packets, or the end.
    pub(super) async fn next(&self) -> Next {
        loop {
            {
                let mut state = self.state();
                if state.open && !state.queue.is_empty() {
                    return Next::Packets(take_batch(&mut state.queue));
                }
                if let Some(ending) = &state.ending {
                    return Next::End(ending.clone());
                }
            }
            self.wake.notified().await;
        }
    }

    /// So many packets with so many bytes were emitted.
    pub(super) fn sent(&self, packets: usize, bytes: usize) {
        if packets == 0 {
            return;
        }
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.packets = state.packets.saturating_sub(packets);
        drop(state);
        self.drained.notify_one();
    }

    /// Waits until replies may be made: a client that asks faster than it reads waits, instead of being cut for it.
    pub(super) async fn has_room(&self) {
        loop {
            {
                let state = self.state();
                if state.ending.is_some() || (state.bytes < self.max_bytes / 3 && state.packets < self.max_packets / 2)
                {
                    return;
                }
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

fn take_batch(queue: &mut VecDeque<Out>) -> Vec<Out> {
    let mut bytes = 0;
    let fits = queue
        .iter()
        .take(BATCH)
        .take_while(|out| {
            bytes += out.size();
            bytes <= BATCH_BYTES
        })
        .count();
    queue.drain(..fits.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use chat_common::ErrorCode;

    use super::super::call::raw;
    use super::*;

    fn event(name: &'static str, bytes: usize) -> Out {
        Out::Event(name, raw(&"x".repeat(bytes)))
    }

    fn limits(packets: usize, bytes: usize) -> Limits {
        Limits { queue_packets: packets, queue_bytes: bytes, ..Limits::default() }
    }

    fn names(next: Next) -> Vec<&'static str> {
        let Next::Packets(packets) = next else { panic!("{next:?}") };
        packets.iter().map(|p| if let Out::Event(name, _) = p { name } else { "ack" }).collect()
    }

    #[tokio::test]
    async fn ready_goes_first_whatever_came_before() {
        let outbox = Outbox::new(&limits(10, 100_000));
        outbox.push(event("early", 1));
        outbox.open(event("ready", 1));
        assert_eq!(names(outbox.next().await), ["ready", "early"]);
    }

    #[tokio::test]
    async fn packets_and_bytes_are_bounded_and_count_until_they_are_emitted() {
        let outbox = Outbox::new(&limits(4, 100_000));
        outbox.open(event("ready", 1));
        for _ in 0..3 {
            assert_eq!(outbox.push(event("a", 1)), Pushed::Ok);
        }
        assert_eq!(outbox.push(event("a", 1)), Pushed::Full);
        let Next::Packets(taken) = outbox.next().await else { panic!() };
        assert_eq!(outbox.push(event("a", 1)), Pushed::Full, "taken is not emitted");
        outbox.sent(1, taken[0].size());
        assert_eq!(outbox.push(event("a", 80_000)), Pushed::Full, "too many bytes");
        assert_eq!(outbox.push(event("a", 1)), Pushed::Ok);
    }

    #[tokio::test]
    async fn the_queue_is_passed_while_nothing_waits_and_the_peer_keeps_up() {
        let outbox = Outbox::new(&limits(10, 100_000));
        let pass = |packets, bytes, flow| outbox.may_pass(packets, bytes, || flow);
        assert!(!pass(1, 1, Some(1)), "before `ready`");
        outbox.open(event("ready", 1));
        assert!(!pass(1, 1, Some(1)), "`ready` waits");
        let Next::Packets(ready) = outbox.next().await else { panic!() };
        assert!(!pass(1, 1, Some(1)), "`ready` is in the writer's hands");
        outbox.sent(1, ready[0].size());
        assert!(pass(1, BATCH_BYTES, None), "a batch goes without a look");
        assert!(!pass(1, 1, None), "the peer does not read");
        assert!(pass(BATCH, 1, Some(1)), "it took something");
        assert!(!pass(1, 1, Some(1)), "it took nothing since");
        assert!(!pass(BATCH + 1, 1, Some(2)), "more than a batch at once");
        outbox.push(event("behind", 1));
        assert!(!pass(1, 1, Some(3)), "order holds");
    }

    #[tokio::test]
    async fn hints_are_left_out_before_anything_is_cut() {
        let outbox = Outbox::new(&limits(4, 100_000));
        outbox.open(event("ready", 1));
        assert_eq!(outbox.push_hint(event("hint", 1)), Pushed::Ok);
        assert_eq!(outbox.push_hint(event("lost", 1)), Pushed::Ok);
        assert_eq!(names(outbox.next().await), ["ready", "hint"]);
    }

    #[tokio::test]
    async fn a_refused_one_is_told_why_and_nothing_after() {
        let outbox = Outbox::new(&limits(10, 100_000));
        outbox.open(event("ready", 1));
        let why = Ending::Refused(ErrorBody::new(ErrorCode::Unauthorized, "expired"));
        assert!(outbox.end(why.clone(), Some(event("notice", 1))));
        assert!(!outbox.end(Ending::Gone, None), "the first reason holds");
        outbox.push(event("late", 1));
        assert_eq!(names(outbox.next().await), ["ready", "notice"]);
        assert!(matches!(outbox.next().await, Next::End(e) if e == why));
    }

    #[tokio::test]
    async fn a_batch_is_bounded_in_bytes_but_never_empty() {
        let outbox = Outbox::new(&limits(1_000, 10_000_000));
        outbox.open(event("ready", BATCH_BYTES * 2));
        outbox.push(event("b", BATCH_BYTES / 2));
        outbox.push(event("c", BATCH_BYTES / 2));
        assert_eq!(names(outbox.next().await), ["ready"]);
        assert_eq!(names(outbox.next().await), ["b"]);
    }
}
