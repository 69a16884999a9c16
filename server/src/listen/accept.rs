//! Accepts connections and serves HTTP/1 on each, over TLS where there is a certificate: no Nagle, a time and a size for the head, a share for each address,
//! upgrades, and a stop in two steps (no new requests; then cut).

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::{Caps, ConnHandle, Guarded, Permit, Tls, TrustedProxies, WRITE_STALL};
use crate::domain::Live;

/// A request's head must be there after so long; an idle kept-alive connection is closed after it, too.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// The same for a trusted proxy, which keeps idle connections for the next request of anybody: longer than nginx (60 s) and
/// others (90 s) do. Were it closed here first, a request could be on its way at that moment: a POST is not sent twice, and
/// the proxy would take this server for dead.
const PROXY_IDLE: Duration = Duration::from_secs(100);
/// Bytes of a request's head; more is answered 431.
pub const HEAD_BYTES: usize = 64 * 1024 - 1;
/// The kernel gives a connection up when sent data stays unacknowledged for so long, or the peer's window closed.
const USER_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections the kernel holds for us before they are accepted; when full it drops the handshake and the peer retries.
/// The kernel takes no more than its own limit (`net.core.somaxconn`, 4096).
const BACKLOG: i32 = 4096;
/// What a connection over its address's share is told before it is closed.
const OVER_SHARE: &str =
    r#"{"error":{"code":"rate_limited","message":"too many connections of this address","retry_after_ms":10000}}"#;

/// What a request with too large a head is told.
const OVER_HEAD: &str = r#"{"error":{"code":"too_large","message":"the request's headers are larger than 64 KiB"}}"#;

/// What holds for all connections of a listener.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose word about the client is taken.
    pub trusted: Live<TrustedProxies>,
    /// Every connection speaks TLS.
    pub tls: Option<Tls>,
    /// Connections by address; behind a trusted proxy the client's address counts.
    pub caps: Caps,
    /// A request's head must be there after so long.
    pub head_time: Duration,
    /// Ends accepting; requests under way are finished, kept-alive connections closed.
    pub drain: CancellationToken,
    /// Ends every connection at once.
    pub cut: CancellationToken,
    /// All connections' tasks.
    pub tracker: TaskTracker,
}

/// Binds a listener; several programs cannot share the address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // Without it a restart has to wait for old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Whose share a connection counts on; behind a proxy it moves to the client of the latest request.
#[derive(Debug)]
pub(super) struct Share(Mutex<(Permit, IpAddr)>);

impl Share {
    pub(super) fn new(permit: Permit, address: IpAddr) -> Self {
        Self(Mutex::new((permit, address)))
    }

    /// Counts the connection for `client`; false when it has its share already.
    fn move_to(&self, client: IpAddr, caps: &Caps) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.1 == client {
            return true;
        }
        let Some(permit) = caps.take(client) else { return false };
        *held = (permit, client);
        true
    }
}

/// Serves until `drain`, then until the connections have ended or were cut; the caller waits for the tracker.
pub async fn serve<S, B>(listener: TcpListener, service: S, options: Options)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = options.drain.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &service, &options),
            // The peer went away before it was accepted; the next one may be fine.
            Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
            Err(error) => {
                // Out of file descriptors, most likely: what is open goes on; try again when some have ended.
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn admit<S, B>(stream: TcpStream, peer: SocketAddr, service: &S, options: &Options)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A proxy's own address has no share: its clients' addresses count, request by request.
    let exempt = IpAddr::from([127, 0, 0, 1]);
    let counted = if options.trusted.contains(peer.ip()) { exempt } else { peer.ip() };
    let Some(permit) = options.caps.take(counted) else {
        tracing::info!(address = %peer.ip(), "too many connections of this address");
        // Before the handshake there is no answer that a client of TLS could read.
        if options.tls.is_none() {
            turn_away(&stream);
        }
        return;
    };
    if let Err(error) = tune(&stream) {
        tracing::debug!(%error, "the connection ended before it began");
        return;
    }
    let share = Arc::new(Share::new(permit, counted));
    let handle = if options.tls.is_some() { ConnHandle::sealed(peer) } else { ConnHandle::new(peer) };
    let (service, tracker, options) = (service.clone(), &options.tracker, options.clone());
    let guarded = {
        let (handle, share) = (handle.clone(), share.clone());
        |stream| Guarded::new(stream, handle, share, WRITE_STALL)
    };
    match options.tls.clone() {
        None => tracker.spawn(connection(guarded(stream), handle, share, service, options)),
        // A task of its own kind, so that a connection without TLS is not as large as one with it.
        Some(tls) => tracker.spawn(async move {
            let secured = tokio::select! {
                secured = tls.secure(stream, guarded) => secured,
                () = options.drain.cancelled() => return,
            };
            match secured {
                Ok(Some(stream)) => connection(stream, handle, share, service, options).await,
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, %peer, "no TLS connection came about"),
            }
        }),
    };
}

fn head_bytes(request: &Request<Incoming>) -> usize {
    let fields: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    fields + request.uri().path().len() + request.uri().query().map_or(0, str::len)
}

fn refuse(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// Says why before the connection is closed. What does not fit into the empty send buffer at once is not sent.
fn turn_away(stream: &TcpStream) {
    let length = OVER_SHARE.len();
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 10\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{OVER_SHARE}"
    );
    if let Err(error) = stream.try_write(answer.as_bytes()) {
        tracing::debug!(%error, "the connection ended before it was turned away");
    }
}

/// Nagle costs 40 ms a handshake; the user time-out ends peers that vanished or closed their window.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(USER_TIMEOUT))
}

async fn connection<I, S, B>(stream: I, handle: ConnHandle, share: Arc<Share>, service: S, options: Options)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let io = TokioIo::new(stream);
    let (own, peer) = (handle.clone(), handle.peer.ip());
    let (drain, cut) = (options.drain.clone(), options.cut.clone());
    let head_time = if options.trusted.contains(peer) { PROXY_IDLE } else { options.head_time };
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let mut handle = handle.clone();
        handle.client = options.trusted.client(peer, request.headers());
        let room = !options.trusted.contains(peer) || share.move_to(handle.client, &options.caps);
        request.extensions_mut().insert(handle);
        let service = service.clone();
        async move {
            // The parser's own limit lets a head pass that came in one piece.
            let refusal = match (room, head_bytes(&request) > HEAD_BYTES) {
                (_, true) => Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, OVER_HEAD)),
                (false, _) => Some((StatusCode::TOO_MANY_REQUESTS, OVER_SHARE)),
                _ => None,
            };
            if let Some((status, body)) = refusal {
                return Ok::<_, Infallible>(refuse(status, body).map(Either::Right));
            }
            let Ok(response) = service.oneshot(request).await;
            Ok(response.map(Either::Left))
        }
    });
    let mut conn = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, answer)
            .with_upgrades()
    );
    let mut draining = false;
    loop {
        tokio::select! {
            ended = conn.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "a connection ended");
                }
                return;
            }
            () = drain.cancelled(), if !draining => {
                draining = true;
                conn.as_mut().graceful_shutdown();
            }
            () = cut.cancelled() => own.cut(),
        }
        if cut.is_cancelled() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn started(head_time: Duration, trusted: &[&str], share: u32) -> (SocketAddr, Options) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let options = Options {
            trusted: TrustedProxies::new(trusted.iter().map(|s| s.parse().unwrap()).collect()).into(),
            tls: None,
            caps: Caps::new(share),
            head_time,
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            tracker: TaskTracker::new(),
        };
        let service = tower::service_fn(|request: Request<Incoming>| async move {
            let client = request.extensions().get::<ConnHandle>().map(|c| c.client.to_string());
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(client.unwrap_or_default()))))
        });
        tokio::spawn(serve(listener, service, options.clone()));
        (address, options)
    }

    /// What the server says until it closes.
    async fn talk(address: SocketAddr, said: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let _reset = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(headers: &str) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n").into_bytes()
    }

    #[tokio::test]
    async fn a_head_that_drips_is_closed() {
        let (address, _) = started(Duration::from_millis(100), &[], 9).await;
        let answer = talk(address, b"GET / HTTP/1.1\r\nhost:").await;
        assert!(!answer.contains("200"), "{answer}");
    }

    #[tokio::test]
    async fn a_proxy_keeps_an_idle_connection_and_nobody_else() {
        let head_time = Duration::from_millis(100);
        for (trusted, kept) in [(&["127.0.0.1"][..], true), (&[], false)] {
            let (address, _) = started(head_time, trusted, 9).await;
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut answered = 0;
            for _ in 0..2 {
                let sent = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
                let mut answer = [0u8; 512];
                let got = stream.read(&mut answer).await;
                answered += usize::from(sent.is_ok() && got.is_ok_and(|n| answer[..n].starts_with(b"HTTP/1.1 200")));
                tokio::time::sleep(head_time * 5).await;
            }
            assert_eq!(answered == 2, kept);
        }
    }

    #[tokio::test]
    async fn a_head_of_64_kib_is_431() {
        let (address, _) = started(HEAD_TIME, &[], 9).await;
        let answer = talk(address, &get(&format!("x: {}\r\n", "a".repeat(64 * 1024)))).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let many: String = (0..4096).map(|i| format!("x-{i}: aaaaaaaa\r\n")).collect();
        assert!(talk(address, &get(&many)).await.starts_with("HTTP/1.1 431"));
        assert!(talk(address, &get("x: y\r\n")).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn behind_a_proxy_each_client_has_its_share() {
        let (address, _) = started(HEAD_TIME, &["127.0.0.1"], 1).await;
        let keep = b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(keep).await.unwrap();
        let mut answer = [0u8; 12];
        first.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        let same = talk(address, &get("x-forwarded-for: 203.0.113.9\r\n")).await;
        assert!(same.starts_with("HTTP/1.1 429") && same.contains("retry-after: 10"), "{same}");
        assert!(talk(address, &get("x-forwarded-for: 203.0.113.10\r\n")).await.ends_with("203.0.113.10"));
    }

    #[tokio::test]
    async fn a_drain_closes_idle_connections_and_a_cut_all() {
        let (address, options) = started(HEAD_TIME, &[], 9).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0u8; 12];
        idle.read_exact(&mut answer).await.unwrap();
        // A request under way holds the drain up until it is cut.
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
        options.drain.cancel();
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
        options.tracker.close();
        options.cut.cancel();
        tokio::time::timeout(Duration::from_secs(5), options.tracker.wait()).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "nobody accepts any more");
    }
}
