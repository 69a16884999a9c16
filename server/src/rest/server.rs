//! What one may know of the server before one has come in.

use axum::Json as Out;
use chat_common::rest::{Registration, ServerAccess};

use super::extract::From;
use crate::service::accounts;

/// How one may come in, from where one asks: whether as a guest, and whether an account can be made.
#[utoipa::path(get, path = "/server", tag = "sessions", security(()), responses((status = 200, body = ServerAccess)))]
pub async fn access(From(origin): From) -> Out<ServerAccess> {
    let registration = match origin.registration {
        accounts::Registration::Open => Registration::Open,
        accounts::Registration::Invite => Registration::Invite,
        accounts::Registration::Closed => Registration::Closed,
    };
    Out(ServerAccess { version: env!("CARGO_PKG_VERSION").to_owned(), guests: origin.guests, registration })
}
