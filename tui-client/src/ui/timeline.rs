//! The timeline: wraps only what is in view and keeps the wrapped lines per (item, version, width). A frame costs the
//! same with ten messages as with a hundred thousand.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

use chat_common::model::UserKind;
use chat_common::{Seq, Timestamp};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::links::{self, Links};
use super::message::{self, Columns, Context, clock, day};
use super::text::{Piece, Put as _, fit, line, width, wrap};
use crate::app::{App, Drawn, Line as Link, Mode, Room, RoomId, RowKey, Scroll};
use crate::theme::Theme;

/// Messages of one author within such a stretch of time show the name once.
pub const TOGETHER_MS: i64 = 5 * 60 * 1000;
/// Wrapped items kept; beyond it all are forgotten and wrapped again as needed.
const MOST: usize = 1_000;

/// What decides how an item is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    version: u32,
    quoted: u32,
    columns: Columns,
    again: bool,
    look: u64,
}

type Rows = Rc<Vec<Line<'static>>>;

/// Wrapped lines of items drawn before.
#[derive(Debug, Default)]
pub struct Cache {
    stored: HashMap<(RoomId, Seq), (Shape, Rows)>,
    /// Changes with the theme, one's own name and what is blocked: then nothing kept is right any more.
    look: u64,
    blocked: usize,
    me: Option<String>,
}

impl Cache {
    /// Forgets everything: another look.
    pub fn clear(&mut self) {
        self.stored.clear();
        self.look = self.look.wrapping_add(1);
    }

    /// How many items are kept wrapped.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.stored.len()
    }

    fn follow(&mut self, app: &App) {
        let me = app.me.as_ref().map(|u| u.name.to_string());
        if self.me != me || self.blocked != app.blocked.len() || self.stored.len() > MOST {
            self.me = me;
            self.blocked = app.blocked.len();
            self.clear();
        }
    }
}

/// One item with its dividers.
struct Block {
    key: RowKey,
    head: Vec<Line<'static>>,
    rows: Rows,
}

impl Block {
    fn len(&self) -> usize {
        self.head.len() + self.rows.len()
    }

    fn line(&self, i: usize) -> Line<'static> {
        match self.head.get(i) {
            Some(line) => line.clone(),
            None => self.rows.get(i - self.head.len()).cloned().unwrap_or_default(),
        }
    }
}

/// A row of the screen: which item, which of its lines, of how many, and whether it belongs to the item itself.
struct Shown {
    key: RowKey,
    line: usize,
    of: usize,
    text: Line<'static>,
    divider: bool,
}

struct View<'a> {
    app: &'a App,
    room: &'a Room,
    theme: &'a Theme,
    columns: Columns,
    cache: &'a mut Cache,
}

/// Draws the room in view and says what is seen of it; the links among it are added to `links`.
pub fn draw(
    app: &App,
    theme: &Theme,
    (cache, links): (&mut Cache, &mut Links),
    frame: &mut Frame<'_>,
    area: Rect,
) -> Drawn {
    let Some(room) = app.room() else {
        welcome(app, None, theme, frame, area);
        return Drawn { height: area.height, at_end: true, ..Drawn::default() };
    };
    cache.follow(app);
    let columns = Columns::new(usize::from(area.width), app.bare);
    let mut view = View { app, room, theme, columns, cache };
    let shown = view.collect(usize::from(area.height));
    if shown.is_empty() {
        welcome(app, Some(room), theme, frame, area);
        return Drawn { height: area.height, at_end: true, ..Drawn::default() };
    }
    let at_end = shown.back().is_some_and(|r| Some(&r.key) == room.last_key().as_ref() && r.line + 1 == r.of);
    let top = area.height.saturating_sub(u16::try_from(shown.len()).unwrap_or(u16::MAX));
    let linked = view.links(&shown);
    let selected = room.selected.as_ref().filter(|_| app.mode == Mode::Browse);
    let mut rows = Vec::with_capacity(shown.len());
    for (i, row) in (0u16..).zip(shown) {
        let at = Rect { x: area.x, y: area.y + top + i, width: area.width, height: 1 };
        frame.put(row.text, at);
        if selected == Some(&row.key) && !row.divider {
            frame.buffer_mut().set_style(at, Style::from(theme.selected));
            if !app.bare
                && let Some(cell) = frame.buffer_mut().cell_mut((at.x, at.y))
            {
                cell.set_symbol("›");
            }
        }
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        rows.push((row.key, short(row.line), short(row.of)));
    }
    for (i, x, cells, url) in linked {
        let at = Rect { x: area.x.saturating_add(x), y: area.y + top + i, width: cells, height: 1 };
        links::mark(frame, links, at.intersection(area), &url);
    }
    Drawn { rows, height: area.height, at_end, ..Drawn::default() }
}

impl View<'_> {
    /// Where links stand: row of the view, first cell, cells, address.
    fn links(&self, shown: &VecDeque<Shown>) -> Vec<(u16, u16, u16, String)> {
        let mut found = Vec::new();
        let mut done: Option<&RowKey> = None;
        for row in shown.iter().filter(|row| !row.divider) {
            if done == Some(&row.key) {
                continue;
            }
            done = Some(&row.key);
            let RowKey::Stored(seq) = &row.key else { continue };
            let text = self.room.timeline.get(*seq).and_then(|i| i.message()?.text()).unwrap_or_default();
            let urls = links::in_text(text, self.theme);
            let Some((_, rows)) = self.cache.stored.get(&(self.room.id, *seq)).filter(|_| !urls.is_empty()) else {
                continue;
            };
            let head = row.of.saturating_sub(rows.len());
            for (line, x, cells, which) in links::places(rows, &urls, self.theme) {
                let here = |(_, s): &(u16, &Shown)| s.key == row.key && s.line == head + line;
                if let Some((i, _)) = (0u16..).zip(shown).find(here) {
                    found.push((i, x, cells, urls[which].clone()));
                }
            }
        }
        found
    }

    fn collect(&mut self, height: usize) -> VecDeque<Shown> {
        let mut shown = VecDeque::new();
        let Some(last) = self.room.last_key() else { return shown };
        match self.room.scroll.clone() {
            Scroll::Follow => self.upward(&last, usize::MAX, height, &mut shown),
            Scroll::Bottom(key, line) => {
                let key = self.room.nearest(&key).unwrap_or(last);
                self.upward(&key, usize::from(line), height, &mut shown);
                // The beginning is reached before the top: show what follows below instead of nothing.
                if shown.len() < height
                    && let Some(row) = shown.back()
                {
                    let (key, next) = (row.key.clone(), row.line + 1);
                    self.downward(&key, next, height, &mut shown);
                }
            }
            Scroll::Top(key, line) => {
                let key = self.room.nearest(&key).unwrap_or_else(|| last.clone());
                self.downward(&key, usize::from(line), height, &mut shown);
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
    fn name_the_first(&mut self, shown: &mut VecDeque<Shown>) {
        let Some(at) = shown.iter().position(|r| !r.divider) else { return };
        // Below a divider the name stands there already; a message cut at the top shows none.
        if self.columns.name == 0 || shown[at].line != 0 {
            return;
        }
        let (app, room, theme) = (self.app, self.room, self.theme);
        let cx = Context { app, room, theme, columns: self.columns, again: false };
        let rows = match &shown[at].key {
            RowKey::Stored(seq) => room.timeline.get(*seq).map(|_| message::item(&cx, *seq)),
            key => room.echo(key).map(|e| message::echo(&cx, e)),
        };
        if let Some(first) = rows.and_then(|r| r.into_iter().next()) {
            shown[at].text = first;
        }
    }

    /// From a line of an item up to the top.
    fn upward(&mut self, key: &RowKey, line: usize, height: usize, shown: &mut VecDeque<Shown>) {
        let mut at = Some(key.clone());
        let mut end = line;
        while let Some(key) = at {
            let block = self.block(&key);
            let of = block.len();
            for i in (0..of.min(end.saturating_add(1))).rev() {
                if shown.len() == height {
                    return;
                }
                let divider = i < block.head.len();
                shown.push_front(Shown { key: key.clone(), line: i, of, text: block.line(i), divider });
            }
            end = usize::MAX;
            at = self.room.key_before(&block.key);
        }
    }

    /// From a line of an item down to the bottom.
    fn downward(&mut self, key: &RowKey, line: usize, height: usize, shown: &mut VecDeque<Shown>) {
        let mut at = Some(key.clone());
        let mut from = line;
        while let Some(key) = at {
            let block = self.block(&key);
            let of = block.len();
            for i in from..of {
                if shown.len() == height {
                    return;
                }
                let divider = i < block.head.len();
                shown.push_back(Shown { key: key.clone(), line: i, of, text: block.line(i), divider });
            }
            from = 0;
            at = self.room.key_after(&block.key);
        }
    }

    fn block(&mut self, key: &RowKey) -> Block {
        let (app, room, theme) = (self.app, self.room, self.theme);
        let before = room.key_before(key).and_then(|k| self.about(&k));
        let here = self.about(key);
        let head = self.dividers(key, before.as_ref().map(|b| b.0), here.as_ref().map(|h| h.0));
        let again = head.is_empty()
            && matches!((&before, &here), (Some((a, Some(x))), Some((b, Some(y))))
                if x == y && b.as_millis() / TOGETHER_MS == a.as_millis() / TOGETHER_MS);
        let cx = Context { app, room, theme, columns: self.columns, again };
        let rows = match key {
            RowKey::Echo(_) => Rc::new(room.echo(key).map(|e| message::echo(&cx, e)).unwrap_or_default()),
            RowKey::Stored(seq) => match room.timeline.get(*seq) {
                None => Rc::default(),
                Some(item) => {
                    let to = item.message().and_then(|m| m.reply_to()).and_then(|s| room.timeline.get(s));
                    let quoted = to.map_or(0, |t| t.version + 1);
                    let (columns, look) = (self.columns, self.cache.look);
                    let shape = Shape { version: item.version, quoted, columns, again, look };
                    let kept = self.cache.stored.get(&(room.id, *seq)).filter(|(s, _)| *s == shape);
                    match kept {
                        Some((_, rows)) => Rc::clone(rows),
                        None => {
                            let rows = Rc::new(message::item(&cx, *seq));
                            self.cache.stored.insert((room.id, *seq), (shape, Rc::clone(&rows)));
                            rows
                        }
                    }
                }
            },
        };
        Block { key: key.clone(), head, rows }
    }

    /// When an item happened and who wrote it.
    fn about(&self, key: &RowKey) -> Option<(Timestamp, Option<chat_common::UserId>)> {
        match key {
            RowKey::Echo(_) => {
                let echo = self.room.echo(key)?;
                Some((echo.at, self.app.me.as_ref().map(|u| u.id)))
            }
            RowKey::Stored(seq) => {
                let item = self.room.timeline.get(*seq)?;
                Some((item.at(), item.message().map(|m| m.from().id)))
            }
        }
    }

    fn dividers(&self, key: &RowKey, before: Option<Timestamp>, here: Option<Timestamp>) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let (room, tz) = (self.room, &self.app.tz);
        if self.columns.bare {
            return lines;
        }
        let seq = match key {
            RowKey::Stored(seq) => Some(*seq),
            RowKey::Echo(_) => None,
        };
        if before.is_none() && seq.is_some() {
            let text = match (room.timeline.more_before, room.live) {
                (true, _) if room.loading.is_some() => "fetching older messages…".to_owned(),
                (true, _) => "older messages".to_owned(),
                (false, _) => format!("the beginning of {}", room.title()),
            };
            lines.push(self.rule(&text, self.theme.dim.into()));
        }
        if let Some(hole) = seq.and_then(|s| room.timeline.hole_before(s)) {
            let n = hole.before.0.saturating_sub(hole.after.0).saturating_sub(1);
            let text = format!("up to {n} are not loaded yet");
            lines.push(self.rule(&text, self.theme.warn.into()));
        }
        if let Some(here) = here {
            let today = day(here, tz);
            if before.is_none_or(|b| day(b, tz) != today) {
                lines.push(self.rule(&today, self.theme.dim.into()));
            }
        }
        if let (Some(divider), Some(seq)) = (room.divider, seq)
            && seq > divider
            && room.timeline.before(seq).is_none_or(|(b, _)| b <= divider)
        {
            lines.push(self.rule(&self.new_since(divider), self.theme.unread.into()));
        }
        lines
    }

    fn new_since(&self, divider: Seq) -> String {
        let timeline = &self.room.timeline;
        let n = timeline.items().range(divider.next()..).take(1_000).filter(|(_, i)| i.message().is_some()).count();
        let messages = if n == 1 { "1 message".to_owned() } else { format!("{n} messages") };
        match timeline.items().range(..=divider).next_back() {
            Some((_, item)) => format!("new since {} · {messages}", clock(item.at(), &self.app.tz)),
            None => format!("new · {messages}"),
        }
    }

    /// `── text ──────`, beginning where texts begin.
    fn rule(&self, text: &str, style: Style) -> Line<'static> {
        let indent = self.columns.indent();
        let cells = self.columns.width.saturating_sub(indent + 1);
        let text = fit(text, cells.saturating_sub(6));
        let rest = cells.saturating_sub(width(&text) + 4);
        Line::from(vec![
            Span::raw(" ".repeat(indent)),
            Span::styled("── ", self.theme.rule),
            Span::styled(text, style),
            Span::styled(format!(" {}", "─".repeat(rest)), self.theme.rule),
        ])
    }
}

/// Whom the others see, and what the mark of a guest is.
fn whoami(app: &App) -> String {
    match &app.me {
        Some(me) if me.kind == UserKind::Guest => {
            format!("You are {}, a guest; /nick NAME takes another name", me.name)
        }
        Some(me) => format!("You are {}", me.name),
        None => String::new(),
    }
}

/// What stands where there are no messages yet.
fn welcome(app: &App, room: Option<&Room>, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let jump = app.keymap.hint(crate::keymap::Context::Global, crate::keymap::Action::Jump);
    let help = app.keymap.hint(crate::keymap::Context::Global, crate::keymap::Action::Help);
    let away = matches!(app.line, Link::Waiting { .. } | Link::Refused(_));
    // The server has told of messages and not sent any yet.
    let unseen =
        |room: &Room| room.summary.as_ref().is_some_and(|s| s.head >= s.first) && room.timeline.head == Seq::ZERO;
    let lines: Vec<(String, Style)> = match room {
        None => vec![
            ("Welcome.".to_owned(), theme.title.into()),
            (String::new(), theme.text.into()),
            (format!("{jump} opens a room or a conversation"), theme.text.into()),
            (format!("{help} shows all keys"), theme.dim.into()),
        ],
        Some(room) if room.summary.is_none() => match &app.line {
            Link::Waiting { reason, .. } => vec![
                ("The server cannot be reached.".to_owned(), theme.title.into()),
                (reason.clone(), theme.warn.into()),
                (String::new(), theme.text.into()),
                ("What you write is kept and sent when it is back.".to_owned(), theme.dim.into()),
                ("Another one: chat-tui --server URL".to_owned(), theme.dim.into()),
            ],
            _ => vec![
                (room.title(), theme.title.into()),
                (String::new(), theme.text.into()),
                ("opening…".to_owned(), theme.dim.into()),
            ],
        },
        Some(room) if unseen(room) => vec![
            (room.title(), theme.title.into()),
            (String::new(), theme.text.into()),
            (if away { "its messages come when the server is back" } else { "opening…" }.to_owned(), theme.dim.into()),
        ],
        Some(room) => vec![
            (format!("This is the beginning of {}.", room.title()), theme.title.into()),
            (String::new(), theme.text.into()),
            ("Type something and press Enter.".to_owned(), theme.text.into()),
            (whoami(app), theme.dim.into()),
            (format!("{jump} goes to rooms and people"), theme.dim.into()),
            (format!("{help} shows all keys"), theme.dim.into()),
        ],
    };
    let cells = usize::from(area.width).saturating_sub(4);
    let mut rows: Vec<Line<'static>> =
        lines.into_iter().flat_map(|(text, style)| wrap(&[Piece::new(line(&text), style)], cells)).collect();
    if rows.len() > usize::from(area.height) {
        rows.retain(|row| row.width() > 0);
    }
    let height = u16::try_from(rows.len()).unwrap_or(0);
    let top = area.y + area.height.saturating_sub(height) / 2;
    for (row, y) in rows.into_iter().zip(top..area.bottom()) {
        frame.put(row.centered(), Rect { y, height: 1, ..area });
    }
}
