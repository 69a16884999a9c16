//! Texts: what may be stored, what a terminal may get, what the search compares.

use chat_common::text::{clean, clean_label, fold, is_forbidden, is_unsafe, visible, visible_line};

/// Bytes that a message may have.
const MAX: usize = 8_000;

/// The first character that could drive a terminal or hide; tags are allowed within a flag, three to six of them.
pub(crate) fn foreign(text: &str) -> Option<char> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\u{1f3f4}' {
            let behind =
                rest.trim_start_matches(|c| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'));
            if let (12..=24, Some(end)) = (rest.len() - behind.len(), behind.strip_prefix('\u{e007f}')) {
                rest = end;
            }
        } else if is_unsafe(c) {
            return Some(c);
        }
    }
    None
}

/// A cleaned text is clean; a shown one can neither drive a terminal nor hide, and is bounded by what it was made of.
pub(crate) fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(stored) = clean(&text, MAX) {
        assert!(!stored.trim().is_empty() && stored.len() <= MAX, "{stored:?}");
        assert!(!stored.chars().any(is_forbidden), "{stored:?}");
        assert_eq!(clean(&stored, MAX).as_ref(), Ok(&stored), "cleaning twice");
    }
    if let Ok(label) = clean_label(&text, 200) {
        assert!(label.len() <= 200 && !label.contains(['\n', '\r', '\t']), "{label:?}");
        assert_eq!(clean_label(&label, 200).as_ref(), Ok(&label), "cleaning twice");
    }
    let shown = visible(&text);
    assert_eq!(foreign(&shown), None, "{shown:?}");
    // A mark takes the most for a character of two bytes: `⟨9f⟩`.
    assert!(shown.len() <= text.len() * 6, "{} bytes became {}", text.len(), shown.len());
    assert_eq!(visible(&shown), shown, "showing twice");
    let line = visible_line(&text);
    assert!(foreign(&line).is_none() && !line.contains(['\n', '\t']), "{line:?}");
    let folded = fold(&text);
    assert_eq!(fold(&folded), folded, "folding twice");
}
