//! Figures for Prometheus: ONE table says what there is, and how each is read. On the public listener only this machine
//! is answered (what a proxy forwards, or another address asks, is not); with `--metrics-listen` there is a listener
//! of its own instead. No label names a user or a room: how many series there are does not grow with use.

mod table;
mod text;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::CONTENT_TYPE;

pub use table::{Kind, Metric, TABLE};
pub use text::document;

use super::Rest;
use super::error::{Failure, Result};
use super::extract::Nearby;

/// The text format of Prometheus; each figure says what it counts.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text format", body = String),
        (status = 404, description = "Asked from another machine, or metrics have a listener of their own")))]
pub async fn metrics(State(rest): State<Rest>, Nearby(nearby): Nearby) -> Result<impl IntoResponse> {
    let why = match (rest.metrics_apart, nearby) {
        (true, _) => "metrics have a listener of their own here; ask at --metrics-listen",
        (false, false) => {
            "/metrics answers this machine only; ask it on loopback, without a proxy, or start with --metrics-listen"
        }
        (false, true) => return Ok(figures(&rest).await),
    };
    Err(Failure::new(chat_common::ErrorCode::NotFound, why))
}

/// What `--metrics-listen` serves: `/metrics`, to whoever reaches it.
pub fn router(rest: Rest) -> Router {
    Router::new()
        .route("/metrics", get(async |State(rest): State<Rest>| figures(&rest).await))
        .fallback(async || (http::StatusCode::NOT_FOUND, "there is nothing here but /metrics\n"))
        .with_state(rest)
}

async fn figures(rest: &Rest) -> impl IntoResponse + use<> {
    let scene = table::Scene::look(rest).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text::exposition(&scene))
}
