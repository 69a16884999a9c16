//! The history: one JSON object a line, `t` in microseconds since the beginning and `kind`, described in
//! `docs/reliability.md`. Clients in other languages tell their part as these very lines, without `t`.

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The first line: what makes the plan, and what it was played on.
    Run { seed: u64, about: String },
    /// A client is in a room by right; to all others a private room does not exist.
    Member { room: String, client: String, private: bool },
    /// What a client is: our own by a transport, or which library.
    Client { client: String, by: String },
    /// A client stands on the line, for the first time or again.
    Connected { client: String },
    /// A client has joined a room.
    Joined { client: String, room: String },
    /// A client was told to send; `key` is the `client_id` and the text.
    Send { client: String, room: String, key: String },
    /// A client got a positive answer.
    Ack { client: String, room: String, key: String, seq: u64 },
    /// A client showed an entry, the next one of its view.
    Shown { client: String, room: String, seq: u64, key: String },
    /// A client met what the protocol does not allow.
    Complaint { client: String, what: String },
    /// Somebody who is in no room asked for something of a private one; `answer` is the code that refused it.
    Tried { client: String, what: String, answer: String },
    /// Such a one got content of a private room.
    Leak { client: String, what: String },
    /// A fault begins; `fault` is its kind, `what` the sentence.
    Fault { fault: String, what: String },
    /// A fault is over, and from `after_us` later on presence was right on all nodes; `last` was wrong until then.
    Healed { what: String, after_us: u64, last: Option<String> },
    /// A fault is over, and presence did not become right in time.
    NotHealed { what: String, why: String },
    /// In the end: an entry of a room's log, read over REST.
    Stored { room: String, seq: u64, key: String },
    /// In the end: whom a node counts as present in a room; where it names nobody, `names` is left out.
    Present { node: usize, room: String, count: u64, names: Option<Vec<String>> },
    /// The last line: the logs above are complete.
    End {},
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Microseconds since the beginning.
    pub t: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Reads a history; the error names the line.
pub fn read(text: &str) -> Result<Vec<Line>, String> {
    let line = |(n, line): (usize, &str)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", n + 1));
    text.lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_the_document_shows() {
        let event = Event::Ack { client: "~g1".into(), room: "hall".into(), key: "m-7".into(), seq: 3 };
        let text = serde_json::to_string(&Line { t: 15, event }).unwrap();
        assert_eq!(text, r#"{"t":15,"kind":"ack","client":"~g1","room":"hall","key":"m-7","seq":3}"#);
        assert_eq!(serde_json::to_string(&read(&text).unwrap()[0]).unwrap(), text);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = read("{\"t\":1,\"kind\":\"end\"}\n{\"t\":2,\"kind\":\"nonsense\"}").unwrap_err();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
