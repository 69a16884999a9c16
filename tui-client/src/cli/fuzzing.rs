//! What the fuzzer (`dev/fuzz`) calls: what the commands print of something that a server says.

use chat_common::event::history::GetReply;
use chat_common::event::{Entry, ServerEvent};
use serde_json::Value;

use super::message::Line;
use super::output;

/// The lines for one event, in each of the ways they can be asked for.
pub fn printed(name: &str, data: Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(page) = serde_json::from_value::<GetReply>(data.clone()) {
        lines.extend(page.messages.iter().map(|m| Line::message(m, m.room.to_string())));
    }
    match ServerEvent::decode(name, data) {
        ServerEvent::Entry(entry) => lines.push(entry_line(&entry)),
        ServerEvent::Hint(hint) => lines.extend(Line::hint(&hint, ToString::to_string)),
        _ => {}
    }
    let shapes = |line: Line| {
        let json = output::json_text(&line.json()).unwrap_or_default();
        [line.text(true, false), line.format("{at} {room} {from} {type} {seq} {text}"), json]
    };
    lines.into_iter().flat_map(shapes).collect()
}

fn entry_line(entry: &Entry) -> Line {
    Line::entry(entry, entry.room.to_string())
}
