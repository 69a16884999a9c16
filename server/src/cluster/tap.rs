//! A bus that also stirs whoever waits for something new in a room on this node (server-sent events): they read the
//! log again. What they are told holds no content, so losing it costs a moment and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Bus, Signal};
use crate::storage::RoomId;

/// Stirs a reader has not seen yet. A reader that is further behind reads its log once for all of them.
const QUEUE: usize = 1_024;

/// What may be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stir {
    /// Something in this room.
    Room(RoomId),
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

#[async_trait]
impl Bus for TapBus {
    async fn publish(&self, signal: Signal) {
        let stir = match &signal {
            Signal::Entry { room, .. } | Signal::Left { room, .. } | Signal::Deleted { room, .. } => {
                Some(Stir::Room(*room))
            }
            Signal::Authority => Some(Stir::Authority),
            _ => None,
        };
        self.inner.publish(signal).await;
        if let Some(stir) = stir {
            // Nobody listens: nobody has to be stirred.
            let _listeners = self.stirs.send(stir);
        }
    }

    fn health(&self) -> Result<(), String> {
        self.inner.health()
    }
}
