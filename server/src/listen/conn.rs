//! One accepted TCP connection as others see it: who it is, and a way to cut it.

use std::net::{IpAddr, SocketAddr};

use tokio_util::sync::CancellationToken;

/// Stands in the extensions of every request of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConnHandle {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// The client's address: the peer's, or the forwarded one behind a trusted proxy (set per request).
    pub client: IpAddr,
    cut: CancellationToken,
}

impl ConnHandle {
    /// For a newly accepted connection.
    pub fn new(peer: SocketAddr) -> Self {
        Self { peer, client: peer.ip(), cut: CancellationToken::new() }
    }

    /// Ends the connection at once, whatever it is doing: reads and writes on it fail from now on.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Ends when the connection has been cut.
    pub fn token(&self) -> &CancellationToken {
        &self.cut
    }
}
