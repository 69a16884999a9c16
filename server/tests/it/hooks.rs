//! Incoming webhooks, and the figures.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::world::{Someone, World, answer, no, refused};

/// A webhook of `room`: what posts to it, given a path relative to its own.
async fn hook(owner: &Someone, room: &str, name: &str) -> (String, String) {
    let (status, made) = owner.post(&format!("/rooms/{room}/hooks"), json!({"name": name})).await;
    assert_eq!(status, 201, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["url"].as_str().unwrap().to_owned())
}

async fn texts(reader: &Someone, room: &str) -> Vec<(String, String)> {
    let (_, page) = reader.get(&format!("/rooms/{room}/messages")).await;
    let text = |m: &Value| m["text"].as_str().unwrap().to_owned();
    let from = |m: &Value| m["from"]["name"].as_str().unwrap().to_owned();
    page["messages"].as_array().unwrap().iter().map(|m| (from(m), text(m))).collect()
}

fn post(w: &World, url: &str) -> RequestBuilder {
    assert!(url.starts_with(&w.base), "{url} is whole");
    w.http.post(url)
}

#[tokio::test]
async fn a_webhook_posts_into_its_room_and_no_other() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    for room in ["ops", "other"] {
        assert_eq!(ana.post("/rooms", json!({"room": room, "kind": "private"})).await.0, 201);
    }
    let (id, url) = hook(&ana, "ops", "ci").await;
    let payload = json!({"text": "build <https://ci.example.org/1|1> passed", "channel": "#other", "username": "ana"});
    assert_eq!(answer(post(&w, &url).json(&payload)).await, (http(200), json!("ok")));
    let form = [("payload", json!({"text": "<!channel> by form"}).to_string())];
    assert_eq!(answer(post(&w, &url).form(&form)).await.0, 200);
    let said = |text: &str| ("ci".to_owned(), text.to_owned());
    assert_eq!(
        texts(&ana, "ops").await,
        [said("**ana:** build 1 (https://ci.example.org/1) passed"), said("[channel] by form")]
    );
    assert_eq!(texts(&ana, "other").await, []);

    let (_, listed) = ana.get("/rooms/ops/hooks").await;
    assert_eq!((&listed["hooks"][0]["id"], &listed["hooks"][0]["url"]), (&json!(id), &Value::Null));
    assert_eq!(ana.delete(&format!("/rooms/other/hooks/{id}")).await.0, 404, "it is of another room");
    assert_eq!(ana.delete(&format!("/rooms/ops/hooks/{id}")).await.0, 204);
    assert_eq!(refused(answer(post(&w, &url).json(&payload)).await), no(404, "not_found", ""));
    w.stop().await;
}

#[tokio::test]
async fn a_webhook_refuses_what_it_must() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    assert_eq!(ana.post("/rooms", json!({"room": "ops", "kind": "private"})).await.0, 201);
    assert_eq!(ana.post("/rooms", json!({"room": "open"})).await.0, 201);
    let name = json!({"name": "ci"});
    assert_eq!(refused(bob.post("/rooms/ops/hooks", name.clone()).await), no(404, "not_found", ""));
    assert_eq!(refused(bob.post("/rooms/open/hooks", name.clone()).await), no(403, "forbidden", ""));
    let (id, url) = hook(&ana, "ops", "ci").await;
    let wrong = format!("{}/hooks/{id}/wrong", w.base);
    assert_eq!(refused(answer(w.http.post(wrong).json(&json!({"text": "x"}))).await), no(404, "not_found", ""));
    let large = json!({"text": "x".repeat(64 * 1024)});
    assert_eq!(refused(answer(post(&w, &url).json(&large)).await), no(413, "too_large", ""));
    let plain = post(&w, &url).header("content-type", "text/plain").body("x");
    assert_eq!(refused(answer(plain).await), no(415, "invalid", "content-type"));
    assert_eq!(refused(answer(post(&w, &url).json(&json!({}))).await), no(400, "invalid", "text"));
    assert_eq!(refused(answer(post(&w, &url).form(&[("text", "x")])).await), no(400, "invalid", "payload"));
    assert_eq!(texts(&ana, "ops").await, []);
    w.stop().await;
}

#[tokio::test]
async fn figures_are_for_this_machine_only() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    ana.say("lobby", "one").await;
    let (status, body) = answer(w.request(Method::GET, "/metrics")).await;
    let text = body.as_str().unwrap();
    assert_eq!(status, 200);
    for figure in [
        "chat_messages_total 1",
        "chat_connections{transport=\"websocket\"} 0",
        "chat_store_up 1",
        "chat_draining 0",
        "chat_auth_failures_total{reason=\"token\"} 0",
        "chat_request_seconds_count{edge=\"http\"} 2",
    ] {
        assert!(text.lines().any(|l| l == figure), "{figure} is not in {text}");
    }
    let forwarded = w.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(refused(answer(forwarded).await), no(404, "not_found", ""));
    w.stop().await;
}

fn http(status: u16) -> reqwest::StatusCode {
    reqwest::StatusCode::from_u16(status).unwrap()
}
