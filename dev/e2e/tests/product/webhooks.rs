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
    // What curl sends when nobody tells it what it is.
    let answer = post(&server, &path, "application/x-www-form-urlencoded", r#"{"text": "bare"}"#).await;
    assert_eq!((answer.status.as_u16(), &last(&ana).await["text"]), (200, &json!("bare")));
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
    assert_eq!(post(&server, &path, "application/xml", body).await.status.as_u16(), 415);
    for (body, field, word) in [
        ("{", "body", "invalid_payload"),
        ("[]", "body", "invalid_payload"),
        (r#"{"text": 5}"#, "text", "invalid_payload"),
        (r#"{"attachments": [{}, {"fields": 5}]}"#, "attachments[1].fields", "invalid_payload"),
        (r#"{"blocks": [{"text": {"type": "mrkdwn"}}]}"#, "blocks[0].text", "invalid_payload"),
        ("{}", "text", "no_text"),
        (r#"{"text": " ", "attachments": [{}]}"#, "text", "no_text"),
    ] {
        let error = post(&server, &path, JSON, body).await.refused(ErrorCode::Invalid);
        let message = error["message"].as_str().unwrap();
        assert!(error["field"] == field && message.starts_with(word), "{body}: {error}");
    }
    let big = json!({"text": "x".repeat(64 * 1024 + 1)}).to_string();
    assert_eq!(post(&server, &path, JSON, big).await.status.as_u16(), 413);
    assert_eq!(ana.api.history("club").await.len(), 0);
    let eve = server.account("eve").await;
    eve.api.get("/rooms/club/hooks").await.refused(ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_rotated_webhook_is_another_address() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let path = webhook(&server, &ana).await;
    let listed = ana.api.get("/rooms/club/hooks").await.ok();
    let id = listed["hooks"][0]["id"].as_str().expect("an id").to_owned();
    let rotated = ana.api.post(&format!("/rooms/club/hooks/{id}/rotate"), &json!({})).await.ok();
    let url = rotated["url"].as_str().expect("an address").to_owned();
    let new = url.strip_prefix(&server.url()).expect("on this server").to_owned();
    let body = json!({"text": "x"}).to_string();
    assert_eq!(post(&server, &path, JSON, body.clone()).await.status.as_u16(), 404, "the earlier address");
    assert_eq!(post(&server, &new, JSON, body).await.status.as_u16(), 200);
    let eve = server.account("eve").await;
    let other = format!("/rooms/club/hooks/{id}/rotate");
    eve.api.post(&other, &json!({})).await.refused(ErrorCode::Forbidden);
    ana.api.post("/rooms/lobby/hooks/nothing/rotate", &json!({})).await.refused(ErrorCode::Forbidden);
    ana.api.post("/rooms/club/hooks/nothing/rotate", &json!({})).await.refused(ErrorCode::NotFound);
}

#[tokio::test]
async fn the_owner_of_the_machine_makes_webhooks_on_the_command_line() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club", "kind": "private"})).await.ok();
    let run = async |args: &[&str]| {
        let out = server.command(args).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (out.status.success(), text(out.stdout) + &text(out.stderr))
    };
    let address = |said: &str| {
        let url = said.lines().find_map(|l| l.strip_prefix("address: ")).unwrap_or_else(|| panic!("{said}"));
        url.strip_prefix(&server.url()).expect("on this server").to_owned()
    };
    let (ok, said) = run(&["hook", "add", "club", "ci"]).await;
    assert!(ok && said.contains("signing secret: "), "{said}");
    let first = address(&said);
    assert_eq!(post(&server, &format!("{first}/raw"), "text/plain", "from a shell").await.status.as_u16(), 200);
    assert_eq!(last(&ana).await["text"], "from a shell");
    let (ok, listed) = run(&["hook", "list", "club"]).await;
    assert!(ok && listed.contains("  ci ") && !listed.contains(first.rsplit('/').next().unwrap()), "{listed}");
    let (_, said) = run(&["hook", "rotate", "club", "ci"]).await;
    let second = address(&said);
    assert_eq!(post(&server, &first, JSON, "{}").await.status.as_u16(), 404);
    assert_eq!(run(&["hook", "delete", "club", "ci"]).await, (true, "done\n".to_owned()));
    assert_eq!(post(&server, &second, JSON, "{}").await.status.as_u16(), 404);
    let (ok, said) = run(&["hook", "delete", "club", "ci"]).await;
    assert!(!ok && said.contains("no such webhook"), "{said}");
    let (ok, said) = run(&["hook", "add", "nowhere", "ci2"]).await;
    assert!(!ok && said.contains("no such room"), "{said}");
    server.command(&["user", "role", "ana", "admin"]).await;
    let audit = ana.api.get("/admin/audit").await.ok();
    let actions: Vec<_> = audit["lines"].as_array().unwrap().iter().filter_map(|l| l["action"].as_str()).collect();
    for action in ["hook:create", "hook:rotate", "hook:delete"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
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
    assert!(text.starts_with("**root:**\n") && text.ends_with("… and 80 more attachments"), "{text}");
    assert_eq!((&message["from"]["name"], &message["mentions"]), (&json!("ci"), &json!([])));
    assert_eq!(ana.api.history("lobby").await.len(), 0, "the channel of the payload is not asked");
}
