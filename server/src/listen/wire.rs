//! The write side of one connection, which two use: the stream's owner (HTTP, then the WebSocket library) and, once the
//! owner's bytes have reached a mark, whoever has frames that are ready.
//!
//! The owner offers everything it has buffered in each write, whole frames; so a write ends between two frames. What the
//! socket does not take of a write, whosesoever, stays here and goes before all else.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;

use super::ConnHandle;

/// Bytes that the owner of a stream is given to write and that never reach the peer: where they would, everything that
/// the owner was given before has been written, and frames may follow that go past it. Nobody else can know them.
#[derive(Debug)]
pub struct Mark {
    bytes: Vec<u8>,
    passed: OnceLock<ConnHandle>,
    seen: Notify,
}

impl Mark {
    /// A mark that stands as `bytes` on the wire; they hold something that cannot be guessed.
    pub fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes, passed: OnceLock::new(), seen: Notify::new() })
    }

    /// Waits until the mark has come by; the connection that it came by on.
    pub async fn passed(&self) -> ConnHandle {
        loop {
            if let Some(handle) = self.passed.get() {
                return handle.clone();
            }
            self.seen.notified().await;
        }
    }
}

/// What became of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// The socket has taken them.
    All,
    /// The rest waits for the peer to read.
    Rest,
    /// The connection has ended.
    Gone,
}

/// See the module. What each write looks at stands together.
#[derive(Debug, Default)]
pub(super) struct Wire {
    cut: AtomicBool,
    blocked: AtomicBool,
    shared: AtomicBool,
    /// What the owner writes is not what it was given.
    sealed: bool,
    /// Whose request came last, as a number of the caller's; 0: nobody's.
    used_by: AtomicU64,
    // A std mutex is enough: it is held for one write to a socket that does not wait.
    lane: Mutex<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Until the stream's owner has gone.
    stream: Option<Arc<OwnedWriteHalf>>,
    /// Goes before all else. Bounded by one write of each side.
    rest: BytesMut,
    mark: Option<Arc<Mark>>,
}

/// Writes what is left; false: not all of it.
fn send_rest(rest: &mut BytesMut, stream: &TcpStream) -> io::Result<bool> {
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => rest.advance(sent),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    if rest.capacity() > 0 {
        *rest = BytesMut::new();
    }
    Ok(true)
}

impl Wire {
    pub(super) fn sealed() -> Self {
        Self { sealed: true, ..Self::default() }
    }

    /// The stream is there.
    pub(super) fn open(&self, stream: Arc<OwnedWriteHalf>) {
        self.lane().stream = Some(stream);
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything fails from now on; asked at each read and write, so it takes no lock.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    pub(super) fn use_by(&self, whom: u64) {
        self.used_by.store(whom, Ordering::Release);
    }

    pub(super) fn is_used_by(&self, whom: u64) -> bool {
        self.used_by.load(Ordering::Acquire) == whom
    }

    /// Whether a write waits for the peer to read.
    pub(super) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// The stream's owner has gone.
    pub(super) fn close(&self) {
        self.lane().stream = None;
    }

    /// Looks for a mark in what the owner writes from now on; none: looks no more. False: it cannot be seen.
    pub(super) fn watch_for(&self, mark: Option<&Arc<Mark>>) -> bool {
        if self.sealed {
            return false;
        }
        let mut lane = self.lane();
        lane.mark = mark.cloned();
        if mark.is_some() {
            self.shared.store(true, Ordering::Release);
        }
        true
    }

    /// Whether another may write, too.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    /// One write of the stream's owner; `handle` is this connection's.
    pub(super) fn write_owners(&self, stream: &TcpStream, buf: &[u8], handle: &ConnHandle) -> io::Result<usize> {
        if !self.is_shared() {
            return stream.try_write(buf);
        }
        let mut lane = self.lane();
        if !send_rest(&mut lane.rest, stream)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut buf = buf;
        if let Some(mark) = &lane.mark
            && let Some(at) = buf.windows(mark.bytes.len()).position(|found| found == mark.bytes)
        {
            if at == 0 {
                let length = mark.bytes.len();
                // Once: it is looked for no more.
                let _set = mark.passed.set(handle.clone());
                mark.seen.notify_one();
                lane.mark = None;
                return Ok(length);
            }
            buf = &buf[..at];
        }
        let sent = stream.try_write(buf)?;
        lane.rest.extend_from_slice(&buf[sent..]);
        Ok(buf.len())
    }

    /// The owner flushes.
    pub(super) fn flush_owners(&self, stream: &TcpStream) -> io::Result<()> {
        if self.is_shared() && !send_rest(&mut self.lane().rest, stream)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    /// Writes frames past the owner, in one call of the system.
    pub(super) fn write_frames<'a>(&self, frames: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Wrote {
        let mut lane = self.lane();
        let Lane { stream: Some(stream), rest, .. } = &mut *lane else { return Wrote::Gone };
        if self.is_cut() {
            return Wrote::Gone;
        }
        let sent = match send_rest(rest, (**stream).as_ref()) {
            Err(_) => return Wrote::Gone,
            Ok(false) => 0,
            Ok(true) => match try_write(stream, frames.clone()) {
                Ok(sent) => sent,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => return Wrote::Gone,
            },
        };
        let mut skip = sent;
        for frame in frames {
            let from = skip.min(frame.len());
            skip -= from;
            rest.extend_from_slice(&frame[from..]);
        }
        if rest.is_empty() {
            return Wrote::All;
        }
        self.set_blocked(true);
        Wrote::Rest
    }

    /// Writes what is left; what to wait for where the socket does not take it all.
    pub(super) fn flush_frames(&self) -> io::Result<Option<Arc<OwnedWriteHalf>>> {
        let mut lane = self.lane();
        let Lane { stream: Some(stream), rest, .. } = &mut *lane else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if send_rest(rest, (**stream).as_ref())? {
            self.set_blocked(false);
            return Ok(None);
        }
        Ok(Some(Arc::clone(stream)))
    }
}

fn try_write<'a>(stream: &OwnedWriteHalf, mut frames: impl ExactSizeIterator<Item = &'a Bytes>) -> io::Result<usize> {
    if frames.len() > 1 {
        let slices: Vec<_> = frames.map(|frame| IoSlice::new(frame)).collect();
        return stream.try_write_vectored(&slices);
    }
    frames.next().map_or(Ok(0), |frame| stream.try_write(frame))
}
