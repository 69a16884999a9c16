//! The wire: frames and packets that break the rules. The socket that sends them ends, no other is touched, memory
//! stays flat, nothing panics.

use std::time::Duration;

use chat_e2e::raw::{self, BINARY, MORE, RawWebSocket, TEXT};
use chat_e2e::{Server, wait};
use serde_json::json;

/// How long the server may take to end a bad connection.
const SOON: Duration = Duration::from_secs(5);

/// Nobody else noticed: an old connection still works and a new one comes in.
async fn is_well(server: &Server, witness: &mut chat_e2e::Socket) {
    witness.ok("ping", json!({})).await;
    server.guest("late").await.socket().await.ok("ping", json!({})).await;
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

#[tokio::test]
async fn bad_frames_close_the_socket_that_sent_them() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut witness = ana.socket().await;
    let text = 0x80 | TEXT;
    for (what, first, masked, payload) in [
        ("a frame over 64 KiB", text, true, vec![b'4'; 65_537]),
        ("invalid UTF-8", text, true, vec![b'4', b'2', 0xff, 0xfe]),
        ("an unmasked frame", text, false, b"42[]".to_vec()),
        ("a reserved bit", text | 0x40, true, b"42[]".to_vec()),
        ("an unknown opcode", 0x83, true, b"42[]".to_vec()),
        ("a fragmented control frame", 0x09, true, b"x".to_vec()),
        ("a continuation of nothing", 0x80 | MORE, true, b"x".to_vec()),
    ] {
        let mut socket = RawWebSocket::chat(&server.address(), &ana.token).await;
        socket.frame(first, masked, &payload).await;
        assert!(socket.closes_within(SOON).await, "still open after {what}");
    }
    is_well(&server, &mut witness).await;
}

#[tokio::test]
async fn endless_one_byte_fragments_are_cut_at_the_limit() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut witness = ana.socket().await;
    let fragments = raw::frame(MORE, true, b"x").repeat(10_000);
    let mut grown = 0;
    // The first one also brings what the server keeps from then on.
    for _ in 0..2 {
        let mut socket = RawWebSocket::chat(&server.address(), &ana.token).await;
        let before = server.resident_kib();
        socket.frame(TEXT, true, b"4").await;
        let mut sent = 0;
        // 65,536 bytes are allowed; far beyond that, and far from 50 MB, the connection must be gone.
        while socket.bytes(&fragments).await {
            sent += 10_000;
            assert!(sent < 2_000_000, "{sent} fragments of one message were taken");
        }
        grown = server.resident_kib().saturating_sub(before);
    }
    assert!(grown < 1024, "{grown} KiB for one message");
    is_well(&server, &mut witness).await;
}

#[tokio::test]
async fn claimed_attachments_are_not_waited_for() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut witness = ana.socket().await;
    let before = server.resident_kib();
    for claim in ["1000000", "18446744073709551615", "99999999999999999999999"] {
        let mut socket = RawWebSocket::chat(&server.address(), &ana.token).await;
        socket.text(&format!("45{claim}-/chat,[\"message:send\",{{\"_placeholder\":true,\"num\":0}}]")).await;
        // Either the claim closes it, or the first attachment that does.
        for _ in 0..20 {
            socket.frame(0x80 | BINARY, true, &[0; 16 * 1024]).await;
        }
        assert!(socket.closes_within(SOON).await, "still open after a claim of {claim} attachments");
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB for attachments");
    is_well(&server, &mut witness).await;
}

#[tokio::test]
async fn broken_packets_close_or_are_ignored() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut witness = ana.socket().await;
    let deep = format!("42/chat,5[\"ping\",{}", "[".repeat(30_000));
    let deep_closed = format!("42/chat,5[\"ping\",{}{}]", "[".repeat(15_000), "]".repeat(15_000));
    for packet in [
        "",
        "4",
        "42",
        "42[",
        "4é",
        "b!!",
        "99",
        "42/chat",
        "42/chat,",
        "42/chat,[",
        "42/chat,{}",
        "42/chat,[]",
        "42/chat,[1]",
        "42/chat,[null,{}]",
        "43/chat,1",
        "43/chat,99[{}]",
        "40/chat,{",
        "41",
        "44/chat,{}",
        "40/nowhere,{}",
        "42/nowhere,[\"x\"]",
        "42/chat,7[\"message:send\",{\"room\":",
        "42/chat,99999999999999999999999[\"ping\",{}]",
        "42/chat,-1[\"ping\",{}]",
        "451-/chat,[\"ping\",{\"_placeholder\":true,\"num\":9}]",
        "0{}",
        "1",
        "5",
        "6",
        "3probe",
        deep.as_str(),
        deep_closed.as_str(),
    ] {
        let mut socket = RawWebSocket::chat(&server.address(), &ana.token).await;
        socket.text(packet).await;
        socket.text("42/chat,77[\"ping\",{}]").await;
        let what = &packet[..packet.len().min(40)];
        assert!(socket.closes_or_says("43/chat,77[", wait::PATIENCE).await, "neither closed nor alive after {what:?}");
    }
    is_well(&server, &mut witness).await;
}
