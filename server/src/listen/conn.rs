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
pub(super) struct Flow {
    cut: AtomicBool,
    blocked: AtomicBool,
    writes: AtomicU64,
}

impl Flow {
    /// Whether the connection has been cut; asked at each read and write, so it takes no lock.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// A write was done. Only the stream says so.
    pub(super) fn wrote(&self) {
        self.blocked.store(false, Ordering::Relaxed);
        self.writes.store(self.writes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A write waits for the peer to read.
    pub(super) fn block(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }
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

    /// Whether it has been cut.
    pub fn is_cut(&self) -> bool {
        self.flow.is_cut()
    }

    /// What the stream notes its writes in.
    pub(super) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }

    /// Ends when the connection has been cut.
    pub fn token(&self) -> &CancellationToken {
        &self.cut
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
