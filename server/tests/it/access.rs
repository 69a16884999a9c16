//! Who may come in without an invitation, and whose address counts.

use chat_server::domain::policy::{Guests, Registration};
use reqwest::Method;
use serde_json::json;

use super::world::{PASSWORD, World, answer, refused};

#[tokio::test]
async fn auto_opens_for_this_machine_alone() {
    let w = World::start().await;
    let guest = |host: &'static str, header: Option<&'static str>| {
        let mut request = w.request(Method::POST, "/api/v1/auth/guest").header("host", host);
        if let Some(name) = header {
            request = request.header(name, "for=198.51.100.1");
        }
        answer(request.json(&json!({"name": "eve"})))
    };
    assert_eq!(refused(guest("evil.example", None).await).1, "forbidden");
    assert_eq!(refused(guest("localhost", Some("forwarded")).await).1, "forbidden");
    assert_eq!(refused(guest("localhost", Some("x-forwarded-proto")).await).1, "forbidden");
    assert_eq!(guest("localhost:1", None).await.0, 201);
    let stranger = w.request(Method::POST, "/api/v1/auth/register").header("host", "chat.example");
    let refusal = answer(stranger.json(&json!({"name": "eve", "password": PASSWORD}))).await;
    assert!(refusal.0.is_client_error(), "{refusal:?}");
    w.stop().await;
}

#[tokio::test]
async fn what_is_configured_holds_for_everyone() {
    let w = World::with(|c| {
        c.guests = Guests::Off;
        c.registration = Registration::Closed;
    })
    .await;
    let guest = w.call(Method::POST, "/api/v1/auth/guest", json!({"name": "eve"})).await;
    assert_eq!(refused(guest).1, "forbidden");
    let register = w.call(Method::POST, "/api/v1/auth/register", json!({"name": "eve", "password": PASSWORD})).await;
    assert_eq!(refused(register).1, "forbidden");
    w.stop().await;
}

#[tokio::test]
async fn an_invitation_lets_in_as_many_as_it_says() {
    let w = World::with(|c| c.registration = Registration::Invite).await;
    let root = w.admin("root").await;
    let (status, invite) = root.post("/admin/invites", json!({"uses": 1})).await;
    assert_eq!(status, 201, "{invite}");
    let register = |name: &'static str, code: serde_json::Value| {
        w.call(Method::POST, "/api/v1/auth/register", json!({"name": name, "password": PASSWORD, "invite": code}))
    };
    assert!(register("eve", json!(null)).await.0.is_client_error());
    assert_eq!(refused(register("eve", json!("nonsense")).await).2, "invite");
    assert_eq!(register("ana", invite["code"].clone()).await.0, 201);
    assert_eq!(refused(register("bob", invite["code"].clone()).await).2, "invite");
    w.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_the_clients_address_is_limited() {
    let w = World::with(|c| {
        c.guests = Guests::On;
        c.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
        c.limits.guests_per_minute = 2;
    })
    .await;
    let guest = |name: String, from: &'static str| {
        let request = w.request(Method::POST, "/api/v1/auth/guest").header("x-forwarded-for", from);
        answer(request.json(&json!({"name": name})))
    };
    let mut limited = 0;
    for i in 0..4 {
        limited += i32::from(guest(format!("one{i}"), "6.6.6.6, 203.0.113.9").await.0 == 429);
    }
    assert_eq!(limited, 2, "two pass, two do not");
    assert_eq!(guest("two".into(), "6.6.6.6, 203.0.113.10").await.0, 201);
    w.stop().await;
}

#[tokio::test]
async fn a_forwarded_address_from_a_peer_that_is_no_proxy_is_ignored() {
    let w = World::with(|c| {
        c.guests = Guests::On;
        c.limits.guests_per_minute = 1;
    })
    .await;
    for i in 0..4 {
        let request = w.request(Method::POST, "/api/v1/auth/guest").header("x-forwarded-for", "203.0.113.9");
        // Loopback is exempt; were the header believed, the second one would be limited.
        assert_eq!(answer(request.json(&json!({"name": format!("g{i}")}))).await.0, 201);
    }
    w.stop().await;
}
