//! The form of the first start: a calm block in the middle of the screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::settings::typed;
use super::text::{Piece, Put as _, fit, line, pad, width, wrap};
use crate::app::field::Field;
use crate::app::form::{Entry, Form, Place, State};
use crate::theme::Theme;

/// The widest that the block becomes.
const CELLS: u16 = 64;
/// The column of the names.
const NAME: usize = 10;

/// One row of the form.
enum Row {
    Words(Line<'static>),
    Place(Place),
    Gap,
}

/// Draws the form on the whole screen.
pub fn form(form: &Form, theme: &Theme, ascii: bool, frame: &mut Frame<'_>) {
    let screen = frame.area();
    frame.buffer_mut().set_style(screen, theme.text.0);
    let cells = CELLS.min(screen.width.saturating_sub(2)).max(1);
    let said = said(form, theme, usize::from(cells));
    let roomy = screen.height >= 18;
    let rows = rows(form, theme, roomy);
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    // What is said has four rows of its own, so that nothing moves when something is said.
    let block = height.saturating_add(6);
    let top = screen.y + screen.height.saturating_sub(block) / 3;
    let x = screen.x + (screen.width.saturating_sub(cells)) / 2;
    let mut y = top;
    for row in rows {
        if y >= screen.bottom() {
            break;
        }
        let at = Rect { x, y, width: cells, height: 1 };
        match row {
            Row::Words(words) => frame.put(words, at),
            Row::Place(place) => self::place(form, place, theme, frame, at),
            Row::Gap => {}
        }
        y += 1;
    }
    y += u16::from(roomy);
    let keys = screen.bottom().saturating_sub(1);
    for row in said.into_iter().take(4) {
        if y >= keys {
            break;
        }
        frame.put(row, Rect { x, y, width: cells, height: 1 });
        y += 1;
    }
    hints(form, theme, frame, Rect { y: keys, height: 1, ..screen });
    if ascii {
        super::ascii(frame);
    }
}

fn rows(form: &Form, theme: &Theme, roomy: bool) -> Vec<Row> {
    let mut rows = vec![Row::Words(Line::styled("chat-tui", theme.accent))];
    if roomy {
        rows.push(Row::Gap);
        rows.push(Row::Words(Line::styled("Welcome. Where to, as whom, and into which room?", theme.title)));
        let file = format!("Your answers are kept in {}.", fit(&form.file, 40));
        rows.push(Row::Words(Line::styled(file, theme.dim)));
        rows.push(Row::Gap);
    }
    for place in form.places() {
        if roomy && *place == Place::Connect {
            rows.push(Row::Gap);
        }
        rows.push(Row::Place(*place));
    }
    rows
}

fn place(form: &Form, place: Place, theme: &Theme, frame: &mut Frame<'_>, at: Rect) {
    let here = form.place == place && !matches!(form.state, State::Trying { .. });
    let failed = matches!(&form.state, State::Failed { at, .. } if *at == place);
    let mark = if here { "› " } else { "  " };
    let name = match place {
        Place::Server => "Server",
        Place::Entry => "Come in",
        Place::Name => "Name",
        Place::Password => "Password",
        Place::Room => "Room",
        Place::Connect => {
            let style: Style = if here { theme.choice.into() } else { theme.text.into() };
            let button = vec![Span::raw(format!("{mark}{}", " ".repeat(NAME + 1))), Span::styled("[ Connect ]", style)];
            return frame.put(Line::from(button), at);
        }
    };
    let lead = format!("{mark}{} ", pad(name, NAME));
    let marks;
    let shown = match (place, form.field(place)) {
        (Place::Password, Some(field)) => {
            marks = masked(field);
            Some(&marks)
        }
        (_, field) => field,
    };
    let text = match shown {
        Some(field) if here => return typed(&lead, field, theme, frame, at),
        Some(field) => fit(field.text(), usize::from(at.width).saturating_sub(width(&lead))),
        None => {
            let entry = match form.entry {
                Entry::Guest => "as a guest",
                Entry::Account => "with my account",
            };
            format!("‹ {entry} ›")
        }
    };
    let (a, b): (Style, Style) = match (here, failed) {
        (true, _) => (theme.accent.into(), theme.choice.into()),
        (false, true) => (theme.error.into(), theme.text.into()),
        (false, false) => (theme.dim.into(), theme.text.into()),
    };
    frame.put(Line::from(vec![Span::styled(lead, a), Span::styled(text, b)]), at);
}

/// A mark for each character, the cursor where it is.
fn masked(field: &Field) -> Field {
    Field::new(&"•".repeat(field.text().chars().count()))
}

/// What the field is for, or what became of the trial.
fn said(form: &Form, theme: &Theme, cells: usize) -> Vec<Line<'static>> {
    let mut pieces = Vec::new();
    match &form.state {
        State::Filling => pieces.push(Piece::new(about(form), theme.dim)),
        State::Trying { done, now } => {
            for step in done {
                pieces.push(Piece::new(format!("✓ {}\n", line(step)), theme.ok));
            }
            pieces.push(Piece::new(format!("… {}", line(now)), theme.warn));
        }
        State::Failed { wrong, hint, .. } => {
            pieces.push(Piece::new(format!("✗ {}", line(wrong)), theme.error));
            if !hint.is_empty() {
                pieces.push(Piece::new(format!("\n{}", line(hint)), theme.text));
            }
        }
    }
    wrap(&pieces, cells.max(4))
}

fn about(form: &Form) -> &'static str {
    match (form.place, form.entry) {
        (Place::Server, _) => {
            "The address of the chat-server, as https://chat.example.org. The one that stands here is this machine's own."
        }
        (Place::Entry, Entry::Guest) => "A guest needs no password. ← → to log in with an account instead.",
        (Place::Entry, Entry::Account) => "An account has a password. ← → to come in as a guest instead.",
        (Place::Name, Entry::Guest) => "How others see you; a guest's name gets a ~ before it.",
        (Place::Name, Entry::Account) => "The name of your account.",
        (Place::Password, _) => {
            "It is sent to the server and kept nowhere; what stays is a session that chat-tui logout ends."
        }
        (Place::Room, _) => "The room that opens at the start; lobby is there on every server. Enter connects.",
        (Place::Connect, _) => "Enter tries the connection, keeps your answers, and opens the room.",
    }
}

fn hints(form: &Form, theme: &Theme, frame: &mut Frame<'_>, at: Rect) {
    let enter = if matches!(form.place, Place::Room | Place::Connect) { "connect" } else { "next" };
    let keys: Vec<(&str, &str)> = match form.state {
        State::Trying { .. } => vec![("Esc", "stop trying"), ("Ctrl+Q", "quit")],
        _ => {
            let skip = if at.width < 60 { "skip" } else { "skip this, write nothing" };
            vec![("Enter", enter), ("Tab ↑↓", "move"), ("Esc", skip), ("Ctrl+Q", "quit")]
        }
    };
    let whole = usize::from(at.width);
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (i, (key, what)) in keys.into_iter().enumerate() {
        let gap = if i == 0 { "" } else { " · " };
        used += width(gap) + width(key) + 1 + width(what);
        if used > whole {
            break;
        }
        spans.push(Span::styled(gap, theme.dim));
        spans.push(Span::styled(key, theme.accent));
        spans.push(Span::styled(format!(" {what}"), theme.dim));
    }
    frame.put(Line::from(spans), at);
}
