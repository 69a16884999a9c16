//! REST against a server that answers whatever the test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chat_common::{ErrorCode, RoomRef};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::credentials::{Credentials, Tokens as _};

/// Answers each request (its first line and body) with a status and a body; `None`: hangs.
pub(crate) async fn serve(answer: impl Fn(&str, &Value) -> Option<(u16, String)> + Send + Sync + 'static) -> ServerUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let lower = head.to_lowercase();
                        let length = lower
                            .split("content-length: ")
                            .nth(1)
                            .map_or(0, |s| s.split("\r\n").next().unwrap().parse::<usize>().unwrap());
                        if body.len() >= length {
                            let first = head.lines().next().unwrap().to_owned();
                            let json = serde_json::from_str(body).unwrap_or(Value::Null);
                            let Some((status, body)) = answer(&first, &json) else {
                                return std::future::pending().await;
                            };
                            let reply = format!(
                                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                                body.len()
                            );
                            // The client may have gone.
                            let _ = stream.write_all(reply.as_bytes()).await;
                            return;
                        }
                    }
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    ServerUrl::parse(&url).unwrap()
}

fn api(server: ServerUrl) -> Api {
    Api::new(server, Duration::from_millis(500), None).unwrap()
}

fn session(n: usize, name: &str) -> Value {
    json!({
        "access_token": format!("access-{n}"), "expires_at": "2000-01-01T00:00:00.000Z",
        "refresh_token": format!("refresh-{n}"),
        "user": {"id": "0000000000005", "name": name, "display_name": "", "kind": "guest"},
    })
}

fn stored(folder: &std::path::Path, guest: &str) -> Source {
    Source::Stored {
        credentials: Credentials::at(folder.join("credentials.json")),
        profile: "default".to_owned(),
        guest: guest.to_owned(),
        forced: false,
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let too_large = "x".repeat(LARGEST + 1);
    let server = serve(move |first, _| {
        let path = first.split('/').nth(4).unwrap().split(' ').next().unwrap();
        Some(match path {
            "json" => (403, json!({"error": {"code": "muted", "message": "until noon"}}).to_string()),
            "proxy" => (502, "<html>bad gateway</html>".to_owned()),
            "foreign" => (404, "<html>not found</html>".to_owned()),
            "large" => (200, too_large.clone()),
            "odd" => (200, "[]".to_owned()),
            _ => return None,
        })
    })
    .await;
    let api = api(server);
    let get = async |path: &str| api.call::<Empty>(Method::GET, &["rooms", path], None, NOTHING).await.unwrap_err();
    use chat_common::event::Empty;
    assert_eq!(get("json").await.code(), Some(ErrorCode::Muted));
    assert_eq!(get("proxy").await.code(), Some(ErrorCode::Unavailable));
    assert!(matches!(get("foreign").await, ApiError::Answer { .. }));
    assert!(matches!(get("large").await, ApiError::Answer { .. }));
    assert!(matches!(get("hang").await, ApiError::NoAnswer { .. }));
    // The port of a listener that is gone.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = Api::new(ServerUrl::parse(&format!("http://{gone}")).unwrap(), Duration::from_secs(5), None).unwrap();
    assert!(matches!(nobody.guest("ana").await, Err(ApiError::Unreachable { .. })));
}

#[tokio::test]
async fn programs_that_share_a_session_renew_it_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let server = serve(move |first, body| {
        if first.contains("/auth/guest") {
            return Some((201, session(0, "~ana").to_string()));
        }
        let n = count.fetch_add(1, Ordering::SeqCst) + 1;
        // A refresh token works once; what this one gives lasts.
        let mut next = session(n, "~ana");
        next["expires_at"] = json!("2999-01-01T00:00:00.000Z");
        let right = body["refresh_token"] == format!("refresh-{}", n - 1);
        let refused = json!({"error": {"code": "unauthorized", "message": "reused"}});
        Some(if right { (200, next.to_string()) } else { (401, refused.to_string()) })
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let first = Session::new(api(server.clone()), stored(folder.path(), "ana"));
    // The first one ends at once, so that everybody has to renew.
    assert_eq!(first.access(None).await.unwrap().token, "access-0");
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let session = Session::new(api(server.clone()), stored(folder.path(), "ana"));
            tokio::spawn(async move { session.access(None).await.unwrap().token })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "access-1");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(first.access(Some("access-1")).await.unwrap().token, "access-2", "a refused token is replaced");
}

#[tokio::test]
async fn a_taken_guest_name_gets_a_number_and_an_ended_account_says_so() {
    let server = serve(|first, body| {
        let refused = |code: &str| json!({"error": {"code": code, "message": "no"}}).to_string();
        Some(match (first.contains("/auth/guest"), body["name"].as_str()) {
            (true, Some("ana")) => (409, refused("conflict")),
            (true, Some(name)) => (201, session(1, &format!("~{name}")).to_string()),
            _ => (401, refused("unauthorized")),
        })
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let guest = Session::new(api(server.clone()), stored(folder.path(), "ana"));
    guest.access(None).await.unwrap();
    assert_eq!(guest.user().unwrap().name.as_str(), "~ana2");
    let mut account = session(7, "bob");
    account["user"]["kind"] = json!("user");
    guest.keep(serde_json::from_value(account).unwrap()).await.unwrap();
    let error = guest.access(None).await.unwrap_err();
    assert!(error.fatal && error.error.message.contains("chat-tui login bob"), "{error}");
}

#[tokio::test]
async fn a_request_is_made_again_with_a_fresh_token_and_a_given_one_is_not() {
    let server = serve(|first, _| {
        if first.contains("/auth/") {
            return Some((200, session(1, "~ana").to_string()));
        }
        Some((401, json!({"error": {"code": "unauthorized", "message": "expired"}}).to_string()))
    })
    .await;
    let room = RoomRef::parse("lobby").unwrap();
    let given = Arc::new(Session::new(api(server.clone()), Source::Fixed("token".to_owned())));
    let error = Client::new(api(server), given).room(&room).await.unwrap_err();
    assert!(error.to_string().contains("revoked"), "{error}");
}
