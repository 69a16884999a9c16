//! For admins of the server.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::Cursor;
use chat_common::event::server::ServerRole;
use chat_common::rest::{Audit, CreateInvite, Invites, NewInvite, PutBan, Users};
use http::StatusCode;
use serde::Deserialize;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, Json, MaybeJson, PageParams, Params, done};
use crate::service::{admin, erasure};

/// Which users.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserParams {
    /// Part of a name.
    query: Option<String>,
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many.
    #[param(value_type = Option<u64>, maximum = 4_294_967_295u64)]
    limit: Option<u32>,
}

/// What a user may do on the whole server.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct PutUser {
    /// `user` or `admin`.
    role: ServerRole,
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

/// Makes an account an admin, or takes it back.
#[utoipa::path(put, path = "/admin/users/{name}", tag = "admin", request_body = PutUser,
    responses((status = 204, description = "Done")))]
pub async fn put_user(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Json(body): Json<PutUser>,
) -> Result<impl IntoResponse> {
    admin::set_role(&rest.services, &caller, &at.user()?, body.role).await?;
    Ok(done())
}

/// Whether its texts go, too.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EraseParams {
    /// True: everything the user wrote is deleted as well; otherwise it stays under the name `erased`.
    #[serde(default)]
    texts: bool,
}

/// Erases a user for good: account, sessions, tokens, names, memberships. Its name is given to nobody again.
#[utoipa::path(delete, path = "/admin/users/{name}", tag = "admin", params(EraseParams),
    responses((status = 204, description = "Gone")))]
pub async fn erase_user(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Params(p): Params<EraseParams>,
) -> Result<impl IntoResponse> {
    erasure::erase(&rest.services, &caller, &at.user()?, p.texts).await?;
    Ok(done())
}

/// Who is kept out of the whole server, by name.
#[utoipa::path(get, path = "/admin/bans", tag = "admin", params(PageParams), responses((status = 200, body = Users)))]
pub async fn bans(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<PageParams>,
) -> Result<Out<Users>> {
    Ok(Out(admin::bans(&rest.services, &caller, p.after, p.limit).await?))
}

/// Keeps a user out of the whole server; its connections end.
#[utoipa::path(put, path = "/admin/bans/{name}", tag = "admin", request_body = Option<PutBan>,
    responses((status = 204, description = "Done")))]
pub async fn ban(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    MaybeJson(body): MaybeJson<PutBan>,
) -> Result<impl IntoResponse> {
    admin::ban(&rest.services, &caller, &at.user()?, body.until, body.reason).await?;
    Ok(done())
}

/// Lets a banned user come back.
#[utoipa::path(delete, path = "/admin/bans/{name}", tag = "admin", responses((status = 204, description = "Done")))]
pub async fn unban(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    admin::unban(&rest.services, &caller, &at.user()?).await?;
    Ok(done())
}

/// The invitations that are still good, newest first; their codes are not known any more.
#[utoipa::path(get, path = "/admin/invites", tag = "admin", params(PageParams),
    responses((status = 200, body = Invites)))]
pub async fn invites(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<PageParams>,
) -> Result<Out<Invites>> {
    Ok(Out(admin::invites(&rest.services, &caller, p.after, p.limit).await?))
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

/// Takes an invitation back.
#[utoipa::path(delete, path = "/admin/invites/{id}", tag = "admin", responses((status = 204, description = "Gone")))]
pub async fn delete_invite(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    admin::delete_invite(&rest.services, &caller, at.id()).await?;
    Ok(done())
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(PageParams), responses((status = 200, body = Audit)))]
pub async fn audit(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Params(p): Params<PageParams>,
) -> Result<Out<Audit>> {
    Ok(Out(admin::audit(&rest.services, &caller, p.after, p.limit).await?))
}
