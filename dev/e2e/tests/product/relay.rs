//! The relay on one node: the push of the earlier system, what its clients hear, and who may.

use chat_e2e::foreign::Foreign;
use chat_e2e::{Options, Server, program, raw};
use serde_json::{Value, json};

/// A server with the relay on, and further arguments.
pub async fn relay(args: &[&str]) -> Server {
    let options = args.iter().fold(Options::roomy().arg("--relay"), |o, a| o.arg(a));
    Server::with(options).await
}

/// A push as its bytes; the whole answer.
pub async fn push(server: &Server, path: &str, headers: &str, body: &str) -> String {
    let (address, length) = (server.address(), body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    raw::http(&address, request.as_bytes()).await
}

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn a_push_reaches_every_socket_as_it_came() {
    let server = relay(&[]).await;
    let test = "a_push_reaches_every_socket_as_it_came";
    let mut clients = Vec::new();
    for transports in [&["websocket"][..], &["polling"], &["polling", "websocket"]] {
        let Some(mut client) = Foreign::on("/", test, &server.url(), transports).await else { return };
        client.next("connect").await;
        clients.push(client);
    }
    for (path, kind, body, expected) in [
        ("/app/push-data", JSON, r#"{"message":"xin chào"}"#, json!("xin chào")),
        ("/app/push-data/", JSON, r#"{"message":{"z":1,"a":[1.5,null]}}"#, json!({"z": 1, "a": [1.5, null]})),
        ("/app/push-data", JSON, "{}", Value::Null),
        ("/app/push-data", FORM, "message=xin+ch%C3%A0o", json!("xin chào")),
        ("/app/push-data", JSON, &json!({"message": "x".repeat(99_000)}).to_string(), json!("x".repeat(99_000))),
    ] {
        let answer = push(&server, path, kind, body).await;
        assert_eq!(raw::status(&answer), 201, "{answer}");
        let (head, rest) = answer.split_once("\r\n\r\n").expect("a head");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("content-length: 0") && rest.is_empty(), "{answer}");
        assert!(head.contains("access-control-allow-origin: *") && !head.contains("credentials"), "{answer}");
        for client in &mut clients {
            assert_eq!(client.event("EmitData").await, expected);
        }
    }
}

#[tokio::test]
async fn what_is_no_push_is_refused_as_it_should_have_been() {
    let server = relay(&[]).await;
    let status = async |kind: &str, body: &str| raw::status(&push(&server, "/app/push-data", kind, body).await);
    assert_eq!(status("", "").await, 400);
    assert_eq!(status(JSON, "").await, 400);
    assert_eq!(status("Content-Type: text/plain\r\n", "x").await, 400);
    assert_eq!(status(JSON, "{bad").await, 400);
    assert_eq!(status(JSON, &format!("{{\"message\":{}", "[".repeat(50_000))).await, 400);
    assert_eq!(status(JSON, &json!({"message": "x".repeat(102_400)}).to_string()).await, 413);
    let chunked = format!(
        "POST /app/push-data HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{JSON}\r\n1A000\r\n{}\r\n0\r\n\r\n",
        " ".repeat(0x1a000)
    );
    assert_eq!(
        raw::status(&raw::http(&server.address(), chunked.as_bytes()).await),
        413,
        "whatever it says beforehand"
    );
    let got = raw::get(&server.address(), "/app/push-data", "").await;
    assert!(raw::status(&got) == 404 && got.contains("Cannot GET /app/push-data"), "{got}");
    let preflight = raw::http(
        &server.address(),
        b"OPTIONS /app/push-data HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://a.example\r\n\
          Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-mine\r\n\r\n",
    )
    .await
    .to_ascii_lowercase();
    assert_eq!(raw::status(&preflight.to_ascii_uppercase()), 204, "{preflight}");
    assert!(preflight.contains("access-control-allow-methods: get, put, post, delete, head, options"), "{preflight}");
    assert!(preflight.contains("access-control-allow-headers: x-mine"), "{preflight}");
}

#[tokio::test]
async fn a_token_is_asked_for_where_one_is_set() {
    let server = relay(&["--relay-token", "0123456789abcdef"]).await;
    let status = async |headers: &str| {
        raw::status(&push(&server, "/app/push-data", &format!("{JSON}{headers}"), r#"{"message":1}"#).await)
    };
    assert_eq!(status("").await, 401);
    assert_eq!(status("Authorization: Bearer 0123456789abcdeX\r\n").await, 401);
    assert_eq!(status("Authorization: Bearer 0123456789abcdef\r\n").await, 201);
}

#[tokio::test]
async fn beyond_loopback_the_start_is_refused_without_a_word_about_who_may_push() {
    let home = tempfile::tempdir().expect("a folder");
    for args in [&["--listen", "0.0.0.0:0"][..], &["--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"]] {
        let mut command = program::isolated(program::path("chat-server"), home.path());
        command.arg("--relay").args(args).arg("--data-dir").arg(home.path());
        let output = program::finish(command, b"").await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("--relay-token") && said.contains("--relay-open"), "{said}");
    }
    let mut open = relay(&["--trusted-proxy", "127.0.0.1", "--relay-open"]).await;
    assert!(open.said().contains("the relay is on") || open.said().contains("a trusted proxy"), "{}", open.said());
    assert!(open.terminate().await.success());
}

#[tokio::test]
async fn without_the_relay_its_namespaces_do_not_exist() {
    let server = Server::start().await;
    let test = "without_the_relay_its_namespaces_do_not_exist";
    for namespace in ["/", "/events"] {
        let Some(mut client) = Foreign::on(namespace, test, &server.url(), &["websocket"]).await else { return };
        assert_eq!(client.next("connect_error").await["message"], "Invalid namespace");
    }
    assert_eq!(raw::status(&push(&server, "/app/push-data", JSON, "{}").await), 404);
}

#[tokio::test]
async fn the_chat_and_the_relay_do_not_mix() {
    let server = relay(&["--guests", "on", "--registration", "open"]).await;
    let test = "the_chat_and_the_relay_do_not_mix";
    let ana = server.account("ana").await;
    let mut chat = ana.socket().await;
    chat.join("lobby").await;
    let Some(mut client) = Foreign::on("/", test, &server.url(), &["websocket"]).await else { return };
    client.next("connect").await;
    client.emit("anything", json!({"a": 1})).await;
    assert_eq!(raw::status(&push(&server, "/app/push-data", JSON, r#"{"message":1}"#).await), 201);
    assert_eq!(client.event("EmitData").await, 1);
    ana.say("lobby", "among us").await;
    chat.event("message:created").await;
    assert!(chat.drain().await.iter().all(|e| e.name != "EmitData"), "nobody on /chat is told");
    assert_eq!(raw::status(&push(&server, "/app/push-data", JSON, r#"{"message":2}"#).await), 201);
    let told = client.until_event("EmitData").await;
    assert!(told.iter().all(|v| v["name"] == "EmitData"), "nobody on / hears of the chat: {told:?}");
}

#[tokio::test]
async fn a_stop_sends_the_clients_elsewhere() {
    let mut server = relay(&[]).await;
    let Some(mut client) = Foreign::on("/", "a_stop_sends_the_clients_elsewhere", &server.url(), &["websocket"]).await
    else {
        return;
    };
    client.next("connect").await;
    assert!(server.terminate().await.success());
    // Not a word that would keep an official client away.
    assert_ne!(client.next("disconnect").await["reason"], "io server disconnect");
    server.restart().await;
    client.next("connect").await;
}
