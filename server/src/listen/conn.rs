//! One accepted TCP connection as others see it: who it is, and a way to cut it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::wire::{Mark, Wire, Wrote};

/// Stands in the extensions of every request of a connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConnHandle {
    /// The TCP peer.
    pub peer: SocketAddr,
    /// The client's address: the peer's, or the forwarded one behind a trusted proxy (set per request).
    pub client: IpAddr,
    cut: CancellationToken,
    wire: Arc<Wire>,
}

impl ConnHandle {
    /// For a newly accepted connection.
    pub fn new(peer: SocketAddr) -> Self {
        Self { peer, client: peer.ip(), cut: CancellationToken::new(), wire: Arc::default() }
    }

    /// The same where what is written is encrypted on the way to the stream: nothing goes past its owner.
    pub fn sealed(peer: SocketAddr) -> Self {
        Self { wire: Arc::new(Wire::sealed()), ..Self::new(peer) }
    }

    /// Ends the connection at once, whatever it is doing: reads and writes on it fail from now on.
    pub fn cut(&self) {
        self.wire.cut();
        self.cut.cancel();
    }

    /// Whether it has been cut.
    pub fn is_cut(&self) -> bool {
        self.wire.is_cut()
    }

    /// Notes whose request came last: a client may keep one connection for several sessions.
    pub fn use_by(&self, whom: u64) {
        self.wire.use_by(whom);
    }

    /// Whether the last request was theirs.
    pub fn is_used_by(&self, whom: u64) -> bool {
        self.wire.is_used_by(whom)
    }

    /// Its write side.
    pub(super) fn wire(&self) -> Arc<Wire> {
        Arc::clone(&self.wire)
    }

    /// Ends when the connection has been cut.
    pub fn token(&self) -> &CancellationToken {
        &self.cut
    }

    /// Whether a write waits for the peer to read.
    pub fn is_blocked(&self) -> bool {
        self.wire.is_blocked()
    }

    /// Looks for a mark in what the stream's owner writes from now on; none: looks no more. False: it cannot be seen.
    pub fn watch_for(&self, mark: Option<&Arc<Mark>>) -> bool {
        self.wire.watch_for(mark)
    }

    /// Writes frames past the stream's owner; only on a connection that a mark has passed on. After [`Wrote::Rest`]
    /// nothing more is given to it before [`ConnHandle::flushed`].
    pub fn write_frames<'a>(&self, frames: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Wrote {
        self.wire.write_frames(frames)
    }

    /// Waits until the rest of what was written has left.
    ///
    /// # Errors
    /// `TimedOut` where the peer took nothing for `patience`; else the connection has ended.
    pub async fn flushed(&self, patience: Duration) -> io::Result<()> {
        while let Some(stream) = self.wire.flush_frames()? {
            tokio::select! {
                writable = tokio::time::timeout(patience, stream.writable()) => writable??,
                () = self.cut.cancelled() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        Ok(())
    }
}
