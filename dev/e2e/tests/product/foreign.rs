//! The official clients of other languages join, send, receive and resume, over each transport and the upgrade.

use chat_e2e::foreign::{Foreign, Language};
use chat_e2e::{Account, Server};
use serde_json::json;

/// The whole story with one client; `expected` is the transport it must end up with.
async fn story(language: Language, test: &str, transports: &[&str], expected: &str) {
    let mut server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let Some(mut client) = Foreign::start(language, test, &server.url(), &ana.token, transports).await else { return };
    let connected = client.next("connect").await;
    if transports.len() == 1 {
        assert_eq!(connected["transport"], expected);
    } else {
        assert_eq!(client.next("upgrade").await["transport"], expected);
    }
    let ready = client.event("ready").await;
    assert_eq!(ready["user"]["name"], "ana");
    let joined = client.ok("room:join", json!({"room": "lobby"})).await;
    assert_eq!(joined["room"]["room"], "lobby");
    let sent = client.ok("message:send", json!({"room": "lobby", "text": "from afar", "client_id": "f1"})).await;
    assert_eq!(sent["seq"], 1);
    let own = client.event("message:created").await;
    assert_eq!((&own["text"], &own["client_id"]), (&json!("from afar"), &json!("f1")));
    bob.say("lobby", "welcome").await;
    assert_eq!(client.event("message:created").await["text"], "welcome");
    refusals(&mut client).await;
    // The server dies and comes back: the client returns by itself and asks for what it missed.
    server.kill();
    client.next("disconnect").await;
    server.restart().await;
    bob.say("lobby", "while you were away").await;
    client.next("connect").await;
    let again = client.event("ready").await;
    assert_eq!(again["epoch"], ready["epoch"]);
    let resume = json!({"epoch": ready["epoch"], "rooms": {"lobby": 2}});
    let resumed = client.ok("session:resume", resume).await;
    let entries = resumed["rooms"]["lobby"]["entries"].clone();
    assert_eq!((&entries[0]["seq"], &entries[0]["text"]), (&json!(3), &json!("while you were away")));
    bob.say("lobby", "and live again").await;
    assert_eq!(client.told("the live one", |v| v["data"]["text"] == "and live again").await["data"]["seq"], 4);
    large(&mut client, &bob).await;
    client.end().await;
}

async fn refusals(client: &mut Foreign) {
    let unknown = client.call("nothing:like:this", json!({})).await;
    assert_eq!(unknown["error"]["code"], "unsupported");
    let invalid = client.call("message:send", json!({"room": "lobby"})).await;
    assert_eq!(invalid["error"]["code"], "invalid");
}

/// Packets of many kilobytes cross every transport whole, with every script in them.
async fn large(client: &mut Foreign, bob: &Account) {
    let text = "Điện 東京 🎉 \u{1e}\"\\ ".replace('\u{1e}', "") + &"ü".repeat(3_500);
    let sent = client.ok("message:send", json!({"room": "lobby", "text": text, "client_id": "big"})).await;
    let kept = bob.api.get(&format!("/rooms/lobby/messages?around={}&limit=1", sent["seq"])).await.ok();
    assert_eq!(kept["messages"][0]["text"], json!(text.trim_end()));
    let told = client.told("the large one", |v| v["data"]["client_id"] == "big").await;
    assert_eq!(told["data"]["text"], json!(text.trim_end()));
}

#[tokio::test]
async fn socket_io_client_over_websocket() {
    story(Language::Node, "socket_io_client_over_websocket", &["websocket"], "websocket").await;
}

#[tokio::test]
async fn socket_io_client_over_polling() {
    story(Language::Node, "socket_io_client_over_polling", &["polling"], "polling").await;
}

#[tokio::test]
async fn socket_io_client_with_the_upgrade() {
    story(Language::Node, "socket_io_client_with_the_upgrade", &["polling", "websocket"], "websocket").await;
}

#[tokio::test]
async fn python_socketio_over_websocket() {
    story(Language::Python, "python_socketio_over_websocket", &["websocket"], "websocket").await;
}

#[tokio::test]
async fn python_socketio_over_polling() {
    story(Language::Python, "python_socketio_over_polling", &["polling"], "polling").await;
}

#[tokio::test]
async fn python_socketio_with_the_upgrade() {
    story(Language::Python, "python_socketio_with_the_upgrade", &["polling", "websocket"], "websocket").await;
}

#[tokio::test]
async fn a_refused_client_is_told_why() {
    let server = Server::start().await;
    let test = "a_refused_client_is_told_why";
    for language in [Language::Node, Language::Python] {
        let Some(mut client) = Foreign::start(language, test, &server.url(), "bad", &["websocket"]).await else {
            return;
        };
        let refusal = client.next("connect_error").await;
        let message = refusal["message"].as_str().expect("a sentence");
        assert!(message.starts_with("unauthorized: "), "{language:?}: {message}");
        client.end().await;
    }
}

#[tokio::test]
async fn a_revoked_client_does_not_come_back_by_itself() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let test = "a_revoked_client_does_not_come_back_by_itself";
    let Some(mut client) = Foreign::start(Language::Node, test, &server.url(), &ana.token, &["websocket"]).await else {
        return;
    };
    client.event("ready").await;
    ana.api.post("/auth/logout", &json!({})).await.ok();
    // socket.io-client's word for a DISCONNECT packet, after which it stays away.
    assert_eq!(client.next("disconnect").await["reason"], "io server disconnect");
    client.end().await;
}

#[tokio::test]
async fn a_drained_client_comes_back_by_itself() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let test = "a_drained_client_comes_back_by_itself";
    for language in [Language::Node, Language::Python] {
        let Some(mut client) = Foreign::start(language, test, &server.url(), &ana.token, &["websocket"]).await else {
            return;
        };
        client.event("ready").await;
        assert!(server.terminate().await.success());
        let notice = client.event("server:notice").await;
        assert_eq!(notice["code"], "draining");
        assert!(notice["retry_after_ms"].is_u64(), "{notice}");
        let reason = client.next("disconnect").await;
        assert_ne!(reason["reason"], "io server disconnect");
        server.restart().await;
        client.event("ready").await;
        client.end().await;
    }
}
