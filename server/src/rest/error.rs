//! Failures as HTTP: the status by the code, the headers that belong to it, the body `{"error": {…}}`.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chat_common::rest::ErrorReply;
use chat_common::{ErrorBody, ErrorCode};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::watch::{self, Refused};
use crate::service;

/// What a handler gives.
pub type Result<T> = std::result::Result<T, Failure>;

/// A failure on its way out.
#[derive(Debug)]
pub struct Failure {
    body: ErrorBody,
    status: StatusCode,
}

impl Failure {
    /// The code decides the status.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ErrorBody::new(code, message).into()
    }

    /// `invalid`, naming the field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        ErrorBody::invalid(field, message).into()
    }

    /// With a word in front of the message that clients of another product look for.
    pub fn with_word(mut self, word: &str) -> Self {
        self.body.message = format!("{word}: {}", self.body.message);
        self
    }

    /// With another status than the code's own.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl From<ErrorBody> for Failure {
    fn from(body: ErrorBody) -> Self {
        let status = StatusCode::from_u16(body.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { body, status }
    }
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        error.body().into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let retry = self.body.retry_after_ms.map(|ms| ms.div_ceil(1000).max(1));
        let mut response = (
            self.status,
            Extension(Refused(self.body.code)),
            Json(ErrorReply { error: self.body, request_id: watch::current() }),
        )
            .into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
