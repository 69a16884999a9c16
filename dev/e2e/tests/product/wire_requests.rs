//! Requests that are not what they should be: each is answered, and the answer names what is wrong.

use chat_common::ErrorCode;
use chat_e2e::Server;
use serde_json::{Value, json};

/// Sends arguments as they stand behind an event's name, and gives the acknowledgement.
async fn acked(socket: &mut chat_e2e::Socket, id: u64, arguments: &str) -> Value {
    socket.raw(&format!("42/chat,{id}[\"message:send\"{arguments}]")).await;
    socket.answer(id).await.expect("an answer")
}

#[tokio::test]
async fn a_payload_of_the_wrong_shape_is_invalid_and_names_the_field() {
    let server = Server::start().await;
    let mut socket = server.account("ana").await.socket().await;
    socket.join("lobby").await;
    let good = r#"{"room":"lobby","text":"x","client_id":"k"}"#;
    for (i, arguments) in [
        r#","text""#.to_owned(),
        ",null".to_owned(),
        ",[1]".to_owned(),
        ",7".to_owned(),
        String::new(),
        format!(",{good},{good}"),
    ]
    .iter()
    .enumerate()
    {
        let reply = acked(&mut socket, 900 + i as u64, arguments).await;
        assert_eq!(reply["error"]["code"], "invalid", "{arguments}: {reply}");
        assert!(reply["error"]["field"].is_string(), "{arguments}: {reply}");
    }
    for (payload, field) in [
        (json!({"room": "lobby", "client_id": "k"}), "text"),
        (json!({"text": "x", "client_id": "k"}), "room"),
        (json!({"room": "lobby", "text": "x"}), "client_id"),
        (json!({"room": "lobby", "text": 7, "client_id": "k"}), "text"),
        (json!({"room": "lobby", "text": "x", "client_id": "with space"}), "client_id"),
        (json!({"room": "lobby", "text": "x", "client_id": "k", "reply_to": "one"}), "reply_to"),
        (json!({"room": "lobby", "text": "x", "client_id": "k", "reply_to": -1}), "reply_to"),
        (json!({"room": "lobby", "text": "", "client_id": "k"}), "text"),
        (json!({"room": "lobby", "text": " \n ", "client_id": "k"}), "text"),
        (json!({"room": {"a": 1}, "text": "x", "client_id": "k"}), "room"),
    ] {
        let error = socket.refused("message:send", payload.clone(), ErrorCode::Invalid).await;
        assert_eq!(error["field"], field, "{payload}: {error}");
    }
    assert_eq!(server.account("bob").await.api.history("lobby").await.len(), 0, "nothing of it was stored");
}

#[tokio::test]
async fn a_text_at_the_limit_passes_and_one_byte_more_does_not() {
    let server = Server::start().await;
    let mut socket = server.account("ana").await.socket().await;
    socket.say("lobby", &"x".repeat(8_000), "full").await;
    let long = json!({"room": "lobby", "text": "x".repeat(8_001), "client_id": "more"});
    let reply = socket.call("message:send", long).await;
    assert!(matches!(reply["error"]["code"].as_str(), Some("invalid" | "too_large")), "{reply}");
    assert_eq!(reply["error"]["field"], "text", "{reply}");
}

#[tokio::test]
async fn an_unknown_event_is_unsupported_by_either_channel() {
    let server = Server::start().await;
    let mut socket = server.account("ana").await.socket().await;
    for event in ["nothing:like:this", "", "message:created", "connection", "disconnect2", "reply"] {
        socket.refused(event, json!({}), ErrorCode::Unsupported).await;
    }
    socket.emit("poll:make", &json!({"req_id": "r1"})).await;
    let reply = socket.event("reply").await;
    assert_eq!((&reply["req_id"], &reply["error"]["code"]), (&json!("r1"), &json!("unsupported")));
}

#[tokio::test]
async fn a_reply_goes_out_once_by_each_channel_that_was_asked_for() {
    let server = Server::start().await;
    let mut socket = server.account("ana").await.socket().await;
    socket.join("lobby").await;
    // Both channels.
    let payload = json!({"room": "lobby", "text": "both", "client_id": "a", "req_id": "r7"});
    let ack = socket.ok("message:send", payload).await;
    let reply = socket.event("reply").await;
    assert_eq!(ack, reply);
    assert_eq!(reply["req_id"], "r7");
    // req_id alone.
    socket.emit("message:send", &json!({"room": "lobby", "text": "one", "client_id": "b", "req_id": "r8"})).await;
    assert_eq!(socket.event("reply").await["seq"], 2);
    // Neither: handled, and nobody is told but the room.
    socket.emit("message:send", &json!({"room": "lobby", "text": "none", "client_id": "c"})).await;
    let told = socket.event_where("message:created", |e| e["client_id"] == "c").await;
    assert_eq!(told["seq"], 3);
    assert!(socket.drain().await.iter().all(|e| e.name != "reply"), "nobody asked for this reply");
    let long = "x".repeat(65);
    let refused = socket.refused("ping", json!({"req_id": long}), ErrorCode::Invalid).await;
    assert_eq!(refused["field"], "req_id");
}

#[tokio::test]
async fn requests_of_one_socket_are_handled_in_order() {
    let server = Server::start().await;
    let mut socket = server.account("ana").await.socket().await;
    socket.join("lobby").await;
    let mut ids = Vec::new();
    // As many as may wait on one connection.
    for n in 0..100 {
        ids.push(
            socket
                .ask("message:send", &json!({"room": "lobby", "text": format!("{n}"), "client_id": format!("{n}")}))
                .await,
        );
    }
    for (n, id) in ids.into_iter().enumerate() {
        let reply = socket.answer(id).await.expect("an answer");
        assert_eq!(reply["seq"], json!(n + 1), "{reply}");
    }
}

#[tokio::test]
async fn bad_room_names_are_invalid_everywhere() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    let long = "a".repeat(65);
    for room in ["../etc", "a/b", "%2e%2e", "", long.as_str(), "🎉", "a\u{0}b", "-a", " a", "a b", "lobby\n"] {
        for (event, payload) in [
            ("room:join", json!({"room": room})),
            ("room:create", json!({"room": room})),
            ("message:send", json!({"room": room, "text": "x", "client_id": "k"})),
            ("history:get", json!({"room": room})),
        ] {
            let error = socket.refused(event, payload, ErrorCode::Invalid).await;
            assert_eq!(error["field"], "room", "{event} {room:?}");
        }
        ana.api.post("/rooms", &json!({"room": room})).await.refused(ErrorCode::Invalid);
    }
    let bearer = format!("Authorization: Bearer {}\r\n", ana.token);
    for path in
        ["/rooms/%2e%2e", "/rooms/a%2Fb", "/rooms/..%2fetc", "/rooms/%F0%9F%8E%89", "/rooms/a%00b", "/rooms/%ff"]
    {
        let answer = chat_e2e::raw::get(&server.address(), &format!("/api/v1{path}"), &bearer).await;
        assert!(matches!(chat_e2e::raw::status(&answer), 400 | 404), "{path}: {answer}");
        assert!(answer.contains("\"error\""), "{path}: {answer}");
    }
    for path in ["/rooms/lobby/", "//rooms/lobby", "/Rooms/lobby", "/rooms/../rooms/lobby"] {
        let answer = chat_e2e::raw::get(&server.address(), &format!("/api/v1{path}"), &bearer).await;
        assert_eq!(chat_e2e::raw::status(&answer), 404, "{path}: {answer}");
    }
}

#[tokio::test]
async fn ten_thousand_sends_pass_as_a_burst_and_no_more() {
    let server = Server::with(chat_e2e::Options::default()).await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let mut flood = ana.socket().await;
    flood.join("lobby").await;
    let mut other = bob.socket().await;
    let start = std::time::Instant::now();
    let (mut stored, mut limited) = (0, 0);
    for round in 0..20 {
        let mut ids = Vec::new();
        for n in 0..500 {
            let wish = json!({"room": "lobby", "text": "x", "client_id": format!("k{}", round * 500 + n)});
            ids.push(flood.ask("message:send", &wish).await);
        }
        if round % 5 == 0 {
            other.say("lobby", "others are not limited", &format!("b{round}")).await;
        }
        for id in ids {
            let reply = flood.answer(id).await.expect("an answer");
            if reply["ok"] == json!(true) {
                stored += 1;
            } else {
                assert_eq!(reply["error"]["code"], "rate_limited", "{reply}");
                assert!(reply["error"]["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{reply}");
                limited += 1;
            }
        }
    }
    // A burst of 30, and 10 more for each second that this took.
    let most = 30 + 10 * (start.elapsed().as_secs() + 1);
    assert!((30..=most).contains(&stored), "{stored} stored, {limited} limited, {most} allowed");
    assert_eq!(stored + limited, 10_000);
    // A repeat of what is stored is answered before the limit is looked at.
    let again = flood.ok("message:send", json!({"room": "lobby", "text": "x", "client_id": "k0"})).await;
    assert_eq!(again["duplicate"], true);
}
