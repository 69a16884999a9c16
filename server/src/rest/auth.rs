//! Coming in and going out.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::rest::{Guest, Login, Logout, Refresh, Register, Session};
use http::StatusCode;

use super::Rest;
use super::error::Result;
use super::extract::{Authed, From, Json, MaybeJson, done};
use crate::service::accounts;

/// Makes an account and opens its first session.
#[utoipa::path(post, path = "/auth/register", tag = "sessions", request_body = Register, security(()),
    responses((status = 201, body = Session), (status = 403), (status = 409), (status = 429)))]
pub async fn register(
    State(rest): State<Rest>,
    From(origin): From,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Out<Session>)> {
    Ok((StatusCode::CREATED, Out(accounts::register(&rest.services, &origin, body).await?)))
}

/// Opens a session by name and password.
#[utoipa::path(post, path = "/auth/login", tag = "sessions", request_body = Login, security(()),
    responses((status = 200, body = Session), (status = 401), (status = 403), (status = 429)))]
pub async fn login(State(rest): State<Rest>, From(origin): From, Json(body): Json<Login>) -> Result<Out<Session>> {
    Ok(Out(accounts::login(&rest.services, &origin, body).await?))
}

/// Comes in as a guest, where guests may.
#[utoipa::path(post, path = "/auth/guest", tag = "sessions", request_body = Guest, security(()),
    responses((status = 201, body = Session), (status = 403), (status = 409), (status = 429)))]
pub async fn guest(
    State(rest): State<Rest>,
    From(origin): From,
    Json(body): Json<Guest>,
) -> Result<(StatusCode, Out<Session>)> {
    Ok((StatusCode::CREATED, Out(accounts::guest(&rest.services, &origin, body).await?)))
}

/// Replaces a refresh token and gives a fresh access token.
#[utoipa::path(post, path = "/auth/refresh", tag = "sessions", request_body = Refresh, security(()),
    responses((status = 200, body = Session), (status = 401), (status = 403)))]
pub async fn refresh(State(rest): State<Rest>, From(origin): From, Json(body): Json<Refresh>) -> Result<Out<Session>> {
    Ok(Out(accounts::refresh(&rest.services, &origin, body).await?))
}

/// Ends the session of the bearer token, or of the refresh token in the body.
#[utoipa::path(post, path = "/auth/logout", tag = "sessions", request_body = Option<Logout>, security((), ("bearer" = [])),
    responses((status = 204, description = "Ended"), (status = 401), (status = 403)))]
pub async fn logout(
    State(rest): State<Rest>,
    caller: Option<Authed>,
    MaybeJson(body): MaybeJson<Logout>,
) -> Result<impl IntoResponse> {
    accounts::logout(&rest.services, caller.as_ref().map(|a| &a.0), body).await?;
    Ok(done())
}
