//! What is posted to an incoming webhook, in every format.

use chat_common::text::{clean, is_forbidden};
use chat_server::rest::hooks::{self, Format};

/// Bytes that a message may have.
const MAX: usize = 8_000;
/// Formats, each with how it may be posted.
const WAYS: [(Format, &str, &str); 14] = [
    (Format::Slack, "", "application/json"),
    (Format::Slack, "", "application/x-www-form-urlencoded"),
    (Format::Slack, "", "application/json; charset=utf-8"),
    (Format::Discord, "", "application/json"),
    (Format::Github, "push", "application/json"),
    (Format::Github, "pull_request", "application/json"),
    (Format::Github, "issues", "application/json"),
    (Format::Github, "issue_comment", "application/x-www-form-urlencoded"),
    (Format::Github, "release", "application/json"),
    (Format::Github, "workflow_run", "application/json"),
    (Format::Github, "ping", "application/json"),
    (Format::Alertmanager, "", "application/json"),
    (Format::Grafana, "", "application/json"),
    (Format::Raw, "", "text/plain"),
];

/// The first byte chooses how it is posted. What becomes of it is a text that can be stored as it is.
pub(crate) fn webhook(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let (format, event, kind) = WAYS[usize::from(*first) % WAYS.len()];
    let Some(draft) = hooks::posted(format, event, kind, body) else { return };
    let Ok(text) = draft.message("bot", MAX) else { return };
    assert!(!text.trim().is_empty() && text.len() <= MAX, "{text:?}");
    assert!(!text.chars().any(is_forbidden), "{text:?}");
    if let Err(error) = clean(&text, MAX) {
        panic!("{error}: {text:?}");
    }
}
