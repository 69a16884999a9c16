//! A Socket.IO client as thin as can be: one WebSocket, text frames, no reconnect. What it costs is not the server's.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// One connection to one namespace.
pub struct Client {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    namespace: &'static str,
    acks: u64,
}

impl Client {
    /// Connects to `namespace` (`/chat`, or `/` for the default one) with `auth` as CONNECT payload.
    pub async fn connect(url: &str, namespace: &'static str, auth: &Value) -> Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", url.replacen("http", "ws", 1));
        let (ws, _) = tokio_tungstenite::connect_async(url).await.context("WebSocket")?;
        let mut client = Self { ws, namespace, acks: 0 };
        client.packet().await?;
        let prefix = client.prefix();
        client.ws.send(Message::text(format!("40{prefix}{auth}"))).await?;
        loop {
            let packet = client.packet().await?;
            if packet.starts_with("40") {
                return Ok(client);
            }
            if packet.starts_with("44") {
                bail!("refused: {packet}");
            }
        }
    }

    fn prefix(&self) -> String {
        if self.namespace == "/" { String::new() } else { format!("{},", self.namespace) }
    }

    /// The next packet, Engine.IO pings answered on the way.
    pub async fn packet(&mut self) -> Result<String> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(60), self.ws.next()).await.context("silence")?;
            match message.context("the server closed")?? {
                Message::Text(text) if text.as_str() == "2" => self.ws.send(Message::text("3")).await?,
                Message::Text(text) => return Ok(text.to_string()),
                Message::Close(_) => bail!("the server closed"),
                _ => {}
            }
        }
    }

    /// Emits `event` and waits for its acknowledgement; other packets are passed over.
    pub async fn request(&mut self, event: &str, payload: &Value) -> Result<Value> {
        let answer = self.ask(event, payload).await?;
        let mut args: Vec<Value> = serde_json::from_str(&answer)?;
        let reply = args.pop().context("an empty acknowledgement")?;
        if reply["ok"] != json!(true) {
            bail!("{event}: {reply}");
        }
        Ok(reply)
    }

    /// The same, with the acknowledgement as it came: JSON that nobody has read.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> Result<String> {
        self.acks += 1;
        let id = self.acks;
        let prefix = self.prefix();
        self.ws.send(Message::text(format!("42{prefix}{id}{}", json!([event, payload])))).await?;
        let wanted = format!("43{prefix}{id}[");
        loop {
            let packet = self.packet().await?;
            if packet.starts_with(&wanted) {
                return Ok(packet[wanted.len() - 1..].to_owned());
            }
        }
    }
}

/// A connection in a task of its own, so that it answers the server's pings while nothing is asked.
#[derive(Clone)]
pub struct Sender(mpsc::Sender<(String, Value, oneshot::Sender<Result<Value>>)>);

impl Sender {
    /// Takes the connection over; packets that answer nothing are passed over.
    pub fn spawn(mut client: Client) -> Self {
        let (ask, mut asked) = mpsc::channel::<(String, Value, oneshot::Sender<Result<Value>>)>(1);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    question = asked.recv() => match question {
                        Some((event, payload, answer)) => {
                            // Nobody waits for the answer only when the bench has failed elsewhere.
                            let _ = answer.send(client.request(&event, &payload).await);
                        }
                        None => return,
                    },
                    packet = client.packet() => if packet.is_err() { return },
                }
            }
        });
        Self(ask)
    }

    /// Emits `event` and waits for its acknowledgement.
    pub async fn request(&self, event: &str, payload: Value) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        self.0.send((event.to_owned(), payload, answer)).await.ok().context("the connection has ended")?;
        answered.await.context("the connection has ended")?
    }
}

/// A guest's access token.
pub async fn guest(http: &reqwest::Client, url: &str, name: &str) -> Result<String> {
    let reply: Value = http
        .post(format!("{url}/api/v1/auth/guest"))
        .json(&json!({"name": name}))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    Ok(reply["access_token"].as_str().context("no access_token")?.to_owned())
}

/// The value below which `share` (0 to 1) of `sorted` lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}
