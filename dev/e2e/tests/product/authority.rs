//! Who gets in, and that authority is live: what was taken away ends the connections that lived by it.

use std::time::Duration;

use chat_common::ErrorCode;
use chat_e2e::socket::End;
use chat_e2e::{Account, Options, Server, Socket, wait};
use serde_json::{Value, json};

/// Generous beside the two seconds that are promised: the machine may be busy.
const LIVE: Duration = Duration::from_secs(6);

/// The base-64 of `{"alg":"none","typ":"JWT"}` and `{"alg":"HS256","typ":"JWT"}`.
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
const HS256: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

async fn is_nobody(server: &Server, token: &str, what: &str) {
    let refusal = Socket::try_connect(&server.url(), json!({"token": token})).await.err();
    let refusal = refusal.unwrap_or_else(|| panic!("let in with {what}"));
    assert!(refusal.starts_with("unauthorized: "), "{what}: {refusal}");
    server.api().with_token(token).get("/me").await.refused(ErrorCode::Unauthorized);
}

#[tokio::test]
async fn bad_tokens_are_unauthorized() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let [_, payload, signature]: [&str; 3] = ana.token.split('.').collect::<Vec<_>>().try_into().expect("a JWT");
    let mut other = signature.to_owned();
    other.replace_range(..1, if other.starts_with('A') { "B" } else { "A" });
    let header = ana.token.split('.').next().expect("a header");
    for (what, token) in [
        ("no token", String::new()),
        ("a word", "abc".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("alg none without a signature", format!("{NONE}.{payload}.")),
        ("alg none with the old signature", format!("{NONE}.{payload}.{signature}")),
        ("another algorithm", format!("{HS256}.{payload}.{signature}")),
        ("another signature", format!("{header}.{payload}.{other}")),
        ("no signature", format!("{header}.{payload}.")),
        ("the refresh token", ana.refresh.clone()),
        ("a control character", "abc\u{7f}".to_owned()),
    ] {
        let refusal = Socket::try_connect(&server.url(), json!({"token": token})).await.err();
        let refusal = refusal.unwrap_or_else(|| panic!("let in with {what}"));
        assert!(refusal.starts_with("unauthorized: "), "{what}: {refusal}");
    }
    for payload in [json!({}), json!({"token": 7}), json!({"token": null}), json!([]), json!({"tokens": "x"})] {
        let refusal = Socket::try_connect(&server.url(), payload.clone()).await.err();
        assert!(refusal.is_some_and(|r| r.starts_with("unauthorized: ")), "{payload}");
    }
    is_nobody(&server, &format!("{NONE}.{payload}."), "alg none").await;
    server.api().get("/me").await.refused(ErrorCode::Unauthorized);
    assert!(!server.said().contains(&ana.token), "a token is in the log");
}

#[tokio::test]
async fn a_huge_token_is_too_much() {
    let server = Server::start().await;
    let token = "a".repeat(1_000_000);
    let mut raw = chat_e2e::raw::RawWebSocket::upgrade(&server.address(), "").await.expect("an upgrade");
    raw.text(&format!("40/chat,{{\"token\":\"{token}\"}}")).await;
    assert!(raw.closes_within(wait::PATIENCE).await);
    let header = format!("Authorization: Bearer {token}\r\n");
    let answer = chat_e2e::raw::get(&server.address(), "/api/v1/me", &header).await;
    assert!(matches!(chat_e2e::raw::status(&answer), 413 | 431 | 0), "{}", &answer[..answer.len().min(200)]);
}

#[tokio::test]
async fn an_unknown_namespace_is_said_to_be_invalid() {
    let server = Server::start().await;
    let mut raw = chat_e2e::raw::RawWebSocket::upgrade(&server.address(), "").await.expect("an upgrade");
    raw.text("40/nothing,{}").await;
    raw.wait_for("Invalid namespace").await;
}

async fn ends_for(mut socket: Socket, why: &str) -> Vec<chat_e2e::socket::Event> {
    let (end, told) = socket.ended_within(LIVE).await;
    assert_eq!(end, End::Disconnected, "after {why} official clients must not come back by themselves");
    told
}

#[tokio::test]
async fn a_logout_ends_the_sessions_sockets() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let socket = ana.socket().await;
    let elsewhere = server.api().login("ana", "correct horse").await;
    let mut stays = elsewhere.socket().await;
    ana.api.post("/auth/logout", &json!({})).await.ok();
    ends_for(socket, "a logout").await;
    is_nobody(&server, &ana.token, "the token of a session that has logged out").await;
    let refresh = json!({"refresh_token": ana.refresh});
    server.api().post("/auth/refresh", &refresh).await.refused(ErrorCode::Unauthorized);
    stays.ok("ping", json!({})).await;
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let other = server.api().login("ana", "correct horse").await;
    let (mut own, theirs) = (ana.socket().await, other.socket().await);
    let change = json!({"current_password": "correct horse", "password": "battery staple"});
    ana.api.patch("/me", &change).await.ok();
    ends_for(theirs, "a new password").await;
    own.ok("ping", json!({})).await;
    let wrong = json!({"name": "ana", "password": "correct horse"});
    server.api().post("/auth/login", &wrong).await.refused(ErrorCode::Unauthorized);
    server.api().login("ana", "battery staple").await;
}

#[tokio::test]
async fn a_revoked_session_ends_and_is_listed_no_more() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let other = server.api().login("ana", "correct horse").await;
    let theirs = other.socket().await;
    let sessions = ana.api.get("/sessions").await.ok();
    let sessions = sessions["sessions"].as_array().expect("a list").clone();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let victim = sessions.iter().find(|s| s["current"] == json!(false)).expect("the other one");
    ana.api.delete(&format!("/sessions/{}", victim["id"].as_str().expect("an id"))).await.ok();
    ends_for(theirs, "a revocation").await;
    is_nobody(&server, &other.token, "a revoked session's token").await;
    assert_eq!(ana.api.get("/sessions").await.ok()["sessions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_its_reuse_is_forgiven_for_a_minute() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let refresh = |token: &str| {
        let (api, body) = (server.api(), json!({"refresh_token": token}));
        async move { api.post("/auth/refresh", &body).await }
    };
    let first = refresh(&ana.refresh).await.ok();
    // Two programs that share a session, or an answer that was lost: the same successor.
    let again = refresh(&ana.refresh).await.ok();
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    let second = refresh(first["refresh_token"].as_str().expect("a token")).await.ok();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    refresh("made up").await.refused(ErrorCode::Unauthorized);
}

/// An account and a connection of somebody who may do everything on the server.
async fn admin(server: &Server) -> Account {
    server.account("root").await;
    let made = server.command(&["user", "role", "root", "admin"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    server.api().login("root", "correct horse").await
}

#[tokio::test]
async fn a_ban_ends_all_connections_and_lets_none_in() {
    let server = Server::start().await;
    let (root, bob) = (admin(&server).await, server.account("bob").await);
    assert_eq!(root.api.get("/me").await.ok()["role"], "admin");
    let socket = bob.socket().await;
    root.api.put("/admin/bans/bob", &json!({"reason": "spam"})).await.ok();
    ends_for(socket, "a ban").await;
    let refusal = Socket::try_connect(&server.url(), json!({"token": bob.token})).await.err().unwrap_or_default();
    assert!(refusal.starts_with("banned: ") || refusal.starts_with("unauthorized: "), "{refusal}");
    let login = server.api().post("/auth/login", &json!({"name": "bob", "password": "correct horse"})).await;
    login.refused(ErrorCode::Banned);
    let lines = root.api.get("/admin/audit").await.ok()["lines"].to_string();
    assert!(lines.contains("bob") && lines.contains("spam"), "{lines}");
    bob.api.get("/admin/users").await.body["error"]["code"].as_str().expect("refused");
}

#[tokio::test]
async fn who_is_no_admin_may_not_administer() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for path in ["/admin/users", "/admin/audit"] {
        ana.api.get(path).await.refused(ErrorCode::Forbidden);
        server.api().get(path).await.refused(ErrorCode::Unauthorized);
    }
}

#[tokio::test]
async fn an_api_token_speaks_within_its_scopes() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.say("lobby", "first").await;
    let make = json!({"name": "ci", "scopes": ["send"], "rooms": ["lobby"]});
    let made = ana.api.post("/tokens", &make).await.ok();
    let secret = made["token"].as_str().expect("shown once").to_owned();
    let bot = server.api().with_token(&secret);
    bot.post("/rooms/lobby/messages", &json!({"text": "built"})).await.ok();
    let written = ana.api.history("lobby").await;
    let last = written.last().expect("a message");
    assert_eq!((&last["text"], &last["from"]["kind"]), (&json!("built"), &json!("bot")));
    bot.get("/rooms/lobby/messages").await.refused(ErrorCode::Forbidden);
    bot.post("/tokens", &make).await.refused(ErrorCode::Forbidden);
    let listed = ana.api.get("/tokens").await.ok();
    assert!(!listed.to_string().contains(&secret), "the secret is shown once");
    ana.api.delete(&format!("/tokens/{}", made["id"].as_str().expect("an id"))).await.ok();
    bot.post("/rooms/lobby/messages", &json!({"text": "late"})).await.refused(ErrorCode::Unauthorized);
    server.guest("eve").await.api.post("/tokens", &make).await.refused(ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_closed_server_takes_no_guests_and_no_registrations() {
    let server = Server::with(Options::roomy().arg("--guests").arg("off").arg("--registration").arg("closed")).await;
    server.api().post("/auth/guest", &json!({"name": "ana"})).await.refused(ErrorCode::Forbidden);
    let wish = json!({"name": "ana", "password": "correct horse"});
    server.api().post("/auth/register", &wish).await.refused(ErrorCode::Forbidden);
    let ready = chat_e2e::raw::get(&server.address(), "/readyz", "").await;
    assert_eq!(chat_e2e::raw::status(&ready), 200);
}

#[tokio::test]
async fn a_proxy_on_the_same_host_does_not_open_the_door() {
    let server = Server::start().await;
    let guest = |headers: &'static [(&'static str, &'static str)]| {
        let mut request =
            server.api().request(reqwest::Method::POST, "/api/v1/auth/guest").json(&json!({"name": "eve"}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        chat_e2e::Api::send(request)
    };
    for headers in [
        &[("X-Forwarded-For", "203.0.113.9")][..],
        &[("Forwarded", "for=203.0.113.9")],
        &[("X-Forwarded-Host", "chat.example")],
        &[("Host", "chat.example")],
        &[("Host", "127.0.0.1.evil.example")],
    ] {
        guest(headers).await.refused(ErrorCode::Forbidden);
    }
    guest(&[("Host", "localhost")]).await.ok();
}

#[tokio::test]
async fn ready_tells_who_one_is_and_what_holds() {
    let server = Server::start().await;
    let bob = server.guest("Bob").await;
    let socket = bob.socket().await;
    let ready = &socket.ready;
    assert_eq!(ready["protocol"], 1);
    assert_eq!(ready["user"]["name"], "~bob");
    assert_eq!(ready["user"]["kind"], "guest");
    assert_eq!(ready["role"], "user");
    assert_eq!(ready["limits"]["text_bytes"], 8_000);
    assert!(ready["epoch"].as_str().is_some_and(|e| !e.is_empty()));
    assert!(ready["expires_at"].as_str().is_some_and(|t| t.ends_with('Z')), "{ready}");
    assert_eq!(ready["rooms"], Value::Array(vec![]), "nobody is in a room before it joined one");
}
