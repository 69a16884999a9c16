//! The picture: a pure function of the state, the theme and the size. It changes nothing but its own cache of wrapped
//! lines, and says what it showed, so that `app` knows what is read.

mod composer;
mod highlight;
mod links;
mod markdown;
mod message;
mod overlay;
mod side;
mod text;
mod thread;
mod timeline;
mod top;

#[cfg(test)]
mod tests;

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::{App, Drawn, Line as Link};
use crate::theme::Theme;

pub use self::links::{Links, number as link_number};
pub use self::message::clock;

/// What is kept between frames; never part of the meaning.
#[derive(Debug, Default)]
pub struct Cache {
    lines: timeline::Cache,
    tabs: Vec<(Range<u16>, usize)>,
    tab_row: u16,
    side: Vec<(u16, usize)>,
    side_columns: Range<u16>,
    links: Links,
}

impl Cache {
    /// After another theme was chosen.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// The addresses of the last frame, by the numbers in its cells.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The room a click on this cell means.
    pub fn room_at(&self, column: u16, row: u16) -> Option<usize> {
        if row == self.tab_row
            && let Some((_, i)) = self.tabs.iter().find(|(r, _)| r.contains(&column))
        {
            return Some(*i);
        }
        self.side_columns
            .contains(&column)
            .then(|| self.side.iter().find(|(r, _)| *r == row))
            .flatten()
            .map(|(_, i)| *i)
    }
}

/// The least that can be drawn on.
const LEAST: (u16, u16) = (24, 7);
/// From this width on the rooms stand at the left.
const SIDEBAR: u16 = 100;
/// From this width on the members stand at the right.
const PANE: u16 = 130;

/// Draws the whole screen.
pub fn draw(app: &App, theme: &Theme, cache: &mut Cache, frame: &mut Frame<'_>) -> Drawn {
    let screen = frame.area();
    frame.buffer_mut().set_style(screen, theme.text.0);
    cache.tabs.clear();
    cache.side.clear();
    cache.links.clear();
    if screen.width < LEAST.0 || screen.height < LEAST.1 {
        let words = format!("needs {}×{}", LEAST.0, LEAST.1);
        frame.render_widget(Line::raw(words), Rect { height: screen.height.min(1), ..screen });
        return Drawn::default();
    }
    let wide = |choice: Option<bool>, from: u16, least: u16| {
        !app.bare && screen.width >= least && choice.unwrap_or(screen.width >= from)
    };
    let left = if wide(app.sidebar, SIDEBAR, 60) { side::LEFT } else { 0 };
    let right = match &app.thread {
        Some(_) if screen.width >= SIDEBAR && !app.bare => screen.width * 2 / 5,
        Some(_) => 0,
        None if wide(app.pane, PANE, 70) => side::RIGHT,
        None => 0,
    };
    let top = Rect { height: 1, ..screen };
    cache.tabs = top::rooms(app, theme, frame, top, left == 0);
    cache.tab_row = top.y;
    let below = Rect { y: screen.y + 1, height: screen.height - 1, ..screen };
    if left > 0 {
        let area = Rect { width: left, ..below };
        cache.side_columns = area.x..area.right();
        cache.side = side::rooms(app, theme, frame, area);
    }
    if right > 0 {
        let area = Rect { x: screen.right() - right, width: right, ..below };
        match &app.thread {
            Some(thread) => {
                let area = side::ruled(theme, frame, area);
                thread::draw(app, thread, theme, frame, area);
            }
            None => side::members(app, theme, frame, area),
        }
    }
    let body = Rect { x: below.x + left, width: below.width - left - right, ..below };
    let drawn = column(app, theme, cache, frame, body);
    overlay::draw(app, theme, frame);
    if app.ascii {
        ascii(frame);
    }
    drawn
}

/// Our frames and marks in ASCII, for terminals without the others. Texts stay as they are, but for the same marks.
fn ascii(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        let plain = match cell.symbol() {
            "─" | "—" => "-",
            "│" | "▌" | "▎" => "|",
            "┌" | "┐" | "└" | "┘" | "╭" | "╮" | "╰" | "╯" => "+",
            "›" | "↳" => ">",
            "‹" | "⏎" => "<",
            "●" | "•" => "*",
            "◌" | "○" | "◐" => "o",
            "✗" | "⊘" => "x",
            "✓" | "↓" => "v",
            "↑" => "^",
            "⟳" => "~",
            "…" | "·" => ".",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}

/// The middle: title, timeline, status, composer, hints.
fn column(app: &App, theme: &Theme, cache: &mut Cache, frame: &mut Frame<'_>, body: Rect) -> Drawn {
    let row = |y: u16| Rect { y, height: 1, ..body };
    let write = composer::height(app, Rect { height: frame.area().height, ..body });
    let mut y = body.bottom();
    y -= 1;
    composer::hints(app, theme, frame, row(y));
    y -= write;
    composer::draw(app, theme, frame, Rect { y, height: write, ..body });
    y -= 1;
    let rule = row(y);
    composer::rule(app, theme, frame, rule);
    y -= 1;
    let status = row(y);
    top::title(app, theme, frame, row(body.y));
    let mut from = body.y + 1;
    if let Link::Refused(error) = &app.line
        && y > from + 2
    {
        from += refused(&error.message, theme, frame, Rect { y: from, height: y - from - 1, ..body });
    }
    if let Some(thread) = app.thread.as_ref().filter(|_| frame.area().width < SIDEBAR || app.bare) {
        thread::draw(app, thread, theme, frame, Rect { y: from, height: y - from, ..body });
        composer::status(app, theme, frame, status);
        composer::popup(app, theme, frame, rule);
        // Nothing of the timeline is seen.
        return Drawn { rows: Vec::new(), height: y - from, at_end: false };
    }
    let drawn = timeline::draw(
        app,
        theme,
        (&mut cache.lines, &mut cache.links),
        frame,
        Rect { y: from, height: y - from, ..body },
    );
    composer::status(app, theme, frame, status);
    composer::popup(app, theme, frame, rule);
    drawn
}

/// Why there is no line and will be none by itself; returns the rows taken.
fn refused(message: &str, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> u16 {
    let words = text::Piece::new(format!(" ✗ {} · Enter tries again", text::line(message)), theme.error);
    let mut rows = 0;
    for line in text::wrap(&[words], usize::from(area.width)).into_iter().take(usize::from(area.height).min(4)) {
        frame.render_widget(line, Rect { y: area.y + rows, height: 1, ..area });
        rows += 1;
    }
    rows
}
