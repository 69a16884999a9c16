//! One accepted TCP connection as others see it: who it is, and a way to cut it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Stands in the extensions of every request of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConnHandle {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// The client's address: the peer's, or the forwarded one behind a trusted proxy (set per request).
    pub client: IpAddr,
    cut: CancellationToken,
    blocked: Arc<AtomicBool>,
}

impl ConnHandle {
    /// For a newly accepted connection.
    pub fn new(peer: SocketAddr) -> Self {
        Self { peer, client: peer.ip(), cut: CancellationToken::new(), blocked: Arc::default() }
    }

    /// Ends the connection at once, whatever it is doing: reads and writes on it fail from now on.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Ends when the connection has been cut.
    pub fn token(&self) -> &CancellationToken {
        &self.cut
    }

    /// Notes whether a write waits for the peer to read; the stream says so at each write.
    pub fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether a write waits for the peer to read.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }
}
