//! What is posted to an incoming webhook.

use chat_common::text::{TextError, clean, is_forbidden};
use chat_server::domain::slack;
use chat_server::rest::hooks;

/// Bytes that a message may have.
const MAX: usize = 8_000;

/// The first byte chooses how it is posted. What becomes of it is a text that can be stored, and calls nobody by
/// Slack's marks.
pub(crate) fn webhook(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let kind = ["application/json", "application/x-www-form-urlencoded", "application/json; charset=utf-8"]
        [usize::from(*first) % 3];
    let Some(payload) = hooks::posted(kind, body) else { return };
    let Ok(text) = slack::text(&payload, MAX) else { return };
    assert!(!text.trim().is_empty() && text.len() <= MAX, "{text:?}");
    assert!(!text.chars().any(is_forbidden), "{text:?}");
    match clean(&text, MAX) {
        // Hidden letters are refused as in any message; composing may make a text longer than it came.
        Ok(_) | Err(TextError::Forbidden(_) | TextError::TooLong { .. }) => {}
        Err(error) => panic!("{error}: {text:?}"),
    }
}
