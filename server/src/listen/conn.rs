//! One accepted TCP connection as others see it: who it is, and a way to cut it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// Stands in the extensions of every request of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConnHandle {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// The client's address: the peer's, or the forwarded one behind a trusted proxy (set per request).
    pub client: IpAddr,
    cut: CancellationToken,
    flow: Arc<Flow>,
}

/// What the stream notes of its writes.
#[derive(Debug, Default)]
struct Flow {
    cut: AtomicBool,
    blocked: AtomicBool,
    writes: AtomicU64,
}

impl ConnHandle {
    /// For a newly accepted connection.
    pub fn new(peer: SocketAddr) -> Self {
        Self { peer, client: peer.ip(), cut: CancellationToken::new(), flow: Arc::default() }
    }

    /// Ends the connection at once, whatever it is doing: reads and writes on it fail from now on.
    pub fn cut(&self) {
        self.flow.cut.store(true, Ordering::Release);
        self.cut.cancel();
    }

    /// Whether it has been cut; asked at each read and write, so it takes no lock.
    pub fn is_cut(&self) -> bool {
        self.flow.cut.load(Ordering::Acquire)
    }

    /// Ends when the connection has been cut.
    pub fn token(&self) -> &CancellationToken {
        &self.cut
    }

    /// Notes whether a write waits for the peer to read; the stream says so at each write.
    pub fn set_blocked(&self, blocked: bool) {
        self.flow.blocked.store(blocked, Ordering::Relaxed);
        if !blocked {
            // Only the stream writes it.
            self.flow.writes.store(self.writes().wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Writes done so far; it moves on when what was given to the connection leaves.
    pub fn writes(&self) -> u64 {
        self.flow.writes.load(Ordering::Relaxed)
    }

    /// Whether a write waits for the peer to read.
    pub fn is_blocked(&self) -> bool {
        self.flow.blocked.load(Ordering::Relaxed)
    }
}
