//! Socket.IO 5 over Engine.IO 4 on one WebSocket, written from the protocol's documents: the product's client library
//! is not asked to judge the product's server.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_common::ErrorCode;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wait::{self, PATIENCE};

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An event as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its one argument.
    pub data: Value,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Socket.IO DISCONNECT: official clients do not come back by themselves.
    Disconnected,
    /// The transport is gone: official clients come back.
    Dropped,
}

/// A connection on `/chat`.
pub struct Socket {
    wire: Wire,
    /// What came and was not asked for yet.
    events: VecDeque<Event>,
    acks: HashMap<u64, Value>,
    next_ack: u64,
    end: Option<End>,
    /// The `ready` of this connection.
    pub ready: Value,
}

impl Socket {
    /// Connects with a token and waits for `ready`; panics if it is refused.
    pub async fn connect(base: &str, token: &str) -> Self {
        match Self::try_connect(base, json!({"token": token})).await {
            Ok(socket) => socket,
            Err(refusal) => panic!("refused: {refusal}"),
        }
    }

    /// Connects with any payload; `Err` is the message of the CONNECT_ERROR.
    pub async fn try_connect(base: &str, auth: Value) -> Result<Self, String> {
        let mut wire = open(base).await;
        let packet = format!("40/chat,{auth}");
        wire.send(Message::text(packet)).await.expect("an open WebSocket takes a packet");
        let mut socket =
            Self { wire, events: VecDeque::new(), acks: HashMap::new(), next_ack: 0, end: None, ready: Value::Null };
        loop {
            let Some(packet) = wait::soon("an answer to CONNECT", socket.packet()).await else {
                return Err("closed".to_owned());
            };
            if packet.starts_with("40/chat,") {
                break;
            }
            if let Some(error) = packet.strip_prefix("44/chat,") {
                let error: Value = serde_json::from_str(error).expect("JSON in CONNECT_ERROR");
                return Err(error["message"].as_str().unwrap_or_default().to_owned());
            }
        }
        socket.ready = socket.event("ready").await;
        Ok(socket)
    }

    /// The next Engine.IO message, pings answered; `None`: the transport is gone.
    async fn packet(&mut self) -> Option<String> {
        loop {
            match self.wire.next().await {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    // A connection that ends now is seen by the next read.
                    let _gone = self.wire.send(Message::text("3")).await;
                }
                Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads one packet and puts it where it belongs; false: the connection is over.
    async fn pump(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let Some(packet) = self.packet().await else {
            self.end = Some(End::Dropped);
            return false;
        };
        if packet.starts_with("41") {
            self.end = Some(End::Disconnected);
            return false;
        }
        let Some(rest) = packet.strip_prefix("42/chat,") else {
            if let Some(rest) = packet.strip_prefix("43/chat,") {
                let from = rest.find('[').expect("an ACK holds an array");
                let id = rest[..from].parse().expect("an ACK has an id");
                let mut args: Vec<Value> = serde_json::from_str(&rest[from..]).expect("JSON in an ACK");
                self.acks.insert(id, args.drain(..).next().unwrap_or(Value::Null));
            }
            return true;
        };
        let mut args: Vec<Value> = serde_json::from_str(rest).expect("JSON in an EVENT");
        assert_eq!(args.len(), 2, "an event has a name and one payload: {rest}");
        assert!(rest.len() <= 48 * 1024 + 256, "an event of {} bytes", rest.len());
        let data = args.pop().unwrap_or_default();
        let name = args[0].as_str().expect("the first is the event's name").to_owned();
        self.events.push_back(Event { name, data });
        true
    }

    /// Emits without asking for an answer.
    pub async fn emit(&mut self, event: &str, payload: &Value) {
        self.raw(&format!("42/chat,{}", json!([event, payload]))).await;
    }

    /// Sends a packet as it is.
    pub async fn raw(&mut self, packet: &str) {
        self.wire.send(Message::text(packet)).await.expect("an open WebSocket takes a packet");
    }

    /// Emits and gives the id of the acknowledgement to wait for.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> u64 {
        self.next_ack += 1;
        let id = self.next_ack;
        self.raw(&format!("42/chat,{id}{}", json!([event, payload]))).await;
        id
    }

    /// The acknowledgement `id`; `None`: the connection ended first.
    pub async fn answer(&mut self, id: u64) -> Option<Value> {
        let wait = async {
            loop {
                if let Some(answer) = self.acks.remove(&id) {
                    return Some(answer);
                }
                if !self.pump().await {
                    return self.acks.remove(&id);
                }
            }
        };
        wait::soon("an acknowledgement", wait).await
    }

    /// A request and its reply, whatever it says.
    pub async fn call(&mut self, event: &str, payload: Value) -> Value {
        let id = self.ask(event, &payload).await;
        self.answer(id).await.unwrap_or_else(|| panic!("the connection ended before the reply to {event}"))
    }

    /// A request that goes well.
    #[track_caller]
    pub fn ok(&mut self, event: &str, payload: Value) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        let event = event.to_owned();
        async move {
            let reply = self.call(&event, payload).await;
            assert_eq!(reply["ok"], json!(true), "{event} at {at}: {reply}");
            reply
        }
    }

    /// A request that is refused with `code`; gives the error.
    #[track_caller]
    pub fn refused(&mut self, event: &str, payload: Value, code: ErrorCode) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        let event = event.to_owned();
        async move {
            let reply = self.call(&event, payload).await;
            assert_eq!(
                (&reply["ok"], reply["error"]["code"].as_str()),
                (&json!(false), Some(code.as_str())),
                "{event} at {at}: {reply}"
            );
            reply["error"].clone()
        }
    }

    /// Joins a room and gives the reply.
    pub async fn join(&mut self, room: &str) -> Value {
        self.ok("room:join", json!({"room": room})).await
    }

    /// Sends a message and gives its `seq`.
    pub async fn say(&mut self, room: &str, text: &str, client_id: &str) -> u64 {
        let reply = self.ok("message:send", json!({"room": room, "text": text, "client_id": client_id})).await;
        reply["seq"].as_u64().expect("a seq")
    }

    /// The next event of that name; those before it of other names stay for later.
    pub async fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true).await
    }

    /// The next event of that name that fits; panics when the connection ends or nothing comes.
    pub async fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                if let Some(at) = self.events.iter().position(|e| e.name == name && fits(&e.data)) {
                    return self.events.remove(at).map(|e| e.data).unwrap_or_default();
                }
                assert!(self.pump().await, "the connection ended while waiting for {name}");
            }
        };
        wait::soon(&format!("the event {name}"), wait).await
    }

    /// Everything that has come up to the answer to a `ping`, and is not taken yet: what the server had to tell
    /// before now has been told.
    pub async fn drain(&mut self) -> Vec<Event> {
        let _pong = self.call("ping", json!({})).await;
        self.events.drain(..).collect()
    }

    /// Waits for the end of the connection and gives what came before.
    pub async fn ended(&mut self) -> (End, Vec<Event>) {
        self.ended_within(PATIENCE).await
    }

    /// As [`Self::ended`] with a patience of its own.
    pub async fn ended_within(&mut self, patience: Duration) -> (End, Vec<Event>) {
        let pump = async { while self.pump().await {} };
        assert!(tokio::time::timeout(patience, pump).await.is_ok(), "still connected after {patience:?}");
        (self.end.clone().unwrap_or(End::Dropped), self.events.drain(..).collect())
    }

    /// Ends the connection from this side, as a process that dies.
    pub fn abandon(self) {
        drop(self.wire);
    }
}

/// An Engine.IO handshake over WebSocket, after its OPEN packet.
async fn open(base: &str) -> Wire {
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", base.replacen("http", "ws", 1));
    let connecting = tokio_tungstenite::connect_async(url);
    let (mut wire, _) = wait::soon("a WebSocket", connecting).await.expect("the server upgrades");
    let opened = wait::soon("Engine.IO's OPEN", wire.next()).await.expect("a packet").expect("no error");
    assert!(opened.to_text().is_ok_and(|t| t.starts_with('0')), "{opened:?}");
    wire
}
