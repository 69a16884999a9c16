//! `/admin` as the official client sees it: connections, rooms, totals and the audit as they happen, over each
//! transport; nobody else is let in, and many who watch are told what was looked at once.

use std::time::{Duration, Instant};

use chat_e2e::foreign::Foreign;
use chat_e2e::{Account, Options, Server};
use serde_json::{Value, json};

/// An account that looks after the server.
async fn admin(server: &Server, name: &str) -> Account {
    let root = server.account(name).await;
    let done = server.command(&["user", "role", name, "admin"]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    root
}

/// The next second that fits.
async fn tick(watcher: &mut Foreign, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let told = watcher.told(what, |v| v["name"] == "admin:tick" && fits(&v["data"])).await;
    told["data"].clone()
}

#[tokio::test]
async fn the_official_client_watches_the_server_at_work() {
    for transport in ["websocket", "polling"] {
        let test = "the_official_client_watches";
        let server = Server::with(Options::roomy()).await;
        let (root, ana, bob) = (admin(&server, "root").await, server.account("ana").await, server.account("bob").await);
        let Some(mut watcher) = Foreign::watching(test, &server.url(), &root.token, &[transport]).await else { return };
        let snapshot = watcher.event("admin:snapshot").await;
        assert_eq!(
            snapshot["audit"].as_array().and_then(|a| a.last()).map(|l| &l["action"]),
            Some(&json!("user:role"))
        );
        let (mut a, mut b) = (ana.socket().await, bob.socket().await);
        a.join("lobby").await;
        b.join("lobby").await;
        let told = tick(&mut watcher, "both connections", |t| t["connections"]["websocket"] == 2).await;
        let mut names: Vec<_> = told["people"].as_array().expect("people").iter().map(|p| p["user"].clone()).collect();
        names.sort_by_key(Value::to_string);
        assert_eq!(json!(names), json!(["ana", "bob"]), "{told}");
        for n in 0..25 {
            a.say("lobby", "at work", &format!("{n}")).await;
        }
        let after = tick(&mut watcher, "what was said", |t| t["totals"]["messages"] == 25).await;
        let lobby = after["rooms"].as_array().expect("rooms").iter().find(|r| r["room"] == "lobby").expect("lobby");
        assert_eq!((&lobby["entries"], &lobby["followers"]), (&json!(25), &json!(2)), "{after}");
        server.command(&["ban", "add", "bob", "--reason", "noise"]).await;
        let line = watcher.told("the ban", |v| v["name"] == "admin:audit" && v["data"]["action"] == "user:ban").await;
        assert!(line["data"]["subject"].to_string().contains("bob"), "{line}");
        // Whoever is no admin any more is told so at once.
        server.command(&["user", "role", "root", "user"]).await;
        let since = Instant::now();
        watcher.next("disconnect").await;
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        let Some(mut other) = Foreign::watching(test, &server.url(), &ana.token, &[transport]).await else { return };
        let refused = other.next("connect_error").await;
        assert!(refused["message"].as_str().is_some_and(|m| m.starts_with("forbidden: ")), "{refused}");
    }
}

#[tokio::test]
async fn many_who_watch_are_told_what_was_looked_at_once() {
    const WATCHERS: usize = 4;
    let server = Server::with(Options::roomy()).await;
    let root = admin(&server, "root").await;
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let test = "many_who_watch";
        let Some(w) = Foreign::watching(test, &server.url(), &root.token, &["websocket"]).await else { return };
        watchers.push(w);
    }
    for watcher in &mut watchers {
        watcher.event("admin:snapshot").await;
    }
    // From the latest second that any of them has begun with on, all are told the same.
    let mut latest = String::new();
    for watcher in &mut watchers {
        let told = tick(watcher, "a second", |_| true).await;
        latest = latest.max(told["at"].as_str().expect("a time").to_owned());
    }
    let mut next = Vec::new();
    for watcher in &mut watchers {
        next.push(tick(watcher, "a later second", |t| t["at"].as_str() > Some(latest.as_str())).await);
    }
    assert!(next.iter().all(|told| *told == next[0]), "each second is looked at once for all: {next:?}");
}
