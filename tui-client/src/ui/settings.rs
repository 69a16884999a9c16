//! The settings view: a row for each setting with its value and its origin, and below what the chosen one does.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::hits::Hits;
use super::overlay::window;
use super::text::{Piece, Put as _, fit, line, pad, width, wrap};
use crate::app::field::Field;
use crate::app::settings::{View, in_front, short, shown};
use crate::app::{App, Target};
use crate::settings::{Kind, Setting, TABLE};
use crate::theme::Theme;

/// The column of the names.
const NAME: usize = 11;
/// The most rows that what is wrong, or what a setting does, takes below the list.
const MOST_BELOW: usize = 5;

/// A row of the list.
enum Row {
    Heading(&'static str),
    Entry(usize),
}

/// Draws the view.
pub(super) fn draw(app: &App, view: &View, theme: &Theme, hits: &mut Hits, frame: &mut Frame<'_>) {
    let screen = frame.area();
    let cells = screen.width.saturating_sub(4).min(90).max(screen.width.min(20));
    // On a small screen the list goes first.
    let most = usize::from(screen.height / 5).clamp(2, MOST_BELOW);
    let about = about(app, view, theme, usize::from(cells).saturating_sub(4).max(4), most);
    // What is said, an empty row above it, the keys.
    let below = u16::try_from(about.len()).unwrap_or(0).max(2) + 2;
    let all = u16::try_from(rows().len()).unwrap_or(u16::MAX).saturating_add(below + 2);
    let title = match app.settings.file.as_str() {
        "" => "Settings".to_owned(),
        file => format!("Settings · {}", fit(file, usize::from(cells).saturating_sub(20))),
    };
    let inner = window(frame, theme, &title, cells, screen.height.saturating_sub(3).clamp(6, all.max(6)));
    hits.within(inner);
    let below = below.min(inner.height.saturating_sub(2));
    list(app, view, theme, hits, frame, Rect { height: inner.height - below, ..inner });
    footer(view, about, theme, frame, Rect { y: inner.bottom() - below, height: below, ..inner });
}

/// The rows of the list: a heading above each group.
fn rows() -> Vec<Row> {
    let (mut rows, mut group) = (Vec::new(), "");
    for (i, setting) in TABLE.iter().enumerate() {
        if setting.group != group {
            group = setting.group;
            rows.push(Row::Heading(group));
        }
        rows.push(Row::Entry(i));
    }
    rows
}

fn list(app: &App, view: &View, theme: &Theme, hits: &mut Hits, frame: &mut Frame<'_>, area: Rect) {
    let rows = rows();
    let chosen = rows.iter().position(|r| matches!(r, Row::Entry(i) if *i == view.selected)).unwrap_or(0);
    let height = usize::from(area.height).max(1);
    // The heading above the first entry stays in view, the chosen one always.
    let first = (chosen + 2).saturating_sub(height).min(rows.len().saturating_sub(height));
    for (row, y) in rows.iter().skip(first).zip(area.y..area.bottom()) {
        let at = Rect { y, height: 1, ..area };
        match row {
            Row::Heading(text) => frame.put(Line::styled(format!(" {text}"), theme.dim), at),
            Row::Entry(i) => {
                hits.add(at, Target::Entry(*i));
                entry(app, view, *i, theme, frame, at);
            }
        }
    }
}

fn entry(app: &App, view: &View, index: usize, theme: &Theme, frame: &mut Frame<'_>, at: Rect) {
    let Some(setting) = TABLE.get(index) else { return };
    let chosen = index == view.selected;
    let whole = usize::from(at.width);
    let from = app.settings.values.get(setting).origin.to_string();
    let from = if app.settings.restart.contains(&setting.key) { format!("{from}, next start") } else { from };
    let from = fit(&from, whole / 4);
    let name = NAME.min(whole.saturating_sub(6));
    let room = whole.saturating_sub(3 + name + 1 + width(&from) + 3);
    if let Some(field) = view.typing.as_ref().filter(|_| chosen) {
        let lead = format!(" › {} ", pad(setting.key, name));
        return typed(&lead, field, theme, frame, at);
    }
    let value = shown(&app.settings, &app.theme, setting);
    let steps = chosen && setting.step("", 1).is_some();
    let value = if steps { format!("‹ {} ›", fit(&value, room.saturating_sub(4))) } else { format!("  {value}") };
    let (a, b): (Style, Style) =
        if chosen { (theme.choice.into(), theme.choice.into()) } else { (theme.text.into(), theme.dim.into()) };
    let mark = if chosen { " › " } else { "   " };
    frame.put(
        Line::from(vec![
            Span::styled(format!("{mark}{} ", pad(setting.key, name)), a),
            Span::styled(pad(&value, room), a),
            Span::styled(format!("  {from} "), b),
        ]),
        at,
    );
}

/// A field with its cursor, after what stands before it.
pub(super) fn typed(lead: &str, field: &Field, theme: &Theme, frame: &mut Frame<'_>, at: Rect) {
    let room = usize::from(at.width).saturating_sub(width(lead) + 1).max(1);
    let (before, text) = (field.text().get(..field.cursor()).unwrap_or_default(), field.text());
    // What is before the cursor stays in view: the end of a long text, the beginning of a short one.
    let skip = width(&line(before)).saturating_sub(room);
    let mut cut = 0;
    let mut start = 0;
    for (i, c) in text.char_indices() {
        if cut >= skip {
            break;
        }
        cut += width(&line(c.encode_utf8(&mut [0; 4])));
        start = i + c.len_utf8();
    }
    let visible = text.get(start..).unwrap_or_default();
    let shown = fit(visible, room);
    frame.put(Line::from(vec![Span::styled(lead.to_owned(), theme.accent), Span::styled(shown, theme.text)]), at);
    let x = width(lead) + width(&line(before)).saturating_sub(cut);
    let x = at.x.saturating_add(u16::try_from(x).unwrap_or(u16::MAX)).min(at.right().saturating_sub(1));
    frame.set_cursor_position(Position { x, y: at.y });
}

/// What is wrong and the way out, or what the chosen setting does.
fn about(app: &App, view: &View, theme: &Theme, cells: usize, most: usize) -> Vec<Line<'static>> {
    let Some(setting) = view.setting() else { return Vec::new() };
    if let Some(wrong) = &view.wrong {
        let mut rows = wrap(&[Piece::new(line(wrong), theme.error)], cells);
        rows.truncate(most);
        return rows;
    }
    if let Some(error) = &app.settings.error {
        let error = if most < MOST_BELOW { short(error) } else { error.clone() };
        let mut rows = wrap(&[Piece::new(line(&error), theme.error)], cells);
        let way_out = "What held before holds on. Mend the file; it is read at once.";
        let way_out = wrap(&[Piece::new(way_out, theme.warn)], cells);
        rows.truncate(most.saturating_sub(way_out.len()).max(1));
        rows.extend(way_out);
        return rows;
    }
    let mut pieces = vec![Piece::new(setting.what, theme.text)];
    let values = values(setting);
    if !values.is_empty() {
        pieces.push(Piece::new(format!(": {values}"), theme.dim));
    }
    if !setting.live {
        pieces.push(Piece::new(" · holds from the next start on", theme.dim));
    }
    pieces.push(Piece::new(line(&in_front(&app.settings.values.get(setting))), theme.warn));
    let mut rows = wrap(&pieces, cells);
    rows.truncate(most);
    rows
}

fn footer(view: &View, about: Vec<Line<'static>>, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let whole = usize::from(area.width).saturating_sub(2);
    let Some(setting) = view.setting() else { return };
    let last = area.bottom().saturating_sub(1);
    for (row, y) in about.into_iter().take(MOST_BELOW).zip(area.y + 1..last) {
        frame.put(row, Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 });
    }
    let keys: &[(&str, &str)] = match (&view.typing, setting.is_typed()) {
        (Some(_), _) => &[("Enter", "take it"), ("Esc", "leave it")],
        (None, true) => &[("Enter", "change"), ("Esc", "close"), ("Del", "default"), ("↑↓", "choose")],
        (None, false) => &[("← →", "change"), ("Esc", "close"), ("Del", "default"), ("↑↓", "choose")],
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, what) in keys {
        let gap = if spans.is_empty() { "" } else { " · " };
        used += width(gap) + width(key) + 1 + width(what);
        if used > whole {
            break;
        }
        spans.push(Span::styled(gap, theme.dim));
        spans.push(Span::styled(*key, theme.accent));
        spans.push(Span::styled(format!(" {what}"), theme.dim));
    }
    frame.put(Line::from(spans), Rect { x: area.x + 1, y: last, width: area.width.saturating_sub(2), height: 1 });
}

/// The values there are to choose from.
fn values(setting: &Setting) -> String {
    match setting.kind {
        Kind::Choice(all) | Kind::Open(all, _) => all.join(", "),
        Kind::Switch | Kind::Text(_) | Kind::List(_) => String::new(),
    }
}
