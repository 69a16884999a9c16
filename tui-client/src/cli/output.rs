//! Writing lines: nothing from the network reaches a terminal unfiltered, JSON or not, and a closed pipe is no error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use chat_common::text::{is_unsafe, visible};
use serde::Serialize;

/// Writes one line and flushes it.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// An object of `--json`: the version first, then the fields in their order.
#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u8,
    #[serde(flatten)]
    fields: &'a T,
}

/// Writes one JSON object as a line, with `"v":1` before its fields.
pub fn json(object: &impl Serialize) -> io::Result<()> {
    line(&json_text(object)?)
}

/// JSON in which whatever could drive a terminal is written as `\u….`; such characters can stand in strings alone.
pub fn json_text(object: &impl Serialize) -> io::Result<String> {
    let text = serde_json::to_string(&Versioned { v: 1, fields: object })?;
    if !text.chars().any(is_unsafe) {
        return Ok(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if is_unsafe(c) {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

/// A message of several lines as one entry: what could drive the terminal is shown, further lines are indented, so that
/// no message can pose as another.
pub fn indented(text: &str) -> String {
    visible(text).replace('\n', "\n    ")
}

/// A sentence on the standard error.
pub fn complain(text: &str) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(io::stderr(), "chat-tui: {}", visible(text));
}

/// A sentence on the standard error where there is nothing to print: for people. A pipe gets nothing.
pub fn nothing(text: &str, quiet: bool) {
    if is_terminal() && !quiet {
        complain(text);
    }
}

/// Whether the output is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// `-v`: events of this program on the standard error; never while the full screen has the terminal.
pub fn log_to_stderr(verbose: u8, full_screen: bool) {
    if verbose == 0 || full_screen {
        return;
    }
    let level = if verbose == 1 { tracing::Level::INFO } else { tracing::Level::DEBUG };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(format!("chat_tui={level}")))
        .with_writer(io::stderr)
        .with_ansi(false)
        .finish();
    // Only main calls this, once.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_drives_no_terminal_and_means_the_same() {
        let value = serde_json::json!({"v": 1, "text": "\u{1b}]52;c\u{9b}2J\u{202e}\u{7f}\u{e0041}é🎉\u{200b}"});
        let text = json_text(&serde_json::json!({"text": value["text"]})).unwrap();
        assert!(!text.chars().any(is_unsafe), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_message_cannot_pose_as_another() {
        assert_eq!(indented("a\n10:00 bob: hi\n"), "a\n    10:00 bob: hi\n    ");
        assert_eq!(indented("\u{1b}[2J"), "␛[2J");
    }
}
