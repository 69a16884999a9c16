//! Incoming webhooks: a room's list of them, and the address that programs post to.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::rest::{CreateHook, Hooks, NewHook};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::{At, Authed, Json, Whole, done};
use crate::service::hooks;

/// A room's webhooks.
#[utoipa::path(get, path = "/rooms/{room}/hooks", tag = "hooks", responses((status = 200, body = Hooks)))]
pub async fn list(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<Hooks>> {
    Ok(Out(hooks::list(&rest.services, &caller, &at.room()?).await?))
}

/// Makes a webhook; its address is shown once.
#[utoipa::path(post, path = "/rooms/{room}/hooks", tag = "hooks", request_body = CreateHook,
    responses((status = 201, body = NewHook), (status = 409), (status = 429)))]
pub async fn create(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    headers: HeaderMap,
    Json(body): Json<CreateHook>,
) -> Result<(StatusCode, Out<NewHook>)> {
    let (info, path) = hooks::create(&rest.services, &caller, &at.room()?, body).await?;
    let url = format!("{}{path}", base(&headers));
    Ok((StatusCode::CREATED, Out(NewHook { id: info.id, name: info.name, url })))
}

/// Deletes a webhook.
#[utoipa::path(delete, path = "/rooms/{room}/hooks/{id}", tag = "hooks", responses((status = 204)))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    hooks::delete(&rest.services, &caller, &at.room()?, at.id()).await?;
    Ok(done())
}

/// Posts to a webhook: Slack's incoming-webhook JSON, or a form with it in `payload`. Answers `ok`.
#[utoipa::path(post, path = "/hooks/{id}/{secret}", tag = "hooks", request_body = Object, security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn post(State(rest): State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    hooks::post(&rest.services, at.id(), at.text("secret"), &payload(&body)?).await?;
    Ok("ok")
}

/// What was posted, as the fuzzer (`dev/fuzz`) asks for it: `None` where it is refused.
pub fn posted(content_type: &str, body: &[u8]) -> Option<Value> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().ok()?)]);
    payload(&Whole { headers, bytes: bytes::Bytes::copy_from_slice(body) }).ok()
}

fn payload(body: &Whole) -> Result<Value> {
    let kind = body.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = match kind.as_str() {
        "application/json" => body.bytes.to_vec(),
        "application/x-www-form-urlencoded" => form_urlencoded::parse(&body.bytes)
            .find(|(key, _)| key == "payload")
            .map(|(_, value)| value.into_owned().into_bytes())
            .ok_or_else(|| Failure::invalid("payload", "the form has no field `payload` with the JSON in it"))?,
        _ => {
            let said = "send JSON as `application/json`, or a form with the field `payload`";
            return Err(Failure::invalid("content-type", said).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
    };
    serde_json::from_slice(&json).map_err(|e| Failure::invalid("payload", format!("not JSON: {e}")))
}

/// How the asker reaches this server: by the host it named, over what a proxy says it came by.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty());
    let host = text(HOST.as_str()).unwrap_or("localhost");
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}
