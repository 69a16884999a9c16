//! One HTTP/1.1 exchange over a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use super::{Answer, Post};

/// How long one place may take to accept before the next one is tried.
const CONNECT: Duration = Duration::from_secs(4);
/// A receiver that asks for more patience than this is tried again all the same.
const LONGEST: u64 = 3_600;

/// Posts to the first of `places` that accepts.
pub(super) async fn post(
    url: &Url,
    places: &[SocketAddr],
    tls: Option<Arc<ClientConfig>>,
    post: &Post,
) -> Result<Answer, String> {
    let tcp = connect(places).await?;
    match tls {
        None => exchange(tcp, url, post).await,
        Some(config) => {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
            let connector = tokio_rustls::TlsConnector::from(config);
            let stream = connector.connect(name, tcp).await.map_err(|e| format!("TLS: {e}"))?;
            exchange(stream, url, post).await
        }
    }
}

async fn connect(places: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = "the host has no address".to_owned();
    for place in places {
        match tokio::time::timeout(CONNECT, TcpStream::connect(place)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = format!("{place}: {error}"),
            Err(_) => last = format!("{place}: no connection within {} s", CONNECT.as_secs()),
        }
    }
    Err(last)
}

async fn exchange<S>(stream: S, url: &Url, post: &Post) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // Ends with this call: what the receiver has still to say is not read.
    let connection = AbortOnDrop(tokio::spawn(connection));
    let answer = sender.send_request(request(url, post)?).await.map_err(|e| format!("no answer: {e}"))?;
    drop(connection);
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    let retry_after = seconds.map(|s: u64| Duration::from_secs(s.min(LONGEST)));
    Ok(Answer { status: answer.status().as_u16(), retry_after })
}

fn request(url: &Url, post: &Post) -> Result<http::Request<Full<bytes::Bytes>>, String> {
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = http::Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("chat-server/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, post.body.len());
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(post.body.clone())).map_err(|e| e.to_string())
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::{Caller, Outbound};
    use super::*;

    /// Answers one connection after another with the same bytes; gives what it was asked.
    async fn server(answer: &'static str) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/hook?x=1", listener.local_addr().unwrap().port());
        let (send, asked) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 4096];
                let n = stream.read(&mut bytes).await.unwrap();
                send.send(String::from_utf8_lossy(&bytes[..n]).into_owned()).unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, asked)
    }

    fn this_machine() -> Outbound {
        Outbound::new(Arc::new(|a: IpAddr| a.is_loopback()))
    }

    fn hello(url: &str) -> Post {
        Post { url: url.to_owned(), headers: vec![("webhook-id", "m1".to_owned())], body: "{}".into() }
    }

    #[tokio::test]
    async fn what_is_sent_arrives_and_the_answer_is_read() {
        let (url, mut asked) = server("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
        let answer = this_machine().call(&hello(&url)).await.unwrap();
        assert_eq!(answer, Answer { status: 503, retry_after: Some(Duration::from_secs(7)) });
        let asked = asked.recv().await.unwrap().to_lowercase();
        assert!(asked.starts_with("post /hook?x=1 http/1.1\r\nhost: localhost:"), "{asked}");
        assert!(asked.contains("webhook-id: m1\r\n") && asked.contains("content-length: 2\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_nothing_to_follow() {
        let (url, mut asked) =
            server("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(this_machine().call(&hello(&url)).await.unwrap().status, 302);
        asked.recv().await.unwrap();
        assert!(asked.try_recv().is_err(), "it was asked once");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_called() {
        let (url, mut asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let refused = Outbound::public().call(&hello(&url)).await.unwrap_err();
        assert!(refused.contains("loopback"), "{refused}");
        assert!(Outbound::public().check(&url).await.is_err() && this_machine().check(&url).await.is_ok());
        assert!(asked.try_recv().is_err(), "nobody was called");
    }

    #[tokio::test]
    async fn who_does_not_speak_http_is_told_of() {
        for answer in ["SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 OK\r\n\r\n"] {
            let (url, _asked) = server(answer).await;
            let error = this_machine().call(&hello(&url)).await;
            assert!(error.is_err(), "{answer:?}: {error:?}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(this_machine().call(&hello(&format!("http://{closed}/"))).await.unwrap_err().contains("refused"));
        assert!(this_machine().call(&hello("http://nowhere.invalid/")).await.unwrap_err().contains("cannot be found"));
    }
}
