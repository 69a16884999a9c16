//! Packets as they come, good and bad.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::client::Client;
use super::server::{Server, until};
use crate::gateway::Options;

fn field(reply: &Value) -> &str {
    assert_eq!(reply["ok"], false, "{reply}");
    assert_eq!(reply["error"]["code"], "invalid", "{reply}");
    reply["error"]["field"].as_str().unwrap()
}

#[tokio::test]
async fn replies_come_in_order_and_ping_overtakes() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    ana.done("room:create", json!({"room": "den"})).await;
    for i in 0..20 {
        let payload =
            json!({"room": "den", "text": format!("{i}"), "client_id": format!("c{i}"), "req_id": format!("r{i}")});
        ana.send(&format!("42/chat,{}", json!(["message:send", payload]))).await;
    }
    ana.send(r#"42/chat,["ping",{"req_id":"ping"}]"#).await;
    let mut order = Vec::new();
    while order.len() < 21 {
        order.push(ana.event("reply").await["req_id"].as_str().unwrap().to_owned());
    }
    assert_ne!(order.last().unwrap(), "ping");
    order.retain(|id| id != "ping");
    assert_eq!(order, (0..20).map(|i| format!("r{i}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_payload_is_invalid_and_names_the_field() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    for args in [r#"["room:join","x"]"#, r#"["room:join",null]"#, r#"["room:join",[]]"#, r#"["room:join",{},{}]"#] {
        assert_eq!(field(&ana.ack(args).await), "payload", "{args}");
    }
    assert_eq!(field(&ana.ack(r#"["room:join",{}]"#).await), "room");
    assert_eq!(field(&ana.ack(r#"["room:join"]"#).await), "room");
    assert_eq!(field(&ana.ask("room:join", json!({"room": "../etc"})).await), "room");
    assert_eq!(field(&ana.ask("room:sync", json!({"room": "a", "epoch": "", "after": -1})).await), "after");
    // No way to say how to answer, and answered all the same.
    ana.send(r#"42/chat,["room:join","x"]"#).await;
    assert_eq!(field(&ana.event("reply").await), "payload");
}

#[tokio::test]
async fn an_unknown_event_is_unsupported_with_and_without_ack() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    assert_eq!(ana.ack(r#"["nope",{}]"#).await["error"]["code"], "unsupported");
    assert_eq!(ana.ask("nope", json!({})).await["error"]["code"], "unsupported");
    ana.send(r#"42/chat,["nope",{}]"#).await;
    assert_eq!(ana.event("reply").await["error"]["code"], "unsupported");
}

#[tokio::test]
async fn a_reply_goes_out_once_for_each_channel_asked_for() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    let by_ack = ana.ack(r#"["ping",{"req_id":"x"}]"#).await;
    assert_eq!(by_ack["req_id"], "x");
    assert_eq!(ana.event("reply").await, by_ack);
    // Asked for nowhere: handled, and the next packet is the next request's.
    ana.send(r#"42/chat,["room:create",{"room":"quiet"}]"#).await;
    ana.done("room:join", json!({"room": "quiet"})).await;
    assert!(ana.seen.iter().all(|(name, _)| name != "reply"));
}

#[tokio::test]
async fn connects_are_refused_by_code() {
    let server = Server::start().await;
    for (packet, told) in [
        ("40/chat,", "unauthorized: "),
        (r#"40/chat,{"token":7}"#, "unauthorized: "),
        (r#"40/chat,{"token":"x.y.z"}"#, "unauthorized: "),
        ("40/nowhere,", "Invalid namespace"),
        ("40", "Invalid namespace"),
    ] {
        let mut client = Client::open(server.addr).await;
        client.send(packet).await;
        let answer = client.packet().await.unwrap();
        assert!(answer.starts_with("44") && answer.contains(told), "{packet}: {answer}");
    }
}

#[tokio::test]
async fn malformed_packets_end_this_socket_alone() {
    let server = Server::start().await;
    let mut bystander = server.guest("bob").await;
    let packets = [
        "4",
        "42",
        "42[",
        "4é",
        "99",
        "",
        "42/chat,[",
        "42/chat,7",
        "451-/chat,[\"x\",1]",
        "4518446744073709551615-/chat,[\"x\"]",
    ];
    for (i, packet) in packets.into_iter().enumerate() {
        let mut client = server.guest(&format!("guest{i}")).await;
        client.send(packet).await;
        // Closed or ignored; where ignored it still answers.
        client.ws.send(Message::text(r#"42/chat,["ping",{"req_id":"p"}]"#)).await.ok();
        while let Some(answer) = client.packet().await {
            if answer.contains("\"p\"") {
                break;
            }
        }
    }
    bystander.done("ping", json!({})).await;
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_socket() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    let fits = |n: usize| format!("42/chat,[\"ping\",{{\"req_id\":\"f\",\"x\":\"{}\"}}]", "x".repeat(n));
    let frame = fits(0).len();
    ana.send(&fits(65_536 - frame)).await;
    assert_eq!(ana.event("reply").await["ok"], true);
    ana.ws.send(Message::text(fits(65_537 - frame))).await.ok();
    ana.closed().await;
}

async fn handshake(server: &Server, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let host = server.addr;
    let request = format!(
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_foreign_origin_is_refused_before_the_handshake() {
    let server = Server::start().await;
    let own = format!("Origin: http://{}\r\n", server.addr);
    for (headers, status) in
        [("", "200"), (own.as_str(), "200"), ("Origin: null\r\n", "403"), ("Origin: https://evil.example\r\n", "403")]
    {
        let answer = handshake(&server, headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {answer}");
        assert!(!answer.to_lowercase().contains("access-control-allow-origin"));
    }
    let listed = Options { allow_origin: vec!["https://app.example".into()].into(), ..Options::default() };
    let server = Server::with(chat_common::Limits::default(), listed).await;
    let answer = handshake(&server, "Origin: https://app.example\r\n").await;
    assert!(answer.to_lowercase().contains("access-control-allow-origin: https://app.example"), "{answer}");
}

#[tokio::test]
async fn requests_have_a_share_on_each_connection() {
    let limits = chat_common::Limits { requests_per_second: 1, request_burst: 3, ..chat_common::Limits::default() };
    let server = Server::with(limits, Options::default()).await;
    let mut ana = server.guest("ana").await;
    for _ in 0..3 {
        ana.done("ping", json!({})).await;
    }
    let refused = ana.ask("ping", json!({})).await;
    assert_eq!(refused["error"]["code"], "rate_limited");
    assert!(refused["error"]["retry_after_ms"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_store_that_is_away_turns_handshakes_away() {
    let server = Server::start().await;
    server.services.store.close().await;
    let gateway = &server.gateway.gateway;
    until(|| !gateway.store_up.load(std::sync::atomic::Ordering::Relaxed)).await;
    let answer = handshake(&server, "").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test]
async fn with_the_relay_a_foreign_page_may_shake_hands_but_not_connect() {
    let relay = Options { relay: true, ..Options::default() };
    let server = Server::with(chat_common::Limits::default(), relay).await;
    let token = server.session("ana").await.access_token;
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.addr);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let mut foreign = Client::with(TcpStream::connect(server.addr).await.unwrap(), request).await;
    foreign.send(&format!("40/chat,{}", json!({ "token": token }))).await;
    let answer = foreign.packet().await.unwrap();
    assert!(answer.starts_with("44/chat,") && answer.contains("forbidden: "), "{answer}");
}

#[tokio::test]
async fn guessing_tokens_on_one_session_ends_it() {
    let server = Server::start().await;
    let mut client = Client::open(server.addr).await;
    for _ in 0..10 {
        client.ws.send(Message::text(r#"40/chat,{"token":"x"}"#)).await.ok();
    }
    client.closed().await;
}
