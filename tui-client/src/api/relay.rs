//! The push of the earlier system, which servers with a relay take at their root, as that system itself does.

use chat_common::{ErrorBody, ErrorCode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, ApiError};

/// How these servers say what is wrong.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Api {
    /// Tells everybody who listens on the relay.
    pub async fn push(&self, token: Option<&str>, message: &Value) -> Result<(), ApiError> {
        let body = json!({ "message": message }).to_string();
        let url = self.server.join(&["app", "push-data"]);
        let (status, bytes) = self.exchange(Method::POST, url, token, Vec::new(), Some(body)).await?;
        let code = match status {
            200..=299 => return Ok(()),
            400 => ErrorCode::Invalid,
            401 | 403 => ErrorCode::Unauthorized,
            404 | 405 => {
                let said = format!("{} has no relay; it is started with chat-server --relay", self.server);
                return Err(ApiError::Refused { body: ErrorBody::new(ErrorCode::Unsupported, said) });
            }
            413 => ErrorCode::TooLarge,
            _ => return Err(self.refusal(status, &bytes)),
        };
        let said = serde_json::from_slice::<Refusal>(&bytes).map(|r| r.message);
        let said = said.unwrap_or_else(|_| format!("{} answers with HTTP status {status}", self.server));
        Err(ApiError::Refused { body: ErrorBody::new(code, said) })
    }
}
