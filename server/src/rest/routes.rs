//! THE route list; the document is made from it.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use chat_common::ErrorCode;
use http::{HeaderValue, Method, StatusCode, Uri};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Failure;
use super::{
    Rest, admin, auth, cors, deadline, events, health, hooks, me, members, messages, metrics, openapi, outgoing,
    presence, rooms, search, server, sessions, tokens, watch, web,
};

/// Where the interface lives.
const BASE: &str = "/api/v1";

fn v1() -> OpenApiRouter<Rest> {
    OpenApiRouter::new()
        .routes(routes!(server::access))
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::guest))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(me::get, me::patch))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::delete))
        .routes(routes!(sessions::list, sessions::revoke_others))
        .routes(routes!(sessions::revoke))
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::get, rooms::patch, rooms::delete))
        .routes(routes!(rooms::join))
        .routes(routes!(rooms::leave))
        .routes(routes!(members::list))
        .routes(routes!(members::put, members::delete))
        .routes(routes!(members::ban, members::unban))
        .routes(routes!(messages::list, messages::post))
        .routes(routes!(messages::patch, messages::delete))
        .routes(routes!(messages::react, messages::unreact))
        .routes(routes!(events::events))
        .routes(routes!(hooks::list, hooks::create))
        .routes(routes!(hooks::delete))
        .routes(routes!(hooks::rotate))
        .routes(routes!(outgoing::list, outgoing::create))
        .routes(routes!(outgoing::delete))
        .routes(routes!(outgoing::rotate))
        .routes(routes!(outgoing::enable))
        .routes(routes!(outgoing::dead))
        .routes(routes!(outgoing::resend))
        .routes(routes!(search::search))
        .routes(routes!(presence::get))
        .routes(routes!(admin::users))
        .routes(routes!(admin::put_user, admin::erase_user))
        .routes(routes!(admin::bans))
        .routes(routes!(admin::ban, admin::unban))
        .routes(routes!(admin::invites, admin::invite))
        .routes(routes!(admin::delete_invite))
        .routes(routes!(admin::audit))
}

/// The routes and their document.
pub(super) fn parts() -> (Router<Rest>, OpenApi) {
    let (router, api) = OpenApiRouter::with_openapi(openapi::frame())
        .nest(BASE, v1())
        .routes(routes!(hooks::post))
        .routes(routes!(hooks::slack))
        .routes(routes!(hooks::discord))
        .routes(routes!(hooks::github))
        .routes(routes!(hooks::alertmanager))
        .routes(routes!(hooks::grafana))
        .routes(routes!(hooks::raw))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    (router, openapi::complete(api))
}

/// Everything that is served over plain HTTP.
pub fn router(rest: Rest) -> Router {
    let (router, api) = parts();
    let json = serde_json::to_value(&api).unwrap_or_default();
    let document = json.to_string();
    router
        .merge(web::routes(&json))
        .route(
            &format!("{BASE}/openapi.json"),
            get(move || async move { ([(CONTENT_TYPE, "application/json")], document) }),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(deadline::deadline))
        .layer(from_fn_with_state(rest.clone(), watch::watch))
        .layer(map_response(no_sniff))
        .layer(from_fn_with_state(rest.clone(), cors::cors))
        .with_state(rest)
}

/// Answers are the asker's own, and what they say they are.
async fn no_sniff(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn not_found(uri: Uri) -> Failure {
    let path: String = uri.path().chars().take(100).collect();
    Failure::new(ErrorCode::NotFound, format!("no such route: {path}; /docs lists them"))
}

async fn wrong_method(method: Method) -> Failure {
    let said = format!("{method} is not for this route; /docs lists what is");
    Failure::new(ErrorCode::Unsupported, said).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
