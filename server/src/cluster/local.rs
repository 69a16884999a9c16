//! The bus of a single node: a bounded queue in memory.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Bus, Signal};

/// Signals waiting for this node's fan-out. When it is full the publisher waits: nothing is lost on a single node.
const QUEUE: usize = 8_192;

/// A bus of one node.
#[derive(Debug)]
pub struct LocalBus(mpsc::Sender<Signal>);

impl LocalBus {
    /// The bus, and the end that the fan-out reads.
    pub fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (tx, rx) = mpsc::channel(QUEUE);
        (Self(tx), rx)
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, signal: Signal) {
        if self.0.send(signal).await.is_err() {
            tracing::debug!("the fan-out has ended; a signal was dropped");
        }
    }

    fn health(&self) -> Result<(), String> {
        if self.0.is_closed() { Err("the fan-out has ended".into()) } else { Ok(()) }
    }
}
