//! Who is told by an outgoing webhook: takes what it is sent and answers as a test wishes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;
use tokio::sync::watch;

use crate::wait;

/// What one delivery brought.
#[derive(Clone)]
pub struct Got {
    /// All headers.
    pub headers: HeaderMap,
    /// The JSON as it came.
    pub body: String,
}

impl Got {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The text of the message that it tells of.
    pub fn text(&self) -> String {
        self.json()["data"]["text"].as_str().unwrap_or_default().to_owned()
    }
}

/// A receiver that answers as told, then 200.
#[derive(Clone)]
pub struct Receiver {
    answers: Arc<Mutex<VecDeque<u16>>>,
    got: Arc<Mutex<Vec<Got>>>,
    held: Arc<watch::Sender<bool>>,
}

impl Receiver {
    /// Starts it on this machine; gives its address.
    pub async fn start() -> (Self, String) {
        let receiver = Self { answers: Arc::default(), got: Arc::default(), held: Arc::new(watch::Sender::new(false)) };
        let app = axum::Router::new().fallback(take).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://localhost:{}/hook", listener.local_addr().expect("an address").port());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, url)
    }

    /// The next answers.
    pub fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// Takes what comes, and answers none of it until told otherwise.
    pub fn hold(&self, on: bool) {
        self.held.send_replace(on);
    }

    /// Everything so far.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Everything so far, once it is so much.
    pub async fn deliveries(&self, count: usize) -> Vec<Got> {
        wait::until("deliveries", || Some(self.got()).filter(|got| got.len() >= count)).await
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> impl IntoResponse {
    receiver.got.lock().unwrap().push(Got { headers, body });
    let mut held = receiver.held.subscribe();
    let free = held.wait_for(|held| !held).await.is_ok();
    assert!(free, "the receiver outlives its answers");
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    let location = [(header::LOCATION, "http://localhost:1/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location, "thanks")
}
