//! Every request is answered within 8 s. What was begun is finished all the same: the services see to that.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chat_common::ErrorCode;

use super::error::Failure;

/// After this the answer is `unavailable`: the outcome is unknown, repeating is safe.
pub const TIME: Duration = Duration::from_secs(8);

/// Wraps every route. The answer's head is meant; a stream of events goes on.
pub async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Failure::new(ErrorCode::Unavailable, "no answer within 8 s; the outcome is unknown, repeating is safe")
                .into_response()
        }
    }
}
