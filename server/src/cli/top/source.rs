//! Where `top` hears of the server: the admin socket of the one that runs here, or `/admin` of one elsewhere, spoken as
//! Socket.IO over one WebSocket. When it ends it is begun again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chat_common::event::admin::AdminEvent;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use url::Url;

use crate::cli::admin::{self, Watching};

/// A server that says nothing for so long is away: it has something to say each second.
const SILENCE: Duration = Duration::from_secs(15);
/// Connecting takes no longer.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);
/// What waits to be shown.
const QUEUE: usize = 64;

/// Which server.
#[derive(Clone)]
pub enum Source {
    /// The one on this data folder.
    Here(PathBuf),
    /// The one at this address, with a token.
    There(Box<There>),
}

/// A server elsewhere.
#[derive(Clone)]
pub struct There {
    url: Url,
    token: String,
}

/// Something to show.
#[derive(Debug)]
pub enum Said {
    /// The server told it.
    Event(Box<AdminEvent>),
    /// Why nothing comes; it is tried again.
    Away(String),
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

enum Line {
    Here(Watching),
    There(Box<WebSocketStream<Box<dyn Wire>>>),
}

impl Source {
    /// A server at an address such as `https://chat.example`.
    pub fn there(url: &str, token: String) -> anyhow::Result<Self> {
        let wrong = || format!("`{url}` is no address of a server; write it as https://chat.example");
        let parsed = Url::parse(url).with_context(wrong)?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            bail!(wrong());
        }
        Ok(Self::There(Box::new(There { url: parsed, token })))
    }

    async fn open(&self) -> anyhow::Result<Line> {
        match self {
            Self::Here(data_dir) => match admin::watch(data_dir).await? {
                Some(watching) => Ok(Line::Here(watching)),
                None => bail!(
                    "no server runs on {}; start it, name its folder with --data-dir, or watch another one with --url",
                    data_dir.display()
                ),
            },
            Self::There(there) => Ok(Line::There(Box::new(there.open().await?))),
        }
    }
}

impl There {
    async fn open(&self) -> anyhow::Result<WebSocketStream<Box<dyn Wire>>> {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(80);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((bare, port)).await.with_context(|| format!("cannot reach {host}:{port}"))?;
        let (scheme, wire): (_, Box<dyn Wire>) = if self.url.scheme() == "https" {
            let name = ServerName::try_from(bare.to_owned()).context("the host is no name for TLS")?;
            let tls = tokio_rustls::TlsConnector::from(Arc::new(tls()?)).connect(name, tcp).await;
            ("wss", Box::new(tls.with_context(|| format!("no TLS with {host}:{port}"))?))
        } else {
            ("ws", Box::new(tcp))
        };
        let path = self.url.path().trim_end_matches('/');
        let url = format!("{scheme}://{host}:{port}{path}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = client_async(url, wire).await.context("the server does not speak Socket.IO here")?;
        let opened = packet(&mut socket).await?.unwrap_or_default();
        if !opened.starts_with('0') {
            bail!("the server does not speak Socket.IO here");
        }
        let connect = format!("40/admin,{}", json!({ "token": self.token }));
        socket.send(Message::text(connect)).await?;
        let answer = packet(&mut socket).await?.context("the server hung up")?;
        if answer.starts_with("40/admin,") {
            return Ok(socket);
        }
        let refused = answer.strip_prefix("44/admin,").unwrap_or_default();
        let refused: Value = serde_json::from_str(refused).unwrap_or_default();
        bail!("{}", refused["message"].as_str().unwrap_or("the server does not serve /admin"))
    }
}

/// Trusts the machine's authorities.
fn tls() -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The next packet but heartbeats, which are answered; `None`: the server closed.
async fn packet(socket: &mut WebSocketStream<Box<dyn Wire>>) -> anyhow::Result<Option<String>> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() == "2" => socket.send(Message::text("3")).await?,
            Some(Ok(Message::Text(text))) => return Ok(Some(text.to_string())),
            Some(Ok(Message::Close(_))) | None => return Ok(None),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

/// `42/admin,["name",{…}]`; what is not known is passed over.
fn event(packet: &str) -> Option<AdminEvent> {
    let (name, data): (String, Value) = serde_json::from_str(packet.strip_prefix("42/admin,")?).ok()?;
    serde_json::from_value(json!({ "event": name, "data": data })).ok()
}

impl Line {
    /// The next event; `None`: the server ended.
    async fn next(&mut self) -> anyhow::Result<Option<AdminEvent>> {
        match self {
            Self::Here(watching) => watching.next().await,
            Self::There(socket) => loop {
                match packet(socket).await? {
                    None => return Ok(None),
                    Some(packet) if packet.starts_with("41/admin") => {
                        bail!("the token does not allow this any more")
                    }
                    Some(packet) => {
                        if let Some(event) = event(&packet) {
                            return Ok(Some(event));
                        }
                    }
                }
            },
        }
    }
}

/// Begins to listen; an error where the first try fails. Ends when nobody hears.
pub async fn start(source: Source) -> anyhow::Result<mpsc::Receiver<Said>> {
    let line = open(&source).await?;
    let (tx, said) = mpsc::channel(QUEUE);
    tokio::spawn(listen(source, line, tx));
    Ok(said)
}

async fn open(source: &Source) -> anyhow::Result<Line> {
    tokio::time::timeout(CONNECT, source.open()).await.context("the server does not answer")?
}

async fn listen(source: Source, line: Line, said: mpsc::Sender<Said>) {
    let mut line = Ok(line);
    loop {
        let why = match &mut line {
            Ok(line) => loop {
                match tokio::time::timeout(SILENCE, line.next()).await {
                    Ok(Ok(Some(event))) => {
                        if said.send(Said::Event(Box::new(event))).await.is_err() {
                            return;
                        }
                    }
                    Ok(Ok(None)) => break "the server has ended".to_owned(),
                    Ok(Err(error)) => break format!("{error:#}"),
                    Err(_) => break "the server says nothing".to_owned(),
                }
            },
            Err(error) => format!("{error:#}"),
        };
        if said.send(Said::Away(format!("trying again: {why}"))).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
        line = open(&source).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_server() {
        for good in ["http://127.0.0.1:6969", "https://chat.example/", "https://[::1]:1/chat"] {
            assert!(Source::there(good, String::new()).is_ok(), "{good}");
        }
        for bad in ["chat.example", "ftp://chat.example", "http://", "unix:/x"] {
            assert!(Source::there(bad, String::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_passed_over() {
        for packet in ["", "2", "42/chat,[\"admin:tick\",{}]", "42/admin,[\"other\",{}]", "42/admin,[1]", "42/admin,"] {
            assert!(event(packet).is_none(), "{packet}");
        }
        let line =
            r#"42/admin,["admin:audit",{"at":"2026-11-22T16:12:00.000Z","actor":null,"action":"a","subject":"b"}]"#;
        assert!(matches!(event(line), Some(AdminEvent::Audit(_))));
    }
}
