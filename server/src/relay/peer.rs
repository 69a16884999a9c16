//! One socket of the relay: what waits for it, its share of requests, and its end. `writer` empties the queue.
//!
//! The queue is bounded in packets and bytes; when it is full the reader is too slow and is cut, only what is volatile
//! is left out instead.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use chat_common::Timestamp;
use rmpv::Value;
use socketioxide::socket::Socket;
use tokio::sync::Notify;

use crate::domain::bucket::{Bucket, Rate};
use crate::listen::Line;

use super::value::Args;
use super::wire::Nsp;

/// Packets the writer takes at once.
pub(super) const BATCH: usize = 64;
/// Bytes it takes at once, though always one packet.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// What a socket's answer is given to.
pub(super) type OnAck = Arc<dyn Fn(Value) + Send + Sync>;

/// One packet for a socket.
#[derive(Clone)]
pub(super) enum Out {
    /// An event.
    Event(Arc<str>, Arc<Args>),
    /// An event that the client acknowledges until then.
    Ask(Arc<str>, Arc<Args>, OnAck, Instant),
    /// The acknowledgement of a packet of the client's.
    Ack(i64, Arc<Args>),
}

impl Out {
    /// Bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Event(name, args) | Self::Ask(name, args, ..) => name.len() + args.size() + 48,
            Self::Ack(_, args) => args.size() + 48,
        }
    }
}

/// How a socket's connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The peer has gone.
    Gone,
    /// It does not read fast enough: the transport is dropped, so that official clients come back.
    TooSlow,
    /// Another server wants it out of the namespace: DISCONNECT; `close`: with its whole connection.
    Kicked { close: bool },
    /// The node stops: the transport is dropped, so that official clients come back.
    Dropped,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Out>,
    /// Packets waiting and in the writer's hands.
    packets: usize,
    /// Bytes of them.
    bytes: usize,
    /// Nothing goes out before CONNECT was answered.
    open: bool,
    ending: Option<Ending>,
}

/// What the writer does next.
pub(super) enum Next {
    /// Emit these.
    Packets(Vec<Out>),
    /// Everything was given out.
    End(Ending),
}

/// See the module.
pub(super) struct Peer {
    /// The session's id, which is the socket's.
    pub sid: Arc<str>,
    /// Where it is.
    pub nsp: Nsp,
    /// What carries it.
    pub line: Arc<dyn Line>,
    /// When it came.
    pub since: Timestamp,
    /// The library's socket, which holds this.
    pub socket: OnceLock<Weak<Socket>>,
    queue: Mutex<Queue>,
    wake: Notify,
    bounds: (usize, usize),
    requests: Mutex<Bucket>,
    messages: Mutex<Bucket>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("sid", &self.sid).field("nsp", &self.nsp).finish_non_exhaustive()
    }
}

impl Peer {
    /// A new one; `bounds`: packets and bytes that may wait for it.
    pub(super) fn new(sid: &str, nsp: Nsp, line: Arc<dyn Line>, bounds: (usize, usize), since: Timestamp) -> Self {
        Self {
            sid: sid.into(),
            nsp,
            line,
            since,
            socket: OnceLock::new(),
            queue: Mutex::default(),
            wake: Notify::new(),
            bounds,
            requests: Mutex::default(),
            messages: Mutex::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a packet; false: there is no room, it must be ended as [`Ending::TooSlow`].
    #[must_use]
    pub(super) fn push(&self, out: Out) -> bool {
        self.push_up_to(out, self.bounds)
    }

    /// The same for what may be left out: it is, from half full on.
    pub(super) fn push_volatile(&self, out: Out) {
        let _left_out_when_full = self.push_up_to(out, (self.bounds.0 / 2, self.bounds.1 / 2));
    }

    fn push_up_to(&self, out: Out, (packets, bytes): (usize, usize)) -> bool {
        let mut queue = self.queue();
        if queue.ending.is_some() {
            return true;
        }
        // One packet always has room, or nobody could be told what is as large as the bound.
        if queue.packets > 0 && (queue.packets >= packets || queue.bytes + out.size() > bytes) {
            return false;
        }
        queue.packets += 1;
        queue.bytes += out.size();
        queue.waiting.push_back(out);
        drop(queue);
        self.wake.notify_one();
        true
    }

    /// CONNECT was answered.
    pub(super) fn open(&self) {
        self.queue().open = true;
        self.wake.notify_one();
    }

    /// Takes nothing more; false: it was ended before.
    pub(super) fn end(&self, ending: Ending) -> bool {
        let mut queue = self.queue();
        if queue.ending.is_some() {
            return false;
        }
        if matches!(ending, Ending::Gone | Ending::TooSlow) {
            queue.waiting.clear();
        }
        queue.ending = Some(ending);
        drop(queue);
        self.wake.notify_one();
        true
    }

    /// Whether its end was decided.
    pub(super) fn is_ending(&self) -> bool {
        self.queue().ending.is_some()
    }

    /// Whether nothing waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.queue().packets == 0
    }

    /// The next packets, or the end.
    pub(super) async fn next(&self) -> Next {
        loop {
            {
                let mut queue = self.queue();
                if queue.open && !queue.waiting.is_empty() {
                    return Next::Packets(take_batch(&mut queue.waiting));
                }
                if let Some(ending) = queue.ending {
                    return Next::End(ending);
                }
            }
            self.wake.notified().await;
        }
    }

    /// So much was emitted.
    pub(super) fn sent(&self, packets: usize, bytes: usize) {
        let mut queue = self.queue();
        queue.packets = queue.packets.saturating_sub(packets);
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }

    /// Takes one request from its share, or says when there will be one; messages have a share of their own.
    pub(super) fn take(&self, message: bool, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let share = if message { &self.messages } else { &self.requests };
        share.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now)
    }

    /// Without a transport.
    #[cfg(test)]
    pub(super) fn for_tests(nsp: Nsp, sid: &str) -> Arc<Self> {
        struct Nothing;
        impl Line for Nothing {
            fn is_blocked(&self) -> bool {
                false
            }
            fn polls(&self) -> u64 {
                0
            }
            fn drop_now(&self, _: bool) {}
            fn connects_too_often(&self) -> bool {
                false
            }
        }
        Arc::new(Self::new(sid, nsp, Arc::new(Nothing), (4, 1_000), Timestamp::from_millis(0)))
    }
}

fn take_batch(waiting: &mut VecDeque<Out>) -> Vec<Out> {
    let mut bytes = 0;
    let fits = waiting.iter().take(BATCH).take_while(|out| {
        bytes += out.size();
        bytes <= BATCH_BYTES
    });
    let fits = fits.count();
    waiting.drain(..fits.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Out {
        Out::Event("e".into(), Arc::new(Args::one(&"x".repeat(bytes))))
    }

    #[tokio::test]
    async fn a_queue_is_bounded_and_counts_until_it_was_emitted() {
        let peer = Peer::for_tests(Nsp::Root, "a");
        assert!(peer.push(event(5_000)), "the first always has room");
        assert!(!peer.push(event(1)));
        peer.open();
        let Next::Packets(taken) = peer.next().await else { panic!() };
        assert!(!peer.push(event(1)), "taken is not emitted");
        peer.sent(1, taken[0].size());
        assert!((0..4).all(|_| peer.push(event(1))) && !peer.push(event(1)));
        assert!(peer.end(Ending::TooSlow) && !peer.end(Ending::Gone));
        assert!(peer.push(event(1)), "nothing more is taken, and nobody is cut twice");
        assert!(matches!(peer.next().await, Next::End(Ending::TooSlow)));
    }

    #[tokio::test]
    async fn who_is_put_out_is_told_first_what_waited() {
        let peer = Peer::for_tests(Nsp::Root, "a");
        assert!(peer.push(event(1)));
        peer.push_volatile(event(1));
        peer.push_volatile(event(1));
        peer.open();
        peer.end(Ending::Kicked { close: false });
        let Next::Packets(taken) = peer.next().await else { panic!() };
        assert_eq!(taken.len(), 2, "half full leaves out what is volatile");
        assert!(matches!(peer.next().await, Next::End(Ending::Kicked { close: false })));
    }
}
