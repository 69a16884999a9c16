//! A request as it came over the wire: taken apart, decoded into its type, and its reply encoded.
//!
//! A fault in the payload is `invalid` and names the field. Nothing here waits.

use std::sync::Arc;
use std::time::Instant;

use chat_common::event::{Reply, Request};
use chat_common::{ErrorBody, ErrorCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cluster::ConnId;
use crate::trail::Trail;

/// JSON that is encoded once and shared by all sockets that are told it.
pub(super) type Payload = Arc<RawValue>;

/// A reply, and what it refused for whom counts that.
#[derive(Debug)]
pub(super) struct Answer {
    /// As it goes out.
    pub payload: Payload,
    /// The code of a refusal.
    pub refused: Option<ErrorCode>,
}

/// The longest `req_id`, characters.
const REQ_ID: usize = 64;

/// One request.
#[derive(Debug)]
pub(super) struct Call {
    /// On which connection.
    pub conn: ConnId,
    /// The payload, one JSON object.
    pub payload: Box<str>,
    /// How it is to be answered.
    pub channels: Channels,
    /// When it came.
    pub at: Instant,
}

impl Call {
    /// As log lines name it.
    pub(super) fn trail(&self) -> Trail {
        Trail::Socket { conn: self.conn.0, req_id: self.channels.req_id.as_deref().map(Arc::from) }
    }
}

/// Where the reply goes: once for each that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Channels {
    /// As the acknowledgement of this packet.
    pub ack: Option<i64>,
    /// As an event `reply`.
    pub event: bool,
    /// Echoed in both.
    pub req_id: Option<String>,
}

/// An event taken apart: its name, and the payload or what is wrong with it.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    /// The event's name.
    pub event: &'a str,
    /// How it is to be answered.
    pub channels: Channels,
    /// The one object.
    pub payload: Result<&'a str, ErrorBody>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, borrow)]
    req_id: Option<&'a RawValue>,
}

/// Takes `["event", {…}]` apart. No argument at all stands for `{}`.
pub(super) fn parse(text: &str, ack: Option<i64>) -> Parsed<'_> {
    let mut channels = Channels { ack, event: false, req_id: None };
    let args: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    let event = args.first().and_then(|a| serde_json::from_str::<&str>(a.get()).ok()).unwrap_or_default();
    let payload = match args.as_slice() {
        [_] => Ok("{}"),
        [_, one] if one.get().starts_with('{') => Ok(one.get()),
        [_, _] => Err(ErrorBody::invalid("payload", "the payload is one object")),
        _ => Err(ErrorBody::invalid("payload", "a request has one object as payload and nothing else")),
    };
    let payload = payload.and_then(|object| {
        channels.req_id = read_req_id(object)?;
        Ok(object)
    });
    // What cannot say how it wants to be answered is answered anyway, or its sender would wait for ever.
    channels.event = channels.req_id.is_some() || (payload.is_err() && ack.is_none());
    Parsed { event, channels, payload }
}

fn read_req_id(object: &str) -> Result<Option<String>, ErrorBody> {
    let wrong = || ErrorBody::invalid("req_id", format!("req_id is a string of up to {REQ_ID} characters"));
    let envelope: Envelope<'_> = serde_json::from_str(object).map_err(|_| wrong())?;
    match envelope.req_id {
        None => Ok(None),
        Some(raw) => match serde_json::from_str::<String>(raw.get()) {
            Ok(id) if id.chars().count() <= REQ_ID => Ok(Some(id)),
            _ => Err(wrong()),
        },
    }
}

/// The payload as a request `R`; `invalid` with the path of the field that is wrong or missing.
pub(super) fn decode<R: Request>(payload: &str) -> Result<R, ErrorBody> {
    let mut json = serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let full = error.inner().to_string();
        // The position within the packet helps nobody who wrote an object.
        let message = full.rsplit_once(" at line ").map_or(full.as_str(), |(text, _)| text);
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let field = match (path.as_str(), missing) {
            (".", Some(name)) => name.to_owned(),
            (".", None) => "payload".to_owned(),
            (path, Some(name)) => format!("{path}.{name}"),
            (path, None) => path.to_owned(),
        };
        ErrorBody::invalid(field, message)
    })
}

/// A reply as it goes out.
pub(super) fn encode<T: Serialize>(channels: &Channels, result: Result<T, ErrorBody>) -> Answer {
    let refused = result.as_ref().err().map(|error| error.code);
    Answer { payload: raw(&Reply::new(channels.req_id.clone(), result)), refused }
}

/// A refusal as it goes out.
pub(super) fn refuse(channels: &Channels, error: ErrorBody) -> Answer {
    encode::<chat_common::event::Empty>(channels, Err(error))
}

/// Any value as shared JSON. What cannot be written becomes `internal`; our own types always can.
pub(super) fn raw<T: Serialize>(value: &T) -> Payload {
    let json = serde_json::value::to_raw_value(value).or_else(|error| {
        tracing::error!(%error, "a reply or an event could not be written as JSON");
        let body = ErrorBody::new(ErrorCode::Internal, "the server failed; its log says why");
        serde_json::value::to_raw_value(&Reply::<()>::new(None, Err(body)))
    });
    match json {
        Ok(json) => Arc::from(json),
        Err(_) => Arc::from(RawValue::NULL.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chat_common::event::{message, room};

    use super::*;

    fn field_of<R: Request>(payload: &str) -> String {
        let error = decode::<R>(payload).err().unwrap();
        assert_eq!(error.code, ErrorCode::Invalid);
        error.field.unwrap()
    }

    #[test]
    fn a_wrong_or_missing_field_is_named() {
        assert_eq!(field_of::<message::Send>(r#"{"room":"lobby","client_id":"1"}"#), "text");
        assert_eq!(field_of::<message::Send>(r#"{"room":"lobby","client_id":"1","text":7}"#), "text");
        assert_eq!(field_of::<message::Send>(r#"{"room":"../etc","client_id":"1","text":"x"}"#), "room");
        assert_eq!(field_of::<message::Edit>(r#"{"room":"lobby","seq":-1,"text":"x"}"#), "seq");
        assert_eq!(field_of::<room::Resume>(r#"{"epoch":"e","rooms":{"lobby":"x"}}"#), "rooms.lobby");
        assert_eq!(field_of::<room::Resume>(r#"{"epoch":"e","rooms":[]}"#), "rooms");
    }

    #[test]
    fn deep_nesting_is_refused_without_a_deep_stack() {
        let deep = format!(r#"{{"room":{}1{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(decode::<message::Send>(&deep).is_err());
        let packet = format!(r#"["message:send",{deep}]"#);
        assert!(parse(&packet, None).payload.is_ok(), "taken apart without being read");
    }

    #[test]
    fn a_payload_is_one_object() {
        for bad in [r#"["x","text"]"#, r#"["x",null]"#, r#"["x",[1]]"#, r#"["x",{},{}]"#, r#"["x",7]"#] {
            let parsed = parse(bad, Some(1));
            assert_eq!(parsed.payload.unwrap_err().field.as_deref(), Some("payload"), "{bad}");
            assert!(!parsed.channels.event, "the acknowledgement is enough");
            assert!(parse(bad, None).channels.event, "it is answered all the same");
        }
        assert_eq!(parse(r#"["ping"]"#, None).payload.unwrap(), "{}");
    }

    #[test]
    fn replies_go_where_they_were_asked_for() {
        let both = parse(r#"["x",{"req_id":"7"}]"#, Some(3)).channels;
        assert_eq!(both, Channels { ack: Some(3), event: true, req_id: Some("7".into()) });
        assert_eq!(parse(r#"["x",{}]"#, None).channels, Channels::default());
        for bad in [r#"["x",{"req_id":7}]"#.to_owned(), format!(r#"["x",{{"req_id":"{}"}}]"#, "a".repeat(65))] {
            assert_eq!(parse(&bad, Some(1)).payload.unwrap_err().field.as_deref(), Some("req_id"));
        }
        let done = encode(&both, Ok(chat_common::event::Empty {}));
        assert_eq!(done.refused, None);
        assert_eq!(done.payload.get(), r#"{"ok":true,"req_id":"7"}"#);
    }
}
