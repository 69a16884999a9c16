//! The line one writes in: wraps what is near the cursor, shows what the text is for, how long it is, proposals, and
//! the hints.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::cover;
use super::hits::CaretRow;
use super::text::{Piece, Put as _, block, fit, line, pad, width, wrap};
use crate::app::room::Purpose;
use crate::app::{App, Line as Link, Mode, Overlay, Room};
use crate::keymap::{Action, Context};
use crate::theme::Theme;

/// Rows that one notice takes at most.
const SAID: usize = 4;

/// The text on rows of cells, and where the cursor stands.
struct Laid {
    rows: Vec<LaidRow>,
    cursor: (usize, usize),
}

/// One row: its text, the byte at each of its cells, the byte behind it.
#[derive(Default)]
struct LaidRow {
    text: String,
    cells: Vec<usize>,
    end: usize,
}

impl LaidRow {
    fn start(&self) -> usize {
        self.cells.first().copied().unwrap_or(self.end)
    }
}

impl Laid {
    /// The first row in view: where it was, moved no further than the cursor needs.
    fn first(&self, top: usize, rows: usize) -> usize {
        let least = (self.cursor.0 + 1).saturating_sub(rows);
        let before = self.rows.iter().position(|r| r.start() >= top).unwrap_or(self.cursor.0);
        before.clamp(least, self.cursor.0).min(self.rows.len().saturating_sub(rows))
    }
}

/// Of a line that is far longer than any screen, so many bytes before and behind the cursor are looked at.
const NEAR: usize = 16 * 1024;

/// What of the text is laid out: the lines within `around` lines of the cursor, and of endless ones a part.
fn near(text: &str, cursor: usize, around: usize) -> (usize, usize) {
    let start = text[..cursor].rmatch_indices('\n').nth(around).map_or(0, |(i, _)| i + 1);
    let end = text[cursor..].match_indices('\n').nth(around).map_or(text.len(), |(i, _)| cursor + i);
    // In steps, so that the rows do not move with every key.
    let mut from = start + (cursor - start).saturating_sub(NEAR) / NEAR * NEAR;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut to = end.min(cursor.saturating_add(NEAR));
    while !text.is_char_boundary(to) {
        to += 1;
    }
    (from.min(cursor), to)
}

/// Wraps what is near the cursor; a text of any length costs the same.
fn lay(text: &str, cursor: usize, cells: usize, around: usize) -> Laid {
    let (start, end) = near(text, cursor, around);
    let mut rows = Vec::new();
    let mut row = LaidRow { end: start, ..LaidRow::default() };
    let mut at = (0, 0);
    let mut offset = start;
    let next = |row: &mut LaidRow, rows: &mut Vec<LaidRow>, from: usize| {
        rows.push(std::mem::replace(row, LaidRow { end: from, ..LaidRow::default() }));
    };
    for g in text[start..end].graphemes(true) {
        if offset == cursor {
            at = (rows.len(), row.cells.len());
        }
        let from = offset;
        offset += g.len();
        if g == "\n" {
            next(&mut row, &mut rows, offset);
            continue;
        }
        let shown = block(g);
        let w = width(&shown);
        if row.cells.len() + w > cells {
            if from == cursor {
                at = (rows.len() + 1, 0);
            }
            next(&mut row, &mut rows, from);
        }
        row.text.push_str(&shown);
        row.cells.extend(std::iter::repeat_n(from, w));
        row.end = offset;
    }
    if cursor >= offset {
        if row.cells.len() >= cells {
            next(&mut row, &mut rows, offset);
        }
        at = (rows.len(), row.cells.len());
    }
    rows.push(row);
    Laid { rows, cursor: at }
}

fn prompt(room: Option<&Room>, cells: usize) -> String {
    match room {
        Some(room) => match &room.purpose {
            Purpose::Edit(..) => " edit › ".to_owned(),
            _ => format!(" {} › ", fit(&room.title(), (cells / 4).max(6))),
        },
        None => " › ".to_owned(),
    }
}

/// Rows the composer wants, one at least, a third of the screen at most.
pub fn height(app: &App, area: Rect) -> u16 {
    let most = usize::from(area.height / 3).max(1);
    let Some(room) = app.room() else { return 1 };
    let cells = usize::from(area.width).saturating_sub(width(&prompt(Some(room), usize::from(area.width))) + 1).max(4);
    let laid = lay(room.editor.text(), room.editor.cursor(), cells, most);
    u16::try_from(laid.rows.len().clamp(1, most)).unwrap_or(1)
}

/// Draws the text; the terminal's cursor stands in it while one writes. `top` is the first byte in view, kept
/// while the cursor allows it. Gives where which byte stands, for the mouse.
pub fn draw(app: &App, theme: &Theme, top: &mut usize, frame: &mut Frame<'_>, area: Rect) -> Vec<CaretRow> {
    let prompt = prompt(app.room(), usize::from(area.width));
    let lead = width(&prompt);
    let cells = usize::from(area.width).saturating_sub(lead + 1).max(4);
    let rows = usize::from(area.height);
    let (text, cursor) = app.room().map_or(("", 0), |r| (r.editor.text(), r.editor.cursor()));
    let laid = lay(text, cursor, cells, rows);
    let first = laid.first(*top, rows);
    *top = laid.rows.get(first).map_or(0, LaidRow::start);
    let writing = app.mode == Mode::Compose;
    for (i, y) in (0..rows).zip(area.y..) {
        let lead_text = if i == 0 { prompt.clone() } else { " ".repeat(lead) };
        let at = Rect { x: area.x, y, width: area.width, height: 1 };
        let body = match laid.rows.get(first + i) {
            Some(row) => Span::styled(row.text.clone(), if writing { theme.text } else { theme.dim }),
            None => Span::raw(""),
        };
        let style = if writing { theme.accent } else { theme.dim };
        frame.put(Line::from(vec![Span::styled(lead_text, style), body]), at);
    }
    if text.is_empty() && writing && area.height > 0 {
        let at = Rect {
            x: area.x + u16::try_from(lead).unwrap_or(0),
            width: u16::try_from(cells).unwrap_or(0),
            height: 1,
            ..area
        };
        // Nowhere else does one see oneself as the others do.
        let words = match (app.room(), &app.me) {
            (Some(_), Some(me)) => format!("write as {}", me.name),
            (Some(_), None) => "write a message".to_owned(),
            (None, _) => String::new(),
        };
        frame.put(Line::styled(fit(&words, cells), theme.dim), at.intersection(area));
    }
    if writing && app.overlay.is_none() && area.height > 0 {
        let x = area.x + u16::try_from(lead + laid.cursor.1).unwrap_or(0);
        let y = area.y + u16::try_from(laid.cursor.0 - first).unwrap_or(0);
        frame.set_cursor_position(Position { x: x.min(area.right().saturating_sub(1)), y: y.min(area.bottom() - 1) });
    }
    let x = area.x + u16::try_from(lead).unwrap_or(0);
    let seen = laid.rows.into_iter().skip(first).zip(area.y..area.bottom());
    seen.map(|(row, y)| CaretRow { y, x, cells: row.cells, end: row.end }).collect()
}

/// The rule above the text: says what it answers or changes, and how much is too much.
pub fn rule(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let clear = app.keymap.hint(Context::Global, Action::Clear);
    let what = app.room().and_then(|room| match &room.purpose {
        Purpose::Say => None,
        Purpose::Reply(seq) => {
            let text = room.timeline.get(*seq).and_then(|i| i.message()).map_or_else(
                || "a message".to_owned(),
                |m| {
                    format!(
                        "{}: {}",
                        m.from().name,
                        line(m.text().unwrap_or_default().lines().next().unwrap_or_default())
                    )
                },
            );
            let drop = app.keymap.hint(Context::Compose, Action::Browse);
            let how = if room.editor.is_empty() {
                format!(" {drop} drops the reply ")
            } else {
                format!(" {clear} twice drops the reply ")
            };
            Some((format!("↳ replying to {text}"), how))
        }
        Purpose::Edit(..) => Some(("editing your message".to_owned(), format!(" {clear} leaves it as it was "))),
    });
    let size = app.room().map_or(0, |r| r.editor.text().len());
    let limit = app.limits.text_bytes;
    let (right, right_style): (String, Style) = match (size * 5 > limit * 4, what.as_ref()) {
        (true, _) if size > limit => (format!(" {size} of {limit} bytes: too long "), theme.error.into()),
        (true, _) => (format!(" {size} of {limit} bytes "), theme.warn.into()),
        (false, Some((_, how))) if cells > 60 => (how.clone(), theme.dim.into()),
        _ => (String::new(), theme.dim.into()),
    };
    let lines = app.room().map_or(0, |r| r.editor.text().matches('\n').count() + 1);
    let right = match (lines > usize::from(frame.area().height / 3), right.as_str()) {
        (true, "") => format!(" {lines} lines "),
        (true, more) => format!(" {lines} lines{more}"),
        (false, _) => right,
    };
    let left = what.map(|(w, _)| format!(" {} ", fit(&w, cells.saturating_sub(width(&right) + 8)))).unwrap_or_default();
    let fill = cells.saturating_sub(2 + width(&left) + width(&right) + 2);
    frame.put(
        Line::from(vec![
            Span::styled("──", theme.rule),
            Span::styled(left, theme.accent),
            Span::styled("─".repeat(fill), theme.rule),
            Span::styled(right, right_style),
            Span::styled("──", theme.rule),
        ]),
        area,
    );
}

/// The row above: a question, what was just said or who is typing, and what waits below the view; gives where the words
/// stand that lead there.
pub fn status(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Option<Rect> {
    let cells = usize::from(area.width);
    let Some(room) = app.room() else {
        said(app, theme, frame, area, cells);
        return None;
    };
    let end = app.keymap.hint(Context::Browse, Action::Newest);
    let end = if app.mode == Mode::Browse { end } else { "End".to_owned() };
    let right = match (room.below, app.drawn.at_end) {
        (0, true) => String::new(),
        (0, false) if app.drawn.rows.is_empty() => String::new(),
        (0, false) => format!("↓ newest  {end} "),
        (n, _) => format!("↓ {n} new below  {end} "),
    };
    let right = if room.repairing { format!("catching up… {right}") } else { right };
    let room_left = cells.saturating_sub(width(&right));
    if let Some(pasted) = app.asked_paste() {
        let words = format!(" {} lines pasted. A code block?", pasted.lines);
        frame.put(Line::styled(fit(&words, room_left), theme.accent), area);
    } else if let Some(toast) = &app.toast {
        toasted(toast.error, &toast.text, theme, frame, area, room_left);
    } else if !room.typing.is_empty() {
        let names: Vec<String> = room.typing.iter().take(3).map(|(u, _)| u.name.to_string()).collect();
        let text = match (room.typing.len(), names.as_slice()) {
            (1, [a]) => format!(" {a} is typing…"),
            (2, [a, b]) => format!(" {a} and {b} are typing…"),
            _ => " several people are typing…".to_owned(),
        };
        frame.put(Line::styled(fit(&text, room_left), theme.dim), area);
    }
    let w = u16::try_from(width(&right)).unwrap_or(0).min(area.width);
    let at = Rect { x: area.right() - w, width: w, ..area };
    frame.put(Line::styled(right, theme.unread), at);
    (w > 0).then_some(at)
}

fn said(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect, cells: usize) {
    if let Some(toast) = &app.toast {
        toasted(toast.error, &toast.text, theme, frame, area, cells);
    }
}

fn toasted(error: bool, text: &str, theme: &Theme, frame: &mut Frame<'_>, area: Rect, cells: usize) {
    let (mark, style) = if error { ("✗", theme.error) } else { ("·", theme.accent) };
    let text = line(text);
    let lead = format!(" {mark} ");
    let room = cells.saturating_sub(width(&lead)).max(4);
    // Longer than the row: its end says what to do, so it takes rows of the timeline instead of being cut.
    let mut rows = wrap(&[Piece::new(text, style)], room);
    rows.truncate(usize::from(area.y.saturating_sub(2)).clamp(1, SAID));
    let above = u16::try_from(rows.len().saturating_sub(1)).unwrap_or(0);
    for (i, (row, y)) in rows.into_iter().zip(area.y - above..).enumerate() {
        let at = Rect { y, ..area };
        cover(frame, at);
        let lead = Span::styled(if i == 0 { lead.clone() } else { " ".repeat(width(&lead)) }, style);
        let spans = std::iter::once(lead).chain(row.spans);
        frame.put(Line::from_iter(spans), at);
    }
}

/// The last row: what the keys do here, always with the way back.
pub fn hints(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let key = |c, a| app.keymap.hint(c, a).replace("Ctrl+", "^");
    let compose = |a| key(Context::Compose, a);
    let hints: Vec<(String, &str)> = match app.mode {
        _ if matches!(app.overlay, Some(Overlay::Confirm { .. })) => {
            vec![("Enter".to_owned(), "yes"), ("Esc".to_owned(), "no")]
        }
        // The view has its own.
        _ if matches!(app.overlay, Some(Overlay::Settings(_))) => Vec::new(),
        _ if app.overlay.is_some() => {
            vec![("Enter".to_owned(), "take"), ("↑↓".to_owned(), "choose"), ("Esc".to_owned(), "close")]
        }
        _ if app.chord => {
            vec![("^E".to_owned(), "write in $EDITOR"), ("any other key".to_owned(), "goes back")]
        }
        Mode::Compose if app.asked_paste().is_some() => vec![
            (compose(Action::Complete), "code block"),
            (compose(Action::Send), "keep as text"),
            (compose(Action::Browse), "take it out"),
            ("any other key".to_owned(), "goes on"),
        ],
        Mode::Compose if app.popup.is_some() => {
            vec![(compose(Action::Complete), "take"), ("↑↓".to_owned(), "choose"), (compose(Action::Browse), "dismiss")]
        }
        Mode::Compose => writing(app, &key),
        Mode::Browse => browsing(app, &key),
    };
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (i, (key, what)) in hints.into_iter().filter(|(k, _)| !k.is_empty()).enumerate() {
        let gap = if i == 0 { "" } else { " · " };
        let needed = width(gap) + width(&key) + 1 + width(what);
        if used + needed > usize::from(area.width) {
            break;
        }
        used += needed;
        spans.push(Span::styled(gap, theme.dim));
        spans.push(Span::styled(key, theme.accent));
        spans.push(Span::styled(format!(" {what}"), theme.dim));
    }
    frame.put(Line::from(spans), area);
}

/// While one writes.
fn writing(app: &App, key: &dyn Fn(Context, Action) -> String) -> Vec<(String, &'static str)> {
    let compose = |a| key(Context::Compose, a);
    let empty = app.room().is_none_or(|r| r.editor.is_blank());
    let reconnect = matches!(app.line, Link::Waiting { .. } | Link::Refused(_)) && empty;
    let send = match (reconnect, &app.thread) {
        (true, _) => "reconnect now",
        (false, Some(_)) => "reply",
        (false, None) => "send",
    };
    let help = (key(Context::Global, Action::Help), "help");
    let Some(thread) = &app.thread else {
        let bare = app.bare.then(|| (key(Context::Global, Action::Bare), "leave the bare view"));
        let mut hints: Vec<_> = bare.into_iter().collect();
        hints.extend([
            (compose(Action::Send), send),
            help,
            (compose(Action::Browse), "browse"),
            (key(Context::Global, Action::Jump), "jump"),
            (compose(Action::Newline), "newline"),
            (key(Context::Global, Action::Commands), "commands"),
            (key(Context::Global, Action::Quit), "quit"),
        ]);
        return hints;
    };
    let other = if thread.focus { "timeline" } else { "thread" };
    let switch = if empty { compose(Action::Complete) } else { key(Context::Global, Action::Focus) };
    vec![
        (compose(Action::Send), send),
        (compose(Action::Browse), "close thread"),
        (switch, other),
        if empty { (compose(Action::Up), "browse") } else { (compose(Action::PageUp), "scroll") },
        help,
    ]
}

/// While a message is selected.
fn browsing(app: &App, key: &dyn Fn(Context, Action) -> String) -> Vec<(String, &'static str)> {
    let browse = |a| key(Context::Browse, a);
    let message = match app.chosen() {
        Some(crate::app::RowKey::Stored(seq)) => Some(app.message(*seq)),
        _ => None,
    };
    let mut hints = vec![(browse(Action::Back), "back to writing")];
    let in_thread = app.thread.as_ref().map(|t| t.focus);
    match message {
        None => hints.extend([(browse(Action::Reply), "retry"), (browse(Action::Delete), "drop")]),
        Some(Some(gone)) if gone.text.is_none() => {}
        Some(message) => {
            let mine = message.is_some_and(|m| app.me.as_ref().is_some_and(|me| me.id == m.from.id));
            hints.push((browse(Action::Reply), "reply"));
            if mine {
                hints.extend([(browse(Action::Edit), "edit"), (browse(Action::Delete), "delete")]);
            }
            if in_thread != Some(true) {
                hints.push((browse(Action::Thread), "thread"));
            }
            hints.extend([(browse(Action::React), "react"), (browse(Action::Copy), "copy")]);
        }
    }
    if let Some(thread) = in_thread {
        hints.insert(1, (browse(Action::Focus), if thread { "timeline" } else { "thread" }));
    }
    hints.extend([
        ("j k".to_owned(), "move"),
        (browse(Action::MarkUnread), "unread"),
        (browse(Action::Search), "search"),
    ]);
    hints
}

/// The proposals, above the composer; gives where each stands.
pub fn popup(app: &App, theme: &Theme, frame: &mut Frame<'_>, above: Rect) -> Vec<(Rect, usize)> {
    let Some(popup) = &app.popup else { return Vec::new() };
    let rows = u16::try_from(popup.items.len()).unwrap_or(0).min(above.y.saturating_sub(2));
    let widest = popup.items.iter().map(|(i, _)| width(&line(i))).max().unwrap_or(0).min(24);
    let cells = usize::from(above.width.saturating_sub(2)).min(70);
    let at = Rect { x: above.x + 1, y: above.y - rows, width: u16::try_from(cells).unwrap_or(0), height: rows };
    cover(frame, at);
    let mut places = Vec::with_capacity(popup.items.len());
    for (i, ((insert, about), y)) in popup.items.iter().zip(at.y..).take(usize::from(rows)).enumerate() {
        let chosen = i == popup.selected;
        let text = format!("{} {}  {about}", if chosen { "›" } else { " " }, pad(insert, widest));
        let row = Rect { y, height: 1, ..at };
        let style: Style = if chosen { theme.choice.into() } else { theme.popup.into() };
        frame.put(Line::styled(pad(&text, cells), style), row);
        places.push((row, i));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_where_the_text_is() {
        let at = |text: &str, cursor| lay(text, cursor, 5, 3).cursor;
        assert_eq!(at("", 0), (0, 0));
        assert_eq!(at("abc", 1), (0, 1));
        assert_eq!(at("abc\nde", 6), (1, 2));
        assert_eq!(at("abcdef", 5), (1, 0));
        assert_eq!(at("abcde", 5), (1, 0));
        assert_eq!(at("日本語", 6), (1, 0));
        assert_eq!(at("a\n\nb", 2), (1, 0));
    }

    #[test]
    fn the_view_of_a_long_text_moves_no_further_than_the_cursor_needs() {
        let text = (0..30).map(|n| format!("{n:02}\n")).collect::<String>();
        let mut top = 0;
        let mut see = |cursor: usize| {
            let laid = lay(&text, cursor, 10, 4);
            let first = laid.first(top, 4);
            top = laid.rows[first].start();
            (top / 3, laid.cursor.0 - first)
        };
        assert_eq!(see(0), (0, 0));
        assert_eq!(see(9), (0, 3));
        assert_eq!(see(12), (1, 3), "one further down");
        assert_eq!(see(6), (1, 1), "a place in view moves nothing");
        assert_eq!(see(0), (0, 0));
        assert_eq!(see(60), (17, 3), "far away: as far as it needs");
        assert_eq!(see(30), (10, 0), "and back");
    }

    #[test]
    fn each_cell_knows_its_byte() {
        let laid = lay("aé日b\nc", 0, 4, 3);
        let cells: Vec<(&[usize], usize)> = laid.rows.iter().map(|r| (r.cells.as_slice(), r.end)).collect();
        assert_eq!(cells, [(&[0, 1, 3, 3][..], 6), (&[6][..], 7), (&[8][..], 9)]);
    }

    #[test]
    fn a_line_without_end_is_laid_out_only_near_the_cursor() {
        let text = "é".repeat(500_000);
        for cursor in [0, 500_000, 1_000_000] {
            let laid = lay(&text, cursor, 40, 8);
            assert!(laid.rows.len() < 1_000, "{}", laid.rows.len());
            assert!(laid.cursor.0 < laid.rows.len());
        }
    }

    #[test]
    fn a_long_text_is_laid_out_only_near_the_cursor() {
        let text = "line\n".repeat(10_000);
        let laid = lay(&text, 5_000, 40, 8);
        assert!(laid.rows.len() <= 20);
    }

    #[test]
    fn a_notice_longer_than_its_row_keeps_its_end() {
        let theme = Theme::named("mono").unwrap();
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(40, 6)).unwrap();
        let words = "no theme \"nope\"; there are dark, light, 16, mono, contrast, forest";
        let row = Rect { x: 0, y: 5, width: 40, height: 1 };
        terminal.draw(|f| toasted(true, words, &theme, f, row, 40)).unwrap();
        let shown = terminal.backend().to_string();
        let rows: Vec<&str> = shown.lines().map(|l| l.trim_matches('"').trim_end()).collect();
        assert_eq!(rows[3..], ["", " ✗ no theme \"nope\"; there are dark,", "   light, 16, mono, contrast, forest"]);
    }
}
