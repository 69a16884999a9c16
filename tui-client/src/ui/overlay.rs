//! Lists and questions on top of the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear};

use super::hits::Hits;
use super::settings;
use super::text::{Piece, fit, line, pad, width, wrap};
use crate::app::picker::{Picker, PickerKind};
use crate::app::{App, Overlay, Target, Zone};
use crate::theme::Theme;

/// Draws what lies on top, if anything does.
pub fn draw(app: &App, theme: &Theme, hits: &mut Hits, frame: &mut Frame<'_>) {
    if app.overlay.is_some() {
        // Nothing below it is meant by the mouse.
        hits.clear();
        hits.add(frame.area(), Target::Outside);
        hits.zone(frame.area(), Zone::List);
    }
    match &app.overlay {
        Some(Overlay::Picker(picker)) => list(picker, theme, hits, frame),
        Some(Overlay::Settings(view)) => settings::draw(app, view, theme, hits, frame),
        Some(Overlay::Confirm { question, .. }) => confirm(question, theme, frame),
        None => {}
    }
}

/// An empty window in the upper middle; gives what is inside of its frame.
pub(super) fn window(frame: &mut Frame<'_>, theme: &Theme, title: &str, cells: u16, rows: u16) -> Rect {
    let screen = frame.area();
    let (w, h) = (cells.min(screen.width), rows.min(screen.height));
    let at = Rect { x: (screen.width - w) / 2, y: (screen.height - h) / 3, width: w, height: h };
    frame.render_widget(Clear, at);
    let block = Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(theme.rule.0)
        .style(theme.popup.0)
        .title(Line::styled(format!(" {title} "), theme.title.0));
    let inner = block.inner(at);
    frame.render_widget(block, at);
    inner
}

fn confirm(question: &str, theme: &Theme, frame: &mut Frame<'_>) {
    let cells = frame.area().width.saturating_sub(4).min(60);
    let text: Vec<Piece> = question
        .lines()
        .enumerate()
        .flat_map(|(i, l)| {
            let style = if i == 0 { theme.title } else { theme.text };
            [Piece::new(line(l), style), Piece::new("\n", theme.text)]
        })
        .collect();
    let mut rows = wrap(&text, usize::from(cells.saturating_sub(4)).max(4));
    rows.push(Line::from(vec![
        Span::styled("Enter or y", theme.accent),
        Span::styled(" yes · ", theme.dim),
        Span::styled("Esc", theme.accent),
        Span::styled(" no", theme.dim),
    ]));
    let inner = window(frame, theme, "Sure?", cells, u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2));
    for (row, y) in rows.into_iter().zip(inner.y..inner.bottom()) {
        let at = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        frame.render_widget(row, at);
    }
}

/// A row of a list: a heading or an entry.
enum Row<'a> {
    Heading(&'a str),
    Entry(usize),
}

fn list(picker: &Picker, theme: &Theme, hits: &mut Hits, frame: &mut Frame<'_>) {
    let screen = frame.area();
    let cells = screen.width.saturating_sub(4).min(90).max(screen.width.min(20));
    let inner = window(frame, theme, picker.title(), cells, screen.height.saturating_sub(4).clamp(6, 30));
    let whole = usize::from(inner.width);
    let (lead, words) = (" › ", "type to narrow");
    let query = fit(&picker.query, whole.saturating_sub(width(lead) + 2));
    let cursor = inner.x + u16::try_from(width(lead) + width(&query)).unwrap_or(0);
    let typed = if query.is_empty() { Span::styled(words, theme.dim) } else { Span::styled(query, theme.text) };
    frame.render_widget(Line::from(vec![Span::styled(lead, theme.accent), typed]), Rect { height: 1, ..inner });
    frame.set_cursor_position(Position { x: cursor.min(inner.right().saturating_sub(1)), y: inner.y });
    let note_row = u16::from(!picker.note.is_empty());
    let area = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2 + note_row), ..inner };
    if note_row > 0 && inner.height > 3 {
        let at = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        frame.render_widget(Line::styled(fit(&format!(" {}", picker.note), whole), theme.dim), at);
    }
    // A press on the frame or the query means nothing.
    hits.within(inner);
    rows(picker, theme, hits, frame, area);
}

fn rows(picker: &Picker, theme: &Theme, hits: &mut Hits, frame: &mut Frame<'_>, area: Rect) {
    let mut rows = Vec::with_capacity(picker.shown.len());
    let grouped = picker.query.is_empty() || picker.kind == PickerKind::Help;
    let mut group = "";
    let mut chosen_row = 0;
    for (n, i) in picker.shown.iter().enumerate() {
        let item = &picker.items[*i];
        if grouped && item.group != group {
            group = item.group;
            rows.push(Row::Heading(group));
        }
        if n == picker.selected {
            chosen_row = rows.len();
        }
        rows.push(Row::Entry(n));
    }
    if rows.is_empty() {
        let words = match picker.kind {
            PickerKind::Search => "",
            PickerKind::Rooms if picker.query.is_empty() => " you are in every room there is; type a name to make one",
            PickerKind::Jump | PickerKind::Rooms => " not here; Enter opens the room of that name, or makes it",
            _ => " nothing found",
        };
        return frame.render_widget(Line::styled(words, theme.dim), Rect { height: 1, ..area });
    }
    let height = usize::from(area.height).max(1);
    // The heading above the first entry stays in view, the chosen one always.
    let first = (chosen_row + 2).saturating_sub(height).min(rows.len().saturating_sub(height));
    let whole = usize::from(area.width);
    let widest = picker.shown.iter().map(|i| width(&line(&picker.items[*i].label))).max().unwrap_or(0);
    let label = widest.min(whole / 3).max(8);
    for (row, y) in rows.iter().skip(first).zip(area.y..area.bottom()) {
        let at = Rect { y, height: 1, ..area };
        match row {
            Row::Heading(text) => frame.render_widget(Line::styled(format!(" {text}"), theme.dim), at),
            Row::Entry(n) => {
                let item = &picker.items[picker.shown[*n]];
                let chosen = *n == picker.selected;
                let mark = if chosen { " › " } else { "   " };
                let (wide, about) = (width(&line(&item.label)), width(&line(&item.detail)));
                // A long name takes the room that its detail leaves, which then stands at the right.
                let over = wide > label && wide + about + 6 <= whole;
                let label = if over { wide } else { label };
                let detail = fit(&item.detail, whole.saturating_sub(label + 6));
                let (a, b): (Style, Style) = if chosen {
                    (theme.choice.into(), theme.choice.into())
                } else {
                    (theme.text.into(), theme.dim.into())
                };
                let gap = whole.saturating_sub(3 + label + 2 + width(&detail));
                let (before, after) = if over { (gap.saturating_sub(1), gap.min(1)) } else { (0, gap) };
                let detail = format!("  {}{detail}{}", " ".repeat(before), " ".repeat(after));
                let spans =
                    vec![Span::styled(mark, a), Span::styled(pad(&item.label, label), a), Span::styled(detail, b)];
                frame.render_widget(Line::from(spans), at);
                hits.add(at, Target::Entry(*n));
            }
        }
    }
}
