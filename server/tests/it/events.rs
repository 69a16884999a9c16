//! Server-sent events.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{PATIENCE, Someone, World, no, refused};

struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(someone: &Someone, room: &str, last: Option<&str>) -> Self {
        let mut request = someone.request(Method::GET, &format!("/rooms/{room}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// `(id, event, data)`; `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|l| l.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                let found =
                    (field("id:"), field("event:"), serde_json::from_str(&field("data:")).unwrap_or(Value::Null));
                self.text = rest.to_owned();
                if found.1.is_empty() {
                    continue;
                }
                return Some(found);
            }
            match tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("no event came") {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                _ => return None,
            }
        }
    }
}

#[tokio::test]
async fn events_go_on_where_the_last_one_ended() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    ana.say("lobby", "before").await;
    let mut live = Stream::open(&bob, "lobby", None).await;
    let seq = ana.say("lobby", "one").await;
    let (id, event, data) = live.next().await.unwrap();
    assert_eq!((event.as_str(), &data["text"], data["seq"].as_u64()), ("message:created", &json!("one"), Some(seq)));
    assert!(id.ends_with(&format!(":{seq}")), "{id}");
    drop(live);
    for text in ["two", "three"] {
        ana.say("lobby", text).await;
    }
    let mut again = Stream::open(&bob, "lobby", Some(&id)).await;
    for text in ["two", "three"] {
        assert_eq!(again.next().await.unwrap().2["text"], text);
    }
    ana.say("lobby", "four").await;
    assert_eq!(again.next().await.unwrap().2["text"], "four");
    w.stop().await;
}

#[tokio::test]
async fn another_epoch_resets_and_nonsense_is_invalid() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    ana.say("lobby", "hello").await;
    let mut stream = Stream::open(&ana, "lobby", Some("elsewhere:99")).await;
    let (id, event, data) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), &data["messages"][0]["text"]), ("reset", &json!("hello")));
    assert!(id.ends_with(":1"), "{id}");
    let bad = ana.request(Method::GET, "/rooms/lobby/events").header("last-event-id", "nonsense");
    assert_eq!(refused(super::world::answer(bad).await), no(400, "invalid", "Last-Event-ID"));
    w.stop().await;
}

#[tokio::test]
async fn a_kicked_member_and_an_ended_session_are_told_nothing_more() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    ana.post("/rooms", json!({"room": "attic", "kind": "private"})).await;
    ana.put("/rooms/attic/members/bob", json!({})).await;
    let mut stream = Stream::open(&bob, "attic", None).await;
    assert_eq!(ana.delete("/rooms/attic/members/bob").await.0, 204);
    ana.say("attic", "secret").await;
    while let Some((_, event, data)) = stream.next().await {
        assert_ne!(data["text"], "secret");
        if event == "error" {
            assert_eq!(data["code"], "not_found");
        }
    }
    let mut stream = Stream::open(&bob, "lobby", None).await;
    assert_eq!(bob.request(Method::POST, "/auth/logout").send().await.unwrap().status(), 204);
    let (_, event, data) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), &data["code"]), ("error", &json!("unauthorized")));
    assert!(stream.next().await.is_none(), "the stream ends");
    w.stop().await;
}

#[tokio::test]
async fn a_user_has_as_many_streams_as_connections() {
    let w = World::with(|c| c.limits.connections_per_user = 2).await;
    let ana = w.user("ana").await;
    let one = Stream::open(&ana, "lobby", None).await;
    let _two = Stream::open(&ana, "lobby", None).await;
    let third = || super::world::answer(ana.request(Method::GET, "/rooms/lobby/events"));
    assert_eq!(refused(third().await), no(429, "rate_limited", ""));
    drop(one);
    // The server learns of the hang-up in its own time.
    let freed = async {
        while ana.request(Method::GET, "/rooms/lobby/events").send().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the slot is not given back");
    w.stop().await;
}
