//! Oneself.

use axum::Json as Out;
use axum::extract::State;
use chat_common::rest::{Me, PatchMe};

use super::Rest;
use super::error::Result;
use super::extract::{Authed, Json};
use crate::service::accounts;

/// Who one is.
#[utoipa::path(get, path = "/me", tag = "self", responses((status = 200, body = Me)))]
pub async fn get(State(rest): State<Rest>, Authed(caller): Authed) -> Result<Out<Me>> {
    Ok(Out(accounts::me(&rest.services, &caller).await?))
}

/// Changes name, display name or password; a new password ends all other sessions.
#[utoipa::path(patch, path = "/me", tag = "self", request_body = PatchMe, responses((status = 200, body = Me), (status = 409), (status = 429)))]
pub async fn patch(State(rest): State<Rest>, Authed(caller): Authed, Json(body): Json<PatchMe>) -> Result<Out<Me>> {
    Ok(Out(accounts::patch_me(&rest.services, &caller, body).await?))
}
