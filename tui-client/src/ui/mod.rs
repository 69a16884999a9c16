//! The picture: a pure function of the state, the theme and the size. It changes nothing but its own cache of wrapped
//! lines, and says what it showed, so that `app` knows what is read.

mod composer;
mod form;
mod highlight;
mod hits;
mod links;
mod markdown;
mod message;
mod overlay;
mod settings;
mod side;
mod text;
mod thread;
mod timeline;
mod top;

#[cfg(test)]
pub(crate) mod tests;

use ratatui::Frame;
use ratatui::buffer::CellWidth as _;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use crate::app::thread::Thread;
use crate::app::{App, Drawn, Line as Link, Target, Zone};
use crate::theme::Theme;

use self::text::Put as _;

pub use self::form::form;
pub use self::hits::Hits;
pub use self::links::{Links, number as link_number};
pub use self::message::clock;

/// What is kept between frames; never part of the meaning.
#[derive(Debug, Default)]
pub struct Cache {
    lines: timeline::Cache,
    hits: Hits,
    links: Links,
    /// The first byte of the text being written that is in view.
    line_top: usize,
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

    /// What stands where, for the mouse.
    pub fn hits(&self) -> &Hits {
        &self.hits
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
    cache.hits.clear();
    cache.links.clear();
    if screen.width < LEAST.0 || screen.height < LEAST.1 {
        let words = format!("needs {}×{}", LEAST.0, LEAST.1);
        frame.put(Line::raw(words), Rect { height: screen.height.min(1), ..screen });
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
    for (cells, i) in top::rooms(app, theme, frame, top, left == 0) {
        cache.hits.add(Rect { x: cells.start, width: cells.end - cells.start, ..top }, Target::Room(i));
    }
    let below = Rect { y: screen.y + 1, height: screen.height - 1, ..screen };
    if left > 0 {
        let area = Rect { width: left, ..below };
        for (y, i) in side::rooms(app, theme, frame, area) {
            cache.hits.add(Rect { y, height: 1, ..area }, Target::Room(i));
        }
    }
    let mut beside = None;
    if right > 0 {
        let area = Rect { x: screen.right() - right, width: right, ..below };
        match &app.thread {
            Some(thread) => {
                let area = side::ruled(theme, frame, area);
                beside = Some(threaded(app, thread, theme, cache, frame, area));
            }
            None => {
                for (at, name) in side::members(app, theme, frame, area) {
                    cache.hits.add(at, Target::User(name));
                }
            }
        }
    }
    let body = Rect { x: below.x + left, width: below.width - left - right, ..below };
    let mut drawn = column(app, theme, cache, frame, body);
    drawn.thread = drawn.thread.or(beside);
    drawn.left = left > 0;
    drawn.right = right > 0 && app.thread.is_none();
    overlay::draw(app, theme, &mut cache.hits, frame);
    if app.ascii {
        ascii(frame);
    }
    drawn
}

/// Empties an area for what lies on top. A wide character that reaches into it from the left goes whole: half of one
/// cannot be shown, and what should stand in its other half would not be drawn.
fn cover(frame: &mut Frame<'_>, area: Rect) {
    let cells = frame.buffer_mut();
    if let Some(left) = area.x.checked_sub(1) {
        for y in area.top()..area.bottom() {
            if let Some(cell) = cells.cell_mut((left, y)).filter(|c| c.cell_width() > 1) {
                cell.set_symbol(" ");
            }
        }
    }
    frame.render_widget(Clear, area);
}

/// Our frames and marks in ASCII, for terminals without the others. Texts stay as they are, but for the same marks.
fn ascii(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        let plain = match cell.symbol() {
            "─" | "—" => "-",
            "│" | "▌" | "▎" => "|",
            "┌" | "┐" | "└" | "┘" | "╭" | "╮" | "╰" | "╯" => "+",
            "›" | "↳" | "→" => ">",
            "‹" | "⏎" | "←" => "<",
            "●" | "•" => "*",
            "◌" | "○" | "◐" => "o",
            "✗" | "⊘" => "x",
            "◆" => "+",
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
    let place = Rect { y, height: write, ..body };
    let carets = composer::draw(app, theme, &mut cache.line_top, frame, place);
    cache.hits.carets(place, carets);
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
    let place = Rect { y: from, height: y - from, ..body };
    let over = |t: &&Thread| t.focus && (frame.area().width < SIDEBAR || app.bare);
    let drawn = if let Some(thread) = app.thread.as_ref().filter(over) {
        // Nothing of the timeline is seen.
        let seen = threaded(app, thread, theme, cache, frame, place);
        Drawn { height: place.height, thread: Some(seen), ..Drawn::default() }
    } else {
        let drawn = timeline::draw(app, theme, (&mut cache.lines, &mut cache.links), frame, place);
        cache.hits.rows(app, Zone::Timeline, &drawn, place, frame.buffer_mut(), &cache.links);
        drawn
    };
    if let Some(at) = composer::status(app, theme, frame, status) {
        cache.hits.add(at, Target::Newest);
    }
    for (at, i) in composer::popup(app, theme, frame, rule) {
        cache.hits.add(at, Target::Proposal(i));
    }
    drawn
}

/// The thread and what of it the mouse can mean.
fn threaded(
    app: &App,
    thread: &Thread,
    theme: &Theme,
    cache: &mut Cache,
    frame: &mut Frame<'_>,
    area: Rect,
) -> Box<Drawn> {
    let (drawn, place) = thread::draw(app, thread, theme, &mut cache.links, frame, area);
    cache.hits.rows(app, Zone::Thread, &drawn, place, frame.buffer_mut(), &cache.links);
    Box::new(drawn)
}

/// Why there is no line and will be none by itself; returns the rows taken.
fn refused(message: &str, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> u16 {
    let words = text::Piece::new(format!("{} · Enter tries again", text::line(message)), theme.error);
    let mut rows = 0;
    for line in text::wrap(&[words], usize::from(area.width.saturating_sub(4))) {
        if rows == area.height.min(4) {
            break;
        }
        let lead = Span::styled(if rows == 0 { " ✗ " } else { "   " }, theme.error);
        frame.put(
            Line::from_iter(std::iter::once(lead).chain(line.spans)),
            Rect { y: area.y + rows, height: 1, ..area },
        );
        rows += 1;
    }
    rows
}
