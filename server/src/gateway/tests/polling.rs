//! Long polling, without an upgrade.

use chat_common::Limits;
use serde_json::{Value, json};

use super::client::SOON;
use super::server::{Server, until};
use crate::gateway::Options;

/// A session by long polling; requests are made one at a time.
struct Polling {
    http: reqwest::Client,
    url: String,
}

impl Polling {
    async fn connect(server: &Server, token: &str) -> Self {
        let http = reqwest::Client::builder().timeout(SOON).build().unwrap();
        let url = format!("http://{}/socket.io/?EIO=4&transport=polling", server.addr);
        let open = http.get(&url).send().await.unwrap().text().await.unwrap();
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        let polling = Self { http, url: format!("{url}&sid={}", open["sid"].as_str().unwrap()) };
        assert_eq!(polling.post(&format!("40/chat,{}", json!({"token": token}))).await, 200);
        // An event before CONNECT is answered closes the session.
        while !polling.poll().await.unwrap().iter().any(|p| p.starts_with("40/chat,")) {}
        polling
    }

    async fn post(&self, packet: &str) -> u16 {
        self.http.post(&self.url).body(packet.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// The packets of the next poll; `None` where the session is refused.
    async fn poll(&self) -> Option<Vec<String>> {
        let answer = self.http.get(&self.url).send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        let body = answer.text().await.ok()?;
        let packets: Vec<String> = body.split('\u{1e}').map(str::to_owned).collect();
        if packets.iter().any(|p| p == "2") {
            self.post("3").await;
        }
        Some(packets)
    }
}

#[tokio::test]
async fn a_polling_client_hears_everything_in_order() {
    let much = 10_000;
    let limits = Limits {
        messages_per_second: much,
        message_burst: much,
        requests_per_second: much,
        request_burst: much,
        ..Limits::default()
    };
    let server = Server::with(limits, Options::default()).await;
    let mut ana = server.guest("ana").await;
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    let session = server.session("bob").await;
    let bob = Polling::connect(&server, &session.access_token).await;
    bob.post(r#"42/chat,["room:join",{"room":"den","req_id":"j"}]"#).await;
    let mut heard = Vec::new();
    let mut joined = false;
    while heard.len() < 300 {
        for packet in bob.poll().await.unwrap() {
            joined |= packet.contains("\"j\"");
            if packet.contains("event:custom") {
                heard.push(packet);
            }
        }
        if joined {
            joined = false;
            for i in 0..100 {
                ana.send(&format!("42/chat,{}", json!(["event:send", {"room": "den", "name": "n", "data": i}]))).await;
            }
            ana.done("ping", json!({})).await;
            for i in 100..300 {
                ana.done("event:send", json!({"room": "den", "name": "n", "data": i})).await;
            }
        }
    }
    for (i, packet) in heard.iter().enumerate() {
        assert!(packet.contains(&format!("\"data\":{i}")), "{i}: {packet}");
    }
}

#[tokio::test]
async fn a_poller_that_stops_polling_is_cut_and_its_session_refused() {
    let limits = Limits { queue_packets: 100, message_burst: 1_000, messages_per_second: 1_000, ..Limits::default() };
    let server = Server::with(limits, Options::default()).await;
    let mut ana = server.guest("ana").await;
    ana.done("room:create", json!({"room": "den"})).await;
    let session = server.session("bob").await;
    let bob = Polling::connect(&server, &session.access_token).await;
    bob.post(r#"42/chat,["room:join",{"room":"den","req_id":"j"}]"#).await;
    while !bob.poll().await.unwrap().iter().any(|p| p.contains("\"j\"")) {}
    assert_eq!(server.gateway.connections(), 2);
    for i in 0..400 {
        ana.done("message:send", json!({"room": "den", "text": "x", "client_id": format!("{i}")})).await;
    }
    until(|| server.gateway.connections() == 1).await;
    while bob.poll().await.is_some() {}
    ana.done("ping", json!({})).await;
}
