//! The REST interface `/api/v1`: requests with time limits, and errors a person can act on.
//!
//! `auth` and `session` get and renew tokens; [`Client`] makes every other request with them. What a failure means for
//! the exit code is left to `cli`.

pub mod auth;
mod client;
mod plain;
mod relay;
mod session;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use chat_common::rest::ErrorReply;
use chat_common::{ErrorBody, ErrorCode};
use plain::{Failure, Parts, Plain};
use reqwest::header::HeaderValue;
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use client::Client;
pub use session::{Session, Source, guest_name};

use crate::server_url::ServerUrl;

/// The largest answer that is read, bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server said no.
    #[error("{0}", body.message)]
    Refused {
        /// What it said.
        body: ErrorBody,
    },
    /// No such host.
    #[error("the host {host} is not known; check the server's address")]
    HostUnknown {
        /// Its name.
        host: String,
    },
    /// No connection.
    #[error("cannot reach {server}: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// The cause.
        reason: String,
    },
    /// The connection broke or the time was over after the request had gone out: the outcome is unknown.
    #[error("no answer from {server}: {reason}")]
    NoAnswer {
        /// Its address.
        server: String,
        /// The cause.
        reason: String,
    },
    /// The answer is not one of this protocol.
    #[error("{server} does not answer like a chat-server: {reason}; check the address and the versions")]
    Answer {
        /// Its address.
        server: String,
        /// What is odd.
        reason: String,
    },
    /// The client itself could not be made.
    #[error("{0}")]
    Setup(String),
}

impl ApiError {
    /// As the line and the screen tell it.
    pub fn body(&self) -> ErrorBody {
        match self {
            Self::Refused { body } => body.clone(),
            Self::Answer { .. } => ErrorBody::new(ErrorCode::Unsupported, self.to_string()),
            Self::Setup(_) => ErrorBody::new(ErrorCode::Invalid, self.to_string()),
            _ => ErrorBody::new(ErrorCode::Unavailable, self.to_string()),
        }
    }

    /// What the server said, if it did.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { body } => Some(body.code),
            _ => None,
        }
    }
}

/// One server's REST interface, without a token.
#[derive(Clone, Debug)]
pub struct Api {
    http: Http,
    server: ServerUrl,
}

/// How requests travel.
#[derive(Clone, Debug)]
enum Http {
    /// To this machine, without TLS.
    Plain(Arc<Plain>),
    /// To anywhere else.
    Full(reqwest::Client),
}

/// Who says that it asks.
const AGENT: &str = concat!("chat-tui/", env!("CARGO_PKG_VERSION"));

impl Api {
    /// Makes a client; nothing is sent yet. `timeout` is for a whole request.
    pub fn new(server: ServerUrl, timeout: Duration, ca_pem: Option<&[u8]>) -> Result<Self, ApiError> {
        let http = if server.is_loopback() && !server.is_tls() {
            Http::Plain(Arc::new(Plain::new(&server.join(&[]), timeout)))
        } else {
            Http::Full(full(&server, timeout, ca_pem)?)
        };
        Ok(Self { http, server })
    }

    /// Whose interface this is.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// One request. `path` is below `/api/v1`, its parts unescaped.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        token: Option<&str>,
        content: Content<'_, impl Serialize + Sync, impl Serialize + Sync>,
    ) -> Result<T, ApiError> {
        let parts: Vec<&str> = ["api", "v1"].iter().chain(path).copied().collect();
        let setup = |e: &dyn std::error::Error| ApiError::Setup(e.to_string());
        let mut url = self.server.join(&parts);
        if let Some(query) = content.query {
            let query = serde_urlencoded::to_string(query).map_err(|e| setup(&e))?;
            url.set_query((!query.is_empty()).then_some(&query));
        }
        let mut headers = Vec::new();
        headers.extend(content.key.map(|key| ("idempotency-key", key.to_owned())));
        let body = content.body.map(serde_json::to_string).transpose().map_err(|e| setup(&e))?;
        let (status, bytes) = self.exchange(method, url, token, headers, body).await?;
        if (200..300).contains(&status) {
            // `204` for a request that gives nothing.
            let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
            return serde_json::from_slice(bytes).map_err(|e| self.odd(unreadable(&e)));
        }
        Err(self.refusal(status, &bytes))
    }

    /// One request as it stands, with JSON as its body: the status and the body of the answer.
    async fn exchange(
        &self,
        method: Method,
        url: url::Url,
        token: Option<&str>,
        mut headers: Vec<(&'static str, String)>,
        body: Option<String>,
    ) -> Result<(u16, Vec<u8>), ApiError> {
        let setup = |e: &dyn std::error::Error| ApiError::Setup(e.to_string());
        // Built the same way for both, so that they cannot differ.
        let mut request = reqwest::Request::new(method, url);
        headers.extend([("accept", "application/json".to_owned()), ("user-agent", AGENT.to_owned())]);
        headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
        headers.extend(body.is_some().then(|| ("content-type", "application/json".to_owned())));
        let body = body.unwrap_or_default();
        Ok(match &self.http {
            Http::Plain(plain) => {
                let parts = Parts { method: request.method().as_str(), url: request.url(), headers, body };
                plain.send(parts).await.map_err(|e| self.plain_failure(e))?
            }
            Http::Full(client) => {
                for (name, value) in headers {
                    let value = HeaderValue::from_str(&value).map_err(|e| setup(&e))?;
                    request.headers_mut().insert(name, value);
                }
                if !body.is_empty() {
                    *request.body_mut() = Some(body.into());
                }
                let response = client.execute(request).await.map_err(|e| self.failure(&e))?;
                (response.status().as_u16(), self.body(response).await?)
            }
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(&e))? {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(self.too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn too_large(&self) -> ApiError {
        self.odd("more than 8 MiB in one answer".to_owned())
    }

    fn plain_failure(&self, failure: Failure) -> ApiError {
        let server = self.server.to_string();
        match failure {
            Failure::Connect(reason) => ApiError::Unreachable { server, reason },
            Failure::Broken(reason) => ApiError::NoAnswer { server, reason },
            Failure::Odd(reason) => self.odd(format!("it does not speak HTTP ({reason})")),
            Failure::TooLarge => self.too_large(),
        }
    }

    fn refusal(&self, status: u16, bytes: &[u8]) -> ApiError {
        if let Ok(ErrorReply { error, .. }) = serde_json::from_slice(bytes) {
            return ApiError::Refused { body: error };
        }
        let code = match status {
            401 => ErrorCode::Unauthorized,
            429 => ErrorCode::RateLimited,
            408 | 500 | 502..=504 => ErrorCode::Unavailable,
            413 => ErrorCode::TooLarge,
            _ => return self.odd(format!("HTTP status {status}")),
        };
        ApiError::Refused { body: ErrorBody::new(code, format!("{} answers with HTTP status {status}", self.server)) }
    }

    fn odd(&self, reason: String) -> ApiError {
        ApiError::Answer { server: self.server.to_string(), reason }
    }

    fn failure(&self, error: &reqwest::Error) -> ApiError {
        let mut reason = String::new();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = cause.to_string();
            if reason.contains("dns error") || reason.contains("failed to lookup address") {
                return ApiError::HostUnknown { host: self.server.host().to_owned() };
            }
            source = cause.source();
        }
        if error.is_timeout() && reason.is_empty() || reason == "operation timed out" {
            "it took too long".clone_into(&mut reason);
        }
        if reason.is_empty() {
            reason = error.to_string();
        }
        if let Some(plain) = untrusted(&reason) {
            reason = plain;
        }
        let server = self.server.to_string();
        if error.is_connect() {
            ApiError::Unreachable { server, reason }
        } else if error.is_decode() || error.is_redirect() {
            ApiError::Answer { server, reason }
        } else {
            ApiError::NoAnswer { server, reason }
        }
    }
}

/// What the TLS library says, in words that lead on; `None`: it is about something else.
fn untrusted(reason: &str) -> Option<String> {
    if reason.contains("wrong version number") || reason.contains("packet length too long") {
        return Some("it does not speak TLS there; write http:// in place of https://".to_owned());
    }
    if !reason.contains("certificate verify failed") {
        return None;
    }
    let why = reason.rsplit_once('(').map_or("it is not trusted", |(_, why)| why.trim_end_matches(')'));
    Some(match why {
        "certificate has expired" => "its certificate has expired; its administrator must renew it".to_owned(),
        _ if why.contains("mismatch") => {
            format!("its certificate is for another name ({why}); take the address that it is made for")
        }
        _ => format!(
            "its certificate is not trusted on this machine ({why}); if you know who made it, name the file of that authority: \
             --ca-file FILE, or ca_file in the configuration"
        ),
    })
}

/// Why an answer cannot be used.
fn unreadable(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => format!("its answer is not as agreed ({error})"),
        _ => "its answer is not JSON".to_owned(),
    }
}

fn full(server: &ServerUrl, timeout: Duration, ca_pem: Option<&[u8]>) -> Result<reqwest::Client, ApiError> {
    let mut builder = reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true);
    if server.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(pem) = ca_pem {
        let certificate = reqwest::Certificate::from_pem(pem)
            .map_err(|e| ApiError::Setup(format!("the CA file cannot be used: {e}")))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|e| ApiError::Setup(format!("no HTTP client: {e}")))
}

/// What a request carries beside path and token.
#[derive(Debug)]
pub(crate) struct Content<'a, Q, B> {
    pub(crate) query: Option<&'a Q>,
    pub(crate) body: Option<&'a B>,
    pub(crate) key: Option<&'a str>,
}

/// Nothing.
pub(crate) const NOTHING: Content<'static, (), ()> = Content { query: None, body: None, key: None };

/// A body.
pub(crate) fn body<B>(body: &B) -> Content<'_, (), B> {
    Content { query: None, body: Some(body), key: None }
}

/// A query.
pub(crate) fn query<Q>(query: &Q) -> Content<'_, Q, ()> {
    Content { query: Some(query), body: None, key: None }
}

#[cfg(test)]
pub(crate) mod tests;
