//! Cells that carry the number of an address are written between OSC 8 marks, so that a terminal that knows them opens
//! the whole address from every row it is wrapped over. Terminals that do not know them show the same letters. Clusters
//! whose width terminals disagree about are written apart; see `columns`.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Cell, CellWidth as _};
use ratatui::layout::{Position, Size};
use ratatui::style::Color;

use super::columns;
use crate::ui::{Links, link_number};

/// The screen's backend; everything but [`Backend::draw`] is crossterm's.
pub(super) struct Linking<W: Write> {
    inner: CrosstermBackend<W>,
    links: Rc<RefCell<Links>>,
}

impl<W: Write> Linking<W> {
    /// Around a writer; `links` is what the frame that is drawn says.
    pub(super) fn new(writer: W, links: Rc<RefCell<Links>>) -> Self {
        Self { inner: CrosstermBackend::new(writer), links }
    }
}

impl<W: Write> Write for Linking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut self.inner, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.inner)
    }
}

impl<W: Write> Backend for Linking<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let links = self.links.borrow();
        let mut run: Vec<(u16, u16, Cell)> = Vec::new();
        let mut current = None;
        for (x, y, cell) in content {
            let link = link_number(cell.underline_color).filter(|n| links.contains_key(n));
            if link != current && !run.is_empty() {
                flush(&mut self.inner, current.and_then(|n| links.get(&n)), &run)?;
                run.clear();
            }
            current = link;
            let mut cell = cell.clone();
            cell.underline_color = Color::Reset;
            run.push((x, y, cell));
        }
        if run.is_empty() { Ok(()) } else { flush(&mut self.inner, current.and_then(|n| links.get(&n)), &run) }
    }

    fn append_lines(&mut self, n: u16) -> io::Result<()> {
        self.inner.append_lines(n)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}

/// Writes cells that lead to the same address, or to none.
fn flush<W: Write>(to: &mut CrosstermBackend<W>, url: Option<&String>, run: &[(u16, u16, Cell)]) -> io::Result<()> {
    if let Some(url) = url {
        to.write_all(open(url).as_bytes())?;
    }
    let mut rest = run;
    while let Some(at) = rest.iter().position(|(.., cell)| !columns::is_sure(cell.symbol())) {
        let (x, y, cell) = &rest[at];
        write(to, &rest[..at])?;
        write(to, &columns::blanks(*x, *y, cell))?;
        // Each of these begins by putting the cursor where it belongs.
        write(to, &rest[at..=at])?;
        rest = &rest[at + 1..];
        // The blanks behind it are written already; again they would cut it in half.
        let within = |(x2, y2, c): &(u16, u16, Cell)| {
            y2 == y && *x2 < x.saturating_add(cell.cell_width()) && x2 > x && c.symbol() == " "
        };
        let behind = rest.iter().take_while(|c| within(c)).count();
        rest = &rest[behind..];
    }
    write(to, rest)?;
    if url.is_some() {
        to.write_all(b"\x1b]8;;\x1b\\")?;
    }
    Ok(())
}

fn write<W: Write>(to: &mut CrosstermBackend<W>, run: &[(u16, u16, Cell)]) -> io::Result<()> {
    if run.is_empty() { Ok(()) } else { to.draw(run.iter().map(|(x, y, cell)| (*x, *y, cell))) }
}

/// The mark before a link's letters. Whatever is not a printable ASCII character is percent-encoded, so that nothing in
/// an address can end the mark.
fn open(url: &str) -> String {
    let mut out = String::with_capacity(url.len() + 8);
    out.push_str("\x1b]8;;");
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.push_str("\x1b\\");
    out
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn cells_of_an_address_stand_between_marks_and_others_do_not() {
        let links = Rc::new(RefCell::new(Links::from([(7, "https://a.example/é\u{1b}".to_owned())])));
        let mut sink = Vec::new();
        let mut backend = Linking::new(&mut sink, links);
        let plain = Cell::new("x");
        let mut linked = Cell::new("y");
        linked.set_style(Style::new().underline_color(Color::Rgb(0, 0, 7)));
        backend.draw([(0, 0, &plain), (1, 0, &linked), (0, 1, &linked), (1, 1, &plain)].into_iter()).unwrap();
        drop(backend);
        let written = String::from_utf8(sink).unwrap();
        let (before, rest) = written.split_once("\x1b]8;;https://a.example/%C3%A9%1B\x1b\\").unwrap();
        let (within, after) = rest.split_once("\x1b]8;;\x1b\\").unwrap();
        assert!(before.contains('x') && within.matches('y').count() == 2 && after.contains('x'), "{written:?}");
        assert!(!written.contains("58"), "no underline colour is sent: {written:?}");
    }
}
