//! A TCP stream that can be cut from elsewhere, whose writes fail when the peer stops reading, and that reads off
//! what the peer still sends before it closes, so that the peer sees the last answer instead of a reset.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::ConnHandle;
use super::accept::Share;
use super::wire::Wire;

/// A write that makes no progress for so long fails.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// How long, and how many bytes, of a peer's late input are read off at the end.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

type Cut = Option<Pin<Box<WaitForCancellationFutureOwned>>>;

/// See the module. What each write looks at stands together: with hundreds of connections told in turn, every further
/// cache line costs.
#[derive(Debug)]
pub struct Guarded {
    read: OwnedReadHalf,
    wire: Arc<Wire>,
    stalled: Option<Pin<Box<Sleep>>>,
    seldom: Box<Seldom>,
}

/// What a write that succeeds does not look at.
#[derive(Debug)]
struct Seldom {
    handle: ConnHandle,
    // One for each direction: a reader and a writer may wait in two tasks, and each future wakes one only. Made when
    // there is something to wait for, so that a connection that never waits costs nothing.
    cut_read: Cut,
    cut_write: Cut,
    stall: Duration,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
    finished: bool,
    // Counts the connection for its address as long as the stream lives, upgraded or not.
    _share: Arc<Share>,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, handle: ConnHandle, share: Arc<Share>, stall: Duration) -> Self {
        let (read, write) = stream.into_split();
        let wire = handle.wire();
        wire.open(Arc::new(write));
        let seldom =
            Seldom { handle, cut_read: None, cut_write: None, stall, linger: None, finished: false, _share: share };
        Self { read, wire, stalled: None, seldom: Box::new(seldom) }
    }

    /// Fails once the connection was cut; otherwise `slot` wakes the caller when it is.
    fn poll_cut(token: &CancellationToken, slot: &mut Cut, cx: &mut Context<'_>) -> io::Result<()> {
        let waiting = slot.get_or_insert_with(|| Box::pin(token.clone().cancelled_owned()));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Err(cut_error()),
            Poll::Pending => Ok(()),
        }
    }

    /// Runs one write; while it makes no progress the stall timer runs.
    fn poll_guarded<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&Wire, &TcpStream, &ConnHandle) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if self.wire.is_cut() {
            return Poll::Ready(Err(cut_error()));
        }
        let stream: &TcpStream = self.read.as_ref();
        loop {
            match write(&self.wire, stream, &self.seldom.handle) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => {
                    self.stalled = None;
                    self.wire.set_blocked(false);
                    return Poll::Ready(done);
                }
            }
            match stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => break,
            }
        }
        let Seldom { handle, cut_write, stall, .. } = &mut *self.seldom;
        Self::poll_cut(handle.token(), cut_write, cx)?;
        self.wire.set_blocked(true);
        let stall = *stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        // The reader of this connection must learn of it, too.
        handle.cut();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.wire.close();
    }
}

fn cut_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut")
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.wire.is_cut() {
            return Poll::Ready(Err(cut_error()));
        }
        if let Poll::Ready(done) = Pin::new(&mut this.read).poll_read(cx, buf) {
            return Poll::Ready(done);
        }
        let Seldom { handle, cut_read, .. } = &mut *this.seldom;
        Self::poll_cut(handle.token(), cut_read, cx)?;
        Poll::Pending
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_guarded(cx, |wire, stream, handle| wire.write_owners(stream, buf, handle))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // HTTP writes so, and the library that has the stream after the upgrade does not.
        self.poll_guarded(cx, |wire, stream, handle| match wire.is_shared() {
            false => stream.try_write_vectored(bufs),
            true => wire.write_owners(stream, bufs.iter().find(|b| !b.is_empty()).map_or(&[], |b| &**b), handle),
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_guarded(cx, |wire, stream, _| wire.flush_owners(stream))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.wire.is_cut() {
            return Poll::Ready(Ok(()));
        }
        if !this.seldom.finished {
            let stream: &TcpStream = this.read.as_ref();
            SockRef::from(stream).shutdown(Shutdown::Write)?;
            this.seldom.finished = true;
        }
        let (until, left) = this
            .seldom
            .linger
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(Instant::now() + LINGER.0)), LINGER.1));
        let mut scrap = [0u8; 8 * 1024];
        loop {
            if *left == 0 || until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(&mut scrap);
            match ready!(Pin::new(&mut this.read).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => *left = left.saturating_sub(buf.filled().len()),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use bytes::Bytes;

    use super::super::{Caps, Mark, Wrote};
    use super::*;

    async fn pair(stall: Duration) -> (Guarded, TcpStream, ConnHandle) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        let handle = ConnHandle::new(peer);
        let known = handle.clone();
        let share = Arc::new(Share::new(Caps::new(1).take(peer.ip()).unwrap(), peer.ip()));
        (Guarded::new(server, handle, share, stall), client, known)
    }

    #[tokio::test]
    async fn a_cut_ends_a_waiting_read_and_a_waiting_write() {
        let (server, _client, handle) = pair(WRITE_STALL).await;
        let (mut read, mut write) = tokio::io::split(server);
        let reader = tokio::spawn(async move { read.read_u8().await.unwrap_err().kind() });
        let writer = tokio::spawn(async move {
            let block = vec![0u8; 1 << 20];
            loop {
                if let Err(e) = write.write_all(&block).await {
                    return e.kind();
                }
            }
        });
        tokio::task::yield_now().await;
        handle.cut();
        assert_eq!(reader.await.unwrap(), io::ErrorKind::ConnectionAborted);
        assert_eq!(writer.await.unwrap(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_peer_that_stops_reading_fails_the_write_and_ends_the_read() {
        let (server, _client, handle) = pair(Duration::from_millis(50)).await;
        let (mut read, mut write) = tokio::io::split(server);
        let reader = tokio::spawn(async move { read.read_u8().await.unwrap_err().kind() });
        let block = vec![0u8; 1 << 20];
        let kind = loop {
            if let Err(e) = write.write_all(&block).await {
                break e.kind();
            }
        };
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert!(handle.is_cut());
        assert_eq!(reader.await.unwrap(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn the_last_answer_arrives_though_the_peer_still_sends() {
        let (mut server, mut client, _handle) = pair(WRITE_STALL).await;
        let sender = tokio::spawn(async move {
            let _ = client.write_all(&[b'x'; 200_000]).await;
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.map(|_| answer)
        });
        server.write_all(b"HTTP/1.1 413\r\n\r\n").await.unwrap();
        server.shutdown().await.unwrap();
        drop(server);
        assert_eq!(sender.await.unwrap().unwrap(), "HTTP/1.1 413\r\n\r\n");
    }

    #[tokio::test]
    async fn frames_follow_what_the_owner_wrote_before_the_mark() {
        let (server, mut client, handle) = pair(WRITE_STALL).await;
        let (_read, mut write) = tokio::io::split(server);
        let mark = Mark::new(b"<mark>".to_vec());
        assert!(handle.watch_for(Some(&mark)));
        write.write_all(b"one two <mark>three ").await.unwrap();
        write.flush().await.unwrap();
        let line = mark.passed().await;
        let frames = [Bytes::from_static(b"four "), Bytes::from_static(b"five ")];
        assert_eq!(line.write_frames(frames.iter()), Wrote::All);
        write.write_all(b"six").await.unwrap();
        write.shutdown().await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "one two three four five six");
    }

    #[tokio::test]
    async fn what_the_socket_does_not_take_goes_before_all_else() {
        let (server, mut client, handle) = pair(WRITE_STALL).await;
        let (_read, mut write) = tokio::io::split(server);
        let mark = Mark::new(b"<mark>".to_vec());
        assert!(handle.watch_for(Some(&mark)));
        write.write_all(b"<mark>").await.unwrap();
        let line = mark.passed().await;
        // More than the buffers of both sides hold.
        let block = Bytes::from(vec![b'a'; 16 << 20]);
        assert_eq!(line.write_frames([block.clone()].iter()), Wrote::Rest);
        assert!(line.is_blocked());
        assert_eq!(line.flushed(Duration::from_millis(20)).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let owner = tokio::spawn(async move {
            write.write_all(b"b").await.unwrap();
            write.shutdown().await.unwrap();
        });
        let reader = tokio::spawn(async move {
            let mut said = Vec::new();
            client.read_to_end(&mut said).await.unwrap();
            said
        });
        line.flushed(WRITE_STALL).await.unwrap();
        owner.await.unwrap();
        let said = reader.await.unwrap();
        assert_eq!(said.len(), block.len() + 1);
        assert!(said.starts_with(&block) && said.ends_with(b"b"));
    }

    #[tokio::test]
    async fn nothing_goes_past_an_owner_that_encrypts() {
        assert!(!ConnHandle::sealed(([127, 0, 0, 1], 1).into()).watch_for(Some(&Mark::new(vec![1]))));
    }
}
