//! REST as its documents describe it, without the product's own client.

use chat_common::ErrorCode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Socket, wait};

/// One answer: status and body.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a 2xx; panics otherwise.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self.body
    }

    /// Checks that it is the error `code` with the status that belongs to it, and gives the error's object.
    #[track_caller]
    pub fn refused(self, code: ErrorCode) -> Value {
        let error = self.body["error"].clone();
        assert_eq!(
            (error["code"].as_str(), self.status.as_u16()),
            (Some(code.as_str()), code.http_status()),
            "{}",
            self.text
        );
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "an error says what is wrong: {error}");
        error
    }
}

/// A REST client with at most one token.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Api {
    /// Without a token; `base` as `http://127.0.0.1:PORT`.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { base: base.to_owned(), token: None, http }
    }

    /// The same, trusting an authority of ours besides the system's; `ca` in PEM form.
    pub fn trusting(base: &str, ca: &[u8]) -> Self {
        let ca = reqwest::Certificate::from_pem(ca).expect("a certificate");
        let http = reqwest::Client::builder().no_proxy().add_root_certificate(ca).build().expect("an HTTP client");
        Self { base: base.to_owned(), token: None, http }
    }

    /// The same with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request under construction; `path` from the root, as `/api/v1/me`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; a connection that fails is a failure of the test.
    pub async fn send(request: reqwest::RequestBuilder) -> Answer {
        let response = wait::soon("an HTTP answer", request.send()).await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = wait::soon("an HTTP body", response.text()).await.expect("a whole body");
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// `GET /api/v1/…`
    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.request(Method::GET, &format!("/api/v1{path}"))).await
    }

    /// `DELETE /api/v1/…`
    pub async fn delete(&self, path: &str) -> Answer {
        Self::send(self.request(Method::DELETE, &format!("/api/v1{path}"))).await
    }

    /// `POST /api/v1/…`
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request(Method::POST, &format!("/api/v1{path}")).json(body)).await
    }

    /// `PATCH /api/v1/…`
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request(Method::PATCH, &format!("/api/v1{path}")).json(body)).await
    }

    /// `PUT /api/v1/…`
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.request(Method::PUT, &format!("/api/v1{path}")).json(body)).await
    }

    /// Registers an account.
    pub async fn register(&self, name: &str, password: &str) -> Account {
        let session = self.post("/auth/register", &json!({"name": name, "password": password})).await.ok();
        Account::new(self, &session)
    }

    /// Logs in.
    pub async fn login(&self, name: &str, password: &str) -> Account {
        let session = self.post("/auth/login", &json!({"name": name, "password": password})).await.ok();
        Account::new(self, &session)
    }

    /// Comes in as a guest.
    pub async fn guest(&self, name: &str) -> Account {
        let session = self.post("/auth/guest", &json!({"name": name})).await.ok();
        Account::new(self, &session)
    }

    /// All messages of a room, ascending, page by page.
    pub async fn history(&self, room: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let page = self.get(&format!("/rooms/{room}/messages?after={after}&limit=200")).await.ok();
            let messages = page["messages"].as_array().expect("a page of messages").clone();
            if let Some(last) = messages.last() {
                after = last["seq"].as_u64().expect("a seq");
            }
            all.extend(messages);
            if page["has_more"] != json!(true) {
                return all;
            }
        }
    }
}

/// Somebody who has a session.
#[derive(Clone, Debug)]
pub struct Account {
    /// REST with its access token.
    pub api: Api,
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh: String,
    /// `User` as the server told it.
    pub user: Value,
}

impl Account {
    fn new(api: &Api, session: &Value) -> Self {
        let text = |field: &str| session[field].as_str().unwrap_or_else(|| panic!("no {field}: {session}")).to_owned();
        let token = text("access_token");
        Self { api: api.with_token(&token), token, refresh: text("refresh_token"), user: session["user"].clone() }
    }

    /// Its name on the wire.
    pub fn name(&self) -> &str {
        self.user["name"].as_str().expect("a user has a name")
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.user["id"].as_str().expect("a user has an id")
    }

    /// A connection on `/chat`, after `ready`.
    pub async fn socket(&self) -> Socket {
        Socket::connect(&self.api.base, &self.token).await
    }

    /// Sends a message by REST and gives its `seq`.
    pub async fn say(&self, room: &str, text: &str) -> u64 {
        let posted = self.api.post(&format!("/rooms/{room}/messages"), &json!({"text": text})).await.ok();
        posted["seq"].as_u64().expect("a seq")
    }
}
