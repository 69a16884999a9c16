//! Members and moderation.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::event::member::{Ban, Kick, List, ListReply, Mute, SetRole, Unban};
use chat_common::event::room::{Invite, Leave};
use chat_common::rest::{PutBan, PutMember};
use serde::Deserialize;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, MaybeJson, PageParams, Params, done};
use crate::service::{members, rooms};

/// The members, by name.
#[utoipa::path(get, path = "/rooms/{room}/members", tag = "members", params(PageParams),
    responses((status = 200, body = ListReply)))]
pub async fn list(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Params(p): Params<PageParams>,
) -> Result<Out<ListReply>> {
    let request = List { room: at.room()?, after: p.after, limit: p.limit };
    Ok(Out(members::list(&rest.services, &caller, request).await?))
}

/// With `role`: sets it. With `muted_until`: silences until then. With neither: makes the user a member.
#[utoipa::path(put, path = "/rooms/{room}/members/{name}", tag = "members", request_body = Option<PutMember>,
    responses((status = 204, description = "Done")))]
pub async fn put(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    MaybeJson(body): MaybeJson<PutMember>,
) -> Result<impl IntoResponse> {
    let (room, user, s) = (at.room()?, at.user()?, &rest.services);
    if body.role.is_none() && body.muted_until.is_none() {
        rooms::invite(s, &caller, Invite { room, user }).await?;
        return Ok(done());
    }
    if let Some(role) = body.role {
        members::role(s, &caller, SetRole { room: room.clone(), user: user.clone(), role }).await?;
    }
    if let Some(until) = body.muted_until {
        members::mute(s, &caller, Mute { room, user, until: Some(until), reason: body.reason }).await?;
    }
    Ok(done())
}

/// Why.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Reason {
    /// One line for everyone.
    #[param(value_type = Option<chat_common::written::Reason>)]
    reason: Option<String>,
}

/// Removes a member, who may come back; oneself: leaves.
#[utoipa::path(delete, path = "/rooms/{room}/members/{name}", tag = "members", params(Reason),
    responses((status = 204, description = "Done"), (status = 413)))]
pub async fn delete(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Params(p): Params<Reason>,
) -> Result<impl IntoResponse> {
    let (room, user) = (at.room()?, at.user()?);
    if user == caller.user.name {
        rooms::leave(&rest.services, &caller, Leave { room }).await?;
    } else {
        members::kick(&rest.services, &caller, Kick { room, user, reason: p.reason }).await?;
    }
    Ok(done())
}

/// Removes a user and keeps it out, member or not.
#[utoipa::path(put, path = "/rooms/{room}/bans/{name}", tag = "members", request_body = Option<PutBan>,
    responses((status = 204, description = "Done")))]
pub async fn ban(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    MaybeJson(body): MaybeJson<PutBan>,
) -> Result<impl IntoResponse> {
    let request = Ban { room: at.room()?, user: at.user()?, reason: body.reason, until: body.until };
    members::ban(&rest.services, &caller, request).await?;
    Ok(done())
}

/// Lets a banned user come back.
#[utoipa::path(delete, path = "/rooms/{room}/bans/{name}", tag = "members",
    responses((status = 204, description = "Done")))]
pub async fn unban(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    members::unban(&rest.services, &caller, Unban { room: at.room()?, user: at.user()? }).await?;
    Ok(done())
}
