//! Engine.IO 4 over a WebSocket or by long polling, written from the protocol's documents: packets out, packets in,
//! pings answered. It says when it is over and never comes back by itself.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Packets that wait to be sent or read; a writer waits when they are full.
const QUEUE: usize = 256;
/// The server pings each 10 s and gives 5 s; who hears nothing for longer is cut off.
const SILENCE: Duration = Duration::from_secs(16);
/// Connecting may take so long.
const CONNECT: Duration = Duration::from_secs(10);

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One WebSocket.
    WebSocket,
    /// Long polling.
    Polling,
}

/// An Engine.IO connection. Dropped: gone without a goodbye.
#[derive(Debug)]
pub struct Link {
    out: mpsc::Sender<String>,
    inn: mpsc::Receiver<String>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Link {
    /// Connects to `base` (`http://…`); `k` is the client's constant, for balancers that keep it at one node.
    pub async fn open(http: &reqwest::Client, base: &str, k: &str, by: Transport) -> Result<Self, String> {
        let opening = async {
            match by {
                Transport::WebSocket => websocket(base, k).await,
                Transport::Polling => polling(http.clone(), base, k).await,
            }
        };
        tokio::time::timeout(CONNECT, opening).await.map_err(|_| "connecting takes too long".to_owned())?
    }

    /// Sends a Socket.IO packet; false: it is over.
    pub async fn send(&self, packet: String) -> bool {
        self.out.send(packet).await.is_ok()
    }

    /// The next Socket.IO packet; `None`: it is over.
    pub async fn next(&mut self) -> Option<String> {
        self.inn.recv().await
    }
}

async fn websocket(base: &str, k: &str) -> Result<Link, String> {
    let url = format!("{}/socket.io/?EIO=4&transport=websocket&k={k}", base.replacen("http", "ws", 1));
    let (wire, _) = tokio_tungstenite::connect_async(url).await.map_err(|e| e.to_string())?;
    let (mut sink, mut stream) = wire.split();
    let (out, mut to_send) = mpsc::channel::<String>(QUEUE);
    let (heard, inn) = mpsc::channel(QUEUE);
    let (pong, mut pongs) = mpsc::channel::<()>(1);
    let writer = tokio::spawn(async move {
        loop {
            let packet = tokio::select! {
                packet = to_send.recv() => packet.map(|p| format!("4{p}")),
                pong = pongs.recv() => pong.map(|()| "3".to_owned()),
            };
            let Some(packet) = packet else { return };
            if sink.send(Message::text(packet)).await.is_err() {
                return;
            }
        }
    });
    let reader = tokio::spawn(async move {
        while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE, stream.next()).await {
            let Message::Text(text) = message else { continue };
            let text = text.as_str();
            if text == "2" {
                // One that waits is as good as two.
                let _full = pong.try_send(());
            } else if let Some(packet) = text.strip_prefix('4')
                && heard.send(packet.to_owned()).await.is_err()
            {
                return;
            }
        }
    });
    Ok(Link { out, inn, tasks: vec![writer, reader] })
}

async fn polling(http: reqwest::Client, base: &str, k: &str) -> Result<Link, String> {
    let url = format!("{base}/socket.io/?EIO=4&transport=polling&k={k}");
    let opened = get(&http, &url, CONNECT).await?;
    let json: Value = opened.strip_prefix('0').and_then(|o| serde_json::from_str(o).ok()).ok_or("no OPEN packet")?;
    let url = format!("{url}&sid={}", json["sid"].as_str().ok_or("no sid")?);
    let (out, mut to_send) = mpsc::channel::<String>(QUEUE);
    let (heard, inn) = mpsc::channel(QUEUE);
    let (pong, mut pongs) = mpsc::channel::<()>(1);
    let (writer_http, writer_url) = (http.clone(), url.clone());
    let writer = tokio::spawn(async move {
        loop {
            let packet = tokio::select! {
                packet = to_send.recv() => packet.map(|p| format!("4{p}")),
                pong = pongs.recv() => pong.map(|()| "3".to_owned()),
            };
            let Some(mut body) = packet else { return };
            while let Ok(more) = to_send.try_recv() {
                body += &format!("\u{1e}4{more}");
            }
            let post = writer_http.post(&writer_url).header("Content-Type", "text/plain;charset=UTF-8").body(body);
            match tokio::time::timeout(CONNECT, post.send()).await {
                Ok(Ok(answer)) if answer.status().is_success() => {}
                _ => return,
            }
        }
    });
    let reader = tokio::spawn(async move {
        while let Ok(payload) = get(&http, &url, SILENCE).await {
            for packet in payload.split('\u{1e}') {
                if packet == "2" {
                    let _full = pong.try_send(());
                } else if packet == "1" {
                    return;
                } else if let Some(packet) = packet.strip_prefix('4')
                    && heard.send(packet.to_owned()).await.is_err()
                {
                    return;
                }
            }
        }
    });
    Ok(Link { out, inn, tasks: vec![writer, reader] })
}

async fn get(http: &reqwest::Client, url: &str, patience: Duration) -> Result<String, String> {
    let asking = async {
        let answer = http.get(url).send().await.map_err(|e| e.to_string())?;
        let (status, body) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
        if status.is_success() { Ok(body) } else { Err(format!("{status} {body}")) }
    };
    tokio::time::timeout(patience, asking).await.map_err(|_| "silence".to_owned())?
}
