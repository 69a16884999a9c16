//! A raw client: one WebSocket, packets as texts. What it expects it waits for, with a deadline.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Whatever does not happen within this does not happen.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Client {
    pub ws: WebSocketStream<TcpStream>,
    /// Events read while waiting for another.
    pub seen: Vec<(String, Value)>,
    next: u32,
}

impl Client {
    /// A WebSocket with the Engine.IO handshake done.
    pub(super) async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        Self::over(stream, addr).await
    }

    pub(super) async fn over(stream: TcpStream, addr: SocketAddr) -> Self {
        let url = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket");
        Self::with(stream, url.into_client_request().unwrap()).await
    }

    pub(super) async fn with(stream: TcpStream, request: Request<()>) -> Self {
        let (ws, _) = client_async(request, stream).await.unwrap();
        let mut client = Self { ws, seen: Vec::new(), next: 0 };
        assert!(client.packet().await.unwrap().starts_with('0'));
        client
    }

    /// Connected to `/chat`, with `ready`.
    pub(super) async fn connect(addr: SocketAddr, token: &str) -> (Self, Value) {
        let mut client = Self::open(addr).await;
        client.send(&format!("40/chat,{}", json!({ "token": token }))).await;
        let answer = client.packet().await.unwrap();
        assert!(answer.starts_with("40/chat,"), "{answer}");
        let first = client.packet().await.unwrap();
        let (name, ready) = event(&first).unwrap();
        assert_eq!(name, "ready", "the first event");
        (client, ready)
    }

    /// Sends a packet.
    pub(super) async fn send(&mut self, packet: &str) {
        self.ws.send(Message::text(packet)).await.unwrap();
    }

    /// The next packet but heartbeats, which are answered; `None`: the server closed.
    pub(super) async fn packet(&mut self) -> Option<String> {
        loop {
            let message = timeout(SOON, self.ws.next()).await.expect("a packet in time");
            match message {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads until the server has closed.
    pub(super) async fn closed(&mut self) {
        while self.packet().await.is_some() {}
    }

    /// The next event of this name.
    pub(super) async fn event(&mut self, name: &str) -> Value {
        if let Some(i) = self.seen.iter().position(|(n, _)| n == name) {
            return self.seen.remove(i).1;
        }
        loop {
            let packet = self.packet().await.unwrap_or_else(|| panic!("closed while waiting for {name}"));
            match event(&packet) {
                Some((n, data)) if n == name => return data,
                Some(other) => self.seen.push(other),
                None => {}
            }
        }
    }

    /// Sends a request with `req_id` and gives its reply.
    pub(super) async fn ask(&mut self, name: &str, mut payload: Value) -> Value {
        self.next += 1;
        payload["req_id"] = json!(self.next.to_string());
        self.send(&format!("42/chat,{}", json!([name, payload]))).await;
        let reply = self.event("reply").await;
        assert_eq!(reply["req_id"], payload["req_id"]);
        reply
    }

    /// As `ask`; it must go well.
    pub(super) async fn done(&mut self, name: &str, payload: Value) -> Value {
        let reply = self.ask(name, payload).await;
        assert_eq!(reply["ok"], true, "{name}: {reply}");
        reply
    }

    /// Sends anything as the arguments of an event with acknowledgement 7 and gives the answer.
    pub(super) async fn ack(&mut self, args: &str) -> Value {
        self.send(&format!("42/chat,7{args}")).await;
        loop {
            let packet = self.packet().await.unwrap();
            if let Some(answer) = packet.strip_prefix("43/chat,7") {
                let mut args: Vec<Value> = serde_json::from_str(answer).unwrap();
                assert_eq!(args.len(), 1);
                return args.remove(0);
            }
            self.seen.extend(event(&packet));
        }
    }
}

/// Name and payload of an event packet.
fn event(packet: &str) -> Option<(String, Value)> {
    let args: Vec<Value> = serde_json::from_str(packet.strip_prefix("42/chat,")?).unwrap();
    let [name, data] = <[Value; 2]>::try_from(args).unwrap();
    Some((name.as_str().unwrap().to_owned(), data))
}
