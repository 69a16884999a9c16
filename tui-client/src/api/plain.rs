//! HTTP without TLS to this machine, which needs none of what a full client brings: the full one reads the system's
//! certificate authorities before its first request, and that takes longer than everything else a `send` does.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use url::Url;

use super::LARGEST;

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection: nothing was sent.
    Connect(String),
    /// It broke after that.
    Broken(String),
    /// What came is not HTTP.
    Odd(String),
    /// More than [`LARGEST`].
    TooLarge,
}

/// One server, at most one connection, which is used again while it lasts.
#[derive(Debug)]
pub struct Plain {
    host: String,
    port: u16,
    timeout: Duration,
    /// Held across the wait for an answer: HTTP/1.1 answers one request at a time.
    sender: Mutex<Option<SendRequest<String>>>,
}

/// What a request carries.
#[derive(Debug)]
pub struct Parts<'a> {
    /// `GET` and so on.
    pub method: &'a str,
    /// Where.
    pub url: &'a Url,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

impl Plain {
    /// For a server on this machine.
    pub fn new(url: &Url, timeout: Duration) -> Self {
        let host = url.host_str().unwrap_or("127.0.0.1").trim_matches(['[', ']']).to_owned();
        Self { host, port: url.port_or_known_default().unwrap_or(80), timeout, sender: Mutex::new(None) }
    }

    /// Sends a request and reads the whole answer: status and body.
    pub async fn send(&self, parts: Parts<'_>) -> Result<(u16, Vec<u8>), Failure> {
        let late = || format!("it took more than {:?}", self.timeout);
        let deadline = tokio::time::Instant::now() + self.timeout;
        let mut slot = self.sender.lock().await;
        let mut ready = slot.take();
        if let Some(sender) = &mut ready
            && sender.ready().await.is_err()
        {
            // The server has closed it meanwhile.
            ready = None;
        }
        let mut sender = match ready {
            Some(sender) => sender,
            None => tokio::time::timeout_at(deadline, self.connect())
                .await
                .map_err(|_| Failure::Connect(late()))?
                .map_err(Failure::Connect)?,
        };
        let request = self.request(parts).map_err(|e| Failure::Connect(e.to_string()))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
            let status = response.status().as_u16();
            Ok((status, read(response).await?))
        };
        let answer = tokio::time::timeout_at(deadline, answer).await.map_err(|_| Failure::Broken(late()))??;
        *slot = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<String>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| reason(&e))?;
        tokio::spawn(async move {
            // What breaks it is told to the request that waits.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn request(&self, parts: Parts<'_>) -> Result<Request<String>, hyper::http::Error> {
        let target = match parts.url.query() {
            Some(query) => format!("{}?{query}", parts.url.path()),
            None => parts.url.path().to_owned(),
        };
        let host = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        let mut request = Request::builder().method(parts.method).uri(target).header("host", host);
        for (name, value) in parts.headers {
            request = request.header(name, value);
        }
        request.body(parts.body)
    }
}

async fn read(response: Response<Incoming>) -> Result<Vec<u8>, Failure> {
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| broken(&e))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > LARGEST {
                return Err(Failure::TooLarge);
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}

/// What came after the request had gone out: nothing whole, or nothing of HTTP.
fn broken(error: &hyper::Error) -> Failure {
    if error.is_parse() { Failure::Odd(reason(error)) } else { Failure::Broken(reason(error)) }
}

/// The innermost cause.
fn reason(error: &hyper::Error) -> String {
    let (mut text, mut source) = (error.to_string(), std::error::Error::source(error));
    while let Some(e) = source {
        text = e.to_string();
        source = e.source();
    }
    text
}
