//! Incoming webhooks as somebody uses them who has an address and means no good, and as those do who are only careless.

use std::time::{Duration, Instant};

use chat_e2e::api::Answer;
use chat_e2e::{Account, Api, Server};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// What an answer may be; never a fault of ours.
const ANSWERS: [u16; 8] = [200, 202, 204, 400, 401, 413, 415, 429];

struct Hook {
    server: Server,
    ana: Account,
    path: String,
}

impl Hook {
    async fn new() -> Self {
        let server = Server::start().await;
        let ana = server.account("ana").await;
        ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
        let made = ana.api.post("/rooms/club/hooks", &json!({"name": "tools"})).await.ok();
        let path = made["url"].as_str().expect("an address").strip_prefix(&server.url()).expect("here").to_owned();
        Self { server, ana, path }
    }

    async fn post(&self, place: &str, kind: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = self.server.api().request(Method::POST, &format!("{}{place}", self.path)).body(body);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let begun = Instant::now();
        let answer = Api::send(request).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{place} took {:?}", begun.elapsed());
        answer
    }

    async fn last(&self) -> Value {
        self.ana.api.history("club").await.pop().expect("a message")
    }
}

/// Texts that once cost more than they may, or call, or drive a terminal.
fn texts() -> Vec<String> {
    vec![
        format!("x{}{}", " *a".repeat(15_000), "*".repeat(15_000)),
        " *a".repeat(20_000),
        "<".repeat(60_000),
        "[".repeat(60_000),
        "[a](b".repeat(12_000),
        "`<".repeat(30_000),
        "<!channel> <@U1|@ana> <!subteam^S1|@ops> @everyone @here".to_owned(),
        "\u{1b}]52;c;UE8=\u{7}\u{1b}[2J\u{202e}\u{9b}2J\r\u{e0041}plain".to_owned(),
        "e\u{301}".repeat(9_000),
    ]
}

/// The same text wherever each product's document has one.
fn documents(text: &str) -> Vec<(&'static str, Value)> {
    let labels = json!({"alertname": text, text: text});
    let alert = json!({"status": "firing", "labels": labels, "annotations": {"summary": text}, "valueString": text});
    let alerts = json!({"status": "firing", "alerts": [alert], "commonLabels": labels, "title": text, "message": text});
    vec![
        ("", json!({"text": text, "username": text})),
        (
            "",
            json!({"blocks": [{"type": "markdown", "text": text}], "attachments": [{"pretext": text, "fields": [{"title": text}]}]}),
        ),
        ("/discord", json!({"content": text, "username": text, "embeds": [{"title": text, "author": {"name": text}}]})),
        ("/alertmanager", alerts.clone()),
        ("/grafana", alerts),
        ("/grafana", json!({"title": text, "message": text, "evalMatches": [{"metric": text}]})),
    ]
}

#[tokio::test]
async fn whatever_is_posted_the_server_lives_and_nobody_is_called() {
    let hook = Hook::new().await;
    for text in texts() {
        for (place, document) in documents(&text) {
            let body = document.to_string().into_bytes();
            let answer = hook.post(place, Some(JSON), body).await;
            assert!(ANSWERS.contains(&answer.status.as_u16()), "{place} {:.20}: {}", text, answer.text);
        }
        let answer = hook.post("/raw", Some("text/plain"), text.into_bytes()).await;
        assert!(ANSWERS.contains(&answer.status.as_u16()), "{}", answer.text);
    }
    let log = hook.ana.api.history("club").await;
    assert!(log.len() > 20, "{} were posted", log.len());
    for message in log {
        let text = message["text"].as_str().expect("a text");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
        assert!(text.len() <= 8_000 && message["from"]["name"] == "tools");
    }
    let said = hook.server.said();
    assert!(!said.contains("panicked") && !said.contains("overflow"), "{said}");
}

#[tokio::test]
async fn bodies_that_are_no_documents_are_refused_with_a_reason() {
    let hook = Hook::new().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(3_000), close.repeat(3_000)).into_bytes();
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "empty"),
        (b"  ".to_vec(), "blank"),
        (b"null".to_vec(), "null"),
        (b"\xff\xfe{\"text\": \"x\"}".to_vec(), "no UTF-8"),
        (b"{\"text\": \"\xc3\x28\"}".to_vec(), "no UTF-8 within"),
        (b"{\"text\": \"\\ud800\"}".to_vec(), "half a character"),
        (deep("[", "]"), "deep lists"),
        (deep("{\"blocks\":[", "]}"), "deep blocks"),
        (deep("{\"components\":[", "]}"), "deep components"),
        (b"{\"text\": \"x\"} trailing".to_vec(), "more behind it"),
        (b"{\"text\": 1e999}".to_vec(), "a number"),
    ];
    for place in ["", "/slack", "/discord", "/alertmanager", "/grafana"] {
        // What is wrong within a text is met where the product has one of that name; others leave the field unread.
        let met =
            |body: &[u8]| matches!(place, "" | "/slack") || !body.starts_with(b"{\"text\"") || body.ends_with(b"g");
        for (body, what) in bodies.iter().filter(|(body, _)| met(body)) {
            for kind in
                [Some(JSON), None, Some(FORM), Some("application/xml"), Some("multipart/form-data"), Some("\t;")]
            {
                let answer = hook.post(place, kind, body.clone()).await;
                let status = answer.status.as_u16();
                assert!(matches!(status, 400 | 415), "{place} {what} as {kind:?}: {status} {}", answer.text);
                let said: Value = serde_json::from_str(&answer.text).expect("JSON");
                assert!(said["error"]["message"].as_str().is_some_and(|m| m.len() > 10), "{said}");
            }
        }
        let big = vec![b'x'; 64 * 1024 + 1];
        assert_eq!(hook.post(place, Some(JSON), big).await.status.as_u16(), 413);
        assert_eq!(
            hook.post(place, Some(FORM), b"payload=%7B&payload_json=".to_vec()).await.status.as_u16(),
            if place == "/alertmanager" || place == "/grafana" { 415 } else { 400 }
        );
    }
    // Without a signature nothing is even read.
    assert_eq!(hook.post("/github", Some(JSON), b"{".to_vec()).await.status.as_u16(), 401);
    assert_eq!(hook.ana.api.history("club").await.len(), 0);
}

#[tokio::test]
async fn a_careless_sender_is_understood() {
    let hook = Hook::new().await;
    let slack = |n: u32| json!({"text": format!("number {n}")}).to_string();
    // A script that names no type, a browser's fetch, a shell; PowerShell's mark in front.
    let kinds = [None, Some("text/plain;charset=UTF-8"), Some("text/json"), Some(FORM), Some("Application/JSON")];
    for (n, kind) in (0..).zip(kinds) {
        let answer = hook.post("", kind, slack(n).into_bytes()).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"), "{kind:?}");
        assert_eq!(hook.last().await["text"], format!("number {n}"));
    }
    let marked = [b"\xef\xbb\xbf", slack(7).as_bytes()].concat();
    assert_eq!(hook.post("", Some(JSON), marked).await.status.as_u16(), 200);
    let discord = json!({"content": "hello", "components": [{"type": 1, "components": [{"type": 2, "label": "Go", "url": "https://x.example"}]}]});
    for (wait, status) in [("true", 200), ("True", 200), ("1", 200), ("false", 204), ("maybe", 400)] {
        let answer = hook.post(&format!("/discord?wait={wait}"), Some(JSON), discord.to_string().into_bytes()).await;
        assert_eq!(answer.status.as_u16(), status, "{wait}: {}", answer.text);
    }
    assert_eq!(hook.last().await["text"], "hello\nGo (https://x.example)");
    // What an alert tool sends when all is over, and a group of both.
    let alert = |status: &str, name: &str| json!({"status": status, "labels": {"alertname": "Down", "instance": name}});
    for (status, alerts, begins) in [
        (
            "resolved",
            vec![alert("resolved", "a"), alert("resolved", "b")],
            "**[RESOLVED] Down**\n- resolved: instance=a",
        ),
        (
            "firing",
            vec![alert("firing", "a"), alert("resolved", "b")],
            "**[FIRING:1] Down**\n- instance=a\n- resolved: instance=b",
        ),
        ("resolved", vec![], "**[RESOLVED] Down**"),
    ] {
        let group = json!({"version": "4", "status": status, "alerts": alerts, "commonLabels": {"alertname": "Down"}});
        assert_eq!(hook.post("/alertmanager", Some(JSON), group.to_string().into_bytes()).await.status.as_u16(), 200);
        let text = hook.last().await["text"].as_str().expect("a text").to_owned();
        assert!(text.starts_with(begins), "{text}");
    }
}
