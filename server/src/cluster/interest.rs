//! What a node wants to hear of: counted by topic, and given up a little later than asked, so that a client that comes
//! back at once does not make the broker forget and learn the topic.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::wire::{Topic, Wire};

/// A topic that nobody follows any more is heard for so long still.
pub const LINGER: Duration = Duration::from_secs(5);

/// While it lives, the topic is followed.
#[must_use = "a topic is followed for as long as this lives"]
#[derive(Debug, Default)]
pub struct Interest(Option<(Topic, Arc<Following>)>);

impl Interest {
    /// Of a bus that hears everything.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        if let Some((topic, following)) = self.0.take() {
            following.release(topic, Instant::now());
        }
    }
}

#[derive(Debug, Default)]
struct Topics {
    /// How many follow it; with 0 it lingers.
    counts: HashMap<Topic, (usize, Instant)>,
    /// Those with a count of 0.
    lingering: HashSet<Topic>,
}

/// The topics that this node follows over a wire.
pub(super) struct Following {
    wire: Arc<dyn Wire>,
    // Held while the wire is told (which returns at once), so that it is told in the order of what happened.
    topics: Mutex<Topics>,
}

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Following").finish_non_exhaustive()
    }
}

impl Following {
    /// Nothing yet.
    pub(super) fn new(wire: Arc<dyn Wire>) -> Self {
        Self { wire, topics: Mutex::default() }
    }

    /// One more who follows the topic.
    pub(super) fn follow(self: &Arc<Self>, topic: Topic) -> Interest {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let known = topics.counts.len();
        topics.counts.entry(topic).or_insert_with(|| (0, Instant::now())).0 += 1;
        let new = topics.counts.len() > known;
        topics.lingering.remove(&topic);
        if new {
            self.wire.subscribe(topic);
        }
        Interest(Some((topic, Arc::clone(self))))
    }

    fn release(&self, topic: Topic, now: Instant) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, since)) = topics.counts.get_mut(&topic) {
            *count = count.saturating_sub(1);
            *since = now;
            if *count == 0 {
                topics.lingering.insert(topic);
            }
        }
    }

    /// Gives up what nobody has followed for [`LINGER`].
    pub(super) fn sweep(&self, now: Instant) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let Topics { counts, lingering } = &mut *topics;
        lingering.retain(|topic| {
            let stays = counts.get(topic).is_some_and(|(_, since)| now.duration_since(*since) < LINGER);
            if !stays {
                counts.remove(topic);
                self.wire.unsubscribe(*topic);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Asked, Silent};
    use super::*;
    use crate::storage::RoomId;

    #[test]
    fn a_topic_is_subscribed_once_and_given_up_after_a_while() {
        let wire = Arc::new(Silent::default());
        let following = Arc::new(Following::new(wire.clone()));
        let room = Topic::Room(RoomId(1));
        let (one, two) = (following.follow(room), following.follow(room));
        assert_eq!(wire.asked(), [Asked::Subscribe(room)]);
        drop(one);
        following.sweep(Instant::now() + LINGER);
        assert_eq!(wire.asked(), [], "somebody follows it still");
        drop(two);
        let gone = Instant::now();
        following.sweep(gone);
        assert_eq!(wire.asked(), [], "it lingers");
        let three = following.follow(room);
        following.sweep(gone + LINGER * 2);
        assert_eq!(wire.asked(), [], "who came back finds it as it was");
        drop(three);
        following.sweep(Instant::now() + LINGER);
        assert_eq!(wire.asked(), [Asked::Unsubscribe(room)]);
        let _four = following.follow(room);
        assert_eq!(wire.asked(), [Asked::Subscribe(room)]);
    }
}
