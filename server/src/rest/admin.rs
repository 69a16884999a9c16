//! For admins of the server.

use axum::Json as Out;
use axum::extract::State;
use chat_common::Cursor;
use chat_common::rest::{Audit, CreateInvite, NewInvite, Users};
use http::StatusCode;
use serde::Deserialize;

use super::Rest;
use super::error::Result;
use super::extract::{Authed, MaybeJson, Params};
use crate::service::admin;

/// Which users.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserParams {
    /// Part of a name.
    query: Option<String>,
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many.
    limit: Option<u32>,
}

/// The users, by name.
#[utoipa::path(get, path = "/admin/users", tag = "admin", params(UserParams), responses((status = 200, body = Users)))]
pub async fn users(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<UserParams>,
) -> Result<Out<Users>> {
    Ok(Out(admin::users(&rest.services, &caller, p.query, p.after, p.limit).await?))
}

/// Makes an invitation to register; its code is shown once.
#[utoipa::path(post, path = "/admin/invites", tag = "admin", request_body = Option<CreateInvite>,
    responses((status = 201, body = NewInvite)))]
pub async fn invite(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    MaybeJson(body): MaybeJson<CreateInvite>,
) -> Result<(StatusCode, Out<NewInvite>)> {
    Ok((StatusCode::CREATED, Out(admin::create_invite(&rest.services, &caller, body).await?)))
}

/// Which lines.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many.
    limit: Option<u32>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(AuditParams), responses((status = 200, body = Audit)))]
pub async fn audit(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<AuditParams>,
) -> Result<Out<Audit>> {
    Ok(Out(admin::audit(&rest.services, &caller, p.after, p.limit).await?))
}
