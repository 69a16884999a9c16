//! Messages: reading, sending, and what happens to them afterwards.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::event::history::{Get, GetReply};
use chat_common::event::message::{Delete, Edit, React, Send};
use chat_common::rest::{PatchMessage, PostMessage, Posted};
use chat_common::{ClientId, ErrorCode, RoomRef, Seq};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::{At, Authed, Json, Params, done, up_to_last};
use crate::service::{history, messages, rooms};

/// Which page; at most one of `before`, `after`, `around`, none: the latest.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Older than this.
    #[serde(default, deserialize_with = "up_to_last")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991u64)]
    before: Option<Seq>,
    /// Newer than this.
    #[serde(default, deserialize_with = "up_to_last")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991u64)]
    after: Option<Seq>,
    /// This one in the middle.
    #[serde(default, deserialize_with = "up_to_last")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991u64)]
    around: Option<Seq>,
    /// At most so many; 200 at most.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295u64)]
    limit: Option<u32>,
}

/// A page of messages, ascending.
#[utoipa::path(get, path = "/rooms/{room}/messages", tag = "messages", params(PageParams),
    responses((status = 200, body = GetReply)))]
pub async fn list(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Params(p): Params<PageParams>,
) -> Result<Out<GetReply>> {
    let request = Get { room: at.room()?, before: p.before, after: p.after, around: p.around, limit: p.limit };
    Ok(Out(history::get(&rest.services, &caller, request).await?))
}

/// Sends a message. 201: it is on stable storage; 200: it was already, by the same key.
#[utoipa::path(post, path = "/rooms/{room}/messages", tag = "messages", request_body = PostMessage,
    params(("Idempotency-Key" = Option<ClientId>, Header, description = "The same as `client_id`.")),
    responses((status = 201, body = Posted), (status = 200, description = "A duplicate", body = Posted), (status = 409), (status = 429)))]
pub async fn post(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    headers: HeaderMap,
    Json(body): Json<PostMessage>,
) -> Result<(StatusCode, Out<Posted>)> {
    let target = at.room()?;
    let client_id = client_id(&headers, body.client_id)?;
    let request = Send { room: target.clone(), text: body.text, client_id, reply_to: body.reply_to };
    let sent = messages::send(&rest.services, &caller, request).await?;
    let room = match target {
        RoomRef::Room(room) => room,
        direct @ RoomRef::Direct(_) => rooms::find(&rest.services, &caller, &direct).await?.1,
    };
    let status = if sent.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Out(Posted { room, seq: sent.seq, at: sent.at, duplicate: sent.duplicate })))
}

/// The sender's key: the header's, the body's, or a new one.
fn client_id(headers: &HeaderMap, body: Option<ClientId>) -> Result<ClientId> {
    const HEADER: &str = "idempotency-key";
    let header = match headers.get(HEADER) {
        None => None,
        Some(value) => {
            let text = value.to_str().unwrap_or_default();
            // The header's draft standard writes the key as a quoted string.
            let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
            Some(ClientId::parse(bare).map_err(|e| Failure::invalid("Idempotency-Key", e.to_string()))?)
        }
    };
    match (header, body) {
        (Some(h), Some(b)) if h != b => {
            Err(Failure::invalid("client_id", "the header Idempotency-Key says another key; send one of them"))
        }
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => {
            let mut random = [0u8; 16];
            getrandom::fill(&mut random).map_err(|error| {
                tracing::error!(%error, "the system gives no randomness");
                Failure::new(ErrorCode::Internal, "the server failed; its log says why")
            })?;
            let key: String = random.iter().map(|b| format!("{b:02x}")).collect();
            ClientId::parse(&key).map_err(|e| Failure::invalid("client_id", e.to_string()))
        }
    }
}

/// Replaces a message's text; its author alone.
#[utoipa::path(patch, path = "/rooms/{room}/messages/{seq}", tag = "messages", request_body = PatchMessage,
    responses((status = 204, description = "Done"), (status = 429)))]
pub async fn patch(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Json(body): Json<PatchMessage>,
) -> Result<impl IntoResponse> {
    messages::edit(&rest.services, &caller, Edit { room: at.room()?, seq: at.seq()?, text: body.text }).await?;
    Ok(done())
}

/// Blanks a message for ever; its author or a moderator.
#[utoipa::path(delete, path = "/rooms/{room}/messages/{seq}", tag = "messages",
    responses((status = 204, description = "Gone")))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    messages::delete(&rest.services, &caller, Delete { room: at.room()?, seq: at.seq()? }).await?;
    Ok(done())
}

/// Sets one's reaction.
#[utoipa::path(put, path = "/rooms/{room}/messages/{seq}/reactions/{emoji}", tag = "messages",
    responses((status = 204, description = "Set"), (status = 429)))]
pub async fn react(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    set_reaction(&rest, &caller, &at, true).await?;
    Ok(done())
}

/// Takes one's reaction back.
#[utoipa::path(delete, path = "/rooms/{room}/messages/{seq}/reactions/{emoji}", tag = "messages",
    responses((status = 204, description = "Taken back"), (status = 429)))]
pub async fn unreact(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    set_reaction(&rest, &caller, &at, false).await?;
    Ok(done())
}

async fn set_reaction(rest: &Rest, caller: &crate::service::Caller, at: &At, on: bool) -> Result<()> {
    let request = React { room: at.room()?, seq: at.seq()?, emoji: at.emoji()?, on };
    messages::react(&rest.services, caller, request).await?;
    Ok(())
}
