//! A message with the replies to it: in the right column of a wide screen, in the timeline's place on a narrow one. The
//! end is always in view, since there one reads and writes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::message::{self, Columns, Context};
use super::text::{fit, width};
use crate::app::thread::Thread;
use crate::app::timeline::{Item, ItemBody};
use crate::app::{App, Room};
use crate::keymap::{Action, Context as Place};
use crate::theme::Theme;

/// Draws it.
pub fn draw(app: &App, thread: &Thread, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(room) = app.room().filter(|_| area.height >= 3) else { return };
    let row = |y: u16| Rect { y, height: 1, ..area };
    title(app, thread, theme, frame, row(area.y));
    let mut lines = Vec::new();
    if let Some(head) = &thread.head {
        lines.extend(rows(app, room, theme, head, area.width));
    } else {
        lines.push(Line::styled(" the message is not loaded", theme.dim));
    }
    let n = thread.replies.len();
    let said = match (n, thread.loading) {
        (_, true) => "fetching the replies…".to_owned(),
        (0, _) => "no replies yet; what you write is the first".to_owned(),
        (1, _) => "1 reply".to_owned(),
        (n, _) => format!("{n} replies"),
    };
    let rest = usize::from(area.width).saturating_sub(width(&said) + 5);
    lines.push(Line::from(vec![
        Span::styled("── ", theme.rule),
        Span::styled(said, theme.dim),
        Span::styled(format!(" {}", "─".repeat(rest)), theme.rule),
    ]));
    let space = usize::from(area.height - 1);
    // From the newest upwards, as far as there is room.
    let mut below: Vec<Line<'static>> = Vec::new();
    let mut left_out = n;
    for reply in thread.replies.values().rev() {
        let mut block = rows(app, room, theme, reply, area.width);
        if below.len() + block.len() + 1 > space && !below.is_empty() {
            break;
        }
        block.append(&mut below);
        below = block;
        left_out -= 1;
    }
    if left_out > 0 {
        below.insert(0, Line::styled(format!(" {left_out} earlier replies above"), theme.dim));
    }
    // The message that is answered gives way to what is answered to it.
    lines.truncate(space.saturating_sub(below.len()).max(usize::from(left_out == 0)));
    lines.append(&mut below);
    let surplus = lines.len().saturating_sub(space);
    for (line, y) in lines.into_iter().skip(surplus).zip(area.y + 1..area.bottom()) {
        frame.render_widget(line, row(y));
    }
}

fn title(app: &App, thread: &Thread, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let close = app.keymap.hint(Place::Compose, Action::Browse);
    let who = thread.head.as_ref().map_or_else(String::new, |m| format!(" of {}", m.from.name));
    let end = format!("{close} closes ");
    let cells = usize::from(area.width).saturating_sub(width(&end) + 2);
    let words = fit(&format!("Thread{who}"), cells);
    let gap = cells.saturating_sub(width(&words)) + 1;
    let line = Line::from(vec![
        Span::raw(" "),
        Span::styled(words, theme.title),
        Span::raw(" ".repeat(gap)),
        Span::styled(end, theme.dim),
    ]);
    frame.render_widget(line, area);
}

/// A message as in the timeline, without saying again what it answers.
fn rows(app: &App, room: &Room, theme: &Theme, of: &chat_common::model::Message, cells: u16) -> Vec<Line<'static>> {
    let columns = Columns::new(usize::from(cells), false);
    let cx = Context { app, room, theme, columns, again: false };
    let plain = chat_common::model::Message { reply_to: None, ..of.clone() };
    message::item(&cx, &Item { version: 0, body: ItemBody::Message(Box::new(plain)) })
}
