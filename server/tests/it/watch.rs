//! What those who look after a server are shown: `/admin`, `/metrics`, the ids of requests.

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::world::{PATIENCE, World, answer};

/// A raw connection to `/admin`.
struct Watcher(WebSocketStream<TcpStream>);

impl Watcher {
    /// The connection and the answer to its CONNECT.
    async fn connect(w: &World, auth: Value) -> (Self, String) {
        let stream = TcpStream::connect(w.running.address).await.unwrap();
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", w.running.address);
        let (ws, _) = client_async(url, stream).await.unwrap();
        let mut watcher = Self(ws);
        assert!(watcher.packet().await.starts_with('0'));
        watcher.send(&format!("40/admin,{auth}")).await;
        let said = watcher.packet().await;
        (watcher, said)
    }

    async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.unwrap();
    }

    async fn packet(&mut self) -> String {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a packet in time") {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return text.to_string(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next event of this name that fits.
    async fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let packet = self.packet().await;
            let args: Value = serde_json::from_str(packet.strip_prefix("42/admin,").unwrap_or("null")).unwrap();
            if args[0] == name && fits(&args[1]) {
                return args[1].clone();
            }
        }
    }
}

#[tokio::test]
async fn the_admin_namespace_is_for_admins() {
    let w = World::start().await;
    let (root, ana) = (w.admin("root").await, w.user("ana").await);
    let token = async |scopes: Value, name: &str| {
        let (_, made) = root.post("/tokens", json!({"name": name, "scopes": scopes})).await;
        made["token"].as_str().unwrap().to_owned()
    };
    let (reader, keeper) = (token(json!(["read", "send"]), "reader").await, token(json!(["admin"]), "keeper").await);
    for (auth, code) in [
        (json!({}), "unauthorized"),
        (json!({"token": "x"}), "unauthorized"),
        (json!({"token": ana.token}), "forbidden"),
        (json!({"token": reader}), "forbidden"),
    ] {
        let (_, said) = Watcher::connect(&w, auth.clone()).await;
        let prefix = format!(r#"44/admin,{{"message":"{code}: "#);
        assert!(said.starts_with(&prefix), "{auth}: {said}");
    }
    for token in [&root.token, &keeper] {
        let (mut watcher, said) = Watcher::connect(&w, json!({"token": token})).await;
        assert!(said.starts_with("40/admin,"), "{said}");
        watcher.event("admin:snapshot", |_| true).await;
    }
    // Whoever is no admin any more is told nothing more.
    let (mut watcher, _) = Watcher::connect(&w, json!({"token": root.token})).await;
    let (boss, refresh) = (w.admin("boss").await, json!(["session:refresh", {"token": ana.token}]));
    watcher.send(&format!("42/admin,7{refresh}")).await;
    loop {
        let packet = watcher.packet().await;
        if let Some(reply) = packet.strip_prefix("43/admin,7") {
            assert!(reply.contains("forbidden"), "another token must be an admin's, too: {reply}");
            break;
        }
    }
    boss.put("/admin/users/root", json!({"role": "user"})).await;
    while watcher.packet().await != "41/admin," {}
    w.stop().await;
}

#[tokio::test]
async fn who_watches_sees_what_happens() {
    let w = World::start().await;
    let (root, ana) = (w.admin("root").await, w.user("ana").await);
    ana.say("lobby", "before").await;
    let (mut watcher, _) = Watcher::connect(&w, json!({"token": root.token})).await;
    let snapshot = watcher.event("admin:snapshot", |_| true).await;
    assert_eq!(snapshot["audit"][0]["action"], "user:create");
    assert_eq!(snapshot["tick"]["totals"]["messages"], 1);
    assert_eq!((&snapshot["tick"]["store"], &snapshot["tick"]["bus"]), (&json!("ok"), &json!("ok")));
    root.post("/admin/invites", json!({})).await;
    let line = watcher.event("admin:audit", |line| line["action"] == "invite:create").await;
    assert_eq!(line["actor"]["name"], "root");
    // Somebody follows the room over a WebSocket; what is said there is counted as told.
    let stream = TcpStream::connect(w.running.address).await.unwrap();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", w.running.address);
    let mut reader = Watcher(client_async(url, stream).await.unwrap().0);
    reader.send(&format!("40/chat,{}", json!({"token": ana.token}))).await;
    while !reader.packet().await.contains("\"ready\"") {}
    reader.send(r#"42/chat,1["room:join",{"room":"lobby"}]"#).await;
    while !reader.packet().await.starts_with("43/chat,1") {}
    ana.say("lobby", "now").await;
    let tick = watcher.event("admin:tick", |tick| tick["totals"]["deliveries"] == 1).await;
    assert_eq!((&tick["rooms"][0]["room"], &tick["rooms"][0]["followers"]), (&json!("lobby"), &json!(1)));
    assert_eq!((&tick["people"][0]["user"], &tick["people"][0]["transport"]), (&json!("ana"), &json!("websocket")));
    assert_eq!(tick["connections"]["websocket"], 1);
    let own = tick["nodes"].as_array().unwrap().iter().find(|n| n["own"] == true).unwrap();
    assert_eq!(
        (&own["node"], own["address"].as_str()),
        (&tick["server"]["node"], Some(w.running.address.to_string().as_str()))
    );
    w.stop().await;
}

#[tokio::test]
async fn metrics_can_have_an_address_of_their_own() {
    let w = World::with(|config| config.metrics_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let apart = w.running.metrics_address.unwrap();
    let greeting = w.running.greeting();
    assert!(greeting.contains(&format!("metrics: http://{apart}/metrics\n")), "{greeting}");
    let (status, body) = answer(w.request(Method::GET, "/metrics")).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("not_found")), "{body}");
    let get = async |path: &str| {
        w.http.get(format!("http://{apart}{path}")).header("x-forwarded-for", "203.0.113.9").send().await.unwrap()
    };
    let figures = get("/metrics").await;
    assert_eq!(figures.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(figures.text().await.unwrap().contains("chat_build_info{version="));
    for path in ["/", "/api/v1/me", "/metrics/x", "/socket.io/"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    w.stop().await;
}

#[tokio::test]
async fn proofs_that_fail_are_counted_by_their_reason() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let login =
        |password: &str| w.call(Method::POST, "/api/v1/auth/login", json!({"name": "ana", "password": password}));
    assert_eq!(login("wrong horse").await.0, 401);
    let refreshed = w.call(Method::POST, "/api/v1/auth/refresh", json!({"refresh_token": "rt_x"})).await;
    assert_eq!(refreshed.0, 401);
    assert_eq!(answer(w.request(Method::GET, "/api/v1/me").bearer_auth("x")).await.0, 401);
    assert_eq!(ana.get("/rooms/nowhere").await.0, 404);
    let (_, figures) = answer(w.request(Method::GET, "/metrics")).await;
    let figures = figures.as_str().unwrap().to_owned();
    for line in [
        "chat_auth_failures_total{reason=\"password\"} 1",
        "chat_auth_failures_total{reason=\"refresh\"} 1",
        "chat_auth_failures_total{reason=\"token\"} 1",
        "chat_auth_failures_total{reason=\"expired\"} 0",
        "chat_refusals_total{edge=\"http\",code=\"unauthorized\"} 3",
        "chat_refusals_total{edge=\"http\",code=\"not_found\"} 1",
        "chat_request_seconds_count{edge=\"http\"} 5",
    ] {
        assert!(figures.lines().any(|l| l == line), "{line} is not in\n{figures}");
    }
    w.stop().await;
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let w = World::start().await;
    let asked = async |id: Option<&str>, path: &str| {
        let request = w.request(Method::GET, path);
        let request = id.into_iter().fold(request, |request, id| request.header("x-request-id", id));
        let response = request.send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        (id, response.text().await.unwrap())
    };
    assert_eq!(asked(Some("abc-1"), "/healthz").await, ("abc-1".to_owned(), "ok".to_owned()));
    let (id, body) = asked(Some("abc-2"), "/api/v1/me").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((id.as_str(), &body["request_id"]), ("abc-2", &json!("abc-2")));
    let (one, _) = asked(None, "/nowhere").await;
    let (other, _) = asked(Some("not an id"), "/nowhere").await;
    assert!(one != other && one.len() == 16 && other.len() == 16, "{one} {other}");
    w.stop().await;
}
