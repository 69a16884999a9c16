//! The bus within a node: a bounded queue in memory for each who reads signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Bus, Lane, Signal};

/// Signals waiting for this node's fan-out. When it is full the publisher waits: nothing is lost on a single node.
const QUEUE: usize = 8_192;
/// Signals waiting for another reader. When it is full they are dropped, and the reader gets [`Signal::Missed`]: the
/// fan-out must not wait for it.
const LANE_QUEUE: usize = 8_192;

/// A bus of one node.
#[derive(Debug)]
pub struct LocalBus {
    edge: mpsc::Sender<Signal>,
    presence: OnceLock<Sending>,
    relay: OnceLock<Sending>,
}

#[derive(Debug)]
struct Sending {
    queue: mpsc::Sender<Signal>,
    missed: Arc<AtomicBool>,
}

/// The end that a reader other than the fan-out has.
#[derive(Debug)]
pub struct Listener {
    queue: mpsc::Receiver<Signal>,
    missed: Arc<AtomicBool>,
}

impl Listener {
    /// The next signal; [`Signal::Missed`] first where some were dropped. `None` when the bus has ended.
    pub async fn recv(&mut self) -> Option<Signal> {
        // Set only while the queue was full, so there is something to wake for, and it is looked at before that.
        if self.missed.swap(false, Ordering::AcqRel) {
            return Some(Signal::Missed { room: None });
        }
        self.queue.recv().await
    }
}

impl Sending {
    fn send(&self, signal: Signal) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(signal) {
            self.missed.store(true, Ordering::Release);
        }
    }
}

impl LocalBus {
    /// The bus, and the end that the fan-out reads.
    pub fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (edge, rx) = mpsc::channel(QUEUE);
        (Self { edge, presence: OnceLock::new(), relay: OnceLock::new() }, rx)
    }

    /// The end of another reader, from now on. Signals of a lane that nobody reads are dropped. `None`: the lane has
    /// its reader, and the fan-out has [`LocalBus::new`]'s.
    pub fn listen(&self, lane: Lane) -> Option<Listener> {
        let place = match lane {
            Lane::Edge => return None,
            Lane::Presence => &self.presence,
            Lane::Relay => &self.relay,
        };
        let (tx, rx) = mpsc::channel(LANE_QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        place.set(Sending { queue: tx, missed: Arc::clone(&missed) }).ok()?;
        Some(Listener { queue: rx, missed })
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, signal: Signal) {
        let lane = match signal.lane() {
            Lane::Edge => None,
            Lane::Presence => Some(&self.presence),
            Lane::Relay => Some(&self.relay),
        };
        if let Some(lane) = lane {
            if let Some(reader) = lane.get() {
                reader.send(signal);
            }
            return;
        }
        if let Signal::Missed { room: None } = &signal {
            for reader in [&self.presence, &self.relay].into_iter().filter_map(OnceLock::get) {
                reader.send(signal.clone());
            }
        }
        if self.edge.send(signal).await.is_err() {
            tracing::debug!("the fan-out has ended; a signal was dropped");
        }
    }

    async fn tell_here(&self, signal: Signal) {
        self.publish(signal).await;
    }

    fn health(&self) -> Result<(), String> {
        if self.edge.is_closed() { Err("the fan-out has ended".into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::RoomId;

    #[tokio::test]
    async fn what_was_missed_of_any_room_is_told_to_every_reader() {
        let (bus, mut edge) = LocalBus::new();
        let mut presence = bus.listen(Lane::Presence).unwrap();
        assert!(bus.listen(Lane::Presence).is_none(), "one reader a lane");
        bus.publish(Signal::Missed { room: Some(RoomId(1)) }).await;
        bus.publish(Signal::Missed { room: None }).await;
        assert!(matches!(edge.recv().await, Some(Signal::Missed { room: Some(_) })));
        assert!(matches!(edge.recv().await, Some(Signal::Missed { room: None })));
        assert!(matches!(presence.recv().await, Some(Signal::Missed { room: None })));
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_told_that_it_missed_something() {
        let (bus, _edge) = LocalBus::new();
        let mut relay = bus.listen(Lane::Relay).unwrap();
        let sending = bus.relay.get().unwrap();
        for _ in 0..LANE_QUEUE {
            sending.send(Signal::Authority);
        }
        assert!(matches!(relay.recv().await, Some(Signal::Authority)), "nothing was lost yet");
        sending.send(Signal::Authority);
        sending.send(Signal::Authority);
        assert!(matches!(relay.recv().await, Some(Signal::Missed { room: None })));
        assert!(matches!(relay.recv().await, Some(Signal::Authority)));
    }
}
