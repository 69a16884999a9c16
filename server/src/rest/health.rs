//! Whether the process lives, and whether to send traffic to it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use chat_common::rest::Readiness;
use http::StatusCode;

use super::Rest;
use crate::service::feed::Status;

/// A store that does not answer within this is away.
const STORE_TIME: Duration = Duration::from_secs(2);

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Whether to send traffic here: the store can write, handshakes are taken and the node is not going away. A bus or a relay's
/// Redis that is down, or a feed that is behind, is named and does not make the node unready.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, description = "Not now", body = Readiness)))]
pub async fn readyz(State(rest): State<Rest>) -> (StatusCode, Json<Readiness>) {
    let store = match tokio::time::timeout(STORE_TIME, rest.services.store.health()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the store does not answer".to_owned()),
    };
    let draining = rest.drain.is_cancelled();
    // Handshakes are taken again a moment after the store is back, or the first clients would be turned away.
    let ready = store.is_ok() && !draining && rest.edge.is_taking();
    let said = |r: Result<(), String>| r.err().unwrap_or_else(|| "ok".to_owned());
    let standing = rest.services.node.standing();
    let body = Readiness {
        ready,
        store: said(store),
        bus: said(rest.services.bus.health()),
        nodes: standing.nodes,
        cluster: standing.split.unwrap_or_else(|| "ok".to_owned()),
        feed: rest.feed.as_ref().map(Status::describe),
        relay: rest.relay.as_ref().map(|relay| said((relay.health)())),
        draining,
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
