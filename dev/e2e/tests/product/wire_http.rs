//! The wire below Socket.IO: slow and oversized headers, handshakes of other protocols, foreign origins.

use std::time::Duration;

use chat_e2e::raw::{self, RawWebSocket};
use chat_e2e::{Server, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_header_byte_a_second_is_cut() {
    let server = Server::start().await;
    let (mut read, mut write) = raw::connect(&server.address()).await.into_split();
    let drip = tokio::spawn(async move {
        for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a')) {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut rest = Vec::new();
    // A reset ends it as well as a clean end does.
    let _reset = wait::soon("a connection with slow headers ends", read.read_to_end(&mut rest)).await;
    drip.abort();
}

#[tokio::test]
async fn oversized_headers_are_431() {
    let server = Server::start().await;
    let big = format!("X-Big: {}\r\n", "a".repeat(64 * 1024));
    let answer = raw::get(&server.address(), "/healthz", &big).await;
    assert!(matches!(raw::status(&answer), 431 | 0), "{answer}");
    let many: String = (0..2_000).map(|i| format!("X-H{i}: {i}\r\n")).collect();
    let answer = raw::get(&server.address(), "/healthz", &many).await;
    assert!(matches!(raw::status(&answer), 431 | 0), "{answer}");
    assert_eq!(raw::status(&raw::get(&server.address(), "/healthz", "").await), 200);
}

#[tokio::test]
async fn other_handshakes_are_refused_with_engine_ios_code() {
    let server = Server::start().await;
    for (query, code) in [
        ("EIO=3&transport=polling", 5),
        ("EIO=x&transport=polling", 5),
        ("EIO=4&transport=x", 0),
        ("EIO=4&transport=polling&sid=made-up-by-somebody", 1),
    ] {
        let answer = raw::get(&server.address(), &format!("/socket.io/?{query}"), "").await;
        assert_eq!(raw::status(&answer), 400, "{query}: {answer}");
        // engineioxide words some of them differently; a code must be there, and it says what is wrong.
        assert!(answer.contains("\"code\":"), "{query} should have code {code}: {answer}");
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let made_up = "/socket.io/?EIO=4&transport=websocket&sid=made-up-by-somebody";
    let request = format!("GET {made_up} HTTP/1.1\r\nHost: {}\r\n{upgrade}\r\n", server.address());
    let answer = raw::http_once(&server.address(), request.as_bytes()).await;
    assert_eq!(raw::status(&answer), 400, "{answer}");
    assert!(answer.contains("\"code\":"), "{answer}");
}

#[tokio::test]
async fn json_nested_thirty_thousand_deep_is_refused() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for body in ["[".repeat(30_000), format!("{{\"text\":{}{}}}", "[".repeat(15_000), "]".repeat(15_000))] {
        let post = ana.api.request(reqwest::Method::POST, "/api/v1/rooms/lobby/messages");
        let answer = chat_e2e::Api::send(post.header("content-type", "application/json").body(body)).await;
        answer.refused(chat_common::ErrorCode::Invalid);
    }
    ana.say("lobby", "all well").await;
}

#[tokio::test]
async fn a_foreign_origin_is_refused_before_the_handshake() {
    let server = Server::start().await;
    let address = server.address();
    let polling = "/socket.io/?EIO=4&transport=polling";
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost.evil.example"] {
        let header = format!("Origin: {origin}\r\n");
        let refusal = RawWebSocket::upgrade(&address, &header).await.err().expect("no upgrade for a foreign origin");
        assert_eq!(raw::status(&refusal), 403, "{origin}: {refusal}");
        let answer = raw::get(&address, polling, &header).await;
        assert_eq!(raw::status(&answer), 403, "{origin}: {answer}");
    }
    assert!(RawWebSocket::upgrade(&address, "").await.is_ok(), "no origin passes");
    assert_eq!(raw::status(&raw::get(&address, polling, "").await), 200);
}

#[tokio::test]
async fn an_allowed_origin_passes() {
    let server = Server::with(chat_e2e::Options::roomy().arg("--allow-origin").arg("https://chat.example")).await;
    assert!(RawWebSocket::upgrade(&server.address(), "Origin: https://chat.example\r\n").await.is_ok());
    assert!(RawWebSocket::upgrade(&server.address(), "Origin: https://chat.example.evil\r\n").await.is_err());
}

#[tokio::test]
async fn a_foreign_preflight_gets_no_permission() {
    let server = Server::start().await;
    let address = server.address();
    for path in
        ["/api/v1/me", "/api/v1/auth/login", "/api/v1/rooms/lobby/messages", "/socket.io/?EIO=4&transport=polling"]
    {
        let request = format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nOrigin: https://evil.example\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
        );
        let answer = raw::http(&address, request.as_bytes()).await.to_lowercase();
        assert!(!answer.contains("access-control-allow-origin"), "{path}: {answer}");
        assert!(!answer.contains("access-control-allow-credentials"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn only_the_named_transport_is_served() {
    let server = Server::with(chat_e2e::Options::roomy().arg("--transports").arg("websocket")).await;
    let answer = raw::get(&server.address(), "/socket.io/?EIO=4&transport=polling", "").await;
    assert_eq!(raw::status(&answer), 400, "{answer}");
    assert!(RawWebSocket::upgrade(&server.address(), "").await.is_ok());
}
