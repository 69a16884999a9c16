//! Lists and questions on top of the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders};

use super::cover;
use super::hits::Hits;
use super::settings;
use super::text::{Piece, Put as _, fit, line, pad, width, wrap};
use crate::app::picker::{PickItem, Picker, PickerKind};
use crate::app::{App, Confirmed, Overlay, Target, Zone};
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
        Some(Overlay::Confirm { question, yes }) => {
            let title = if matches!(yes, Confirmed::Copy(_)) { "Shown once" } else { "Sure?" };
            confirm(title, question, theme, frame);
        }
        None => {}
    }
}

/// Columns beside a window that are left empty.
const BESIDE: u16 = 8;

/// An empty window in the upper middle; gives what is inside of its frame.
pub(super) fn window(frame: &mut Frame<'_>, theme: &Theme, title: &str, cells: u16, rows: u16) -> Rect {
    let screen = frame.area();
    let (w, h) = (cells.min(screen.width), rows.min(screen.height));
    let at = Rect { x: (screen.width - w) / 2, y: (screen.height - h) / 3, width: w, height: h };
    // What a few cells beside it would show of the rows below is noise.
    let beside = screen.width - w <= BESIDE;
    let empty = if beside { Rect { x: 0, width: screen.width, ..at } } else { at };
    cover(frame, empty);
    frame.buffer_mut().set_style(empty, theme.text.0);
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

fn confirm(title: &str, question: &str, theme: &Theme, frame: &mut Frame<'_>) {
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
    let inner = window(frame, theme, title, cells, u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2));
    for (row, y) in rows.into_iter().zip(inner.y..inner.bottom()) {
        let at = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        frame.put(row, at);
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
    frame.put(Line::from(vec![Span::styled(lead, theme.accent), typed]), Rect { height: 1, ..inner });
    frame.set_cursor_position(Position { x: cursor.min(inner.right().saturating_sub(1)), y: inner.y });
    let note_row = u16::from(!picker.note.is_empty());
    let label = label_cells(picker, whole);
    let cut = picker.shown.iter().any(|i| is_cut(&picker.items[*i], label, whole));
    let whole_row = if cut { 2 } else { 0 };
    let gap = if inner.height < 8 { 1 } else { 2 };
    let height = inner.height.saturating_sub(gap + note_row + whole_row);
    let area = Rect { y: inner.y + gap, height, ..inner };
    in_full(picker, theme, frame, Rect { y: area.bottom(), height: whole_row, ..inner });
    if note_row > 0 && inner.height > 3 {
        let at = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        frame.put(Line::styled(fit(&format!(" {}", picker.note), whole), theme.dim), at);
    }
    // A press on the frame or the query means nothing.
    hits.within(inner);
    rows(picker, theme, hits, frame, area);
}

/// Cells of the names; longer ones are cut, or take the room that their detail leaves.
fn label_cells(picker: &Picker, whole: usize) -> usize {
    let widest = picker.shown.iter().map(|i| width(&line(&picker.items[*i].label))).max().unwrap_or(0);
    widest.min(whole / 3).max(8)
}

/// Whether an entry is not shown in full in its row.
fn is_cut(item: &PickItem, label: usize, whole: usize) -> bool {
    label.max(width(&line(&item.label))) + width(&line(&item.detail)) + 6 > whole
}

/// The chosen entry once more, where its row had no room for it.
fn in_full(picker: &Picker, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (whole, label) = (usize::from(area.width), label_cells(picker, usize::from(area.width)));
    let Some(item) = picker.chosen().filter(|item| is_cut(item, label, whole)) else { return };
    let text =
        [Piece::new(line(&item.label), theme.accent), Piece::new(format!("  {}", line(&item.detail)), theme.text)];
    let mut all = wrap(&text, whole.saturating_sub(3));
    if all.len() > usize::from(area.height)
        && let Some(last) = usize::from(area.height).checked_sub(1).and_then(|i| all.get_mut(i))
    {
        last.push_span(Span::styled("…", theme.text));
    }
    for (row, y) in all.into_iter().zip(area.y..area.bottom()) {
        frame.put(row, Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 });
    }
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
        return frame.put(Line::styled(words, theme.dim), Rect { height: 1, ..area });
    }
    let height = usize::from(area.height).max(1);
    // The heading above the first entry stays in view, the chosen one always.
    let first = (chosen_row + 2).saturating_sub(height).min(rows.len().saturating_sub(height));
    let whole = usize::from(area.width);
    let label = label_cells(picker, whole);
    for (row, y) in rows.iter().skip(first).zip(area.y..area.bottom()) {
        let at = Rect { y, height: 1, ..area };
        match row {
            Row::Heading(text) => frame.put(Line::styled(format!(" {text}"), theme.dim), at),
            Row::Entry(n) => {
                let item = &picker.items[picker.shown[*n]];
                let chosen = *n == picker.selected;
                let mark = if chosen { " › " } else { "   " };
                let (wide, about) = (width(&line(&item.label)), width(&line(&item.detail)));
                // A long name takes the room that its detail leaves, which then stands at the right.
                let base = label;
                let label = wide.min(whole.saturating_sub(about + 6)).max(base);
                let over = label > base;
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
                frame.put(Line::from(spans), at);
                hits.add(at, Target::Entry(*n));
            }
        }
    }
}
