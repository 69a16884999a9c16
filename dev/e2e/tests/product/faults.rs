//! Faults of one machine: readers that stall, ends under load, storms of reconnects.

use std::time::{Duration, Instant};

use chat_e2e::raw::{self, RawWebSocket};
use chat_e2e::socket::End;
use chat_e2e::{Server, Terminal, program, wait};
use serde_json::{Value, json};

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_and_others_are_not_held_up() {
    let server = Server::start().await;
    let (ana, slow) = (server.account("ana").await, server.account("slow").await);
    let mut a = ana.socket().await;
    a.join("lobby").await;
    let text = "x".repeat(8_000);
    // What the server keeps for any busy room is there before the reader comes.
    for n in 0..1_500 {
        a.say("lobby", &text, &format!("w{n}")).await;
        a.event("message:created").await;
    }
    let mut stalled = RawWebSocket::chat(&server.address(), &slow.token).await;
    stalled.text("42/chat,1[\"room:join\",{\"room\":\"lobby\"}]").await;
    stalled.wait_for("43/chat,1[").await;
    let stalled = stalled.into_stream();
    let (before, start) = (server.resident_kib(), Instant::now());
    let (mut grown, mut n) = (0, 0);
    // 15 s are promised from when the system's own buffers are full; the rest is for filling them.
    while server.connections().await == 2 {
        assert!(start.elapsed() < Duration::from_secs(25), "still held after {n} messages");
        for _ in 0..25 {
            n += 1;
            a.say("lobby", &text, &format!("k{n}")).await;
            a.event("message:created").await;
        }
        grown = grown.max(server.resident_kib().saturating_sub(before));
    }
    println!("cut after {:?} and {n} messages, {grown} KiB more", start.elapsed());
    // 1 MiB may wait for it; the rest is room for what allocator and database keep of 5 MB of new messages.
    assert!(grown < 16 * 1024, "{grown} KiB while one reader stalled");
    // Presence waits 10 s for it to come back.
    let cut = Instant::now();
    while a.ok("presence:get", json!({"room": "lobby"})).await["present"].to_string().contains("slow") {
        assert!(cut.elapsed() < wait::PATIENCE, "still present");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(stalled);
    a.say("lobby", "all well", "end").await;
}

#[tokio::test]
async fn a_sigterm_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let mut witness = server.account("bob").await.socket().await;
    witness.join("lobby").await;
    let sender = tokio::spawn({
        let ana = ana.clone();
        async move {
            let mut stored = Vec::new();
            for n in 0.. {
                let body = json!({"text": format!("m{n}"), "client_id": format!("k{n}")});
                let post = ana.api.request(reqwest::Method::POST, "/api/v1/rooms/lobby/messages").json(&body);
                let Ok(response) = post.send().await else { break };
                if !response.status().is_success() {
                    break;
                }
                let Ok(answer) = response.json::<Value>().await else { break };
                stored.push((answer["seq"].as_u64().expect("a seq"), format!("m{n}")));
            }
            stored
        }
    });
    witness.event_where("message:created", |e| e["seq"].as_u64() > Some(20)).await;
    let status = server.terminate().await;
    assert!(status.success(), "SIGTERM ends with {status}");
    let (end, told) = witness.ended().await;
    assert_eq!(end, End::Dropped, "official clients must come back by themselves");
    let notice = told.iter().find(|e| e.name == "server:notice").expect("clients are told");
    assert_eq!(notice.data["code"], "draining");
    assert!(notice.data["retry_after_ms"].is_u64(), "{:?}", notice.data);
    let stored = sender.await.expect("the sender does not panic");
    server.restart().await;
    let log = ana.api.history("lobby").await;
    for (seq, text) in stored {
        let found: Vec<_> = log.iter().filter(|m| m["text"] == json!(text)).collect();
        assert!(found.len() == 1 && found[0]["seq"] == json!(seq), "{text}: {found:?}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start().await;
    let mut command = program::isolated(program::path("chat-server"), server.folder());
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(server.data_dir());
    let output = program::finish(command, b"").await;
    assert!(!output.status.success());
    let err = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(err.contains("data"), "it says what is in use: {err}");
    assert_eq!(raw::status(&raw::get(&server.address(), "/readyz", "").await), 200);
}

#[tokio::test]
async fn health_is_told_and_unknown_paths_are_not_found() {
    let server = Server::start().await;
    let address = server.address();
    assert_eq!(raw::status(&raw::get(&address, "/healthz", "").await), 200);
    let ready = server.api().request(reqwest::Method::GET, "/readyz");
    let ready = chat_e2e::Api::send(ready).await.ok();
    assert_eq!((&ready["ready"], &ready["store"], &ready["draining"]), (&json!(true), &json!("ok"), &json!(false)));
    let document = server.api().get("/openapi.json").await.ok();
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.1")), "{}", document["openapi"]);
    let paths = document["paths"].as_object().expect("paths");
    for path in ["/auth/login", "/rooms/{room}/messages", "/search", "/me", "/tokens", "/sessions"] {
        assert!(paths.keys().any(|p| p.ends_with(path)), "{path} is not described: {:?}", paths.keys());
    }
    for path in ["/nothing", "/api/v1", "/api/v1/nothing", "/api/v2/me", "/app/push-data"] {
        assert_eq!(raw::status(&raw::get(&address, path, "").await), 404, "{path}");
    }
}

#[tokio::test]
async fn a_frozen_server_is_noticed_and_the_client_comes_back() {
    let server = Server::start().await;
    let terminal = Terminal::chat_tui(&["--server", &server.url(), "--name", "ana", "--room", "lobby"]);
    terminal.wait_for("online").await;
    server.signal("STOP");
    // Its heartbeat is 10 s; without one it would be noticed after 45.
    let start = Instant::now();
    while terminal.screen().text.contains("online") {
        assert!(start.elapsed() < Duration::from_secs(35), "{}", terminal.screen().text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.signal("CONT");
    wait::within(Duration::from_secs(40), "online again", || terminal.screen().text.contains("online").then_some(()))
        .await;
}

/// Others may have taken over in the meantime: what it knows of connections is void.
#[tokio::test]
async fn a_server_that_was_stopped_for_long_cuts_its_sockets_and_begins_anew() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    socket.join("lobby").await;
    let before = socket.ready["server"]["node"].clone();
    assert!(before.as_str().is_some_and(|node| node.len() == 16), "{before}");
    server.signal("STOP");
    // The test is about this time: there is nothing to ask until it is over.
    tokio::time::sleep(Duration::from_secs(12)).await;
    // It waits in the server's socket for when it goes on.
    socket.ask("message:send", &json!({"room": "lobby", "text": "from long ago", "client_id": "late"})).await;
    server.signal("CONT");
    let (end, _) = socket.ended().await;
    assert_eq!(end, End::Dropped, "official clients come back by themselves");
    let again = ana.socket().await;
    assert_ne!(again.ready["server"]["node"], before, "it is another node now");
    assert!(ana.api.history("lobby").await.is_empty(), "what waited was not done");
    assert!(server.said().contains("was stopped"), "the log says so: {}", server.said());
}
