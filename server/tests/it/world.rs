//! A server of one's own for a test, and typed users that talk to it.

use std::time::Duration;

use chat_server::app::{self, Running};
use chat_server::config::{Config, Flags};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes, so that a test that waits for what never comes fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Good enough for everyone here.
pub const PASSWORD: &str = "correct horse battery";

pub struct World {
    pub running: Running,
    pub base: String,
    pub http: reqwest::Client,
    _dir: TempDir,
}

/// Somebody with a token.
#[derive(Clone)]
pub struct Someone {
    pub name: String,
    pub token: String,
    pub refresh: String,
    pub base: String,
    pub http: reqwest::Client,
}

/// The configuration of a test: a free port, a folder of its own, nothing of this machine's environment.
pub fn config(dir: &TempDir) -> Config {
    let flags = Flags {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        data_dir: Some(dir.path().join("data")),
        ..Flags::default()
    };
    Config::load(flags, &|_| None).unwrap()
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&dir);
        change(&mut config);
        let running = app::start(config).await.unwrap();
        let base = format!("http://{}", running.address);
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { running, base, http, _dir: dir }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// `(status, body)` of a request without a token.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(&body)).await
    }

    pub async fn user(&self, name: &str) -> Someone {
        let (status, session) =
            self.call(Method::POST, "/api/v1/auth/register", json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(status, 201, "{session}");
        self.someone(&session)
    }

    pub async fn admin(&self, name: &str) -> Someone {
        let password = Some(PASSWORD.to_owned());
        chat_server::service::admin::add_user(&self.running.services, name, password, true).await.unwrap();
        let (status, session) =
            self.call(Method::POST, "/api/v1/auth/login", json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(status, 200, "{session}");
        self.someone(&session)
    }

    pub fn someone(&self, session: &Value) -> Someone {
        Someone {
            name: session["user"]["name"].as_str().unwrap().to_owned(),
            token: session["access_token"].as_str().unwrap().to_owned(),
            refresh: session["refresh_token"].as_str().unwrap().to_owned(),
            base: self.base.clone(),
            http: self.http.clone(),
        }
    }

    /// Sends bytes as they are, gives what comes back until the server closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.running.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut said = Vec::new();
        let _reset = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("never closed");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// A path exactly as it is written here.
    pub async fn raw_get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let said = self.raw(head.as_bytes()).await;
        let status = said.split(' ').nth(1).unwrap().parse().unwrap();
        let body = said.split_once("\r\n\r\n").unwrap().1;
        (StatusCode::from_u16(status).unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Where its keys, its database and its admin socket lie.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self._dir.path().join("data")
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl Someone {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(&body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::PATCH, path, body).await
    }

    /// Sends and gives the `seq`.
    pub async fn say(&self, room: &str, text: &str) -> u64 {
        let (status, body) = self.post(&format!("/rooms/{room}/messages"), json!({"text": text})).await;
        assert_eq!(status, 201, "{body}");
        body["seq"].as_u64().unwrap()
    }
}

/// `(status, body)`; an empty body is null. The id of the request, another each time, is left out.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let mut body =
        serde_json::from_str(&text).unwrap_or(if text.is_empty() { Value::Null } else { Value::String(text) });
    if let Value::Object(object) = &mut body {
        object.remove("request_id");
    }
    (status, body)
}

/// The error's code and field.
pub fn refused((status, body): (StatusCode, Value)) -> (u16, String, String) {
    let part = |k: &str| body["error"][k].as_str().unwrap_or_default().to_owned();
    assert!(body["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{status} {body}");
    (status.as_u16(), part("code"), part("field"))
}

/// What `refused` gives.
pub fn no(status: u16, code: &str, field: &str) -> (u16, String, String) {
    (status, code.to_owned(), field.to_owned())
}
