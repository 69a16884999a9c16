//! Links that survive wrapping: which cells belong to which address. The address travels as a number in the cell's
//! underline colour, which nothing else uses, so that a cell whose letter stays and whose address changes is drawn
//! anew; `runtime::hyperlink` turns the number into what terminals understand.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;

use super::markdown::{self, Block};
use super::text::width;
use crate::theme::Theme;

/// Addresses longer than this are shown, not linked, bytes.
const LONGEST: usize = 2_000;

/// The addresses of a frame by their numbers.
pub type Links = BTreeMap<u32, String>;

/// The number in a cell's underline colour.
pub fn number(colour: Color) -> Option<u32> {
    match colour {
        Color::Rgb(r, g, b) => Some(u32::from_be_bytes([0, r, g, b])),
        _ => None,
    }
}

/// A number for an address: the same in every frame, of 24 bits (FNV-1a, folded).
fn numbered(url: &str) -> u32 {
    let hash = url.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash >> 24) ^ (hash & 0x00ff_ffff)
}

/// The addresses in a message, as they are shown, in order.
pub fn in_text(text: &str, theme: &Theme) -> Vec<String> {
    if !text.contains("http") {
        return Vec::new();
    }
    let pieces = markdown::parse(text, theme, None).into_iter().flat_map(|block| match block {
        Block::Text(pieces) | Block::Quote(pieces) => pieces,
        Block::Code { .. } => Vec::new(),
    });
    pieces.filter(|p| p.style == theme.link.0 && p.text.starts_with("http")).map(|p| p.text).collect()
}

/// Where the addresses stand in a message's wrapped lines: line, first cell, cells, which address.
pub fn places(rows: &[Line<'_>], urls: &[String], theme: &Theme) -> Vec<(usize, u16, u16, usize)> {
    let mut places = Vec::new();
    let (mut which, mut left) = (0, urls.first().map_or("", String::as_str));
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        for span in &row.spans {
            let cells = u16::try_from(width(&span.content)).unwrap_or(u16::MAX);
            if span.style == theme.link.0 {
                // Two addresses never touch: what is shown in one span is one of them, or a part of it.
                let Some(rest) = left.strip_prefix(span.content.as_ref()) else { return places };
                places.push((y, x, cells, which));
                left = rest;
                if left.is_empty() {
                    which += 1;
                    left = urls.get(which).map_or("", String::as_str);
                }
            }
            x = x.saturating_add(cells);
        }
    }
    places
}

/// Marks a stretch of the screen as belonging to an address.
pub fn mark(frame: &mut Frame<'_>, links: &mut Links, at: Rect, url: &str) {
    if url.len() > LONGEST {
        return;
    }
    let number = numbered(url);
    links.insert(number, url.to_owned());
    let [_, r, g, b] = number.to_be_bytes();
    frame.buffer_mut().set_style(at, Style::new().underline_color(Color::Rgb(r, g, b)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::text::wrap;

    fn wrapped(text: &str, cells: usize) -> (Vec<Line<'static>>, Vec<String>, Theme) {
        let theme = Theme::named("dark").unwrap();
        let mut rows = Vec::new();
        for block in markdown::parse(text, &theme, None) {
            if let Block::Text(pieces) = block {
                rows.extend(wrap(&pieces, cells));
            }
        }
        (rows, in_text(text, &theme), theme)
    }

    #[test]
    fn a_link_over_several_rows_is_one() {
        let text = "see https://a.example/a-long-path-that-wraps https://a.example/other.";
        let (rows, urls, theme) = wrapped(text, 20);
        assert_eq!(urls, ["https://a.example/a-long-path-that-wraps", "https://a.example/other"]);
        let places = places(&rows, &urls, &theme);
        let mut shown = vec![String::new(); urls.len()];
        for (y, x, cells, which) in places {
            let row: String = rows[y].spans.iter().map(|s| s.content.as_ref()).collect();
            shown[which].extend(row.chars().skip(usize::from(x)).take(usize::from(cells)));
        }
        assert_eq!(shown, urls, "every cell of an address leads to the whole address");
    }

    #[test]
    fn the_same_address_has_the_same_number_and_it_fits_a_colour() {
        assert_eq!(numbered("https://a.example"), numbered("https://a.example"));
        assert!(numbered("https://a.example") < 1 << 24);
        assert_ne!(numbered("https://a.example/1"), numbered("https://a.example/2"));
    }
}
