//! The bus of a node among others: this node's own queue first, then the wire. What other nodes say goes into the same
//! queue.
//!
//! A broker that is away costs this node nothing: its own queue does not know of the wire, and what could not be sent
//! is read from the store by the nodes that missed it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::envelope::{Envelope, Fault, Lineage};
use super::interest::{Following, Interest};
use super::wire::{Heard, NodeId, Topic, Wire};
use super::{Bus, Figures, Signal};

/// How often topics that nobody follows any more are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// What cannot be read is logged at most so often.
const COMPLAIN: Duration = Duration::from_secs(10);

/// See the module.
pub struct ClusterBus {
    local: Arc<dyn Bus>,
    wire: Arc<dyn Wire>,
    following: Arc<Following>,
    envelope: Envelope,
    /// The one it is; before it all it was.
    names: Mutex<Vec<NodeId>>,
    heard: AtomicU64,
    unreadable: AtomicU64,
    /// Heard for as long as the bus lives.
    _all: Interest,
}

impl ClusterBus {
    /// Around this node's own bus and a wire. [`ClusterBus::run`] must run beside it.
    pub fn new(local: Arc<dyn Bus>, wire: Arc<dyn Wire>, lineage: Lineage, node: NodeId) -> Arc<Self> {
        let following = Arc::new(Following::new(Arc::clone(&wire)));
        let all = following.follow(Topic::All);
        Arc::new(Self {
            local,
            wire,
            following,
            envelope: Envelope::new(lineage),
            names: Mutex::new(vec![node]),
            heard: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            _all: all,
        })
    }

    fn name(&self) -> NodeId {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.last().copied().unwrap_or(NodeId(0))
    }

    fn is_own(&self, node: NodeId) -> bool {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }

    /// Brings what the wire tells to this node's readers; `Err` when the wire has ended.
    pub async fn run(self: Arc<Self>, mut heard: mpsc::Receiver<Heard>) -> Result<(), String> {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut complaints = Complaints::default();
        loop {
            tokio::select! {
                told = heard.recv() => match told {
                    Some(Heard::Bytes(topic, bytes)) => match self.envelope.read(topic, &bytes) {
                        Ok(told) if self.is_own(told.from) => {}
                        Ok(told) => {
                            self.heard.fetch_add(1, Ordering::Relaxed);
                            self.local.tell_here(told.signal).await;
                        }
                        Err(fault) => {
                            self.unreadable.fetch_add(1, Ordering::Relaxed);
                            complaints.add(&fault, bytes.len(), Instant::now());
                        }
                    },
                    Some(Heard::Missed(Some(Topic::Room(room)))) => {
                        self.local.tell_here(Signal::Missed { room: Some(room) }).await;
                    }
                    // A user's hints are told once; what they hint at shows on the next read.
                    Some(Heard::Missed(Some(Topic::User(_)))) => {}
                    Some(Heard::Missed(_)) => self.local.tell_here(Signal::Missed { room: None }).await,
                    None => return Err("the wire between nodes has ended".to_owned()),
                },
                _ = sweep.tick() => self.following.sweep(Instant::now()),
            }
        }
    }
}

/// Says what could not be read, without filling the log.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    fn add(&mut self, fault: &Fault, bytes: usize, now: Instant) {
        if self.last.is_some_and(|last| now.duration_since(last) < COMPLAIN) {
            self.unsaid += 1;
            return;
        }
        tracing::warn!(bytes, more = self.unsaid, "a frame from another node was dropped: {fault}");
        *self = Self { last: Some(now), unsaid: 0 };
    }
}

#[async_trait]
impl Bus for ClusterBus {
    async fn publish(&self, signal: Signal) {
        let topic = signal.topic();
        let frame = topic.and_then(|_| self.envelope.write(self.name(), &signal));
        self.local.publish(signal).await;
        if let (Some(topic), Some(frame)) = (topic, frame) {
            self.wire.publish(topic, frame);
        }
    }

    async fn tell_here(&self, signal: Signal) {
        self.local.tell_here(signal).await;
    }

    fn follow(&self, topic: Topic) -> Interest {
        self.following.follow(topic)
    }

    fn renamed(&self, node: NodeId) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).push(node);
    }

    fn health(&self) -> Result<(), String> {
        self.local.health().and_then(|()| self.wire.health())
    }

    fn figures(&self) -> Option<Figures> {
        Some(Figures {
            heard: self.heard.load(Ordering::Relaxed),
            unreadable: self.unreadable.load(Ordering::Relaxed),
            ..self.wire.figures()
        })
    }

    async fn close(&self) {
        self.wire.close().await;
    }
}
