//! Apache Kafka as the wire between nodes: one topic, whose records are keyed by what they are about. Every node reads
//! all partitions from their end and drops what it does not follow.
//!
//! `options` reads the address, `topic` sees to the topic, `link` keeps clients, `reader` and `writer` serve
//! one partition each and begin again after any failure, `sink` is the way out for the feed. What is lost on the way
//! is told as [`Heard::Missed`]; the repair is the business of whoever reads the store.

pub mod key;
mod link;
pub mod options;
mod raw;
mod reader;
pub mod sink;
#[cfg(test)]
mod tests;
mod topic;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use options::{OptionsError, Settings};

use super::Figures;
use super::wire::{Heard, Topic, Wire};
use link::Link;

/// Partitions of a wire's topic that is made.
pub const PARTITIONS: i32 = 12;
/// What waits for the node. When it is full the readers wait, and Kafka keeps what comes meanwhile; a reader that is
/// too far behind then goes to the end and says that it missed something.
const HEARD: usize = 8_192;
/// What is queued is sent within this at the end.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// The wire of one node.
pub struct KafkaWire {
    link: Arc<Link>,
    tasks: TaskTracker,
    end: CancellationToken,
}

/// Starts the wire; it connects by itself and goes on trying. Within a tokio runtime.
pub fn spawn(settings: Settings) -> (KafkaWire, mpsc::Receiver<Heard>) {
    let (told, heard) = mpsc::channel(HEARD);
    if settings.password_in_clear() {
        tracing::warn!("the login at Kafka crosses the network readable; take ?tls=true or ?sasl=scram-sha-512");
    }
    let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
    let link = Arc::new(Link::new(settings, told));
    let run = Arc::clone(&link).run(end.clone());
    tasks.spawn(run);
    tasks.close();
    (KafkaWire { link, tasks, end }, heard)
}

#[async_trait]
impl Wire for KafkaWire {
    fn publish(&self, topic: Topic, bytes: Bytes) {
        self.link.publish(topic, bytes);
    }

    fn subscribe(&self, topic: Topic) {
        self.link.follow(topic);
    }

    fn unsubscribe(&self, topic: Topic) {
        self.link.leave(topic);
    }

    fn figures(&self) -> Figures {
        self.link.figures()
    }

    fn health(&self) -> Result<(), String> {
        self.link.health()
    }

    async fn close(&self) {
        let sent = tokio::time::timeout(CLOSE_TIME, self.link.flushed()).await;
        if sent.is_err() {
            tracing::warn!("Kafka did not take the last signals in time; other nodes read them from the store");
        }
        self.end.cancel();
        // The tasks wait for nothing that lasts.
        let _late = tokio::time::timeout(CLOSE_TIME, self.tasks.wait()).await;
    }
}
