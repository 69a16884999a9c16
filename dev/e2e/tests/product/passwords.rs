//! Passwords and names: what is taken, what guessing meets.

use chat_common::ErrorCode;
use chat_e2e::{Api, Server, program, raw};
use serde_json::json;

#[tokio::test]
async fn passwords_have_8_to_1024_bytes_and_all_of_them_count() {
    let server = Server::start().await;
    let api = server.api();
    for (what, password) in [
        ("empty", String::new()),
        ("seven", "1234567".to_owned()),
        ("two kB", "x".repeat(2_000)),
        ("1,025", "x".repeat(1_025)),
    ] {
        let answer = api.post("/auth/register", &json!({"name": "ana", "password": password})).await;
        let error = answer.refused(ErrorCode::Invalid);
        assert_eq!(error["field"], "password", "{what}");
    }
    // By hand: a client library may fail to write the rest before it reads the answer.
    let huge = json!({"name": "ana", "password": "x".repeat(1_000_000)}).to_string();
    let head = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        server.address(),
        huge.len()
    );
    let answer = raw::http(&server.address(), (head + &huge).as_bytes()).await;
    assert_eq!(raw::status(&answer), 413, "{answer}");
    // 800 bytes of emoji, and 100 bytes of which the first 72 are not enough.
    api.register("emil", &"🎉".repeat(200)).await;
    api.login("emil", &"🎉".repeat(200)).await;
    let long = "p".repeat(99);
    api.register("ana", &format!("{long}1")).await;
    let close = json!({"name": "ana", "password": format!("{long}2")});
    api.post("/auth/login", &close).await.refused(ErrorCode::Unauthorized);
    api.login("ANA", &format!("{long}1")).await;
    assert!(!server.said().contains(&long), "a password is in the log");
}

#[tokio::test]
async fn guessing_meets_a_limit_that_spares_others() {
    let server = Server::start().await;
    server.account("ana").await;
    server.account("bob").await;
    let mut limited = None;
    for n in 0..7 {
        // What a proxy that is none says about the client is not believed.
        let request = server
            .api()
            .request(reqwest::Method::POST, "/api/v1/auth/login")
            .header("X-Forwarded-For", format!("203.0.113.{n}"))
            .json(&json!({"name": "ana", "password": "wrong password"}));
        let answer = Api::send(request).await;
        if answer.status.as_u16() == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            limited = Some((n, answer.refused(ErrorCode::RateLimited)));
            break;
        }
        answer.refused(ErrorCode::Unauthorized);
    }
    let (after, error) = limited.expect("seven guesses in a row are too many");
    assert!(after >= 4, "limited after {after} guesses");
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{error}");
    // From elsewhere the right one still works, and another name does from here.
    let elsewhere =
        reqwest::Client::builder().local_address("127.0.0.9".parse().ok()).no_proxy().build().expect("a client");
    let login = elsewhere.post(format!("{}/api/v1/auth/login", server.url()));
    let right = login.json(&json!({"name": "ana", "password": "correct horse"}));
    Api::send(right).await.ok();
    server.api().login("bob", "correct horse").await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_told_alike() {
    let server = Server::start().await;
    server.account("ana").await;
    let try_in = |name: &str| {
        let (api, body) = (server.api(), json!({"name": name, "password": "wrong password"}));
        async move { api.post("/auth/login", &body).await.refused(ErrorCode::Unauthorized) }
    };
    assert_eq!(try_in("ana").await, try_in("nobody").await);
}

#[tokio::test]
async fn look_alikes_of_a_name_are_one_name() {
    let server = Server::start().await;
    server.account("bob").await;
    for twin in ["bob", "BOB", "b0b", "ｂｏｂ"] {
        let wish = json!({"name": twin, "password": "correct horse"});
        let error = server.api().post("/auth/register", &wish).await.refused(ErrorCode::Conflict);
        assert!(error["message"].as_str().is_some_and(|m| m.contains("choose another")), "{error}");
    }
    for bad in ["", "a", "-ana", "an a", "~ana", "аna", "ana\u{200b}", "ana\u{1b}[2J"] {
        let wish = json!({"name": bad, "password": "correct horse"});
        let error = server.api().post("/auth/register", &wish).await.refused(ErrorCode::Invalid);
        assert_eq!(error["field"], "name", "{bad:?}: {error}");
    }
    // A guest may be called as an account is: its name begins with `~`.
    assert_eq!(server.guest("bob").await.name(), "~bob");
}

#[tokio::test]
async fn a_thousand_logins_at_once_are_hashed_a_few_at_a_time() {
    program::open_many_files();
    let server = Server::start().await;
    let mut writer = server.account("ana").await.socket().await;
    writer.join("lobby").await;
    let before = server.resident_kib();
    // One client for all: making one takes longer than a login.
    let api = server.api();
    let storm: Vec<_> = (0..1_000)
        .map(|n| {
            let api = api.clone();
            let body = json!({"name": format!("nobody{n}"), "password": "wrong password"});
            tokio::spawn(async move { api.post("/auth/login", &body).await.status.as_u16() })
        })
        .collect();
    let (mut sent, mut grown) = (0, 0);
    while sent < 20 || !storm.iter().all(tokio::task::JoinHandle::is_finished) {
        writer.say("lobby", "meanwhile", &format!("m{sent}")).await;
        sent += 1;
        grown = grown.max(server.resident_kib().saturating_sub(before));
    }
    println!("{sent} messages meanwhile, {grown} KiB more");
    // One hash takes 19 MiB: all of them at once would take 19 GB.
    assert!(grown < 512 * 1024, "{grown} KiB for hashing");
    for guess in storm {
        let status = guess.await.expect("no panic");
        assert!(matches!(status, 401 | 429 | 503), "{status}");
    }
}
