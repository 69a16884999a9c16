//! Every event of the `/chat` namespace: requests with their replies, and what the server tells.
//!
//! One family a file; the name of an event stands in one place, its [`Request::NAME`] or [`server::ServerEvent`].

pub mod admin;
pub mod custom;
pub mod history;
pub mod member;
pub mod message;
pub mod presence;
pub mod room;
pub mod server;
pub mod session;
pub mod user;

pub use server::{Entry, EntryBody, Ready, ServerEvent};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ErrorBody;

/// A request: an event with one object as payload, answered by one reply.
pub trait Request: Serialize + DeserializeOwned + Send + 'static {
    /// The event's name on the wire.
    const NAME: &'static str;
    /// What a positive reply carries beside `ok` and `req_id`.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
}

/// Ties a payload to its event name and its reply.
macro_rules! request {
    ($payload:ident, $name:literal, $reply:ty) => {
        impl $crate::event::Request for $payload {
            const NAME: &'static str = $name;
            type Reply = $reply;
        }
    };
}
pub(crate) use request;

/// A reply that says nothing but `ok`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Empty {}

/// A reply as it crosses the wire, as acknowledgement or as event `reply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply<T> {
    /// `{"ok":true, "req_id":…, …}`
    Done {
        /// Always true.
        ok: bool,
        /// The request's, echoed.
        #[serde(skip_serializing_if = "Option::is_none")]
        req_id: Option<String>,
        /// The rest of the object.
        #[serde(flatten)]
        body: T,
    },
    /// `{"ok":false, "req_id":…, "error":{…}}`
    Failed {
        /// Always false.
        ok: bool,
        /// The request's, echoed.
        #[serde(skip_serializing_if = "Option::is_none")]
        req_id: Option<String>,
        /// What went wrong.
        error: ErrorBody,
    },
}

impl<T> Reply<T> {
    /// From a result.
    pub fn new(req_id: Option<String>, result: Result<T, ErrorBody>) -> Self {
        match result {
            Ok(body) => Self::Done { ok: true, req_id, body },
            Err(error) => Self::Failed { ok: false, req_id, error },
        }
    }
}

/// A reply as a client reads it: the envelope first, the body once it is known which request it answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RawReply {
    /// Whether it went well.
    pub ok: bool,
    /// The request's, echoed.
    #[serde(default)]
    pub req_id: Option<String>,
    /// What went wrong, if not.
    #[serde(default)]
    pub error: Option<ErrorBody>,
    /// Everything else.
    #[serde(flatten)]
    pub body: serde_json::Map<String, serde_json::Value>,
}

impl RawReply {
    /// The typed outcome of a request `R`.
    pub fn decode<R: Request>(self) -> Result<R::Reply, ErrorBody> {
        if !self.ok {
            return Err(self
                .error
                .unwrap_or_else(|| ErrorBody::new(crate::ErrorCode::Internal, "the server refused without a reason")));
        }
        serde_json::from_value(serde_json::Value::Object(self.body)).map_err(|e| {
            ErrorBody::new(crate::ErrorCode::Internal, format!("the reply to {} is not understood: {e}", R::NAME))
        })
    }
}
