//! Texts: what may be stored, how they are compared in a search, and how they are shown on a terminal.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Over the limit, in bytes of UTF-8.
    #[error("the text has {got} bytes, {max} are allowed")]
    TooLong {
        /// Bytes of the cleaned text.
        got: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character that could drive a terminal or turn the reading direction.
    #[error("the text holds U+{0:04X}, a control character that is not allowed")]
    Forbidden(u32),
}

/// Whether a character may never be stored: C0 but `\n` and `\t`, DEL, C1, bidirectional embeddings, overrides and
/// isolates. Tag characters are looked at by [`clean`], which lets them pass within a flag.
pub fn is_forbidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A text as it is stored: NFC, CRLF to LF, white space at the end off, 1 to `max` bytes, nothing forbidden.
pub fn clean(text: &str, max: usize) -> Result<String, TextError> {
    // Four times the limit cannot shrink to the limit by normalisation; refuse before the work.
    if text.len() > max.saturating_mul(4).saturating_add(64) {
        return Err(TextError::TooLong { got: text.len(), max });
    }
    let lines = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) };
    let clean = match is_nfc_quick(lines.chars()) {
        IsNormalized::Yes => lines,
        _ => Cow::Owned(lines.nfc().collect()),
    };
    let clean = clean.trim_end();
    check(clean)?;
    if clean.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if clean.len() > max {
        return Err(TextError::TooLong { got: clean.len(), max });
    }
    Ok(clean.to_owned())
}

/// A one-line label (topic, display name, reason): as [`clean`], may be empty, line breaks and tabs become spaces.
pub fn clean_label(text: &str, max: usize) -> Result<String, TextError> {
    let line: String = text.trim().chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    if line.is_empty() { Ok(line) } else { clean(&line, max) }
}

/// How many bytes a flag of tag characters takes at the beginning of `text` (U+1F3F4, three to six tag letters or
/// digits, U+E007F); `None` if there is none. A longer run would be a hidden text behind a flag.
fn flag_len(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\u{1f3f4}')?;
    let tags = rest.trim_start_matches(|c| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'));
    let region = (rest.len() - tags.len()) / '\u{e0061}'.len_utf8();
    let end = tags.strip_prefix('\u{e007f}')?;
    (3..=6).contains(&region).then_some(text.len() - end.len())
}

/// Refuses forbidden characters; tag characters only within a flag.
fn check(text: &str) -> Result<(), TextError> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let step = flag_len(rest).unwrap_or(c.len_utf8());
        if is_forbidden(c) || is_tag(c) {
            return Err(TextError::Forbidden(c as u32));
        }
        rest = &rest[step..];
    }
    Ok(())
}

/// A text as the search compares it: compatibility forms, case, accents and the stroke of `đ` are gone, so that
/// `dien` finds `Điện`.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'đ' => 'd',
            'ł' => 'l',
            'ø' => 'o',
            'ı' => 'i',
            c => c,
        })
        .collect()
}

/// Whether a character is shown as a visible mark instead of itself on a terminal.
pub fn is_unsafe(c: char) -> bool {
    is_forbidden(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Combining marks on one character beyond this many are left out on a terminal.
const MARKS: usize = 8;

/// A text as a terminal may get it, from whatever source: `\n` and `\t` stay, everything that could drive the
/// terminal, turn the direction or hide is shown as a mark (`␛`, `⟨202e⟩`), stacks of combining marks are cut.
pub fn visible(text: &str) -> Cow<'_, str> {
    let mut marks = 0usize;
    let mut harmless = true;
    for c in text.chars() {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if is_unsafe(c) || marks > MARKS {
            harmless = false;
            break;
        }
    }
    if harmless {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut marks = 0usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        let step = flag_len(rest).unwrap_or(c.len_utf8());
        match c {
            _ if marks > MARKS => {}
            _ if step > c.len_utf8() => out.push_str(&rest[..step]),
            '\0'..='\u{1f}' if is_forbidden(c) => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if is_unsafe(c) => out.push_str(&format!("⟨{:x}⟩", c as u32)),
            c => out.push(c),
        }
        rest = &rest[step..];
    }
    Cow::Owned(out)
}

/// As [`visible`], for a place that has one line: line breaks and tabs are shown as `␊` and a space.
pub fn visible_line(text: &str) -> String {
    visible(text).replace('\n', "␊").replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_is_refused() {
        for bad in
            ["\u{1b}]52;c;x", "\u{1b}[2J", "\u{9b}2J", "a\u{202e}b", "a\rb", "tag\u{e0041}", "\u{7f}", "\u{2066}x"]
        {
            assert!(matches!(clean(bad, 8000), Err(TextError::Forbidden(_))), "{bad:?}");
        }
    }

    #[test]
    fn tags_pass_within_a_flag_and_hide_nothing() {
        let flag = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        assert!(clean(&format!("{flag} flag"), 8000).is_ok());
        assert_eq!(visible(&format!("{flag}\u{1b}")), format!("{flag}␛"));
        let hidden = format!("🏴{}\u{e007f}", "\u{e0061}".repeat(7));
        for bad in [hidden.as_str(), "🏴\u{e0067}\u{e0062}\u{e0065}", "\u{e007f}", &format!("{flag}\u{e0061}")] {
            assert!(matches!(clean(bad, 8000), Err(TextError::Forbidden(_))), "{bad:?}");
            assert!(visible(bad).contains('⟨'), "{bad:?}");
        }
    }

    #[test]
    fn texts_are_normalised_and_bounded() {
        assert_eq!(clean("e\u{301}\r\nb \n\n", 8000).unwrap(), "é\nb");
        assert_eq!(clean(" \n\t ", 8000), Err(TextError::Empty));
        assert_eq!(clean(&"x".repeat(11), 10), Err(TextError::TooLong { got: 11, max: 10 }));
        assert!(clean(&"x".repeat(10), 10).is_ok());
    }

    #[test]
    fn a_search_ignores_case_and_accents() {
        assert_eq!(fold("Điện THOẠI"), "dien thoai");
        assert_eq!(fold("Straße ﬁn"), "straße fin");
        assert_eq!(fold("한글"), fold("한글"));
    }

    #[test]
    fn nothing_visible_drives_a_terminal() {
        let hostile = "\u{1b}]52;c;x\u{7}\u{9b}2J\u{202e}a\u{200b}\rb\u{e0041}";
        assert!(visible(hostile).chars().all(|c| !is_unsafe(c)));
        assert_eq!(visible("plain\tâ\n"), "plain\tâ\n");
        assert!(visible(&format!("a{}", "\u{301}".repeat(10_000))).chars().count() <= 1 + MARKS);
    }
}
