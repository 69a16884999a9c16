//! Each request has an id and is counted: the id comes from `X-Request-Id` or is made here, goes back in the same header
//! and in the body of an error, and stands in every line that is logged for the request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chat_common::ErrorCode;
use http::HeaderValue;
use http::header::HeaderName;

use super::Rest;
use crate::service::counters::Edge;
use crate::trail::{self, Trail};

/// In and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is taken over.
const LONGEST: usize = 64;
/// Asked every few seconds by machines; counted, they would hide the others.
const UNCOUNTED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Stands in the extensions of an answer that refuses.
#[derive(Clone, Copy, Debug)]
pub struct Refused(pub ErrorCode);

/// Wraps every route.
pub async fn watch(State(rest): State<Rest>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_id(id));
    let id: Arc<str> = given.map_or_else(new_id, Arc::from);
    let method = request.method().clone();
    // The pattern and not the path: a webhook's path holds its secret.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    trail::follow(Trail::Http(Arc::clone(&id)), async {
        let mut response = next.run(request).await;
        let (took, status) = (begun.elapsed(), response.status().as_u16());
        let refused = response.extensions().get::<Refused>().map(|refused| refused.0);
        if !UNCOUNTED.contains(&route) {
            rest.services.counters.answered(Edge::Http, took, refused);
        }
        tracing::debug!(%method, route, status, ms = took.as_millis() as u64, "answered");
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    })
    .await
}

/// Letters, digits, and what joins them in the ids of other programs; so no id can break a line of the log.
fn is_id(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/+=".contains(&b))
}

fn new_id() -> Arc<str> {
    // Without randomness requests can still be told apart by their times.
    format!("{:016x}", getrandom::u64().unwrap_or_default()).into()
}

/// The id of the request that this task works for.
pub fn current() -> Option<String> {
    match trail::current()? {
        Trail::Http(id) => Some(id.to_string()),
        Trail::Socket { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_others_is_taken_over_where_it_can_stand_in_a_line() {
        for good in
            ["a", "0af7651916cd43dd8448eb211c80319c", "Root=1-67891233-abcdef012345678912345678", &"x".repeat(64)]
        {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "\u{1b}[2J", "é", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
        assert!(is_id(&new_id()) && new_id() != new_id());
    }
}
