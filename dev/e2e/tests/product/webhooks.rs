//! Incoming webhooks: programs that speak Slack's payload post to one room, and to nothing else.

use chat_common::ErrorCode;
use chat_e2e::{Account, Api, Server};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// A webhook of `club`, which `owner` made; its path on this server.
async fn webhook(server: &Server, owner: &Account) -> String {
    owner.api.post("/rooms", &json!({"room": "club"})).await.ok();
    let made = owner.api.post("/rooms/club/hooks", &json!({"name": "ci"})).await.ok();
    let url = made["url"].as_str().expect("the whole address").to_owned();
    url.strip_prefix(&server.url()).unwrap_or_else(|| panic!("{url} is elsewhere")).to_owned()
}

async fn post(server: &Server, path: &str, kind: &str, body: impl Into<String>) -> chat_e2e::api::Answer {
    Api::send(server.api().request(Method::POST, path).header(CONTENT_TYPE, kind).body(body.into())).await
}

async fn last(owner: &Account) -> Value {
    owner.api.history("club").await.pop().expect("a message")
}

#[tokio::test]
async fn a_webhook_takes_slacks_json_and_form() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let path = webhook(&server, &ana).await;
    let answer = post(&server, &path, JSON, json!({"text": "build passed"}).to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"));
    let message = last(&ana).await;
    assert_eq!((&message["text"], &message["from"]["kind"]), (&json!("build passed"), &json!("bot")));
    let form = "payload=%7B%22text%22%3A%22from+a+form%22%7D";
    let answer = post(&server, &path, "application/x-www-form-urlencoded", form).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(last(&ana).await["text"], "from a form");
    // Deleted, it is nothing; and it is listed without its secret.
    let listed = ana.api.get("/rooms/club/hooks").await.ok();
    let secret = path.rsplit('/').next().expect("a secret");
    assert!(!listed.to_string().contains(secret), "{listed}");
    let id = listed["hooks"][0]["id"].as_str().expect("an id");
    ana.api.delete(&format!("/rooms/club/hooks/{id}")).await.ok();
    assert_eq!(post(&server, &path, JSON, json!({"text": "late"}).to_string()).await.status.as_u16(), 404);
    assert!(!server.said().contains(secret), "a webhook's secret is in the log");
}

#[tokio::test]
async fn bad_posts_to_a_webhook_are_refused() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let path = webhook(&server, &ana).await;
    let (stem, _) = path.rsplit_once('/').expect("a path");
    let body = json!({"text": "x"}).to_string();
    let wrong = post(&server, &format!("{stem}/wrong-secret"), JSON, body.clone()).await;
    assert_eq!(wrong.status.as_u16(), 404);
    assert_eq!(post(&server, "/hooks/nothing/nothing", JSON, body.clone()).await.status.as_u16(), 404);
    assert_eq!(post(&server, &path, "text/plain", body).await.status.as_u16(), 415);
    assert_eq!(post(&server, &path, JSON, "{").await.status.as_u16(), 400);
    assert_eq!(post(&server, &path, JSON, "{}").await.status.as_u16(), 400);
    let big = json!({"text": "x".repeat(64 * 1024 + 1)}).to_string();
    assert_eq!(post(&server, &path, JSON, big).await.status.as_u16(), 413);
    assert_eq!(ana.api.history("club").await.len(), 0);
    let eve = server.account("eve").await;
    eve.api.get("/rooms/club/hooks").await.refused(ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_webhook_speaks_in_its_room_within_bounds_and_calls_nobody() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let path = webhook(&server, &ana).await;
    let attachments: Vec<_> = (0..100).map(|n| json!({"text": format!("attachment {n}")})).collect();
    let payload = json!({
        "text": "\u{1b}[2Jhello <!channel> <!here> <!everyone>", "channel": "#lobby", "username": "root",
        "attachments": attachments,
    });
    let answer = post(&server, &path, JSON, payload.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let message = last(&ana).await;
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("hello") && !text.contains("<!channel>") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("attachment 1") && !text.contains("attachment 99"), "{text}");
    assert_eq!((&message["from"]["name"], &message["mentions"]), (&json!("ci"), &json!([])));
    assert_eq!(ana.api.history("lobby").await.len(), 0, "the channel of the payload is not asked");
}
