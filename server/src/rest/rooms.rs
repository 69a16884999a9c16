//! Rooms.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::Cursor;
use chat_common::event::room::{Create, Delete, JoinReply, Leave, List, ListReply, RoomReply, Update};
use chat_common::rest::PatchRoom;
use http::StatusCode;
use serde::Deserialize;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, Json, Params, done};
use crate::service::rooms;

/// Which rooms.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Part of a name or a topic.
    query: Option<String>,
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295u64)]
    limit: Option<u32>,
}

/// Public rooms and one's own.
#[utoipa::path(get, path = "/rooms", tag = "rooms", params(ListParams), responses((status = 200, body = ListReply)))]
pub async fn list(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<ListParams>,
) -> Result<Out<ListReply>> {
    let request = List { query: p.query, after: p.after, limit: p.limit };
    Ok(Out(rooms::list(&rest.services, &caller, request).await?))
}

/// Makes a room; one becomes its owner.
#[utoipa::path(post, path = "/rooms", tag = "rooms", request_body = Create, responses((status = 201, body = RoomReply), (status = 409), (status = 429)))]
pub async fn create(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Json(body): Json<Create>,
) -> Result<(StatusCode, Out<RoomReply>)> {
    Ok((StatusCode::CREATED, Out(rooms::create(&rest.services, &caller, body).await?)))
}

/// A room as one sees it.
#[utoipa::path(get, path = "/rooms/{room}", tag = "rooms", responses((status = 200, body = RoomReply)))]
pub async fn get(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<RoomReply>> {
    let (_, room) = rooms::find(&rest.services, &caller, &at.room()?).await?;
    let entered = rooms::enter(&rest.services, &caller, &room, None, None).await?;
    Ok(Out(RoomReply { room: entered.room }))
}

/// Changes a room's topic (moderators), its kind or for how many days it keeps texts (its owner).
#[utoipa::path(patch, path = "/rooms/{room}", tag = "rooms", request_body = PatchRoom,
    responses((status = 200, body = RoomReply), (status = 429)))]
pub async fn patch(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Json(body): Json<PatchRoom>,
) -> Result<Out<RoomReply>> {
    let request = Update { room: at.room()?, topic: body.topic, kind: body.kind, retention_days: body.retention_days };
    Ok(Out(rooms::update(&rest.services, &caller, request).await?))
}

/// Deletes a room with all that was said in it; its owner or a server admin.
#[utoipa::path(delete, path = "/rooms/{room}", tag = "rooms", responses((status = 204, description = "Gone")))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    rooms::delete(&rest.services, &caller, Delete { room: at.room()? }).await?;
    Ok(done())
}

/// Becomes a member of a public room, or opens a direct conversation (`@name`).
#[utoipa::path(post, path = "/rooms/{room}/join", tag = "rooms", responses((status = 200, body = JoinReply), (status = 429)))]
pub async fn join(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<JoinReply>> {
    let (_, room) = rooms::join(&rest.services, &caller, &at.room()?).await?;
    Ok(Out(rooms::enter(&rest.services, &caller, &room, None, None).await?))
}

/// Ends one's membership.
#[utoipa::path(post, path = "/rooms/{room}/leave", tag = "rooms", responses((status = 204, description = "Left")))]
pub async fn leave(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    rooms::leave(&rest.services, &caller, Leave { room: at.room()? }).await?;
    Ok(done())
}
