//! API tokens.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::rest::{CreateToken, NewToken, Tokens};
use http::StatusCode;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, Json, done};
use crate::service::tokens;

/// One's API tokens.
#[utoipa::path(get, path = "/tokens", tag = "self", responses((status = 200, body = Tokens)))]
pub async fn list(State(rest): State<Rest>, Authed(caller): Authed) -> Result<Out<Tokens>> {
    Ok(Out(tokens::list(&rest.services, &caller).await?))
}

/// Makes an API token; its secret is shown once.
#[utoipa::path(post, path = "/tokens", tag = "self", request_body = CreateToken,
    responses((status = 201, body = NewToken), (status = 409), (status = 429)))]
pub async fn create(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    Json(body): Json<CreateToken>,
) -> Result<(StatusCode, Out<NewToken>)> {
    Ok((StatusCode::CREATED, Out(tokens::create(&rest.services, &caller, body).await?)))
}

/// Deletes an API token; its connections end.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "self", responses((status = 204, description = "Gone")))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    tokens::delete(&rest.services, &caller, at.id()).await?;
    Ok(done())
}
