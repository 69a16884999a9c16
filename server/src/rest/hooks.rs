//! Incoming webhooks: a room's list of them, and the addresses that programs post to, one a format.

use std::borrow::Cow;

use axum::Json as Out;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chat_common::rest::{CreateHook, Hooks, NewHook};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};

use super::Rest;
use super::error::{Failure, Result};
use super::extract::{At, Authed, Json, Params, Whole, decode, done, whole_up_to};
use crate::domain::hook::{Draft, alertmanager, discord, github, grafana, slack};
use crate::service::hooks::{self, Made};

/// Bytes of a document of GitHub, whose pushes tell much; its sender is known before it is read.
const GITHUB_BYTES: usize = 1024 * 1024;
/// Slack's own word for a document that cannot be read.
const INVALID: &str = "invalid_payload";

/// A room's webhooks.
#[utoipa::path(get, path = "/rooms/{room}/hooks", tag = "hooks", responses((status = 200, body = Hooks)))]
pub async fn list(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<Hooks>> {
    Ok(Out(hooks::list(&rest.services, &caller, &at.room()?).await?))
}

/// Makes a webhook; its address and its signing secret are shown once.
#[utoipa::path(post, path = "/rooms/{room}/hooks", tag = "hooks", request_body = CreateHook,
    responses((status = 201, body = NewHook), (status = 409), (status = 429)))]
pub async fn create(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    headers: HeaderMap,
    Json(body): Json<CreateHook>,
) -> Result<(StatusCode, Out<NewHook>)> {
    let made = hooks::create(&rest.services, &caller, &at.room()?, body).await?;
    Ok((StatusCode::CREATED, Out(shown(made, &rest, &headers))))
}

/// Gives a webhook another address and another signing secret, shown once; the earlier ones end at once.
#[utoipa::path(post, path = "/rooms/{room}/hooks/{id}/rotate", tag = "hooks", responses((status = 200, body = NewHook)))]
pub async fn rotate(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    headers: HeaderMap,
) -> Result<Out<NewHook>> {
    let made = hooks::rotate(&rest.services, &caller, &at.room()?, at.id()).await?;
    Ok(Out(shown(made, &rest, &headers)))
}

/// Deletes a webhook.
#[utoipa::path(delete, path = "/rooms/{room}/hooks/{id}", tag = "hooks", responses((status = 204)))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    hooks::delete(&rest.services, &caller, &at.room()?, at.id()).await?;
    Ok(done())
}

fn shown(made: Made, rest: &Rest, headers: &HeaderMap) -> NewHook {
    let Made { info, path, signing } = made;
    NewHook {
        id: info.id,
        name: info.name,
        url: format!("{}{path}", base(headers, rest.policy.around.tls)),
        signing_secret: signing,
    }
}

/// Posts to a webhook: Slack's incoming-webhook JSON, or a form with it in `payload`. Answers `ok`.
#[utoipa::path(post, path = "/hooks/{id}/{secret}", tag = "hooks", request_body = Object, security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403), (status = 429)))]
pub async fn post(State(rest): State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    hooks::post(&rest.services, &hook, &read(Format::Slack, &body)?, None).await?;
    Ok("ok")
}

/// The same, as some products add it to an address.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/slack", tag = "hooks", request_body = Object, security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403), (status = 429)))]
pub async fn slack(rest: State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    post(rest, at, body).await
}

/// `?wait=true`
#[derive(Default, Deserialize)]
pub struct Wait {
    #[serde(default, deserialize_with = "yes_or_no")]
    wait: bool,
}

/// As programs write it: `true`, Python's `True`, `1`.
fn yes_or_no<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<bool, D::Error> {
    let said = String::deserialize(d)?;
    match said.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(serde::de::Error::custom("true or false")),
    }
}

/// A message as Discord's clients expect it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DiscordMessage {
    /// The message's number in its room.
    id: String,
    /// The room.
    channel_id: String,
    /// The webhook.
    webhook_id: String,
    /// The text as it was stored.
    content: String,
    /// When it was stored.
    timestamp: String,
    /// Always 0: a message.
    r#type: u8,
}

/// Posts to a webhook: Discord's JSON (`content`, `embeds`). Answers 204, or the message with `?wait=true`.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/discord", tag = "hooks", request_body = Object, security(()),
    params(("wait" = Option<bool>, Query, description = "Answer with the message")),
    responses((status = 200, body = DiscordMessage), (status = 204), (status = 403), (status = 429)))]
pub async fn discord(State(rest): State<Rest>, at: At, wait: Params<Wait>, body: Whole) -> Result<Response> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    let posted = hooks::post(&rest.services, &hook, &read(Format::Discord, &body)?, None).await?;
    if !wait.0.wait {
        return Ok(done().into_response());
    }
    let message = DiscordMessage {
        id: posted.sent.seq.0.to_string(),
        channel_id: hook.room.to_string(),
        webhook_id: hook.id,
        content: posted.text,
        timestamp: posted.sent.at.to_string(),
        r#type: 0,
    };
    Ok(Out(message).into_response())
}

/// Posts to a webhook: an event of GitHub (or Gitea, Forgejo), signed with the webhook's signing secret in
/// `X-Hub-Signature-256`. Answers 202 where nothing is posted about the event.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/github", tag = "hooks", request_body = Object, security(()),
    params(("X-GitHub-Event" = Option<String>, Header, description = "Which event"),
        ("X-Hub-Signature-256" = Option<String>, Header, description = "`sha256=` and the HMAC of the body")),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 202, body = String, content_type = "text/plain"), (status = 401), (status = 403), (status = 409),
        (status = 429)))]
pub async fn github(State(rest): State<Rest>, at: At, request: Request) -> Result<(StatusCode, &'static str)> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    let max = rest.services.limits.payload_bytes.max(GITHUB_BYTES);
    let (headers, bytes) = whole_up_to(request, max).await?;
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    hooks::signed(&hook, header("x-hub-signature-256"), &bytes)?;
    let event = header("x-github-event").unwrap_or_default().to_owned();
    if event.is_empty() {
        return Err(Failure::invalid("X-GitHub-Event", "the header X-GitHub-Event is missing; it names the event"));
    }
    let key = header("x-github-delivery").map(|id| format!("github-{id}"));
    match event_of(&event, &Whole { headers, bytes })? {
        Some(draft) => {
            hooks::post(&rest.services, &hook, &draft, key.as_deref()).await?;
            Ok((StatusCode::OK, "ok"))
        }
        None => Ok((StatusCode::ACCEPTED, "nothing is posted about this event")),
    }
}

/// Posts to a webhook: Alertmanager's webhook document, version 4.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/alertmanager", tag = "hooks", request_body = Object, security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403), (status = 429)))]
pub async fn alertmanager(State(rest): State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    hooks::post(&rest.services, &hook, &read(Format::Alertmanager, &body)?, None).await?;
    Ok("ok")
}

/// Posts to a webhook: the document of Grafana's contact point of the type webhook.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/grafana", tag = "hooks", request_body = Object, security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403), (status = 429)))]
pub async fn grafana(State(rest): State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    hooks::post(&rest.services, &hook, &read(Format::Grafana, &body)?, None).await?;
    Ok("ok")
}

/// Posts to a webhook: the body is the text, as `curl -d 'text'` or `curl --data-binary @file` sends it.
#[utoipa::path(post, path = "/hooks/{id}/{secret}/raw", tag = "hooks", security(()),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403), (status = 429)))]
pub async fn raw(State(rest): State<Rest>, at: At, body: Whole) -> Result<&'static str> {
    let hook = hooks::addressed(&rest.services, at.id(), at.text("secret")).await?;
    hooks::post(&rest.services, &hook, &read(Format::Raw, &body)?, None).await?;
    Ok("ok")
}

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Slack's incoming webhook.
    Slack,
    /// Discord's webhook.
    Discord,
    /// An event of GitHub.
    Github,
    /// Alertmanager's webhook.
    Alertmanager,
    /// Grafana's webhook.
    Grafana,
    /// Text as it is.
    Raw,
}

/// What was posted, as the fuzzer (`dev/fuzz`) asks for it: `None` where it is refused or not told. `event` is GitHub's.
pub fn posted(format: Format, event: &str, content_type: &str, body: &[u8]) -> Option<Draft> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().ok()?)]);
    let body = Whole { headers, bytes: bytes::Bytes::copy_from_slice(body) };
    match format {
        Format::Github => event_of(event, &body).ok()?,
        other => read(other, &body).ok(),
    }
}

fn event_of(event: &str, body: &Whole) -> Result<Option<Draft>> {
    Ok(github::draft(event, &decode(&document(body, Some("payload"))?)?))
}

fn read(format: Format, body: &Whole) -> Result<Draft> {
    Ok(match format {
        Format::Slack => {
            let document = document(body, Some("payload")).map_err(|e| e.with_word(INVALID))?;
            slack::draft(&decode(&document).map_err(|e| e.with_word(INVALID))?)
        }
        Format::Discord => discord::draft(&decode(&document(body, Some("payload_json"))?)?),
        Format::Github => event_of("", body)?.unwrap_or_default(),
        Format::Alertmanager => alertmanager::draft(&decode(&document(body, None)?)?),
        Format::Grafana => {
            let document = document(body, None)?;
            grafana::draft(&decode(&document)?, &decode(&document)?)
        }
        Format::Raw => Draft::plain(text(body)?),
    })
}

fn kind(body: &Whole) -> String {
    let kind = body.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unsupported(said: &str) -> Failure {
    Failure::invalid("content-type", said).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// The JSON of a body: the body itself, or the field of a form. Senders are careless with its type: scripts name none,
/// browsers and shells the one of a text or a form. An object in braces is JSON under any of these names.
fn document<'a>(body: &'a Whole, field: Option<&str>) -> Result<Cow<'a, [u8]>> {
    let bytes = body.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body.bytes);
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    match (kind(body).as_str(), field) {
        ("application/json", _) => Ok(Cow::Borrowed(bytes)),
        ("" | "text/plain" | "text/json" | "application/x-www-form-urlencoded", _) if is_object => {
            Ok(Cow::Borrowed(bytes))
        }
        ("application/x-www-form-urlencoded", Some(field)) => form_urlencoded::parse(bytes)
            .find(|(key, _)| key == field)
            .map(|(_, value)| Cow::Owned(value.into_owned().into_bytes()))
            .ok_or_else(|| Failure::invalid(field, format!("the form has no field `{field}` with the JSON in it"))),
        ("", _) if bytes.trim_ascii().is_empty() => Err(Failure::invalid("body", "the body is empty; send JSON")),
        (_, Some(field)) => {
            Err(unsupported(&format!("send JSON as `application/json`, or a form with the field `{field}`")))
        }
        (_, None) => Err(unsupported("send JSON as `application/json`")),
    }
}

/// A body that is text: of a type that says so, or that `curl -d` gives when nobody tells it.
fn text(body: &Whole) -> Result<String> {
    let kind = kind(body);
    if !(kind.is_empty() || kind.starts_with("text/") || kind == "application/x-www-form-urlencoded") {
        return Err(unsupported("send text as `text/plain`; for JSON leave `/raw` out of the address"));
    }
    match std::str::from_utf8(&body.bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Failure::invalid("body", format!("the text is not UTF-8: {error}"))),
    }
}

/// How the asker reaches this server: by the host it named, over what a proxy says it came by.
fn base(headers: &HeaderMap, tls: bool) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty());
    let host = text(HOST.as_str()).unwrap_or("localhost");
    let scheme = if tls || text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}
