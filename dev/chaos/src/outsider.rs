//! Somebody with a good account who is in no room, and who asks all the time for what is in a private one: over the
//! socket, over REST, by resuming and by searching. Whatever comes back is searched for the mark of private messages.

use std::time::Duration;

use chat_e2e::Account;
use chat_e2e::link::{Link, Transport};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::event::Event;
use crate::recorder::Recorder;

/// Every message of a private room begins with this, and nothing that the outsider says contains it.
pub const MARK: &str = "secret-";
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// An answer that takes longer is not waited for.
const ANSWER: Duration = Duration::from_secs(10);

/// A running outsider. Dropped: gone.
#[derive(Debug)]
pub struct Outsider(JoinHandle<()>);

impl Drop for Outsider {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Run {
    account: Account,
    base: String,
    room: String,
    recorder: Recorder,
    /// What comes next.
    turn: usize,
}

impl Outsider {
    /// Starts it against `base` (`http://…`) and the private `room`.
    pub fn start(account: Account, base: &str, room: &str, recorder: Recorder) -> Self {
        let run = Run { account, base: base.to_owned(), room: room.to_owned(), recorder, turn: 0 };
        Self(tokio::spawn(run.forever()))
    }
}

/// Waits until it may ask; false: the line is over.
async fn ready(link: &mut Link) -> bool {
    let hearing = async {
        while let Some(packet) = link.next().await {
            if packet.starts_with("2/chat,[\"ready\"") {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(ANSWER, hearing).await.unwrap_or(false)
}

impl Run {
    async fn forever(mut self) {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        loop {
            let opened = Link::open(&http, &self.base, self.account.name(), Transport::WebSocket).await;
            if let Ok(mut link) = opened {
                let hello = format!("0/chat,{}", json!({"token": self.account.token}));
                if link.send(hello).await && ready(&mut link).await {
                    while self.turn(&mut link).await.is_some() {}
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One try over the socket and one over REST; `None`: the line is over.
    async fn turn(&mut self, link: &mut Link) -> Option<()> {
        tokio::time::sleep(PAUSE).await;
        self.turn += 1;
        let events = self.events();
        let (event, payload) = &events[self.turn % events.len()];
        let id = self.turn;
        let sent = link.send(format!("2/chat,{id}{}", json!([event, payload]))).await;
        let answer = format!("3/chat,{id}[");
        let hearing = async {
            loop {
                let packet = link.next().await?;
                self.look(event, &packet);
                if let Some(reply) = packet.strip_prefix(&answer) {
                    let reply: Value = serde_json::from_str(reply.trim_end_matches(']')).unwrap_or(Value::Null);
                    return Some(reply["error"]["code"].as_str().unwrap_or("ok").to_owned());
                }
            }
        };
        let code = tokio::time::timeout(ANSWER, hearing).await.ok().flatten().filter(|_| sent)?;
        self.tried(event, &code);
        let paths = self.paths();
        let path = &paths[self.turn % paths.len()];
        let request = self.account.api.request(Method::GET, &format!("/api/v1{path}"));
        let asking = async {
            let response = request.send().await.ok()?;
            Some((response.status(), response.text().await.ok()?))
        };
        if let Ok(Some((status, text))) = tokio::time::timeout(ANSWER, asking).await {
            self.look(path, &text);
            self.tried(path, status.as_str());
        }
        Some(())
    }

    fn events(&self) -> Vec<(&'static str, Value)> {
        let room = &self.room;
        vec![
            ("room:join", json!({"room": room, "after": 0})),
            ("room:sync", json!({"room": room, "after": 0, "epoch": "x", "full": true})),
            ("session:resume", json!({"epoch": "x", "rooms": {room: 0}})),
            ("history:get", json!({"room": room})),
            ("search", json!({"query": "secret"})),
            ("search", json!({"room": room, "query": "secret"})),
            ("thread:get", json!({"room": room, "seq": 1})),
            ("message:send", json!({"room": room, "text": "let me in", "client_id": format!("out-{}", self.turn)})),
        ]
    }

    fn paths(&self) -> Vec<String> {
        let room = &self.room;
        vec![
            format!("/rooms/{room}"),
            format!("/rooms/{room}/messages"),
            format!("/search?query=secret&room={room}"),
            "/search?query=secret".to_owned(),
            "/rooms".to_owned(),
        ]
    }

    fn look(&self, what: &str, text: &str) {
        if text.contains(MARK) {
            let (client, what) = (self.account.name().to_owned(), format!("{what}: {text}"));
            self.recorder.note(Event::Leak { client, what });
        }
    }

    fn tried(&self, what: &str, answer: &str) {
        let (client, what, answer) = (self.account.name().to_owned(), what.to_owned(), answer.to_owned());
        self.recorder.note(Event::Tried { client, what, answer });
    }
}
