//! An access token that ends while its connection lives.

use std::time::{Duration, Instant};

use chat_common::ErrorCode;
use chat_e2e::socket::End;
use chat_e2e::{Options, Server, wait};
use serde_json::json;

/// Long enough that a busy machine can refresh in time.
const LIFE: u64 = 10;

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_it_is_refreshed() {
    let server = Server::with(Options::roomy().access_token_seconds(LIFE)).await;
    let made = Instant::now();
    let ana = server.account("ana").await;
    let (mut ends, mut stays) = (ana.socket().await, ana.socket().await);
    for socket in [&mut ends, &mut stays] {
        let notice = socket.event("server:notice").await;
        assert_eq!(notice["code"], "token_expiring", "{notice}");
    }
    // Late, so that the fresh token outlives the first one by far.
    wait::until("half of the token's life", || (made.elapsed() > Duration::from_secs(LIFE / 2)).then_some(())).await;
    let fresh = server.api().post("/auth/refresh", &json!({"refresh_token": ana.refresh})).await.ok();
    stays.ok("session:refresh", json!({"token": fresh["access_token"]})).await;

    let (end, told) = ends.ended().await;
    // 2 s are promised; the rest is for a busy machine.
    assert!(made.elapsed() < Duration::from_secs(LIFE + 2 + 3), "ended after {:?}", made.elapsed());
    assert_eq!(end, End::Disconnected, "official clients must not come back with the same token");
    let why = told.last().expect("it is told why");
    assert!(why.data.to_string().contains("expired"), "{told:?}");
    let error = ana.api.get("/me").await.refused(ErrorCode::Unauthorized);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("expired")), "{error}");
    let refused = chat_e2e::Socket::try_connect(&server.url(), json!({"token": ana.token})).await;
    assert!(refused.as_ref().is_err_and(|e| e.contains("token expired")), "{:?}", refused.err());

    stays.ok("ping", json!({})).await;
    ana.api.with_token(fresh["access_token"].as_str().expect("a token")).get("/me").await.ok();
    // And with the end of the fresh one it ends as well.
    assert_eq!(stays.ended().await.0, End::Disconnected);
}
