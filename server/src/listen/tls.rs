//! TLS on the port itself: handshakes beside the accept loop, bounded in time and number; a certificate that can be
//! exchanged while connections go on; a word for those who speak plain HTTP. What the files hold is `tls_files`'.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::stream::Guarded;
use super::tls_files::Loaded;

/// A handshake is done within this, or the connection is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes at once; whoever comes when all are taken waits for one within its own time, and is closed when that is
/// over. The share of each address bounds how many of them one peer can hold.
const HANDSHAKES: usize = 1024;
/// The first byte of a TLS connection.
const HANDSHAKE_RECORD: u8 = 0x16;

/// What plain HTTP is told here.
const PLAIN: &str = r#"{"error":{"code":"invalid","message":"this port speaks TLS: write https:// in place of http:// (wss:// for ws://)"}}"#;

/// The certificate in force; clones share it.
#[derive(Clone, Debug)]
pub struct Tls {
    current: Arc<RwLock<Loaded>>,
    handshakes: Arc<Semaphore>,
    time: Duration,
}

impl Tls {
    /// With its first certificate.
    pub fn new(loaded: Loaded) -> Self {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        Self { current: Arc::new(RwLock::new(loaded)), handshakes, time: HANDSHAKE_TIME }
    }

    /// New connections get this one; those that are there go on.
    pub fn replace(&self, loaded: Loaded) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    /// The certificate in force.
    pub fn current(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a connection secure; `None`: it spoke plain HTTP and has been answered, or went away.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        guard: impl FnOnce(TcpStream) -> Guarded,
    ) -> io::Result<Option<Box<TlsStream<Guarded>>>> {
        let whole = async {
            let mut first = [0u8; 1];
            if stream.peek(&mut first).await? == 0 {
                return Ok(None);
            }
            let mut guarded = guard(stream);
            if first[0] != HANDSHAKE_RECORD {
                answer_plain(&mut guarded, first[0]).await?;
                return Ok(None);
            }
            let Ok(_slot) = self.handshakes.acquire().await else { return Ok(None) };
            let acceptor = TlsAcceptor::from(self.current().config);
            acceptor.accept(guarded).await.map(|stream| Some(Box::new(stream)))
        };
        match tokio::time::timeout(self.time, whole).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")),
        }
    }
}

async fn answer_plain(stream: &mut Guarded, first: u8) -> io::Result<()> {
    if first.is_ascii_uppercase() {
        let length = PLAIN.len();
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{PLAIN}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::super::accept::Share;
    use super::super::tls_files::tests::{der, loaded};
    use super::super::{Caps, ConnHandle, WRITE_STALL};
    use super::*;

    /// Secures each connection, says `hello` and closes it.
    async fn started(tls: Tls) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                let tls = tls.clone();
                tokio::spawn(async move {
                    let share = Arc::new(Share::new(Caps::new(9).take(peer.ip()).unwrap(), peer.ip()));
                    let guard = |stream| Guarded::new(stream, ConnHandle::new(peer), share, WRITE_STALL);
                    if let Ok(Some(mut stream)) = tls.secure(stream, guard).await {
                        let _gone = stream.write_all(b"hello").await;
                        let _gone = stream.shutdown().await;
                    }
                });
            }
        });
        address
    }

    /// The certificate that is shown, by a client that trusts just this one.
    async fn shown(address: SocketAddr, trusted: &str, alpn: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(der(trusted))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address).await?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        assert_eq!(said, "hello");
        let connection = stream.get_ref().1;
        assert!(alpn.is_empty() || connection.alpn_protocol() == Some(b"http/1.1"));
        Ok(connection.peer_certificates().unwrap()[0].to_vec())
    }

    #[tokio::test]
    async fn new_connections_get_the_certificate_that_was_exchanged() {
        let tls = Tls::new(loaded("chain.pem", "leaf.key").unwrap());
        let address = started(tls.clone()).await;
        assert_eq!(shown(address, "middle.pem", &[b"h2", b"http/1.1"]).await.unwrap(), der("chain.pem"));
        tls.replace(loaded("again.pem", "again.key").unwrap());
        assert_eq!(shown(address, "middle.pem", &[]).await.unwrap(), der("again.pem"));
        assert!(shown(address, "middle.pem", &[b"h2"]).await.is_err(), "there is no HTTP/2 here");
    }

    #[tokio::test]
    async fn plain_http_is_told_where_to_go_and_other_bytes_nothing() {
        let address = started(Tls::new(loaded("leaf.pem", "leaf.key").unwrap())).await;
        for (said, expected) in [("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 400 "), ("ssh, please\r\n", "")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty(), "{answer}");
            assert!(expected.is_empty() || answer.contains("write https://"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_handshake_that_does_not_move_is_closed_and_holds_nobody_up() {
        let tls = Tls { time: Duration::from_millis(300), ..Tls::new(loaded("chain.pem", "leaf.key").unwrap()) };
        let address = started(tls.clone()).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        assert!(shown(address, "middle.pem", &[]).await.is_ok());
        for stream in [&mut silent, &mut half] {
            let mut rest = Vec::new();
            let _reset = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.unwrap();
        }
        assert_eq!(tls.handshakes.available_permits(), HANDSHAKES);
    }
}
