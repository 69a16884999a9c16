//! What the fuzzer (`dev/fuzz`) calls: a packet's text taken apart and read as the request it names, without a
//! connection.

use chat_common::ErrorBody;

use super::call;

/// `["event", {…}]` as a request: its name, and the request written again or why it is refused. `None`: no such event.
pub fn request(text: &str) -> Option<(String, Result<String, ErrorBody>)> {
    let parsed = call::parse(text, None);
    let read = match parsed.payload {
        Ok(payload) => super::again(parsed.event, payload)?,
        Err(error) => Err(error),
    };
    Some((parsed.event.to_owned(), read))
}
