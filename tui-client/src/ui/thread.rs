//! A message with the replies to it: in the right column of a wide screen, in the timeline's place on a narrow one.
//! Wraps only what is in view.

use std::collections::VecDeque;

use chat_common::Seq;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::links::{self, Links};
use super::message::{self, Columns, Context};
use super::text::{Put as _, fit, width};
use super::timeline::TOGETHER_MS;
use crate::app::thread::Thread;
use crate::app::{App, Drawn, Mode, Room, RowKey, Scroll};
use crate::keymap::{Action, Context as Place};
use crate::theme::Theme;

/// A row of the screen: which message, which of its lines, of how many, and the links in it (cell, cells, address).
struct Shown {
    key: RowKey,
    line: usize,
    of: usize,
    text: Line<'static>,
    /// Belongs to the message itself.
    own: bool,
    links: Vec<(u16, u16, String)>,
}

/// A line of a message and the links in it.
type Row = (Line<'static>, Vec<(u16, u16, String)>);

struct View<'a> {
    app: &'a App,
    room: &'a Room,
    thread: &'a Thread,
    theme: &'a Theme,
    cells: u16,
}

/// Draws it; gives what is seen of it, and where below its title.
pub fn draw(
    app: &App,
    thread: &Thread,
    theme: &Theme,
    links: &mut Links,
    frame: &mut Frame<'_>,
    area: Rect,
) -> (Drawn, Rect) {
    let Some(room) = app.room().filter(|_| area.height >= 3) else { return (Drawn::default(), area) };
    let inner = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let view = View { app, room, thread, theme, cells: area.width };
    let shown = view.collect(usize::from(inner.height));
    let at_end = shown.back().is_some_and(|r| r.key == thread.last_key() && r.line + 1 == r.of);
    title(app, thread, theme, frame, Rect { height: 1, ..area }, at_end);
    let selected = thread.selected.as_ref().filter(|_| app.mode == Mode::Browse && thread.focus);
    let mut rows = Vec::with_capacity(shown.len());
    let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    for (row, y) in shown.into_iter().zip(inner.y..inner.bottom()) {
        let at = Rect { y, height: 1, ..inner };
        frame.put(row.text, at);
        if row.own && selected == Some(&row.key) {
            frame.buffer_mut().set_style(at, Style::from(theme.selected));
            if let Some(cell) = frame.buffer_mut().cell_mut((at.x, at.y)) {
                cell.set_symbol("›");
            }
        }
        for (x, cells, url) in row.links {
            let place = Rect { x: at.x.saturating_add(x), width: cells, ..at };
            links::mark(frame, links, place.intersection(at), &url);
        }
        rows.push((row.key, short(row.line), short(row.of)));
    }
    (Drawn { rows, height: inner.height, at_end, ..Drawn::default() }, inner)
}

impl View<'_> {
    fn collect(&self, height: usize) -> VecDeque<Shown> {
        let mut shown = VecDeque::new();
        let last = self.thread.last_key();
        match &self.thread.scroll {
            Scroll::Follow => self.upward(&last, usize::MAX, height, &mut shown),
            Scroll::Bottom(key, line) => {
                self.upward(&self.thread.nearest(key), usize::from(*line), height, &mut shown);
                if let Some((key, next)) = shown.back().map(|r| (r.key.clone(), r.line + 1)) {
                    self.downward(&key, next, height, &mut shown);
                }
            }
            Scroll::Top(key, line) => {
                self.downward(&self.thread.nearest(key), usize::from(*line), height, &mut shown);
                if shown.len() < height {
                    shown.clear();
                    self.upward(&last, usize::MAX, height, &mut shown);
                }
            }
        }
        self.name_the_first(&mut shown);
        shown
    }

    /// The first message in view shows its author, also where the one above it, out of view, does already.
    fn name_the_first(&self, shown: &mut VecDeque<Shown>) {
        let columns = Columns::new(usize::from(self.cells), false);
        if let Some(first) = shown.front_mut().filter(|r| r.line == 0 && columns.name > 0)
            && let RowKey::Stored(seq) = first.key
            && let Some((text, _)) = self.message(seq, false).into_iter().next()
        {
            first.text = text;
        }
    }

    fn upward(&self, key: &RowKey, line: usize, height: usize, shown: &mut VecDeque<Shown>) {
        let (mut at, mut end) = (Some(key.clone()), line);
        while let Some(key) = at {
            for row in self.block(&key).into_iter().rev().filter(|r| r.line <= end) {
                if shown.len() == height {
                    return;
                }
                shown.push_front(row);
            }
            end = usize::MAX;
            at = self.thread.key_before(&key);
        }
    }

    fn downward(&self, key: &RowKey, line: usize, height: usize, shown: &mut VecDeque<Shown>) {
        let (mut at, mut from) = (Some(key.clone()), line);
        while let Some(key) = at {
            for row in self.block(&key).into_iter().filter(|r| r.line >= from) {
                if shown.len() == height {
                    return;
                }
                shown.push_back(row);
            }
            from = 0;
            at = self.thread.key_after(&key);
        }
    }

    /// The lines of a message; below the answered one stands how many replies there are.
    fn block(&self, key: &RowKey) -> Vec<Shown> {
        let RowKey::Stored(seq) = key else { return Vec::new() };
        let mut lines = self.message(*seq, self.again(*seq));
        let own = lines.len();
        if *seq == self.thread.root {
            lines.push((self.count(), Vec::new()));
        }
        let of = lines.len();
        let row = |(line, (text, links))| Shown { key: key.clone(), line, of, text, own: line < own, links };
        lines.into_iter().enumerate().map(row).collect()
    }

    /// Whether the one above is by the same author, a moment before.
    fn again(&self, seq: Seq) -> bool {
        let above = self.thread.key_before(&RowKey::Stored(seq));
        let Some(RowKey::Stored(above)) = above.filter(|k| *k != self.thread.first_key()) else { return false };
        let (Some(a), Some(b)) = (self.thread.message(above), self.thread.message(seq)) else { return false };
        a.from.id == b.from.id && a.at.as_millis() / TOGETHER_MS == b.at.as_millis() / TOGETHER_MS
    }

    /// A message as in the timeline, without saying again what it answers.
    fn message(&self, seq: Seq, again: bool) -> Vec<Row> {
        let (app, room, theme) = (self.app, self.room, self.theme);
        let Some(message) = self.thread.message(seq) else {
            let words =
                if self.thread.loading { " fetching the message…" } else { " the message is not kept any more" };
            return vec![(Line::styled(words, theme.dim), Vec::new())];
        };
        let columns = Columns::new(usize::from(self.cells), false);
        let cx = Context { app, room, theme, columns, again };
        let plain = chat_common::model::Message { reply_to: None, ..message.clone() };
        let lines = message::message(&cx, &plain);
        let urls = links::in_text(message.text.as_deref().unwrap_or_default(), theme);
        let places = links::places(&lines, &urls, theme);
        let of_line = |line: usize| {
            let here = places.iter().filter(|(y, ..)| *y == line);
            here.map(|(_, x, cells, which)| (*x, *cells, urls[*which].clone())).collect()
        };
        lines.into_iter().enumerate().map(|(i, line)| (line, of_line(i))).collect()
    }

    fn count(&self) -> Line<'static> {
        let said = match (self.thread.replies.len(), self.thread.loading) {
            (_, true) => "fetching the replies…".to_owned(),
            (0, _) => "no replies yet; what you write is the first".to_owned(),
            (1, _) => "1 reply".to_owned(),
            (n, _) if self.thread.cut => format!("the newest {n} replies; older ones stand in the timeline"),
            (n, _) => format!("{n} replies"),
        };
        let rest = usize::from(self.cells).saturating_sub(width(&said) + 5);
        Line::from(vec![
            Span::styled("── ", self.theme.rule),
            Span::styled(said, self.theme.dim),
            Span::styled(format!(" {}", "─".repeat(rest)), self.theme.rule),
        ])
    }
}

fn title(app: &App, thread: &Thread, theme: &Theme, frame: &mut Frame<'_>, area: Rect, at_end: bool) {
    let close = app.keymap.hint(Place::Compose, Action::Browse);
    let who = thread.head.as_ref().map_or_else(String::new, |m| format!(" of {}", m.from.name));
    let below = match (thread.below, at_end) {
        (0, true) => String::new(),
        (0, false) => "↓ newest ".to_owned(),
        (n, _) => format!("↓ {n} new below "),
    };
    let end = match app.mode {
        Mode::Compose if below.is_empty() => format!("{close} closes "),
        Mode::Compose => format!("{below}· {close} closes "),
        Mode::Browse => below,
    };
    let cells = usize::from(area.width).saturating_sub(width(&end) + 2);
    let words = fit(&format!("Thread{who}"), cells);
    let gap = cells.saturating_sub(width(&words)) + 1;
    let (mark, style) = if thread.focus { ("›", theme.title) } else { (" ", theme.dim) };
    let line = Line::from(vec![
        Span::styled(mark, theme.accent),
        Span::styled(words, style),
        Span::raw(" ".repeat(gap)),
        Span::styled(end, theme.dim),
    ]);
    frame.put(line, area);
}
