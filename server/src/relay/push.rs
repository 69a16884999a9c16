//! `POST /app/push-data`, as the earlier relay answered it: everybody on `/` gets `EmitData` with the message as it came.
//! What it answered wrongly (500 for no body) is answered rightly here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_LENGTH, CONTENT_TYPE, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Core;
use super::access::Access;
use super::value::Args;
use super::wire::{Broadcast, Nsp, To};

/// Where.
const PATH: &str = "/app/push-data";
/// What the clients of `/` are told.
const EVENT: &str = "EmitData";
/// A body, bytes.
const BODY: usize = 100 * 1024;
/// A body is there within this.
const PATIENCE: Duration = Duration::from_secs(10);
const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, POST, DELETE, HEAD, OPTIONS");

#[derive(Clone)]
struct Push {
    core: Arc<Core>,
    access: Arc<Access>,
}

/// The route.
pub(super) fn router(core: Arc<Core>, access: Access) -> Router {
    let push = Push { core, access: Arc::new(access) };
    Router::new().route(PATH, any(answer)).route(&format!("{PATH}/"), any(answer)).with_state(push)
}

async fn answer(State(push): State<Push>, request: Request) -> Response {
    let preflight =
        (request.method() == Method::OPTIONS).then(|| request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned());
    let mut response = match preflight.clone() {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => handle(&push, request).await.map_or_else(|failure| *failure, IntoResponse::into_response),
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(asked) = preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
    response
}

type Answer<T> = Result<T, Box<Response>>;

async fn handle(push: &Push, request: Request) -> Answer<StatusCode> {
    if request.method() != Method::POST {
        return Err(failure(StatusCode::NOT_FOUND, &format!("Cannot {} {PATH}", request.method())));
    }
    if !push.access.allows(request.headers()) {
        let mut refused =
            failure(StatusCode::UNAUTHORIZED, "a push to this relay carries `Authorization: Bearer TOKEN`");
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Err(refused);
    }
    let (parts, body) = request.into_parts();
    let bytes = whole(&parts.headers, body).await?;
    let args = Arc::new(Args::Text(vec![message(&parts.headers, &bytes)?]));
    push.core.tell(&Broadcast { nsp: Nsp::Root, to: To::default(), volatile: false, event: EVENT.into(), args });
    Ok(StatusCode::CREATED)
}

async fn whole(headers: &HeaderMap, body: Body) -> Answer<Bytes> {
    let too_large = || failure(StatusCode::PAYLOAD_TOO_LARGE, "request entity too large; a push has at most 100 kB");
    let said = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if said.is_some_and(|n| n > BODY) {
        return Err(too_large());
    }
    match tokio::time::timeout(PATIENCE, to_bytes(body, BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(bad("the body ended early")),
        Err(_) => Err(failure(StatusCode::REQUEST_TIMEOUT, "the body did not come within 10 s")),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if e.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = e.source();
    }
    false
}

#[derive(Deserialize)]
struct Pushed {
    #[serde(default)]
    message: Option<Box<RawValue>>,
}

/// The field `message`, as it came; null where there is none.
fn message(headers: &HeaderMap, body: &Bytes) -> Answer<Box<RawValue>> {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let found = match kind.as_str() {
        _ if body.is_empty() => return Err(bad("there is no body; send JSON as {\"message\": …}")),
        "application/json" => json_message(body)?,
        "application/x-www-form-urlencoded" => form_message(body),
        _ => {
            let said = "send JSON as `application/json`, or a form as `application/x-www-form-urlencoded`";
            return Err(bad(said));
        }
    };
    Ok(found.unwrap_or_else(|| RawValue::NULL.to_owned()))
}

fn json_message(body: &[u8]) -> Answer<Option<Box<RawValue>>> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad("the body is not a JSON object; send {\"message\": …}"));
    }
    let pushed: Pushed = serde_json::from_slice(body).map_err(|e| bad(&format!("the body is not JSON: {e}")))?;
    // It is told as it came, so it must be what every reader can read: not deeper than this one reads, too.
    if let Some(message) = &pushed.message {
        super::value::tree(message.get()).map_err(|e| bad(&format!("the message is not JSON: {e}")))?;
    }
    Ok(pushed.message)
}

/// One value is a text, several are a list.
fn form_message(body: &[u8]) -> Option<Box<RawValue>> {
    let values: Vec<_> =
        form_urlencoded::parse(body).filter(|(k, _)| k == "message").map(|(_, v)| v.into_owned()).collect();
    let value = match values.as_slice() {
        [] => return None,
        [one] => json!(one),
        many => json!(many),
    };
    serde_json::value::to_raw_value(&value).ok()
}

fn bad(message: &str) -> Box<Response> {
    failure(StatusCode::BAD_REQUEST, message)
}

/// In the earlier relay's shape.
fn failure(status: StatusCode, message: &str) -> Box<Response> {
    let reason = status.canonical_reason().unwrap_or_default();
    let body = json!({"message": message, "error": reason, "statusCode": status.as_u16()});
    Box::new((status, axum::Json(body)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: &str, body: &str) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        message(&headers, &Bytes::from(body.to_owned())).map(|m| m.get().to_owned()).map_err(|r| r.status().as_u16())
    }

    #[test]
    fn the_message_stays_as_it_came() {
        for (body, message) in [
            (r#"{"message":"xin chào"}"#, "\"xin chào\""),
            ("{}", "null"),
            (r#"{"message":null,"other":1}"#, "null"),
            (r#"{"message": {"z": 1.0, "a": [1]}}"#, r#"{"z": 1.0, "a": [1]}"#),
        ] {
            assert_eq!(said("application/json; charset=utf-8", body).as_deref(), Ok(message));
        }
        let form = "application/x-www-form-urlencoded";
        assert_eq!(said(form, "a=b&message=xin+ch%C3%A0o").as_deref(), Ok("\"xin chào\""));
        assert_eq!(said(form, "a=b").as_deref(), Ok("null"));
        assert_eq!(said(form, "message=1&message=2").as_deref(), Ok(r#"["1","2"]"#));
    }

    #[test]
    fn what_is_no_push_is_400() {
        let deep = format!("{{\"message\":{}}}", "[".repeat(30_000));
        for body in ["", "{bad", "[]", "\"x\"", "{\"message\":}", &deep] {
            assert_eq!(said("application/json", body), Err(400), "{body:.20}");
        }
        assert_eq!(said("text/plain", "x"), Err(400));
    }
}
