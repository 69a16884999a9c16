//! A TCP proxy that makes a network ill: late, cut, silent in both or in one direction, slow.
//!
//! What is held back is not lost: it goes on when the line is well again, as TCP does after a network was parted. A
//! connection whose end is held back looks alive to the other side, which is the point.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::schedule::Ill;

/// One piece at a time; who waits for more makes the sender wait, as a full window does.
const PIECE: usize = 16 * 1024;
/// Slow reading goes in so many pieces a second.
const SIPS: u64 = 4;

/// How the line is now, and how often it was cut.
#[derive(Clone, Copy, Debug, Default)]
struct Health {
    ill: Option<Ill>,
    cuts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// A proxy in front of one address. Dropped: it and all its connections are gone.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    health: watch::Sender<Health>,
    _accepting: JoinSet<()>,
}

/// The address of a proxy that does not pass anything on yet: whoever connects waits. For those who must be told the
/// proxy's address before they have one of their own.
#[derive(Debug)]
pub struct Reserved {
    listener: TcpListener,
    address: SocketAddr,
}

impl Reserved {
    /// A free port of 127.0.0.1.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on connections go to `to` (`127.0.0.1:PORT`).
    pub fn lead(self, to: &str) -> Proxy {
        let (health, watched) = watch::channel(Health::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(self.listener, to.to_owned(), watched));
        Proxy { address: self.address, health, _accepting: accepting }
    }
}

impl Proxy {
    /// Starts one on a free port of 127.0.0.1; `to` as `127.0.0.1:PORT`.
    pub async fn start(to: &str) -> io::Result<Self> {
        Ok(Reserved::bind().await?.lead(to))
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Cuts it whenever it is called.
    pub fn scissors(&self) -> impl Fn() + Send + 'static {
        let health = self.health.clone();
        move || health.send_modify(|h| h.cuts += 1)
    }

    /// From now on the line is like this; [`Ill::Cut`] is a moment and no state.
    pub fn set(&self, ill: Option<Ill>) {
        match ill {
            Some(Ill::Cut) => self.health.send_modify(|h| h.cuts += 1),
            ill => self.health.send_modify(|h| h.ill = ill),
        }
    }
}

async fn accept(listener: TcpListener, to: String, health: watch::Receiver<Health>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((caller, _)) = accepted else { continue };
                connections.spawn(connection(caller, to.clone(), health.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut caller: TcpStream, to: String, health: watch::Receiver<Health>) {
    let began = health.borrow().cuts;
    let mut watched = health.clone();
    // One that waits to be put through is cut like any other.
    let called = tokio::select! {
        called = async { passes(&mut health.clone(), Way::Up, 0).await; TcpStream::connect(to).await } => called,
        _ = watched.wait_for(|h| h.cuts != began) => return reset(&caller),
    };
    let Ok(mut called) = called else { return reset(&caller) };
    let _late = (caller.set_nodelay(true), called.set_nodelay(true));
    let cut = {
        let ((from_caller, to_caller), (from_called, to_called)) = (caller.split(), called.split());
        let up = pump(from_caller, to_called, health.clone(), Way::Up);
        let down = pump(from_called, to_caller, health, Way::Down);
        tokio::select! {
            // Either way may end before the other; an error ends both.
            done = async { tokio::try_join!(up, down) } => done.is_err(),
            _ = watched.wait_for(|h| h.cuts != began) => true,
        }
    };
    if cut {
        reset(&caller);
        reset(&called);
    }
}

/// Ends a connection by RST instead of a goodbye.
fn reset(stream: &TcpStream) {
    // One that has ended already is as good.
    let _ended = stream.set_zero_linger();
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut health: watch::Receiver<Health>,
    way: Way,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match (health.borrow().ill, way) {
            (Some(Ill::Slow(rate)), Way::Down) => usize::try_from(rate / SIPS).unwrap_or(1).clamp(1, PIECE),
            _ => PIECE,
        };
        let n = from.read(&mut buffer[..piece]).await?;
        passes(&mut health, way, n).await;
        if n == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..n]).await?;
    }
}

/// Waits until a piece of `n` bytes may pass.
async fn passes(health: &mut watch::Receiver<Health>, way: Way, n: usize) {
    loop {
        let ill = health.borrow_and_update().ill;
        match (ill, way) {
            (Some(Ill::Hole), _) | (Some(Ill::HalfUp), Way::Up) | (Some(Ill::HalfDown), Way::Down) => {
                if health.changed().await.is_err() {
                    return;
                }
            }
            (Some(Ill::Delay(ms)), _) => return tokio::time::sleep(Duration::from_millis(ms)).await,
            (Some(Ill::Slow(rate)), Way::Down) => {
                let wait = Duration::from_micros(n as u64 * 1_000_000 / rate.max(1));
                // Well again in between: no need to wait to the end.
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    _ = health.changed() => {}
                }
                return;
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that answers each byte with the same one, behind a proxy, and a caller that has said `a` and heard it.
    async fn line() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let proxy = Proxy::start(&address).await.unwrap();
        let mut caller = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut caller, b'a').await.unwrap(), b'a');
        (proxy, caller)
    }

    async fn echo(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
        stream.write_all(&[byte]).await?;
        stream.read_u8().await
    }

    /// Whether a byte comes within a moment.
    async fn hears(stream: &mut TcpStream) -> Option<u8> {
        tokio::time::timeout(Duration::from_millis(150), stream.read_u8()).await.ok()?.ok()
    }

    #[tokio::test]
    async fn nothing_passes_a_hole_and_everything_comes_after_it() {
        for ill in [Ill::Hole, Ill::HalfUp, Ill::HalfDown] {
            let (proxy, mut caller) = line().await;
            proxy.set(Some(ill));
            caller.write_all(b"b").await.unwrap();
            assert_eq!(hears(&mut caller).await, None, "{ill:?}");
            // A new one is accepted, and nothing comes back either.
            let mut other = TcpStream::connect(proxy.address()).await.unwrap();
            other.write_all(b"c").await.unwrap();
            assert_eq!(hears(&mut other).await, None, "{ill:?}");
            proxy.set(None);
            assert_eq!(caller.read_u8().await.unwrap(), b'b', "{ill:?}");
            assert_eq!(other.read_u8().await.unwrap(), b'c', "{ill:?}");
        }
    }

    #[tokio::test]
    async fn a_cut_resets_what_stands_and_not_what_comes() {
        let (proxy, mut caller) = line().await;
        proxy.set(Some(Ill::Cut));
        let error = caller.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        let mut next = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(echo(&mut next, b'd').await.unwrap(), b'd');
    }

    #[tokio::test]
    async fn what_is_late_comes_late_and_what_is_slow_in_small_pieces() {
        let (proxy, mut caller) = line().await;
        proxy.set(Some(Ill::Delay(60)));
        let began = Instant::now();
        assert_eq!(echo(&mut caller, b'e').await.unwrap(), b'e');
        assert!(began.elapsed() >= Duration::from_millis(120), "late on both ways: {:?}", began.elapsed());
        proxy.set(Some(Ill::Slow(400)));
        let began = Instant::now();
        caller.write_all(&[b'f'; 200]).await.unwrap();
        let mut all = [0; 200];
        caller.read_exact(&mut all).await.unwrap();
        // Two of three pieces at least had to wait for their quarter of a second.
        assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn an_end_is_handed_on() {
        let (_proxy, mut caller) = line().await;
        caller.shutdown().await.unwrap();
        let mut rest = Vec::new();
        assert_eq!(caller.read_to_end(&mut rest).await.unwrap(), 0);
    }
}
