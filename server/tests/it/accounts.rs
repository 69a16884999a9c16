//! Coming in, going out, oneself.

use reqwest::Method;
use serde_json::json;

use super::world::{PASSWORD, World, answer, no, refused};

#[tokio::test]
async fn a_session_from_registration_to_logout() {
    let w = World::start().await;
    let ana = w.user("Ana").await;
    assert_eq!(ana.name, "ana");
    let (status, me) = ana.get("/me").await;
    assert_eq!((status.as_u16(), &me["user"]["name"], &me["role"]), (200, &json!("ana"), &json!("user")));

    let again = w.call(Method::POST, "/api/v1/auth/register", json!({"name": "ana", "password": PASSWORD})).await;
    assert_eq!(refused(again).1, "conflict");

    let (status, fresh) = w.call(Method::POST, "/api/v1/auth/refresh", json!({"refresh_token": ana.refresh})).await;
    assert_eq!(status, 200, "{fresh}");
    let ana = w.someone(&fresh);
    let (status, sessions) = ana.get("/sessions").await;
    assert_eq!((status.as_u16(), sessions["sessions"].as_array().unwrap().len()), (200, 1));
    assert_eq!(sessions["sessions"][0]["current"], true);

    assert_eq!(answer(ana.request(Method::POST, "/auth/logout")).await.0, 204);
    assert_eq!(refused(ana.get("/me").await), no(401, "unauthorized", ""));
    let gone = w.call(Method::POST, "/api/v1/auth/refresh", json!({"refresh_token": ana.refresh})).await;
    assert_eq!(refused(gone).0, 401);
    w.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_answer_alike() {
    let w = World::start().await;
    w.user("ana").await;
    let login = |name: &'static str, password: &'static str| {
        w.call(Method::POST, "/api/v1/auth/login", json!({"name": name, "password": password}))
    };
    let wrong = login("ana", "wrong horse battery").await;
    let unknown = login("nobody", "wrong horse battery").await;
    assert_eq!(wrong, unknown);
    assert_eq!(refused(wrong), no(401, "unauthorized", ""));
    assert_eq!(login("ana", PASSWORD).await.0, 200);
    w.stop().await;
}

#[tokio::test]
async fn passwords_have_bounds_and_are_not_cut() {
    let w = World::start().await;
    let register = |name: &'static str, password: String| {
        w.call(Method::POST, "/api/v1/auth/register", json!({"name": name, "password": password}))
    };
    assert_eq!(refused(register("a1", String::new()).await), no(400, "invalid", "password"));
    assert_eq!(refused(register("a2", "seven77".into()).await), no(400, "invalid", "password"));
    assert_eq!(refused(register("a3", "x".repeat(2_000)).await), no(400, "invalid", "password"));
    assert_eq!(register("a4", "🐎".repeat(200)).await.0, 201);
    assert_eq!(register("a5", "x".repeat(80)).await.0, 201);
    let cut = w.call(Method::POST, "/api/v1/auth/login", json!({"name": "a5", "password": "x".repeat(72)})).await;
    assert_eq!(refused(cut).0, 401);
    assert_eq!(refused(register("a6", "x".repeat(1_000_000)).await), no(413, "too_large", ""));
    w.stop().await;
}

#[tokio::test]
async fn wrong_passwords_are_throttled_and_say_when_to_come_back() {
    let w = World::start().await;
    w.user("ana").await;
    let mut last = None;
    for _ in 0..8 {
        let body = json!({"name": "ana", "password": "wrong horse battery"});
        let response = w.request(Method::POST, "/api/v1/auth/login").json(&body).send().await.unwrap();
        if response.status() == 429 {
            last = Some(response);
            break;
        }
        assert_eq!(response.status(), 401);
    }
    let limited = last.expect("never throttled");
    let seconds: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let body: serde_json::Value = limited.json().await.unwrap();
    let ms = body["error"]["retry_after_ms"].as_u64().unwrap();
    assert!(ms > 0 && seconds == ms.div_ceil(1000), "{body}");
    w.stop().await;
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_401_with_its_header() {
    let w = World::start().await;
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.";
    for value in ["Bearer x", "Bearer", "Basic YTpi", "bearer a.b.c", &format!("Bearer {none}")] {
        let response = w.request(Method::GET, "/api/v1/me").header("authorization", value).send().await.unwrap();
        assert_eq!(response.status(), 401, "{value}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    let response = w.request(Method::GET, "/api/v1/me").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["www-authenticate"].as_bytes()), (401, &b"Bearer"[..]));
    let huge = w.request(Method::GET, "/api/v1/me").bearer_auth("x".repeat(1_000_000)).send().await;
    assert!(huge.is_err() || huge.unwrap().status() == 431);
    w.stop().await;
}

#[tokio::test]
async fn a_guest_is_known_by_its_tilde_and_mints_no_tokens() {
    let w = World::start().await;
    let (status, session) = w.call(Method::POST, "/api/v1/auth/guest", json!({"name": "ana"})).await;
    assert_eq!((status.as_u16(), &session["user"]["kind"]), (201, &json!("guest")));
    let guest = w.someone(&session);
    assert_eq!(guest.name, "~ana");
    let refusal = guest.post("/tokens", json!({"name": "bot", "scopes": ["read"]})).await;
    assert_eq!(refused(refusal).1, "forbidden");
    w.stop().await;
}

#[tokio::test]
async fn an_api_token_does_what_its_scopes_say_until_it_is_deleted() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let (status, made) = ana.post("/tokens", json!({"name": "ci-bot", "scopes": ["read"]})).await;
    assert_eq!(status, 201, "{made}");
    let mut bot = ana.clone();
    bot.token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(bot.get("/rooms").await.0, 200);
    assert_eq!(refused(bot.post("/rooms/lobby/messages", json!({"text": "hi"})).await).1, "forbidden");
    let (_, listed) = ana.get("/tokens").await;
    assert!(!listed.to_string().contains(&bot.token), "the secret is shown once");
    let id = made["id"].as_str().unwrap();
    assert_eq!(ana.delete(&format!("/tokens/{id}")).await.0, 204);
    assert_eq!(refused(ana.delete(&format!("/tokens/{id}")).await).1, "not_found");
    assert_eq!(refused(bot.get("/rooms").await).0, 401);
    w.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let (_, other) = w.call(Method::POST, "/api/v1/auth/login", json!({"name": "ana", "password": PASSWORD})).await;
    let other = w.someone(&other);
    let wrong = json!({"password": "another horse", "current_password": "not this one"});
    assert!(ana.patch("/me", wrong).await.0.is_client_error());
    let change = json!({"password": "another horse", "current_password": PASSWORD, "display_name": "Ana B"});
    let (status, me) = ana.patch("/me", change).await;
    assert_eq!((status.as_u16(), &me["user"]["display_name"]), (200, &json!("Ana B")));
    assert_eq!(ana.get("/me").await.0, 200);
    assert_eq!(refused(other.get("/me").await).0, 401);
    w.stop().await;
}

#[tokio::test]
async fn sessions_are_revoked_one_by_one_and_all_but_ones_own() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let (_, s) = w.call(Method::POST, "/api/v1/auth/login", json!({"name": "ana", "password": PASSWORD})).await;
        others.push(w.someone(&s));
    }
    let (_, listed) = ana.get("/sessions").await;
    let one = listed["sessions"].as_array().unwrap().iter().find(|s| s["current"] == false).unwrap();
    assert_eq!(ana.delete(&format!("/sessions/{}", one["id"].as_str().unwrap())).await.0, 204);
    assert_eq!(refused(ana.delete("/sessions/nonsense").await).1, "not_found");
    assert_eq!(ana.delete("/sessions").await.0, 204);
    for other in others {
        assert_eq!(refused(other.get("/me").await).0, 401);
    }
    assert_eq!(ana.get("/me").await.0, 200);
    w.stop().await;
}
