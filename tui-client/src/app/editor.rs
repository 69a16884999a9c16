//! The text being written: a string, a cursor that moves by graphemes, undo, one cut buffer. Wrapping and drawing
//! are `ui::composer`'s; which key does what is the keymap's.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// Undo steps kept; older ones are dropped.
const UNDO_STEPS: usize = 200;
/// Bytes the undo steps may hold together; older ones are dropped.
const UNDO_BYTES: usize = 4 * 1024 * 1024;
/// The most a text may grow to, bytes; what a paste has beyond it is cut off and said.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A text with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    text: String,
    cursor: usize,
    undo: Vec<(String, usize)>,
    redo: Vec<(String, usize)>,
    /// Whether the last change was typing, so that a word is one step of undo.
    typing: bool,
    cut: String,
    changes: u64,
}

impl Editor {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor's place, in bytes; always between graphemes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Counts the changes of the text; moving the cursor is none.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Another text, the cursor at its end; can be undone.
    pub fn set(&mut self, text: &str) {
        self.step(false);
        self.text = safe(text);
        self.cursor = self.text.len();
    }

    /// Takes the text out, with nothing left to undo.
    pub fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        let (cut, changes) = (std::mem::take(&mut self.cut), self.changes + 1);
        *self = Self { cut, changes, ..Self::default() };
        text
    }

    /// Empties it; can be undone.
    pub fn clear(&mut self) {
        self.set("");
    }

    /// Puts text in at the cursor, line ends unified, unsafe characters left out. Returns false if some had to be cut.
    pub fn insert(&mut self, text: &str, typed: bool) -> bool {
        let text = safe(text);
        let mut end = text.len().min(MAX_BYTES.saturating_sub(self.text.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // A word typed is one step of undo; white space begins the next.
        self.typing &= !text.starts_with(char::is_whitespace);
        self.step(typed);
        self.text.insert_str(self.cursor, &text[..end]);
        self.cursor = self.settle(self.cursor + end);
        end == text.len()
    }

    /// Replaces some bytes; the cursor stands behind them then.
    pub fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        self.step(false);
        self.text.replace_range(range.clone(), with);
        self.cursor = self.settle(range.start + with.len());
    }

    /// Puts the cursor before this byte, or the nearest place behind it that lies between graphemes.
    pub fn place(&mut self, at: usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        self.move_to(self.settle(at));
    }

    /// Swaps the two graphemes around the cursor (at the end of a line the two before it) and goes on one.
    pub fn transpose(&mut self) {
        let at_end = self.cursor == self.line_end();
        let middle = if at_end { self.prev(self.cursor) } else { self.cursor };
        let start = self.line_start();
        if middle <= start {
            return;
        }
        let (from, to) = (self.prev(middle), self.next(middle));
        let swapped = format!("{}{}", &self.text[middle..to], &self.text[from..middle]);
        self.replace(from..to, &swapped);
    }

    /// Replaces the bytes `from..cursor` (a word being completed).
    pub fn replace_before(&mut self, from: usize, with: &str) {
        self.step(false);
        self.text.replace_range(from..self.cursor, with);
        self.cursor = self.settle(from + with.len());
    }

    /// The first place at or after `at` that lies between graphemes.
    fn settle(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        match cursor.is_boundary(&self.text, 0) {
            Ok(true) => at,
            _ => self.next(at),
        }
    }

    fn next(&self, at: usize) -> usize {
        GraphemeCursor::new(at, self.text.len(), true).next_boundary(&self.text, 0).ok().flatten().unwrap_or(at)
    }

    fn prev(&self, at: usize) -> usize {
        GraphemeCursor::new(at, self.text.len(), true).prev_boundary(&self.text, 0).ok().flatten().unwrap_or(at)
    }

    /// Keeps a step of undo, unless it goes on with typing.
    fn step(&mut self, typing: bool) {
        if !(typing && self.typing) {
            self.undo.push((self.text.clone(), self.cursor));
            let mut bytes: usize = self.undo.iter().map(|(t, _)| t.len()).sum();
            while self.undo.len() > UNDO_STEPS || (bytes > UNDO_BYTES && self.undo.len() > 1) {
                bytes -= self.undo.remove(0).0.len();
            }
        }
        self.redo.clear();
        self.changes += 1;
        self.typing = typing;
    }

    /// Takes the last change back.
    pub fn undo(&mut self) {
        if let Some((text, cursor)) = self.undo.pop() {
            self.changes += 1;
            self.redo.push((std::mem::replace(&mut self.text, text), self.cursor));
            self.cursor = cursor;
        }
        self.typing = false;
    }

    /// Makes the change again.
    pub fn redo(&mut self) {
        if let Some((text, cursor)) = self.redo.pop() {
            self.changes += 1;
            self.undo.push((std::mem::replace(&mut self.text, text), self.cursor));
            self.cursor = cursor;
        }
        self.typing = false;
    }

    /// One grapheme to the left.
    pub fn left(&mut self) {
        self.move_to(self.prev(self.cursor));
    }

    /// One grapheme to the right.
    pub fn right(&mut self) {
        self.move_to(self.next(self.cursor));
    }

    fn move_to(&mut self, at: usize) {
        self.cursor = at;
        self.typing = false;
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |i| i + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |i| self.cursor + i)
    }

    /// To the start of the line.
    pub fn home(&mut self) {
        self.move_to(self.line_start());
    }

    /// To the end of the line.
    pub fn end(&mut self) {
        self.move_to(self.line_end());
    }

    /// Up a line, as near to the same column as it goes; false on the first line.
    pub fn up(&mut self) -> bool {
        let start = self.line_start();
        if start == 0 {
            return false;
        }
        let column = self.text[start..self.cursor].graphemes(true).count();
        let above = self.text[..start - 1].rfind('\n').map_or(0, |i| i + 1);
        self.move_to(self.column(above, start - 1, column));
        true
    }

    /// Down a line; false on the last.
    pub fn down(&mut self) -> bool {
        let end = self.line_end();
        if end == self.text.len() {
            return false;
        }
        let column = self.text[self.line_start()..self.cursor].graphemes(true).count();
        let below_end = self.text[end + 1..].find('\n').map_or(self.text.len(), |i| end + 1 + i);
        self.move_to(self.column(end + 1, below_end, column));
        true
    }

    fn column(&self, start: usize, end: usize, column: usize) -> usize {
        start + self.text[start..end].graphemes(true).take(column).map(str::len).sum::<usize>()
    }

    fn word_start(&self) -> usize {
        let before = &self.text[..self.cursor];
        let trimmed = before.trim_end_matches(|c: char| !c.is_alphanumeric());
        let start = trimmed.trim_end_matches(char::is_alphanumeric).len();
        self.settle(start)
    }

    fn word_end(&self) -> usize {
        let after = &self.text[self.cursor..];
        let skipped = after.trim_start_matches(|c: char| !c.is_alphanumeric());
        let rest = skipped.trim_start_matches(char::is_alphanumeric);
        self.settle(self.text.len() - rest.len())
    }

    /// A word to the left.
    pub fn word_left(&mut self) {
        self.move_to(self.word_start());
    }

    /// A word to the right.
    pub fn word_right(&mut self) {
        self.move_to(self.word_end());
    }

    fn remove(&mut self, from: usize, to: usize, keep: bool) {
        if from < to {
            self.step(false);
            let gone: String = self.text.drain(from..to).collect();
            self.cursor = self.settle(from);
            if keep {
                self.cut = gone;
            }
        }
    }

    /// Removes the grapheme at the left; false if there is none.
    pub fn delete_left(&mut self) -> bool {
        let from = self.prev(self.cursor);
        let some = from < self.cursor;
        self.remove(from, self.cursor, false);
        some
    }

    /// Removes the grapheme at the right.
    pub fn delete_right(&mut self) {
        self.remove(self.cursor, self.next(self.cursor), false);
    }

    /// Cuts to the start of the line.
    pub fn kill_start(&mut self) {
        self.remove(self.line_start(), self.cursor, true);
    }

    /// Cuts to the end of the line.
    pub fn kill_end(&mut self) {
        self.remove(self.cursor, self.line_end(), true);
    }

    /// Cuts the word at the left.
    pub fn kill_word_left(&mut self) {
        self.remove(self.word_start(), self.cursor, true);
    }

    /// Cuts the word at the right.
    pub fn kill_word_right(&mut self) {
        self.remove(self.cursor, self.word_end(), true);
    }

    /// Puts back what was cut last.
    pub fn yank(&mut self) {
        let cut = self.cut.clone();
        self.insert(&cut, false);
    }
}

/// What may stand in a text that goes to a server: CRLF and CR as LF, nothing that it would refuse.
fn safe(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(|c| !chat_common::text::is_forbidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(text: &str) -> Editor {
        let mut e = Editor::default();
        e.insert(text, false);
        e
    }

    #[test]
    fn a_family_is_one_step() {
        let mut e = with("a👨‍👩‍👧b");
        e.left();
        assert!(e.delete_left());
        assert_eq!(e.text(), "ab");
        e.undo();
        assert_eq!(e.text(), "a👨‍👩‍👧b");
        e.redo();
        assert_eq!(e.text(), "ab");
    }

    #[test]
    fn lines_and_words_are_moved_over() {
        let mut e = with("one two\nthree\nx");
        assert!(e.up());
        assert_eq!(e.cursor(), 9);
        e.end();
        assert!(e.up());
        assert_eq!(e.cursor(), 5);
        e.word_right();
        assert_eq!(e.cursor(), 7);
        e.kill_word_left();
        assert_eq!(e.text(), "one \nthree\nx");
        assert!(!e.up());
        e.kill_start();
        assert_eq!(e.text(), "\nthree\nx");
        e.yank();
        assert_eq!(e.text(), "one \nthree\nx");
    }

    #[test]
    fn two_characters_change_places_within_their_line() {
        let mut e = with("x\nteh");
        e.transpose();
        assert_eq!((e.text(), e.cursor()), ("x\nthe", 5));
        e.home();
        e.transpose();
        assert_eq!(e.text(), "x\nthe", "nothing stands before the first");
        e.right();
        e.transpose();
        assert_eq!((e.text(), e.cursor()), ("x\nhte", 4));
        e.undo();
        assert_eq!(e.text(), "x\nthe");
    }

    #[test]
    fn a_cursor_that_is_put_somewhere_lies_between_graphemes() {
        let mut e = with("a👨‍👩‍👧b");
        e.place(3);
        assert_eq!(e.cursor(), e.text().len() - 1);
        e.place(99);
        assert_eq!(e.cursor(), e.text().len());
    }

    #[test]
    fn a_paste_is_unified_made_safe_and_bounded() {
        let mut e = with("a\r\nb\rc\u{1b}[2J\u{202e}");
        assert_eq!(e.text(), "a\nb\nc[2J");
        assert!(!e.insert(&"é".repeat(MAX_BYTES), false));
        assert!(e.text().len() <= MAX_BYTES);
    }

    #[test]
    fn typing_a_word_is_one_undo() {
        let mut e = Editor::default();
        for c in ["h", "i", " ", "y", "o"] {
            e.insert(c, true);
        }
        e.undo();
        assert_eq!(e.text(), "hi");
        e.undo();
        assert_eq!(e.text(), "");
    }

    proptest! {
        #[test]
        fn whatever_is_done_the_cursor_lies_between_graphemes(
            text in "[a\u{301}é👍🏽\u{200d}👩\n 🇩🇪]{0,24}", steps in proptest::collection::vec(0u8..16, 0..40)
        ) {
            let mut e = with(&text);
            for s in steps {
                match s {
                    0 => e.left(), 1 => e.right(), 2 => { e.up(); } 3 => { e.down(); }
                    4 => e.word_left(), 5 => e.word_right(), 6 => { e.delete_left(); } 7 => e.delete_right(),
                    8 => e.kill_word_left(), 9 => e.yank(), 10 => e.undo(), 11 => e.redo(),
                    12 => { e.insert("\u{301}", true); } 13 => e.transpose(), 14 => e.place(usize::from(s) / 2), _ => { e.insert("🇩", true); }
                }
                let ends: Vec<usize> = e.text().grapheme_indices(true).map(|(i, _)| i).chain([e.text().len()]).collect();
                prop_assert!(ends.contains(&e.cursor()), "{:?} at {}", e.text(), e.cursor());
            }
        }
    }
}
