//! Who is there.

use axum::Json as Out;
use axum::extract::State;
use chat_common::event::presence::{Get, GetReply};
use chat_common::{RoomRef, UserName};
use serde::Deserialize;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::{Authed, Params};
use crate::service::presence;

/// Whose.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PresenceParams {
    /// The members of this room that are not offline.
    room: Option<RoomRef>,
    /// These users, separated by commas, as far as one shares a room with them.
    #[param(
        pattern = "^~?[A-Za-z0-9_][A-Za-z0-9_.-]{1,31}(,~?[A-Za-z0-9_][A-Za-z0-9_.-]{1,31}){0,199}$",
        example = "ana,bob"
    )]
    users: Option<String>,
}

/// Who is present in a room, or how the named users are.
#[utoipa::path(get, path = "/presence", tag = "members", params(PresenceParams),
    responses((status = 200, body = GetReply), (status = 404)))]
pub async fn get(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<PresenceParams>,
) -> Result<Out<GetReply>> {
    let parse = |list: &str| list.split(',').map(UserName::parse).collect::<std::result::Result<Vec<_>, _>>();
    let users = p.users.as_deref().map(parse).transpose().map_err(|e| Failure::invalid("users", e.to_string()))?;
    Ok(Out(presence::get(&rest.services, &caller, Get { room: p.room, users }).await?))
}
