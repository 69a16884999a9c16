//! What a handler is given: who asks, where from, the path's names, the query, the body. Each names the field that is
//! wrong.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, RawPathParams, Request};
use axum::response::IntoResponse;
use chat_common::{Cursor, Emoji, ErrorCode, RoomRef, Seq, UserName};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Rest;
use super::error::{Failure, Result};
use crate::domain::policy;
use crate::listen::ConnHandle;
use crate::service::accounts::{self, Origin};
use crate::service::{Caller, Error};

/// Who asks, proved by `Authorization: Bearer`.
pub struct Authed(pub Caller);

/// The bearer token as it came, for those who must look at it again later.
pub struct Bearer(pub String);

/// Where a request comes from.
pub struct From(pub Origin);

/// Whether the asker sits on this machine: a loopback address, and nothing says that a proxy stands between.
pub struct Nearby(pub bool);

/// The path's parameters.
pub struct At(Vec<(String, String)>);

/// The query.
pub struct Params<T>(pub T);

/// Which page of a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// `next` of the page before.
    pub after: Option<Cursor>,
    /// At most so many.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295u64)]
    pub limit: Option<u32>,
}

/// A JSON body.
pub struct Json<T>(pub T);

/// A body of any kind, within the limit.
pub struct Whole {
    /// The request's.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: bytes::Bytes,
}

/// A JSON body that may be left out.
pub struct MaybeJson<T>(pub T);

fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|v| v.split_once(' ')).and_then(|(scheme, token)| {
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    match token {
        Some(token) => Ok(Some(token)),
        None => Err(Error::Unauthorized("the header Authorization is not `Bearer TOKEN`").into()),
    }
}

/// The largest position that is taken: larger ones not every client can write down exactly. No log comes near.
pub const LAST: u64 = (1 << 53) - 1;

/// A position in a query, up to [`LAST`].
pub fn up_to_last<'de, D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Option<Seq>, D::Error> {
    let seq = <u64 as serde::Deserialize>::deserialize(d)?;
    if seq <= LAST { Ok(Some(Seq(seq))) } else { Err(serde::de::Error::custom("at most 2^53 - 1")) }
}

const NO_TOKEN: Error = Error::Unauthorized("no token; log in and send `Authorization: Bearer TOKEN`");

impl FromRequestParts<Rest> for Authed {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self> {
        let token = bearer(&parts.headers)?.ok_or(NO_TOKEN)?;
        Ok(Self(accounts::authenticate(&rest.services, token).await?))
    }
}

impl OptionalFromRequestParts<Rest> for Authed {
    type Rejection = Failure;
    /// No token, or one that is no longer good: nobody.
    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Option<Self>> {
        let Some(token) = bearer(&parts.headers)? else { return Ok(None) };
        match accounts::authenticate(&rest.services, token).await {
            Ok(caller) => Ok(Some(Self(caller))),
            Err(error) if error.body().code == ErrorCode::Unauthorized => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl FromRequestParts<Rest> for Bearer {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self> {
        Ok(Self(bearer(&parts.headers)?.ok_or(NO_TOKEN)?.to_owned()))
    }
}

impl FromRequestParts<Rest> for From {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self> {
        let conn = parts.extensions.get::<ConnHandle>();
        let address = conn.map(|c| c.client).ok_or_else(|| {
            tracing::error!("a request came without its connection");
            Failure::new(ErrorCode::Internal, "the server failed; its log says why")
        })?;
        let host = parts.headers.get(HOST).and_then(|h| h.to_str().ok()).or_else(|| parts.uri.host());
        let request = policy::Request { host, forwarded: is_forwarded(&parts.headers) };
        let registration = match rest.policy.registration(&request) {
            policy::Registration::Open => accounts::Registration::Open,
            policy::Registration::Closed => accounts::Registration::Closed,
            policy::Registration::Invite | policy::Registration::Auto => accounts::Registration::Invite,
        };
        let agent = parts.headers.get(USER_AGENT).and_then(|a| a.to_str().ok()).map(str::to_owned);
        Ok(Self(Origin { address, agent, registration, guests: rest.policy.guests(&request) }))
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|k| k == "forwarded" || k.as_str().starts_with("x-forwarded-"))
}

impl FromRequestParts<Rest> for Nearby {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self> {
        let conn = parts.extensions.get::<ConnHandle>();
        Ok(Self(conn.is_some_and(|c| c.peer.ip().is_loopback()) && !is_forwarded(&parts.headers)))
    }
}

impl FromRequestParts<Rest> for At {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self> {
        match RawPathParams::from_request_parts(parts, rest).await {
            Ok(params) => Ok(Self(params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())),
            Err(_) => Err(Failure::invalid("path", "the path is not UTF-8")),
        }
    }
}

impl At {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T> {
        self.get(name).parse().map_err(|e: T::Err| Failure::invalid(name, e.to_string()))
    }

    /// `{room}`: a name, or `@user`.
    pub fn room(&self) -> Result<RoomRef> {
        self.parse("room")
    }

    /// `{name}` of a user.
    pub fn user(&self) -> Result<UserName> {
        self.parse("name")
    }

    /// `{seq}`
    pub fn seq(&self) -> Result<Seq> {
        let seq = self.get("seq").parse::<u64>().ok().filter(|seq| *seq <= LAST);
        seq.map(Seq).ok_or_else(|| Failure::invalid("seq", "a message's number is a whole number, at most 2^53 - 1"))
    }

    /// `{emoji}`
    pub fn emoji(&self) -> Result<Emoji> {
        self.parse("emoji")
    }

    /// A parameter as it came.
    pub fn text(&self, name: &str) -> &str {
        self.get(name)
    }

    /// `{id}`, opaque.
    pub fn id(&self) -> &str {
        self.get("id")
    }
}

impl<T: DeserializeOwned> FromRequestParts<Rest> for Params<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_pairs(query));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|e| {
            let field = e.path().to_string();
            Failure::invalid(field.clone(), format!("the query's `{field}`: {}", e.inner()))
        })
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

impl<T: DeserializeOwned> FromRequest<Rest> for Json<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, rest: &Rest) -> Result<Self> {
        let (headers, body) = whole(request, rest).await?;
        need_json(&headers)?;
        decode(&body).map(Self)
    }
}

impl FromRequest<Rest> for Whole {
    type Rejection = Failure;
    async fn from_request(request: Request, rest: &Rest) -> Result<Self> {
        let (headers, bytes) = whole(request, rest).await?;
        Ok(Self { headers, bytes })
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Rest> for MaybeJson<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, rest: &Rest) -> Result<Self> {
        let (headers, body) = whole(request, rest).await?;
        if body.trim_ascii().is_empty() || (body.trim_ascii() == b"null" && need_json(&headers).is_ok()) {
            return Ok(Self(T::default()));
        }
        need_json(&headers)?;
        decode(&body).map(Self)
    }
}

/// Reads a body up to the limit; one that says beforehand that it is longer is not read at all.
async fn whole(request: Request, rest: &Rest) -> Result<(HeaderMap, bytes::Bytes)> {
    whole_up_to(request, rest.services.limits.payload_bytes).await
}

/// The same with another limit.
pub(super) async fn whole_up_to(request: Request, max: usize) -> Result<(HeaderMap, bytes::Bytes)> {
    let too_large =
        || Failure::new(ErrorCode::TooLarge, format!("the body is larger than {max} bytes; send less at once"));
    let (parts, body): (Parts, Body) = request.into_parts();
    let said = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if said.is_some_and(|n| n > max) {
        return Err(too_large());
    }
    match to_bytes(body, max).await {
        Ok(bytes) => Ok((parts.headers, bytes)),
        Err(error) if is_length_limit(&error) => Err(too_large()),
        Err(_) => Err(Failure::new(ErrorCode::Invalid, "the body ended early")),
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

fn need_json(headers: &HeaderMap) -> Result<()> {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::invalid("content-type", "the body must be JSON with `Content-Type: application/json`")
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Reads a JSON object; what is wrong names its field.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // A list would be read as an object's fields in order.
    if body.trim_ascii_start().first().is_some_and(|b| *b != b'{') {
        return Err(Failure::invalid("body", "the body is not a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let error = e.into_inner();
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(s, _)| s);
        match (path.as_str(), missing_field(said)) {
            ("." | "", Some(field)) => Failure::invalid(field, said),
            ("." | "", None) if error.is_data() => Failure::invalid("body", format!("the body: {said}")),
            (_, Some(field)) => Failure::invalid(format!("{path}.{field}"), said),
            _ if error.is_data() => Failure::invalid(path.clone(), format!("`{path}`: {said}")),
            _ => Failure::invalid("body", format!("the body is not JSON: {error}")),
        }
    })?;
    json.end().map_err(|e| Failure::invalid("body", format!("the body is not JSON: {e}")))?;
    Ok(value)
}

fn missing_field(said: &str) -> Option<&str> {
    said.strip_prefix("missing field `").and_then(|s| s.strip_suffix('`'))
}

/// An answer without a body.
pub fn done() -> impl IntoResponse {
    StatusCode::NO_CONTENT
}
