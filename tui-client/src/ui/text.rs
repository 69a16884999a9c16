//! Texts on cells: made harmless, measured, cut and wrapped by graphemes. Everything from outside that is drawn goes
//! through [`line()`] or [`block`].

use std::borrow::Cow;

use chat_common::text::{visible, visible_line};
use ratatui::Frame;
use ratatui::buffer::CellWidth as _;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

/// The longest single line that is looked at, bytes; a name or a topic beyond it is cut before the work.
const MAX_LINE: usize = 4 * 1024;

/// A text for one line: nothing in it drives the terminal.
pub fn line(text: &str) -> String {
    let mut end = text.len().min(MAX_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    visible_line(&text[..end])
}

/// A text of several lines: nothing in it drives the terminal; tabs are four spaces.
pub fn block(text: &str) -> Cow<'_, str> {
    let safe = visible(text);
    if safe.contains('\t') { Cow::Owned(safe.replace('\t', "    ")) } else { safe }
}

/// Cells a text takes: those of its graphemes, which is how they are put into cells. As a whole it may count for less:
/// in Arabic some letters beside each other are one in print.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.bytes().filter(|b| !b.is_ascii_control()).count();
    }
    text.graphemes(true).filter(|g| !g.contains(char::is_control)).map(|g| usize::from(g.cell_width())).sum()
}

/// Cells a line takes.
pub fn line_width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|s| width(&s.content)).sum()
}

/// Puts lines on the screen.
pub trait Put {
    /// Writes a line into the first row of an area, grapheme by grapheme. A `Line` drawn as a widget goes by the width
    /// of whole spans instead, which is another where letters join: what follows them would stand on them.
    fn put(&mut self, line: impl Into<Line<'static>>, area: Rect);
}

impl Put for Frame<'_> {
    fn put(&mut self, line: impl Into<Line<'static>>, area: Rect) {
        let line = line.into();
        let area = Rect { height: area.height.min(1), ..area }.intersection(self.area());
        if area.is_empty() {
            return;
        }
        let indent = match line.alignment {
            Some(Alignment::Center) => usize::from(area.width).saturating_sub(line_width(&line)) / 2,
            _ => 0,
        };
        let indent = u16::try_from(indent).unwrap_or(0);
        let cells = self.buffer_mut();
        cells.set_style(area, line.style);
        cells.set_line(area.x + indent, area.y, &line, area.width - indent);
    }
}

/// A harmless text cut to so many cells, with `…` where something is left out.
pub fn fit(text: &str, cells: usize) -> String {
    let text = line(text);
    if width(&text) <= cells {
        return text;
    }
    if cells == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for g in text.graphemes(true) {
        let w = width(g);
        if used + w + 1 > cells {
            break;
        }
        out.push_str(g);
        used += w;
    }
    out.push('…');
    out
}

/// As [`fit`], filled up with spaces at the right.
pub fn pad(text: &str, cells: usize) -> String {
    let mut out = fit(text, cells);
    let used = width(&out);
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(used)));
    out
}

/// A run of text in one style; harmless already.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// May hold line breaks.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

impl Piece {
    /// A piece.
    pub fn new(text: impl Into<String>, style: impl Into<Style>) -> Self {
        Self { text: text.into(), style: style.into() }
    }
}

/// One row being filled.
#[derive(Default)]
struct Row<'a> {
    cells: Vec<(&'a str, Style, usize)>,
    used: usize,
}

impl<'a> Row<'a> {
    fn push(&mut self, g: &'a str, style: Style, w: usize) {
        self.cells.push((g, style, w));
        self.used += w;
    }

    fn line(&self) -> Line<'static> {
        let mut spans: Vec<Span<'static>> = Vec::new();
        let mut run = String::new();
        let mut last = None;
        for (g, style, _) in &self.cells {
            if last.is_some_and(|s| s != *style) {
                spans.push(Span::styled(std::mem::take(&mut run), last.unwrap_or_default()));
            }
            last = Some(*style);
            run.push_str(g);
        }
        if !run.is_empty() {
            spans.push(Span::styled(run, last.unwrap_or_default()));
        }
        Line::from(spans)
    }

    /// Splits at the last space: what stands after it begins the next row.
    fn split(&mut self) -> Self {
        let rest = match self.cells.iter().rposition(|(g, ..)| *g == " ") {
            Some(i) if i > 0 => {
                let rest = self.cells.split_off(i + 1);
                self.cells.pop();
                rest
            }
            _ => Vec::new(),
        };
        let used = rest.iter().map(|(_, _, w)| w).sum();
        Self { cells: rest, used }
    }
}

/// Wraps pieces into rows of at most `cells`, at spaces where there are some, else between graphemes. At least one row.
pub fn wrap(pieces: &[Piece], cells: usize) -> Vec<Line<'static>> {
    let cells = cells.max(2);
    let mut lines = Vec::new();
    let mut row = Row::default();
    for piece in pieces {
        for g in piece.text.graphemes(true) {
            if g == "\n" {
                lines.push(row.line());
                row = Row::default();
                continue;
            }
            let w = width(g);
            if w == 0 || w > cells {
                continue;
            }
            if row.used + w > cells {
                if g == " " {
                    lines.push(row.line());
                    row = Row::default();
                    continue;
                }
                let rest = row.split();
                lines.push(row.line());
                row = rest;
                if row.used + w > cells {
                    lines.push(row.line());
                    row = Row::default();
                }
            }
            row.push(g, piece.style, w);
        }
    }
    lines.push(row.line());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, cells: usize) -> Vec<String> {
        wrap(&[Piece::new(text, Style::new())], cells).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(rows("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(rows("abcdefghijkl mn", 5), ["abcde", "fghij", "kl mn"]);
        assert_eq!(rows("a\n\nb", 5), ["a", "", "b"]);
        assert_eq!(rows("", 5), [""]);
    }

    #[test]
    fn wide_and_combined_characters_are_measured_in_cells() {
        assert_eq!(rows("日本語テキスト", 5), ["日本", "語テ", "キス", "ト"]);
        assert_eq!(fit("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 5), "👨‍👩‍👧👨‍👩‍👧…");
        assert_eq!(pad("e\u{301}", 3), "e\u{301}  ");
    }

    #[test]
    fn a_text_is_as_wide_as_the_cells_it_is_put_into() {
        let cells = |text: &str| {
            let mut cells = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 60, 1));
            usize::from(cells.set_stringn(0, 0, text, 60, Style::new()).0)
        };
        for text in
            ["سلام لا بأس", "ｶﾞｷﾞ", "❤️ 1️⃣ 👨‍👩‍👧 🇩🇪", "हिन्दी क्षि", "각 각", "e\u{301}", "a\tb", "กำ", "☺\u{fe0e}", "ꓐꓹꓼ"]
        {
            assert_eq!(width(text), cells(text), "{text:?}");
            assert_eq!(width(&pad(text, 30)), 30, "{text:?}");
        }
    }

    #[test]
    fn what_drives_a_terminal_is_shown_as_a_mark() {
        assert_eq!(line("a\u{1b}[2J\nb"), "a␛[2J␊b");
        assert!(!line("\u{202e}x").contains('\u{202e}'));
        assert!(line(&"x".repeat(1_000_000)).len() <= MAX_LINE);
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_asked(text in "[a-z é日👍🏽\u{301}\u{200d}\n]{0,80}", cells in 2usize..20) {
            for row in rows(&text, cells) {
                prop_assert!(width(&row) <= cells, "{row:?}");
            }
        }
    }
}
