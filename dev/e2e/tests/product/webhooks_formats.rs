//! The documents that real products post, whole as they send them (`dev/e2e/fixtures/webhooks`), and what is read in the
//! room afterwards.

use chat_common::ErrorCode;
use chat_e2e::api::Answer;
use chat_e2e::program::root;
use chat_e2e::{Account, Api, Server};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sha2::Sha256;

const JSON: &str = "application/json";

/// A server with a webhook of `club`.
struct Hook {
    server: Server,
    ana: Account,
    path: String,
    secret: String,
}

impl Hook {
    async fn new() -> Self {
        let server = Server::start().await;
        let ana = server.account("ana").await;
        ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
        let made = ana.api.post("/rooms/club/hooks", &json!({"name": "tools"})).await.ok();
        let url = made["url"].as_str().expect("the whole address");
        let path = url.strip_prefix(&server.url()).expect("on this server").to_owned();
        let secret = made["signing_secret"].as_str().expect("a secret").to_owned();
        Self { server, ana, path, secret }
    }

    async fn post(&self, format: &str, kind: &str, body: impl Into<String>) -> Answer {
        let path = format!("{}{format}", self.path);
        let request = self.server.api().request(Method::POST, &path);
        Api::send(request.header(CONTENT_TYPE, kind).body(body.into())).await
    }

    async fn event(&self, event: &str, kind: &str, body: &str, signature: Option<&str>, id: &str) -> Answer {
        let path = format!("{}/github", self.path);
        let mut request = self.server.api().request(Method::POST, &path).header(CONTENT_TYPE, kind);
        request = request.header("X-GitHub-Event", event).header("X-GitHub-Delivery", id);
        if let Some(signature) = signature {
            request = request.header("X-Hub-Signature-256", signature);
        }
        Api::send(request.body(body.to_owned())).await
    }

    fn sign(&self, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any key");
        mac.update(body.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        format!("sha256={hex}")
    }

    async fn count(&self) -> usize {
        self.ana.api.history("club").await.len()
    }

    async fn last(&self) -> String {
        let message = self.ana.api.history("club").await.pop().expect("a message");
        assert_eq!((&message["from"]["name"], &message["from"]["kind"]), (&json!("tools"), &json!("bot")));
        assert_eq!(message["mentions"], json!([]), "nobody is called");
        message["text"].as_str().expect("a text").to_owned()
    }
}

/// A document as its product sends it: without the white space that makes it readable here.
fn fixture(name: &str) -> String {
    let path = root().join("dev/e2e/fixtures/webhooks").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str::<Value>(&text).expect("JSON").to_string()
}

#[tokio::test]
async fn slacks_documents_are_read_whole() {
    let hook = Hook::new().await;
    let answer = hook.post("", JSON, fixture("slack-blocks.json")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"));
    assert_eq!(
        hook.last().await,
        "**reviews:**\n**New review**\nDanny Torrence left the following review for your property:\n\
         Overlook Hotel (https://example.com) \n :star: \n Doors had too many axe holes, guest in room 237 was far too \
         rowdy, whole place felt stuck in the 1920s. [channel]\nHaunted hotel image \
         (https://is5-ssl.mzstatic.com/image/thumb/Purple3/v4/d3/72/5c/d372.png)\n────\n**Average Rating**\n1.0\n**Reviewer**\n[U024BE7LH]\n\
         I Need a Marg (https://assets3.thrillist.com/v1/image/1682388/size/tl-horizontal_main.jpg)\n\
         cute cat (https://pbs.twimg.com/profile_images/625633822235693056/lNGUneLX_400x400.jpg)  \
         **Cat** has approved this message in #general & elsewhere."
    );
    let form = format!("payload={}", urlencoded(&fixture("slack-attachments.json")));
    let answer = hook.post("/slack", "application/x-www-form-urlencoded", form).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(
        hook.last().await,
        "**Jenkins:**\n**Build** _finished_ <ok> [here]\nOptional pre-text that appears above the attachment block\n\
         > author_name (http://flickr.com/bobby/)\n> **hello-world #42** (https://jenkins.example/job/42)\n\
         > Optional `text` that appears within the attachment\n> **A field's title:** This field's value\n\
         > **Duration:** 12.5\n> _footer_"
    );
}

#[tokio::test]
async fn discords_document_is_read_and_answered_as_discord_does() {
    let hook = Hook::new().await;
    let answer = hook.post("/discord", JSON, fixture("discord.json")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    let text = hook.last().await;
    assert!(text.starts_with("**Webhook:**\nText message. Up to 2000 characters. [everyone]\n> Birdie♫ ("), "{text}");
    for line in ["> **Title** (https://google.com/)", "> **Even more text:** Yup", "> _Woah! So cool! :smirk:_"] {
        assert!(text.lines().any(|l| l == line), "{line} is not in {text}");
    }
    let told = hook.post("/discord?wait=true", JSON, json!({"content": "hello"}).to_string()).await.ok();
    assert_eq!((&told["content"], &told["channel_id"], &told["type"]), (&json!("hello"), &json!("club"), &json!(0)));
    assert_eq!(told["id"], json!("2"), "a string, as a snowflake is");
    let error = hook.post("/discord", JSON, r#"{"embeds": [{"fields": {}}]}"#).await.refused(ErrorCode::Invalid);
    assert_eq!(error["field"], "embeds[0].fields");
    hook.post("/discord", JSON, "{}").await.refused(ErrorCode::Invalid);
}

#[tokio::test]
async fn githubs_events_are_told_where_the_signature_is_right() {
    let hook = Hook::new().await;
    let mut told = Vec::new();
    for (n, event) in
        ["ping", "push", "pull_request", "issues", "issue_comment", "release", "workflow_run"].into_iter().enumerate()
    {
        let body = fixture(&format!("github-{event}.json"));
        let answer = hook.event(event, JSON, &body, Some(&hook.sign(&body)), &format!("d{n}")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"), "{event}");
        told.push(hook.last().await);
    }
    let repository = "https://github.com/Codertocat/Hello-World";
    assert_eq!(
        told[0],
        "**[Codertocat/Hello-World]** the webhook is connected\n> Non-blocking is better than blocking."
    );
    assert_eq!(
        told[1],
        format!(
            "**[Codertocat/Hello-World]** Codertocat pushed 2 commits to `main`\n- `6113728` Update README.md — Codertocat\n\
             - `0d1a26e` Fix the greeting of octocat (#2) — Codertocat\n{repository}/compare/6113728f27ae...0d1a26e67d8f"
        )
    );
    assert_eq!(
        told[2],
        format!(
            "**[Codertocat/Hello-World]** Codertocat opened pull request #2: **Update the README with new information.**\n\
             `changes` → `master`\n> This is a pretty simple change that we need to pull into master.\n\
             > See the docs (https://docs.github.com/en/webhooks), octocat.\n{repository}/pull/2"
        )
    );
    assert!(
        told[3].starts_with("**[Codertocat/Hello-World]** Codertocat opened issue #1: **Spelling error"),
        "{}",
        told[3]
    );
    assert!(told[4].contains("commented on issue #1") && told[4].contains("> You are totally right!"), "{}", told[4]);
    assert!(told[5].contains("published release **0.0.1** (First light)"), "{}", told[5]);
    assert_eq!(
        told[6],
        format!(
            "**[Codertocat/Hello-World]** workflow **CI** FAILED on `main` (run 38, try 2)\n> Update README.md\n\
             {repository}/actions/runs/289782451"
        )
    );
    // GitHub's form, and an event sent again by its delivery page: posted once.
    let push = fixture("github-push.json");
    let form = format!("payload={}", urlencoded(&push));
    let answer = hook.event("push", "application/x-www-form-urlencoded", &form, Some(&hook.sign(&form)), "form").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(hook.event("push", JSON, &push, Some(&hook.sign(&push)), "d1").await.status.as_u16(), 200);
    assert_eq!(hook.count().await, 8);
    // What nobody reads is taken and not posted.
    let star = fixture("github-star.json");
    assert_eq!(hook.event("star", JSON, &star, Some(&hook.sign(&star)), "star").await.status.as_u16(), 202);
    assert_eq!(hook.count().await, 8);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_with_a_sentence() {
    let hook = Hook::new().await;
    let body = fixture("github-push.json");
    let right = hook.sign(&body);
    let flipped = format!("{}{}", &right[..right.len() - 1], if right.ends_with('0') { '1' } else { '0' });
    let other = hook.sign(&format!("{body} "));
    let sha1 = right.replacen("sha256=", "sha1=", 1);
    for wrong in [Some(flipped.as_str()), Some(&other), Some(&sha1), Some("sha256="), Some("sha256=zz"), Some(""), None]
    {
        let answer = hook.event("push", JSON, &body, wrong, "d").await;
        let said = answer.refused(ErrorCode::Unauthorized)["message"].as_str().unwrap().to_owned();
        assert!(said.contains("signing secret"), "{wrong:?}: {said}");
    }
    assert_eq!(hook.count().await, 0);
    let answer = hook.event("push", JSON, &body, Some(&right), "d").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert!(!hook.server.said().contains(&hook.secret), "the signing secret is in the log");
    // A push of many commits is larger than what strangers may send.
    let mut large: Value = serde_json::from_str(&body).unwrap();
    let commit = large["commits"][0].clone();
    large["commits"] = json!(vec![commit; 300]);
    let large = large.to_string();
    assert!(large.len() > 64 * 1024);
    assert_eq!(hook.event("push", JSON, &large, Some(&hook.sign(&large)), "l").await.status.as_u16(), 200);
    assert!(hook.last().await.contains("… and 280 more commits"));
    let huge = "x".repeat(1024 * 1024 + 1);
    assert_eq!(hook.event("push", JSON, &huge, Some(&hook.sign(&huge)), "h").await.status.as_u16(), 413);
    let error = hook.event("issues", JSON, r#"{"issue": 5}"#, Some(&hook.sign(r#"{"issue": 5}"#)), "e").await;
    assert_eq!(error.refused(ErrorCode::Invalid)["field"], "issue");
}

#[tokio::test]
async fn alerts_of_alertmanager_and_grafana_are_told() {
    let hook = Hook::new().await;
    for (format, name, said) in [
        (
            "/alertmanager",
            "alertmanager-firing.json",
            "**[FIRING:1] InstanceDown** (job=node monitor=prod severity=page)\n\
             - instance=web-1:9100: Instance web-1:9100 down — web-1:9100 of job node has been down for more than 5 minutes.\n\
             - resolved: instance=web-2:9100: Instance web-2:9100 down — web-2:9100 of job node has been down for more than \
             5 minutes.\nhttp://alertmanager.example:9093",
        ),
        (
            "/alertmanager",
            "alertmanager-resolved.json",
            "**[RESOLVED] InstanceDown** (instance=web-1:9100 job=node monitor=prod severity=page)\n\
             - resolved: Instance web-1:9100 down — web-1:9100 of job node has been down for more than 5 minutes.\n\
             http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        ),
        (
            "/grafana",
            "grafana-alerting.json",
            "**[FIRING:2] My Super Webhook** (team=blue)\n\
             - zone=us-1: This alert was triggered for zone us-1 — The system has high memory usage\n\
             - zone=eu-1: This alert was triggered for zone eu-1 — The system has high CPU usage\nhttps://play.grafana.org/",
        ),
        (
            "/grafana",
            "grafana-legacy.json",
            "**[Alerting] Panel Title alert**\nNotification Message\n- Count: 1\n\
             https://grafana.com/static/assets/img/blog/mixed_styles.png\n\
             http://localhost:3000/d/hZ7BuVbWz/test-dashboard?fullscreen&edit&tab=alert&panelId=2&orgId=1",
        ),
    ] {
        let answer = hook.post(format, JSON, fixture(name)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"), "{name}");
        assert_eq!(hook.last().await, said, "{name}");
    }
    let error = hook.post("/alertmanager", JSON, r#"{"alerts": [{"labels": 5}]}"#).await.refused(ErrorCode::Invalid);
    assert_eq!(error["field"], "alerts[0].labels");
    let error = hook.post("/grafana", JSON, r#"{"alerts": 5}"#).await.refused(ErrorCode::Invalid);
    assert_eq!(error["field"], "alerts");
    for format in ["/alertmanager", "/grafana"] {
        assert_eq!(hook.post(format, "application/xml", "{}").await.status.as_u16(), 415);
    }
}

#[tokio::test]
async fn a_text_is_posted_as_curl_sends_it() {
    let hook = Hook::new().await;
    let (form, plain) = ("application/x-www-form-urlencoded", "text/plain; charset=utf-8");
    for (kind, body, text) in [
        (form, "disk full on a&b = c+d", "disk full on a&b = c+d"),
        (plain, "two\r\nlines\n", "two\nlines"),
        (plain, "{\"text\": 1}", "{\"text\": 1}"),
        (plain, "\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
    ] {
        assert_eq!(hook.post("/raw", kind, body).await.status.as_u16(), 200);
        assert_eq!(hook.last().await, text);
    }
    let long = "ü".repeat(20_000);
    assert_eq!(hook.post("/raw", plain, long).await.status.as_u16(), 200);
    let text = hook.last().await;
    assert!(text.len() <= 8_000 && text.ends_with("ü …"), "cut between characters: {}", text.len());
    assert_eq!(hook.post("/raw", JSON, "{}").await.status.as_u16(), 415);
    assert_eq!(hook.post("/raw", "image/png", "x").await.status.as_u16(), 415);
    assert_eq!(hook.post("/raw", plain, " \n").await.status.as_u16(), 400);
    assert_eq!(hook.post("/raw", plain, "x".repeat(64 * 1024 + 1)).await.status.as_u16(), 413);
    let path = format!("{}/raw", hook.path);
    let bytes = Api::send(hook.server.api().request(Method::POST, &path).body(vec![0xff, 0xfe])).await;
    assert_eq!(bytes.refused(ErrorCode::Invalid)["field"], "body");
    assert_eq!(hook.post("/teams", JSON, "{}").await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_flood_of_posts_is_slowed_down() {
    let server =
        Server::with(chat_e2e::Options::default().limit("messages_per_second", 1).limit("message_burst", 5)).await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
    let made = ana.api.post("/rooms/club/hooks", &json!({"name": "tools"})).await.ok();
    let path = made["url"].as_str().unwrap().strip_prefix(&server.url()).unwrap().to_owned() + "/raw";
    let mut refused = 0;
    for _ in 0..20 {
        let answer = Api::send(server.api().request(Method::POST, &path).body("x")).await;
        if answer.status.as_u16() == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            refused += 1;
        }
    }
    assert!(refused > 0);
}

fn urlencoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
