//! A recording of a terminal as an asciicast, version 2: a line of JSON about it, then a line for each piece of output
//! with its second. `asciinema play` shows it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A longer silence is cut to this.
const SILENCE: Duration = Duration::from_millis(2_500);

/// What a terminal showed over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Columns and rows.
    pub size: (u16, u16),
    /// What it is called.
    pub title: String,
    /// What was written, and when, from the beginning; whole characters.
    pub pieces: Vec<(Duration, String)>,
    /// The last picture stays for this long.
    pub hold: Duration,
}

impl Cast {
    /// Made of bytes as they came: characters cut in two are put together, long silences cut.
    pub fn new(size: (u16, u16), title: &str, raw: &[(Duration, Vec<u8>)], hold: Duration) -> Self {
        let mut pieces = Vec::new();
        let mut rest: Vec<u8> = Vec::new();
        let (mut before, mut cut) = (Duration::ZERO, Duration::ZERO);
        for (at, bytes) in raw {
            cut += at.saturating_sub(before).saturating_sub(SILENCE);
            before = *at;
            rest.extend_from_slice(bytes);
            let whole = match std::str::from_utf8(&rest) {
                Ok(text) => text.len(),
                // Something that is not UTF-8 at all goes on as it is, marked.
                Err(e) if e.error_len().is_some() => rest.len(),
                Err(e) => e.valid_up_to(),
            };
            if whole > 0 {
                let text = String::from_utf8_lossy(&rest[..whole]).into_owned();
                rest.drain(..whole);
                pieces.push((at.saturating_sub(cut), text));
            }
        }
        Self { size, title: title.to_owned(), pieces, hold }
    }

    /// How long it takes, the last picture's hold included.
    pub fn length(&self) -> Duration {
        self.pieces.last().map_or(Duration::ZERO, |p| p.0) + self.hold
    }

    /// As a file.
    pub fn text(&self) -> String {
        let (width, height) = self.size;
        let hold = self.hold.as_secs_f64();
        let head = json!({ "version": 2, "width": width, "height": height, "title": self.title, "hold": hold });
        let mut out = format!("{head}\n");
        for (at, text) in &self.pieces {
            let seconds = (at.as_secs_f64() * 1000.0).round() / 1000.0;
            out.push_str(&format!("{}\n", json!([seconds, "o", text])));
        }
        out
    }

    /// Reads a file; what is not output is left out.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next().context("an empty recording")?)?;
        if head["version"] != 2 {
            bail!("only version 2 of asciicast is read, not {}", head["version"]);
        }
        let number = |name: &str| head[name].as_u64().and_then(|n| u16::try_from(n).ok()).context("no size");
        let mut pieces = Vec::new();
        for line in lines.filter(|l| !l.trim().is_empty()) {
            let (at, kind, text): (f64, String, String) = serde_json::from_str(line)?;
            if kind == "o" {
                pieces.push((Duration::from_secs_f64(at), text));
            }
        }
        Ok(Self {
            size: (number("width")?, number("height")?),
            title: head["title"].as_str().unwrap_or_default().to_owned(),
            pieces,
            hold: Duration::from_secs_f64(head["hold"].as_f64().unwrap_or(2.0)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_a_character_in_two_pieces_is_one() {
        let at = |ms| Duration::from_millis(ms);
        let raw = [(at(100), b"a\xe2\x94".to_vec()), (at(150), b"\x80b\x1b[31m".to_vec()), (at(9_150), b"c".to_vec())];
        let cast = Cast::new((80, 24), "a \"title\"", &raw, at(1_500));
        let expected = [(at(100), "a"), (at(150), "─b\u{1b}[31m"), (at(2_650), "c")];
        let pieces: Vec<_> = cast.pieces.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(pieces, expected, "nine seconds of silence are cut");
        assert_eq!(cast.length(), at(4_150));
        assert_eq!(Cast::parse(&cast.text()).unwrap(), cast);
        assert!(Cast::parse("{\"version\": 1}").is_err());
    }
}
