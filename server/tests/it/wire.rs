//! Bad input over HTTP, with the right answer.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::world::{World, answer, no, refused};

#[tokio::test]
async fn a_body_that_is_wrong_names_its_field() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let post = |body: &str| {
        let request = ana.request(Method::POST, "/rooms/lobby/messages").header("content-type", "application/json");
        answer(request.body(body.to_owned()))
    };
    let deep = "[".repeat(30_000);
    for (body, field) in [
        ("", "body"),
        ("{", "body"),
        ("{\"text\":\"a\"", "body"),
        ("{\"text\":\"a\"} x", "body"),
        ("\"text\"", "body"),
        ("null", "body"),
        ("[]", "body"),
        (deep.as_str(), "body"),
        ("{}", "text"),
        ("{\"text\":5}", "text"),
        ("{\"text\":null}", "text"),
        ("{\"text\":\"a\",\"reply_to\":\"x\"}", "reply_to"),
        ("{\"text\":\"a\",\"client_id\":\"a b\"}", "client_id"),
        ("{\"text\":\"\u{fffd}\",\"reply_to\":-1}", "reply_to"),
    ] {
        let shown: String = body.chars().take(60).collect();
        assert_eq!(refused(post(body).await), no(400, "invalid", field), "{shown}");
    }
    let bytes = ana.request(Method::POST, "/rooms/lobby/messages").header("content-type", "application/json");
    assert_eq!(refused(answer(bytes.body(vec![b'{', 0xff, 0xfe])).await).0, 400);
    w.stop().await;
}

#[tokio::test]
async fn sizes_and_types_are_refused_by_their_status() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let big = ana.post("/rooms/lobby/messages", json!({"text": "x".repeat(70_000)})).await;
    assert_eq!(refused(big), no(413, "too_large", ""));
    let form = ana.request(Method::POST, "/rooms/lobby/messages").form(&[("text", "hi")]);
    assert_eq!(refused(answer(form).await), no(415, "invalid", "content-type"));
    let untyped = ana.request(Method::POST, "/rooms/lobby/messages").body("{\"text\":\"hi\"}");
    assert_eq!(refused(answer(untyped).await).0, 415);
    let chunked = "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                   transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", 10_000, "x".repeat(10_000));
    let said = w.raw(format!("{chunked}{}0\r\n\r\n", chunk.repeat(8)).as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    w.stop().await;
}

#[tokio::test]
async fn unknown_routes_and_methods_answer_in_json() {
    let w = World::start().await;
    for path in
        ["/nope", "/api/v1", "/api/v1/nope", "/api/v2/me", "/healthz/", "/API/v1/me", "/api/v1/../../etc/passwd"]
    {
        assert_eq!(refused(answer(w.request(Method::GET, path)).await), no(404, "not_found", ""), "{path}");
    }
    let response = w.request(Method::DELETE, "/api/v1/me").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response.headers()["allow"].to_str().unwrap().contains("GET"));
    assert_eq!(refused((response.status(), response.json().await.unwrap())).1, "unsupported");
    assert_eq!(refused(answer(w.request(Method::POST, "/healthz")).await).0, 405);
    w.stop().await;
}

#[tokio::test]
async fn rubbish_instead_of_http_closes_and_the_next_one_is_served() {
    let w = World::start().await;
    let head = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
    assert!(w.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert!(w.raw(b"GET / HTTP/9.9\r\n\r\n").await.starts_with("HTTP/1.1 "));
    let long = format!("{head}x: {}\r\n\r\n", "a".repeat(64 * 1024));
    assert!(w.raw(long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let smuggle =
        "POST /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let both = w.raw(format!("{smuggle}{head}connection: close\r\n\r\n").as_bytes()).await;
    assert!(!both.contains("200 OK\r\n") || both.matches("HTTP/1.1").count() <= 2, "{both}");
    let fine = w.raw(format!("{head}connection: close\r\n\r\n").as_bytes()).await;
    assert!(fine.starts_with("HTTP/1.1 200") && fine.ends_with("ok"), "{fine}");
    w.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_get_no_allow_header() {
    let w = World::with(|c| c.allow_origin = vec!["https://app.example".parse().unwrap()]).await;
    let preflight = |origin: &'static str| {
        let request = w.request(Method::OPTIONS, "/api/v1/me").header("origin", origin);
        request.header("access-control-request-method", "GET").send()
    };
    let foreign = preflight("https://evil.example").await.unwrap();
    assert!(!foreign.headers().keys().any(|k| k.as_str().starts_with("access-control-")), "{foreign:?}");
    let allowed = preflight("https://app.example").await.unwrap();
    assert_eq!(allowed.status(), 204);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.example");
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
    for (origin, passes) in [("https://app.example", true), ("https://evil.example", false), ("null", false)] {
        let response = w.request(Method::GET, "/healthz").header("origin", origin).send().await.unwrap();
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), passes, "{origin}");
        assert_eq!(response.headers()["vary"], "origin");
    }
    w.stop().await;
}

#[tokio::test]
async fn the_socket_answers_bad_handshakes_with_its_codes() {
    let w = World::start().await;
    for (query, code) in
        [("EIO=3&transport=polling", "5"), ("EIO=4&transport=x", "0"), ("EIO=4&transport=polling&sid=made-up", "1")]
    {
        let (status, body) = answer(w.request(Method::GET, &format!("/socket.io/?{query}"))).await;
        assert_eq!((status.as_u16(), &body["code"]), (400, &json!(code)), "{query}: {body}");
    }
    for origin in ["https://evil.example", "null"] {
        let request = w.request(Method::GET, "/socket.io/?EIO=4&transport=polling").header("origin", origin);
        assert_eq!(request.send().await.unwrap().status(), 403, "{origin}");
    }
    let own = w.request(Method::GET, "/socket.io/?EIO=4&transport=polling").send().await.unwrap();
    assert_eq!(own.status(), 200);
    w.stop().await;
}

#[tokio::test]
async fn readiness_names_the_store_and_the_bus() {
    let w = World::start().await;
    let (status, body) = answer(w.request(Method::GET, "/readyz")).await;
    assert_eq!(
        (status.as_u16(), body),
        (200, json!({"ready": true, "store": "ok", "bus": "ok", "nodes": 1, "cluster": "ok", "draining": false}))
    );
    w.running.services.store.close().await;
    let (status, body) = answer(w.request(Method::GET, "/readyz")).await;
    assert_eq!((status.as_u16(), &body["ready"]), (503, &json!(false)), "{body}");
    assert_ne!(body["store"], "ok");
    assert_eq!(w.request(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    w.stop().await;
}
