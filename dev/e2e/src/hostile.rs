//! A server that lies: it speaks the protocol well enough to be believed and puts a poison into every field.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, Event, SocketRef};

/// What it puts where.
#[derive(Clone, Debug)]
pub struct Poison {
    /// In every field that people read: texts, names, topics, reasons, notices, errors.
    pub text: String,
    /// In every field of a user's name.
    pub name: String,
    /// The newest entry that it claims.
    pub head: u64,
    /// Live entries to tell after a join, as they are, and live events by name.
    pub tells: Vec<(String, Value)>,
    /// Every request but the first ones is refused with the poison as reason.
    pub refuse: bool,
    /// A `room:list` never ends.
    pub endless: bool,
}

impl Default for Poison {
    fn default() -> Self {
        Self {
            text: "hello".into(),
            name: "~mallory".into(),
            head: 3,
            tells: Vec::new(),
            refuse: false,
            endless: false,
        }
    }
}

/// A running hostile server.
pub struct Hostile {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hostile {
    /// Starts it on a free port.
    pub async fn start(poison: Poison) -> Self {
        let poison = Arc::new(poison);
        let (layer, io) = SocketIo::builder().max_buffer_size(1024).build_layer();
        let shared = Arc::clone(&poison);
        io.ns("/chat", async move |socket: SocketRef| greet(&socket, &shared));
        let router = Router::new()
            .route("/api/v1/auth/guest", post(session))
            .route("/api/v1/auth/refresh", post(session))
            .route(
                "/api/v1/me",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"user": p.user(), "role": "user"})) }),
            )
            .route(
                "/api/v1/rooms",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"rooms": [p.room()]})) }),
            )
            .route(
                "/api/v1/rooms/{room}",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"room": p.room()})) }),
            )
            .route("/api/v1/rooms/{room}/join", post(|Shared(p): Shared<Arc<Poison>>| async move { Json(p.join()) }))
            .route(
                "/api/v1/rooms/{room}/members",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"members": [p.member()]})) }),
            )
            .route("/api/v1/rooms/{room}/messages", get(history).post(refuse))
            .route(
                "/api/v1/search",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"messages": p.messages()})) }),
            )
            .route(
                "/api/v1/presence",
                get(|Shared(p): Shared<Arc<Poison>>| async move { Json(json!({"present": [p.presence()]})) }),
            )
            .with_state(poison)
            .layer(layer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the hostile server serves");
        });
        Self { url, task }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn session(Shared(poison): Shared<Arc<Poison>>) -> Json<Value> {
    Json(json!({
        "access_token": "aaaa.bbbb.cccc", "expires_at": "2999-01-01T00:00:00.000Z",
        "refresh_token": "r", "user": poison.user(),
    }))
}

async fn history(Shared(p): Shared<Arc<Poison>>) -> Json<Value> {
    Json(json!({"messages": p.messages(), "first": 1, "head": p.head, "has_more": false}))
}

async fn refuse(Shared(poison): Shared<Arc<Poison>>) -> (axum::http::StatusCode, Json<Value>) {
    let error = json!({"code": "forbidden", "message": poison.text});
    (axum::http::StatusCode::FORBIDDEN, Json(json!({"error": error})))
}

fn greet(socket: &SocketRef, poison: &Arc<Poison>) {
    let shared = Arc::clone(poison);
    socket.on_fallback(
        async move |socket: SocketRef, Event(name): Event, Data(payload): Data<Value>, ack: AckSender| {
            let reply = shared.reply(&name, &payload);
            // A client that has gone misses nothing.
            let _gone = socket.emit("reply", &reply);
            let _no_ack = ack.send(&reply);
            if matches!(name.as_str(), "room:join" | "room:subscribe" | "session:resume") {
                for (name, data) in &shared.tells {
                    let _gone = socket.emit(name.as_str(), data);
                }
            }
        },
    );
    let ready = json!({
        "protocol": 1, "server": {"name": poison.text, "version": poison.text, "node": poison.text},
        "epoch": "e1", "user": poison.user(), "role": "user", "limits": {},
        "expires_at": "2999-01-01T00:00:00.000Z", "rooms": [poison.room()],
    });
    let _gone = socket.emit("ready", &ready);
}

impl Poison {
    fn user(&self) -> Value {
        json!({"id": "0000000000001", "name": self.name, "display_name": self.text, "kind": "guest"})
    }

    fn room(&self) -> Value {
        json!({
            "room": "lobby", "kind": "public", "topic": self.text, "role": "member", "first": 1, "head": self.head,
            "read": 0, "unread": 3, "mentions": 0, "members": 1, "present": 1,
        })
    }

    fn member(&self) -> Value {
        json!({"user": self.user(), "role": "member", "joined_at": "2026-01-01T00:00:00.000Z"})
    }

    fn presence(&self) -> Value {
        json!({"user": self.user(), "status": "online", "text": self.text, "since": "2026-01-01T00:00:00.000Z"})
    }

    fn messages(&self) -> Value {
        let message = |seq: u64| {
            json!({
                "room": "lobby", "seq": seq, "rev": seq, "at": "2026-01-01T00:00:00.000Z", "from": self.user(),
                "text": format!("m{seq} {}", self.text), "client_id": format!("k{seq}"), "mentions": [],
                "deleted": false, "reactions": [],
            })
        };
        json!([message(1), message(2), message(3)])
    }

    fn sync(&self) -> Value {
        json!({"epoch": "e1", "first": 1, "head": self.head, "reset": true, "messages": self.messages()})
    }

    fn join(&self) -> Value {
        json!({"room": self.room(), "members": [self.member()], "present": [self.presence()], "sync": self.sync()})
    }

    /// What a request is answered with.
    fn reply(&self, name: &str, payload: &Value) -> Value {
        let first = matches!(name, "room:join" | "room:subscribe" | "session:resume" | "ping");
        let mut reply = if self.refuse && !first {
            json!({"ok": false, "error": {"code": "forbidden", "message": self.text, "field": self.text}})
        } else {
            let mut reply = match name {
                "room:join" | "room:subscribe" => self.join(),
                "session:resume" => json!({"rooms": {"lobby": self.sync()}, "gone": []}),
                "room:list" => self.list(),
                "room:sync" => self.sync(),
                "history:get" => {
                    json!({"messages": self.messages(), "first": 1, "head": self.head, "has_more": self.endless})
                }
                "search" | "thread:get" => json!({"messages": self.messages()}),
                "member:list" => json!({"members": [self.member()]}),
                "presence:get" => json!({"present": [self.presence()]}),
                "message:send" => json!({"seq": 4, "at": "2026-01-01T00:00:00.000Z", "duplicate": false}),
                "ping" => json!({"at": "2026-01-01T00:00:00.000Z"}),
                "user:get" | "profile:set" => json!({"user": self.user()}),
                _ => json!({}),
            };
            reply["ok"] = json!(true);
            reply
        };
        reply["req_id"] = payload["req_id"].clone();
        reply
    }

    fn list(&self) -> Value {
        let mut list = json!({"rooms": [self.room()]});
        if self.endless {
            list["next"] = json!("again");
        }
        list
    }
}
