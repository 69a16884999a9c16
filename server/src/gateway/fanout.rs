//! From the wire between nodes to the sockets: reads the bus, keeps the rooms' order, fills their holes from the store.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_common::event::Entry;
use chat_common::event::server::Hint;
use chat_common::{RoomName, Seq};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::cluster::Signal;
use crate::cluster::sequencer::HOLD;
use crate::storage::RoomId;

use super::chorus::After;
use super::{Gateway, authority};

/// How often the store is asked for the heads of the rooms that are followed here.
const HEADS: Duration = Duration::from_secs(15);
/// Rooms asked for at once.
const HEADS_AT_ONCE: usize = 200;
/// Heads told at once: those of a thousand rooms with ten readers are ten thousand writes, and messages wait behind them.
const HEADS_TOLD: usize = 8;
/// Signals told at once; what they tell a connection leaves it in one write.
const BATCH: usize = 64;
/// Entries read of a hole at once.
const PAGE: u32 = 200;
/// Reads under way at once; further holes wait for the next tick.
const READS: usize = 16;

/// An answer of the store.
enum Read {
    Hole(RoomId, Option<Vec<Arc<Entry>>>),
    Heads(Vec<(RoomId, RoomName, Seq)>),
}

/// Runs until the bus has ended or the gateway stops.
pub(super) async fn run(gateway: Arc<Gateway>, mut signals: mpsc::Receiver<Signal>) {
    let (done, mut reads) = mpsc::channel(READS + 1);
    let mut state = Fanout {
        gateway,
        holes: HashSet::new(),
        reading: 0,
        ask: HashSet::new(),
        asking: false,
        heads: VecDeque::new(),
        done,
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut tick = tokio::time::interval(HOLD / 2);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heads = tokio::time::interval_at(tokio::time::Instant::now() + HEADS, HEADS);
    heads.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = state.gateway.stop.clone();
    loop {
        tokio::select! {
            some = signals.recv_many(&mut batch, BATCH) => {
                if some == 0 {
                    return;
                }
                // What was committed together is being published by tasks that are ready to run: let them.
                tokio::task::yield_now().await;
                while batch.len() < BATCH && let Ok(signal) = signals.try_recv() {
                    batch.push(signal);
                }
                let after = state.signals(batch.drain(..));
                for written in state.gateway.settle(after) {
                    // What ended it was reported where it ended.
                    let _ended = written.await;
                }
                state.tell_heads();
            },
            Some(read) = reads.recv() => state.read(read),
            () = tokio::task::yield_now(), if !state.heads.is_empty() => state.tell_heads(),
            _ = tick.tick(), if !state.holes.is_empty() => state.look(),
            _ = heads.tick() => state.ask_all(),
            () = stop.cancelled() => return,
        }
    }
}

struct Fanout {
    gateway: Arc<Gateway>,
    holes: HashSet<RoomId>,
    reading: usize,
    /// Rooms whose heads are to be read; none but those that were followed, so no more than these.
    ask: HashSet<RoomId>,
    /// Heads are being read. One question at a time: after the broker was away each room's subscription tells anew.
    asking: bool,
    /// Heads that were read and are still to be told.
    heads: VecDeque<(RoomId, Seq)>,
    done: mpsc::Sender<Read>,
}

impl Fanout {
    fn signals(&mut self, signals: impl Iterator<Item = Signal>) -> After {
        // What waited here while the process was stopped is told to nobody.
        self.gateway.fence_if_stopped();
        let mut after = After::default();
        let mut run: Option<(RoomId, Vec<Arc<Entry>>)> = None;
        for signal in signals {
            match signal {
                Signal::Entry { room, entry } => match &mut run {
                    Some((same, entries)) if *same == room => entries.push(entry),
                    _ => {
                        self.entries(run.take(), &mut after);
                        run = Some((room, vec![entry]));
                    }
                },
                other => {
                    self.entries(run.take(), &mut after);
                    self.signal(other, &mut after);
                }
            }
        }
        self.entries(run, &mut after);
        after
    }

    fn entries(&mut self, run: Option<(RoomId, Vec<Arc<Entry>>)>, after: &mut After) {
        let Some((room, entries)) = run else { return };
        let (first, many) = (entries.first().map(|entry| entry.at), entries.len() as u64);
        let (told, hole) = self.gateway.hub.offer(room, entries, Instant::now());
        if hole {
            self.holes.insert(room);
        }
        after.and(told);
        let services = &self.gateway.services;
        if let Some(at) = first {
            services.counters.lag.times(services.clock.now().since(at), many);
        }
    }

    fn signal(&mut self, signal: Signal, after: &mut After) {
        let gateway = &self.gateway;
        let hub = &gateway.hub;
        match signal {
            Signal::Entry { room, entry } => self.entries(Some((room, vec![entry])), after),
            Signal::Room { room, hint, except } => {
                if let Hint::MemberJoined { user, .. } = &hint {
                    hub.joined(room, user.id);
                }
                after.and(hub.hint_room(room, &hint, except));
            }
            Signal::User { user, hint, except } => after.and(hub.hint_user(user, &hint, except)),
            Signal::Left { room, user } => {
                // It may be back already; the connection that left by itself has stopped before its reply.
                if hub.follows(room, user).is_some() {
                    let gateway = Arc::clone(gateway);
                    self.gateway.tasks.spawn(async move { authority::left(&gateway, user, room).await });
                }
            }
            Signal::Deleted { room, .. } => after.and(hub.close_room(room)),
            Signal::Authority => gateway.authority.notify_one(),
            // They have readers of their own.
            Signal::Relay(_) | Signal::Nodes(_) => {}
            Signal::Missed { room: Some(room) } => {
                self.ask.insert(room);
                self.ask_heads();
            }
            Signal::Missed { room: None } => self.ask_all(),
        }
    }

    fn read(&mut self, read: Read) {
        match read {
            Read::Hole(room, entries) => {
                self.reading = self.reading.saturating_sub(1);
                let found = entries.as_ref().map_or(0, Vec::len) as u64;
                self.gateway.services.counters.repaired.fetch_add(found, Ordering::Relaxed);
                let (after, hole) = self.gateway.hub.filled(room, entries, Instant::now());
                self.note(room, hole);
                self.gateway.settle(after);
            }
            Read::Heads(heads) => {
                self.asking = false;
                self.heads.extend(heads.into_iter().map(|(room, _, head)| (room, head)));
                self.ask_heads();
            }
        }
    }

    /// Tells some of the heads that were read, also while signals never end.
    fn tell_heads(&mut self) {
        let now = Instant::now();
        for (room, head) in self.heads.drain(..self.heads.len().min(HEADS_TOLD)) {
            let (after, hole) = self.gateway.hub.saw_head(room, head, now);
            if hole {
                self.holes.insert(room);
            }
            self.gateway.settle(after);
        }
    }

    fn note(&mut self, room: RoomId, hole: bool) {
        if hole {
            self.holes.insert(room);
        } else {
            self.holes.remove(&room);
        }
    }

    /// Reads the holes that did not close by themselves.
    fn look(&mut self) {
        let now = Instant::now();
        for room in self.holes.iter().copied().collect::<Vec<_>>() {
            if self.reading >= READS {
                return;
            }
            let (due, hole) = self.gateway.hub.due(room, now);
            self.note(room, hole);
            if let Some(after) = due {
                self.reading += 1;
                let (gateway, done) = (Arc::clone(&self.gateway), self.done.clone());
                self.gateway.tasks.spawn(async move {
                    let page = gateway.services.store.entries(room, after, PAGE).await;
                    let page = page.map_err(|error| tracing::warn!(%error, "a room's hole could not be read"));
                    let entries = page.ok().map(|page| page.into_iter().map(Arc::new).collect());
                    // Closed only when the fan-out has ended.
                    let _ended = done.send(Read::Hole(room, entries)).await;
                });
            }
        }
    }

    fn ask_all(&mut self) {
        self.ask.extend(self.gateway.hub.rooms());
        self.ask_heads();
    }

    /// Reads the heads of the rooms asked for. What is asked for meanwhile is read after that.
    fn ask_heads(&mut self) {
        if self.ask.is_empty() || self.asking {
            return;
        }
        self.asking = true;
        let rooms: Vec<_> = self.ask.drain().collect();
        let (gateway, done) = (Arc::clone(&self.gateway), self.done.clone());
        self.gateway.tasks.spawn(async move {
            let mut heads = Vec::with_capacity(rooms.len());
            for some in rooms.chunks(HEADS_AT_ONCE) {
                match gateway.services.store.heads(some).await {
                    Ok(mut more) => heads.append(&mut more),
                    Err(error) => tracing::warn!(%error, "the rooms' heads could not be read"),
                }
            }
            let _ended = done.send(Read::Heads(heads)).await;
        });
    }
}
