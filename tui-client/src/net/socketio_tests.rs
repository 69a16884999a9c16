//! The real library against a server that polls out whatever the test wants.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::api::tests::serve;

/// A server that lets a client in and then gives one payload for each poll; after the last it is silent.
async fn server(payloads: &[&str]) -> ServerUrl {
    let payloads: Mutex<VecDeque<String>> = Mutex::new(payloads.iter().map(|p| (*p).to_owned()).collect());
    serve(move |first, _| {
        if first.starts_with("POST") {
            return Some((200, "ok".to_owned()));
        }
        if !first.contains("sid=") {
            let open = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":65536}"#;
            return Some((200, open.to_owned()));
        }
        payloads.lock().unwrap().pop_front().map(|p| (200, p))
    })
    .await
}

/// What a link tells, up to and with its end or the wanted number.
async fn told(url: ServerUrl, number: usize) -> Vec<LinkEvent> {
    let (events, mut told) = mpsc::channel(16);
    let link = SocketIo::new(url, None).connect(7, Kind::Polling, "t", events);
    let mut all = vec![];
    while all.len() < number {
        let (conn, event) = tokio::time::timeout(Duration::from_secs(20), told.recv())
            .await
            .unwrap_or_else(|_| panic!("nothing more after {all:?}"))
            .unwrap();
        assert_eq!(conn, 7);
        let end = matches!(event, LinkEvent::Closed { .. });
        all.push(event);
        if end {
            break;
        }
    }
    drop(link);
    all
}

fn end(all: &[LinkEvent]) -> (&str, End) {
    let Some(LinkEvent::Closed { reason, end }) = all.last() else { panic!("no end: {all:?}") };
    (reason, *end)
}

#[tokio::test]
async fn events_come_in_order() {
    let url = server(&[
        "40/chat,{\"sid\":\"x\"}\u{1e}42/chat,[\"ready\",{\"protocol\":1}]\u{1e}42/chat,[\"reply\",{\"ok\":true}]",
    ])
    .await;
    let all = told(url, 3).await;
    let packet = |name: &str, data: Value| LinkEvent::Packet { name: name.to_owned(), data };
    assert_eq!(all[0], LinkEvent::Opened);
    assert_eq!(all[1], packet("ready", json!({"protocol": 1})));
    assert_eq!(all[2], packet("reply", json!({"ok": true})));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() {
    let all = told(server(&["44/chat,{\"message\":\"unauthorized: token expired\"}"]).await, 2).await;
    assert_eq!(all[1], LinkEvent::Refused("unauthorized: token expired".to_owned()));
}

#[tokio::test]
async fn the_servers_disconnect_is_an_end_of_its_own_kind() {
    let all = told(server(&["40/chat,{\"sid\":\"x\"}\u{1e}41/chat,"]).await, 9).await;
    assert_eq!(end(&all).1, End::ByServer);
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_a_way_that_is_blocked() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let all = told(ServerUrl::parse(&format!("http://{gone}")).unwrap(), 1).await;
    assert_eq!(end(&all).1, End::Unreachable, "{all:?}");
    let blocked = serve(|_, _| Some((403, "no".to_owned()))).await;
    let all = told(blocked, 1).await;
    assert_eq!(end(&all).1, End::Broken, "{all:?}");
}

/// Some of it makes the library wait for ever; the heartbeat gives such a link up, and dropping it must end its thread.
#[tokio::test]
async fn a_link_that_met_nonsense_ends_when_it_is_dropped() {
    let attachments =
        "40/chat,{\"sid\":\"x\"}\u{1e}518446744073709551615-/chat,[\"x\",{\"_placeholder\":true,\"num\":0}]";
    for payload in [attachments, "\u{1e}", "9", "40/chat,{\"sid\":\"x\"}\u{1e}4é", "0"] {
        let (events, mut told) = mpsc::channel(16);
        let link = SocketIo::new(server(&[payload]).await, None).connect(7, Kind::Polling, "t", events);
        assert_eq!(told.recv().await, Some((7, LinkEvent::Opened)), "{payload:?}");
        drop(link);
        let ended = async { while told.recv().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap_or_else(|_| panic!("{payload:?} lives on"));
    }
}

#[test]
fn large_events_are_noticed_without_counting_to_the_end() {
    assert!(!exceeds(&json!({"a": "b"}), 100));
    assert!(exceeds(&json!({"a": "b".repeat(100)}), 100));
    assert!(exceeds(&json!(vec![0; 100]), 100));
    assert!(exceeds(&json!({"k".repeat(100): 1}), 100));
}

#[tokio::test]
async fn an_event_that_is_too_large_ends_the_link() {
    let (events, mut told) = mpsc::channel(4);
    let teller = Teller { conn: 1, events, over: Arc::default(), why: Arc::default() };
    let large = json!({"text": "x".repeat(LARGEST + 1)});
    teller.packet(&Event::Custom("message:created".to_owned()), Payload::Text(vec![large]));
    assert!(teller.reason().0.contains("1 MiB"));
    assert!(told.try_recv().is_err(), "it is not told on");
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_ends_the_link() {
    let (events, _told) = mpsc::channel(1);
    let teller = Teller { conn: 1, events, over: Arc::default(), why: Arc::default() };
    for _ in 0..2 {
        teller.packet(&Event::Custom("x".to_owned()), Payload::Text(vec![json!({})]));
    }
    teller.over.notified().await;
    assert!(teller.reason().0.contains("keep up"));
}
