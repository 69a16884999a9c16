//! What this edge tells of its connections when somebody looks: `/metrics`, `/admin`.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::service::counters::{Census, Connected, Cut, Followed, Watched};

use super::conn::Conn;
use super::{Gateway, GatewayHandle};

/// Slow readers that are remembered.
const CUTS: usize = 20;

impl Gateway {
    fn cuts(&self) -> MutexGuard<'_, std::collections::VecDeque<Cut>> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a slow reader is being cut.
    pub(super) fn note_cut(&self, conn: &Conn) {
        self.services.counters.slow_readers.fetch_add(1, Ordering::Relaxed);
        let mut cuts = self.cuts();
        if cuts.len() >= CUTS {
            cuts.pop_front();
        }
        cuts.push_back(Cut { at: self.services.clock.now(), user: conn.caller().user.name.clone() });
    }
}

fn connected(conn: &Arc<Conn>) -> Connected {
    let (queue_packets, queue_bytes) = conn.outbox.waiting();
    Connected {
        user: conn.caller().user.name.clone(),
        conn: conn.id.0,
        websocket: conn.websocket().is_some(),
        queue_packets,
        queue_bytes,
        requests: conn.requests.load(Ordering::Relaxed) as u64,
        age: conn.born.elapsed(),
    }
}

impl Watched for GatewayHandle {
    fn is_taking(&self) -> bool {
        let up = self.gateway.store_up.load(Ordering::Relaxed);
        if !up {
            self.gateway.look.notify_one();
        }
        up && !self.gateway.is_draining()
    }

    fn census(&self) -> Census {
        let hub = &self.gateway.hub;
        let (rooms, followers) = hub.follows_now();
        let mut census = Census {
            sessions: self.gateway.transports.len() as u64,
            rooms,
            followers,
            deliveries: hub.deliveries(),
            ..Census::default()
        };
        // Their queues are locked one by one, without the hub.
        for conn in hub.all() {
            let (packets, bytes) = conn.outbox.waiting();
            census.queue_packets += packets;
            census.queue_bytes += bytes;
            if conn.websocket().is_some() {
                census.websocket += 1;
            } else {
                census.polling += 1;
            }
        }
        census
    }

    fn connected(&self) -> Vec<Connected> {
        self.gateway.hub.all().iter().map(connected).collect()
    }

    fn followed(&self) -> Vec<Followed> {
        self.gateway.hub.followed_rooms()
    }

    fn cuts(&self) -> Vec<Cut> {
        self.gateway.cuts().iter().cloned().collect()
    }
}
