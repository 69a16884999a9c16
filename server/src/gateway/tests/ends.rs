//! How connections end: authority, time, slow readers, the stop.

use std::time::Duration;

use chat_common::{ClientId, Limits, RoomRef, event, rest};
use serde_json::json;
use tokio::net::TcpSocket;

use super::client::{Client, SOON};
use super::server::{Server, until};
use crate::gateway::{Options, authority};
use crate::service::{accounts, messages};

#[tokio::test]
async fn a_token_that_ends_is_told_of_and_ends_the_connection() {
    let server = Server::start().await;
    let session = server.session("ana").await;
    let (mut ana, ready) = Client::connect(server.addr, &session.access_token).await;
    assert_eq!(ready["expires_at"], json!(session.expires_at));
    server.clock.advance(Duration::from_secs(14 * 60 + 30));
    assert_eq!(ana.event("server:notice").await["code"], "token_expiring");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(ana.event("server:notice").await["code"], "unauthorized");
    assert_eq!(ana.packet().await.unwrap(), "41/chat,");
    until(|| server.gateway.connections() == 0).await;
}

#[tokio::test]
async fn a_fresh_token_keeps_the_connection() {
    let server = Server::start().await;
    let session = server.session("ana").await;
    let others = server.session("bob").await;
    let (mut ana, _) = Client::connect(server.addr, &session.access_token).await;
    let refused = ana.ask("session:refresh", json!({"token": others.access_token})).await;
    assert_eq!(refused["error"]["code"], "forbidden");
    server.clock.advance(Duration::from_secs(10 * 60));
    let origin = accounts::Origin {
        address: [127, 0, 0, 1].into(),
        agent: None,
        registration: accounts::Registration::Closed,
        guests: false,
    };
    let fresh = rest::Refresh { refresh_token: session.refresh_token };
    let fresh = accounts::refresh(&server.services, &origin, fresh).await.unwrap();
    let reply = ana.done("session:refresh", json!({"token": fresh.access_token})).await;
    assert_eq!(reply["expires_at"], json!(fresh.expires_at));
    server.clock.advance(Duration::from_secs(8 * 60));
    authority::watch(&server.gateway.gateway);
    ana.done("ping", json!({})).await;
}

#[tokio::test]
async fn a_logout_ends_its_connections_with_the_reason() {
    let server = Server::start().await;
    let session = server.session("ana").await;
    let (mut ana, _) = Client::connect(server.addr, &session.access_token).await;
    let caller = server.caller(&session.access_token).await;
    let logout = rest::Logout { refresh_token: Some(session.refresh_token) };
    accounts::logout(&server.services, Some(&caller), logout).await.unwrap();
    assert_eq!(ana.event("server:notice").await["code"], "unauthorized");
    assert_eq!(ana.packet().await.unwrap(), "41/chat,");
}

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let limits = Limits { connections_per_user: 2, ..Limits::default() };
    let server = Server::with(limits, Options::default()).await;
    let session = server.session("ana").await;
    let (first, _) = Client::connect(server.addr, &session.access_token).await;
    let _second = Client::connect(server.addr, &session.access_token).await;
    let mut third = Client::open(server.addr).await;
    let connect = format!("40/chat,{}", json!({"token": session.access_token}));
    third.send(&connect).await;
    assert!(third.packet().await.unwrap().contains("rate_limited: "));
    drop(first);
    until(|| server.gateway.connections() == 1).await;
    third.send(&connect).await;
    assert!(third.packet().await.unwrap().starts_with("40/chat,"));
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_and_the_others_hear_everything() {
    let limits = Limits { messages_per_second: 100_000, message_burst: 100_000, ..Limits::default() };
    let server = Server::with(limits, Options::default()).await;
    let session = server.session("ana").await;
    let mut fast = server.guest("fast").await;
    fast.done("room:create", json!({"room": "den"})).await;
    fast.done("room:join", json!({"room": "den"})).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let stream = socket.connect(server.addr).await.unwrap();
    let mut slow = Client::over(stream, server.addr).await;
    slow.send(&format!("40/chat,{}", json!({"token": server.session("slow").await.access_token}))).await;
    // An event before CONNECT is answered closes the socket.
    slow.event("ready").await;
    slow.done("room:join", json!({"room": "den"})).await;
    assert_eq!(server.gateway.connections(), 2);

    let caller = server.caller(&session.access_token).await;
    let services = std::sync::Arc::clone(&server.services);
    const MESSAGES: usize = 1_200;
    let sending = tokio::spawn(async move {
        for i in 0..MESSAGES {
            let req = event::message::Send {
                room: RoomRef::parse("den").unwrap(),
                text: format!("{i} {}", "x".repeat(7_000)),
                client_id: ClientId::parse(&i.to_string()).unwrap(),
                reply_to: None,
            };
            messages::send(&services, &caller, req).await.unwrap();
        }
    });
    for i in 0..MESSAGES {
        let entry = fast.event("message:created").await;
        assert!(entry["text"].as_str().unwrap().starts_with(&format!("{i} ")));
        fast.seen.clear();
    }
    sending.await.unwrap();
    tokio::time::timeout(Duration::from_secs(15), until(|| server.gateway.connections() == 1)).await.unwrap();
    tokio::time::timeout(SOON, slow.closed()).await.unwrap();
}

#[tokio::test]
async fn a_stop_tells_flushes_and_drops_the_transports() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    let drained = async { server.gateway.drain(Duration::from_secs(5)).await };
    let told = async {
        let notice = ana.event("server:notice").await;
        assert_eq!(notice["code"], "draining");
        assert!(notice["retry_after_ms"].as_u64().unwrap() >= 500);
        // No DISCONNECT: an official client comes back by itself.
        while let Some(packet) = ana.packet().await {
            assert!(!packet.starts_with("41"), "{packet}");
        }
    };
    tokio::join!(drained, told);
    assert_eq!(server.gateway.connections(), 0);
    assert!(server.gateway.ended().await.is_ok());
}
