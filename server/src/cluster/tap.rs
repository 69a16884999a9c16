//! A bus that also stirs whoever waits for something new in a room on this node (server-sent events): they read the
//! log again. What they are told holds no content, so losing it costs a moment and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::wire::{NodeId, Topic};
use super::{Bus, Figures, Interest, Signal};
use crate::storage::RoomId;

/// Stirs a reader has not seen yet. A reader that is further behind reads its log once for all of them.
const QUEUE: usize = 1_024;

/// What may be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stir {
    /// Something in this room.
    Room(RoomId),
    /// Something in any room: the wire between nodes was away.
    Any,
    /// Somebody's rights.
    Authority,
}

/// See the module.
pub struct TapBus {
    inner: Arc<dyn Bus>,
    stirs: broadcast::Sender<Stir>,
}

/// Where to listen.
#[derive(Clone, Debug)]
pub struct Tap(broadcast::Sender<Stir>);

impl TapBus {
    /// Around another bus.
    pub fn new(inner: Arc<dyn Bus>) -> (Self, Tap) {
        let (stirs, _) = broadcast::channel(QUEUE);
        (Self { inner, stirs: stirs.clone() }, Tap(stirs))
    }
}

impl Tap {
    /// From now on. `Lagged` means: read everything again.
    pub fn listen(&self) -> broadcast::Receiver<Stir> {
        self.0.subscribe()
    }
}

/// What a signal may have brought.
fn stir(signal: &Signal) -> Option<Stir> {
    match signal {
        Signal::Entry { room, .. }
        | Signal::Left { room, .. }
        | Signal::Deleted { room, .. }
        | Signal::Missed { room: Some(room) } => Some(Stir::Room(*room)),
        Signal::Missed { room: None } => Some(Stir::Any),
        Signal::Authority => Some(Stir::Authority),
        _ => None,
    }
}

impl TapBus {
    fn stir(&self, stir: Option<Stir>) {
        if let Some(stir) = stir {
            // Nobody listens: nobody has to be stirred.
            let _listeners = self.stirs.send(stir);
        }
    }
}

#[async_trait]
impl Bus for TapBus {
    async fn publish(&self, signal: Signal) {
        let stir = stir(&signal);
        self.inner.publish(signal).await;
        self.stir(stir);
    }

    async fn tell_here(&self, signal: Signal) {
        let stir = stir(&signal);
        self.inner.tell_here(signal).await;
        self.stir(stir);
    }

    fn follow(&self, topic: Topic) -> Interest {
        self.inner.follow(topic)
    }

    fn renamed(&self, node: NodeId) {
        self.inner.renamed(node);
    }

    fn health(&self) -> Result<(), String> {
        self.inner.health()
    }

    fn figures(&self) -> Option<Figures> {
        self.inner.figures()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
