//! What other programs post to a webhook → the text of one message. One file a format; each reads the documents its
//! product sends and writes what `chat-tui` shows well: bold, code, quotes, lists and bare addresses.
//!
//! Who speaks and where is decided by the webhook and never by what is posted: a name given there is only said, in
//! front of the text. What would call people in the product it comes from calls nobody here.

pub mod alertmanager;
pub mod discord;
pub mod github;
pub mod grafana;
pub mod slack;
mod write;

use chat_common::text::{TextError, clean, is_forbidden};

use super::Refusal;

/// A posted document as a message to be: its text, and as whom the sender would like to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// In the client's light markdown; not yet cleaned, not yet cut.
    pub text: String,
    /// The name that the sender gave itself.
    pub says: Option<String>,
}

/// Characters of a name that a sender gives itself.
const NAME: usize = 40;
/// What stands where a text was cut.
const MARK: &str = " …";

impl Draft {
    /// A text without a name.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), says: None }
    }

    /// The message: characters that no text may hold are dropped, what is over `max` bytes is cut. The name that the
    /// sender gave itself stands in front unless it is the name of the webhook. `Invalid` where nothing is said.
    pub fn message(&self, bot: &str, max: usize) -> Result<String, Refusal> {
        let text = allowed(&self.text);
        let text = text.trim_matches('\n').trim_end();
        if text.trim().is_empty() {
            return Err(nothing());
        }
        let name = self.says.as_deref().map(name).filter(|n| !n.is_empty() && !n.eq_ignore_ascii_case(bot));
        let text = match name {
            // What has a form of its own begins on its own line.
            Some(name) if text.contains('\n') || text.starts_with(['`', '>', '-', '#']) => {
                format!("**{name}:**\n{text}")
            }
            Some(name) => format!("**{name}:** {text}"),
            None => text.to_owned(),
        };
        Ok(cut(&composed(&text), max))
    }
}

/// Nothing is said: in Slack's own word for it, which its clients look for.
fn nothing() -> Refusal {
    Refusal::Invalid { field: "text", message: "no_text: nothing to say, every text in it is empty".to_owned() }
}

fn allowed(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| !is_forbidden(*c)).collect()
}

/// As it will be stored, so that it is cut by the bytes that count. Letters that hide are dropped.
fn composed(text: &str) -> String {
    match clean(text, usize::MAX / 8) {
        Err(TextError::Forbidden(_)) => {
            let visible: String = text.chars().filter(|c| !matches!(c, '\u{e0000}'..='\u{e007f}')).collect();
            clean(&visible, usize::MAX / 8).unwrap_or_default()
        }
        composed => composed.unwrap_or_default(),
    }
}

/// One line without what would be read as markup.
fn name(given: &str) -> String {
    let plain: String = allowed(given).chars().filter(|c| !matches!(c, '*' | '`' | '_' | '@' | '<' | '>')).collect();
    write::one_line(&plain, NAME)
}

/// At most `max` bytes, cut between characters, with a mark where something is missing.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let kept = &text[..text.floor_char_boundary(max.saturating_sub(MARK.len()))];
    let cut = format!("{}{MARK}", kept.trim_end());
    if cut.len() <= max { cut } else { text[..text.floor_char_boundary(max)].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(says: &str, text: &str) -> String {
        Draft { text: text.to_owned(), says: Some(says.to_owned()) }.message("ci", 8_000).unwrap()
    }

    #[test]
    fn a_name_is_said_and_takes_nobodys_place() {
        assert_eq!(said("Jenkins", "done"), "**Jenkins:** done");
        assert_eq!(said("CI", "done"), "done", "it is the webhook's own");
        assert_eq!(said("**@ana\n`x`**", "done"), "**ana x:** done");
        assert_eq!(said("Jenkins", "a\nb"), "**Jenkins:**\na\nb");
        assert_eq!(said("Jenkins", "> quoted"), "**Jenkins:**\n> quoted");
        assert_eq!(said(" \u{202e} ", "done"), "done");
        assert!(said(&"x".repeat(200), "done").len() < 60);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        for (text, max) in [("ü".repeat(8_000), 8_000), ("👩‍💻".repeat(3_000), 8_000), ("abc".to_owned(), 2)] {
            let cut = Draft::plain(text).message("ci", max).unwrap();
            assert!(cut.len() <= max && (max < 8 || cut.ends_with(" …")), "{}", cut.len());
        }
        // Composing makes this longer: it is cut by what is stored.
        let grows = Draft::plain("\u{958}".repeat(100)).message("ci", 300).unwrap();
        assert!(clean(&grows, 300).is_ok(), "{}", grows.len());
    }

    #[test]
    fn what_no_text_may_hold_is_dropped() {
        let text = Draft::plain("a\u{1b}[2J\u{202e}b\u{e0041}\r\nc").message("ci", 8_000).unwrap();
        assert_eq!(text, "a[2Jb\nc");
        for nothing in ["", " \n ", "\u{1b}", "\u{202e}\n"] {
            let error = Draft::plain(nothing).message("ci", 8_000).unwrap_err().to_string();
            assert!(error.starts_with("no_text"), "{error}");
        }
    }
}
