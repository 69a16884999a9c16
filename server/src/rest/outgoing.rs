//! Outgoing webhooks of a room.

use axum::Json as Out;
use axum::extract::State;
use axum::response::IntoResponse;
use chat_common::rest::{CreateOutgoing, DeadLetters, NewOutgoing, NewSigning, Outgoings, Resend, Resent};
use http::StatusCode;

use super::Rest;
use super::error::Result;
use super::extract::{At, Authed, Json, MaybeJson, done};
use crate::service::outgoing;

/// A room's outgoing webhooks, and how they do.
#[utoipa::path(get, path = "/rooms/{room}/outgoing", tag = "hooks", responses((status = 200, body = Outgoings)))]
pub async fn list(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<Outgoings>> {
    Ok(Out(outgoing::list(&rest.services, &caller, &at.room()?).await?))
}

/// Makes an outgoing webhook; its signing secret is shown once.
#[utoipa::path(post, path = "/rooms/{room}/outgoing", tag = "hooks", request_body = CreateOutgoing,
    responses((status = 201, body = NewOutgoing), (status = 429)))]
pub async fn create(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    Json(body): Json<CreateOutgoing>,
) -> Result<(StatusCode, Out<NewOutgoing>)> {
    let made = outgoing::create(&rest.services, &caller, &at.room()?, body).await?;
    Ok((StatusCode::CREATED, Out(made)))
}

/// Deletes an outgoing webhook with all that waits for it.
#[utoipa::path(delete, path = "/rooms/{room}/outgoing/{id}", tag = "hooks", responses((status = 204)))]
pub async fn delete(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    outgoing::delete(&rest.services, &caller, &at.room()?, at.id()).await?;
    Ok(done())
}

/// Gives an outgoing webhook another signing secret, shown once; what is sent from now on is signed with it.
#[utoipa::path(post, path = "/rooms/{room}/outgoing/{id}/rotate", tag = "hooks",
    responses((status = 200, body = NewSigning)))]
pub async fn rotate(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<NewSigning>> {
    Ok(Out(outgoing::rotate(&rest.services, &caller, &at.room()?, at.id()).await?))
}

/// Lets an outgoing webhook that was disabled go on where it was.
#[utoipa::path(post, path = "/rooms/{room}/outgoing/{id}/enable", tag = "hooks", responses((status = 204)))]
pub async fn enable(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<impl IntoResponse> {
    outgoing::enable(&rest.services, &caller, &at.room()?, at.id()).await?;
    Ok(done())
}

/// The events that an outgoing webhook did not take and that were given up.
#[utoipa::path(get, path = "/rooms/{room}/outgoing/{id}/dead", tag = "hooks",
    responses((status = 200, body = DeadLetters)))]
pub async fn dead(State(rest): State<Rest>, Authed(caller): Authed, at: At) -> Result<Out<DeadLetters>> {
    Ok(Out(outgoing::dead(&rest.services, &caller, &at.room()?, at.id()).await?))
}

/// Sends events that were given up again: the one that is named, or all.
#[utoipa::path(post, path = "/rooms/{room}/outgoing/{id}/resend", tag = "hooks", request_body = Resend,
    responses((status = 202, body = Resent)))]
pub async fn resend(
    State(rest): State<Rest>,
    Authed(caller): Authed,
    at: At,
    MaybeJson(body): MaybeJson<Resend>,
) -> Result<(StatusCode, Out<Resent>)> {
    let resent = outgoing::resend(&rest.services, &caller, &at.room()?, at.id(), body).await?;
    Ok((StatusCode::ACCEPTED, Out(resent)))
}
