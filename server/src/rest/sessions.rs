//! One's sessions.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::rest::Sessions;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, done};
use crate::service::tokens;

/// One's sessions.
#[utoipa::path(get, path = "/sessions", tag = "self", responses((status = 200, body = Sessions)))]
pub async fn list(State(rest): State<Rest>, Authed(caller): Authed) -> Result<Out<Sessions>> {
    Ok(Out(tokens::sessions(&rest.services, &caller).await?))
}

/// Ends one session.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "self", responses((status = 204, description = "Ended")))]
pub async fn revoke(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    tokens::revoke_session(&rest.services, &caller, at.id()).await?;
    Ok(done())
}

/// Ends all sessions but the asker's own.
#[utoipa::path(delete, path = "/sessions", tag = "self", responses((status = 204, description = "Ended")))]
pub async fn revoke_others(State(rest): State<Rest>, Authed(caller): Authed) -> Result<impl IntoResponse> {
    tokens::revoke_others(&rest.services, &caller).await?;
    Ok(done())
}
