//! The two rows on top: rooms by number and how the line is; the title of the room in view.

use std::ops::Range;

use chat_common::model::{RoomKind, Status};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{Put as _, fit, line, width};
use crate::app::{App, Line as Link, Room};
use crate::theme::Theme;

/// `!2` for mentions (and all of a conversation), a number for the rest.
pub fn badge(room: &Room) -> String {
    match (room.mentions, room.unread, room.is_direct()) {
        (0, 0, _) => String::new(),
        (0, n, false) => format!(" {}", capped(n)),
        (0, n, true) => format!(" !{}", capped(n)),
        (m, ..) => format!(" !{}", capped(m)),
    }
}

fn capped(n: u32) -> String {
    if n > 999 { "999+".to_owned() } else { n.to_string() }
}

/// How much is said of the line.
#[derive(Clone, Copy, PartialEq)]
enum Say {
    /// With what Enter does.
    All,
    /// In words.
    Words,
    /// A mark and a number.
    Mark,
}

/// How the line is.
fn link(app: &App, theme: &Theme, say: Say) -> (String, Style) {
    let short = say == Say::Mark;
    let queued = match app.queued() {
        0 => String::new(),
        n if short => format!(" …{n}"),
        n => format!(" · {n} queued"),
    };
    let (text, style): (String, Style) = match &app.line {
        Link::Online { rtt_ms, transport } => {
            let rtt = rtt_ms.map(|ms| format!(" {ms}ms")).unwrap_or_default();
            let polling = if *transport == "polling" && !short { " polling" } else { "" };
            (if short { format!("●{rtt}") } else { format!("● online{rtt}{polling}") }, theme.ok.into())
        }
        Link::Connecting { attempt } if *attempt > 1 && !short => {
            (format!("◌ connecting, try {attempt}"), theme.warn.into())
        }
        Link::Connecting { .. } => (if short { "◌" } else { "◌ connecting…" }.to_owned(), theme.warn.into()),
        Link::Waiting { until, .. } => {
            let s = until.since(app.now).as_millis().div_ceil(1000);
            let text = match say {
                Say::All => format!("◌ reconnecting in {s} s (Enter = now)"),
                Say::Words => format!("◌ reconnecting in {s} s"),
                Say::Mark => format!("◌ {s}s ⏎"),
            };
            (text, theme.warn.into())
        }
        Link::Refused(_) => (if short { "✗" } else { "✗ not connected" }.to_owned(), theme.error.into()),
    };
    (format!("{text}{queued} "), style)
}

/// Draws the row of rooms; returns which cells belong to which room, for the mouse.
pub fn rooms(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect, tabs: bool) -> Vec<(Range<u16>, usize)> {
    let whole = usize::from(area.width);
    // The room in view is always named, however the line is.
    let tab = app.room().filter(|_| tabs).map_or(0, |r| {
        let (name, badge) = tab(app, app.active, r);
        width(&name) + width(&badge) + 17
    });
    let fits = |say: &Say| (whole >= 60 || *say == Say::Mark) && whole > width(&link(app, theme, *say).0) + tab;
    let say = [Say::All, Say::Words, Say::Mark].into_iter().find(fits).unwrap_or(Say::Mark);
    let (state, style) = link(app, theme, say);
    let room_for_state = width(&state).min(whole);
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    if whole >= 60 {
        spans.push(Span::styled("chat-tui  ", theme.dim));
        used += 10;
    }
    let mut places = Vec::new();
    let room = whole.saturating_sub(room_for_state + 1);
    if tabs {
        tab_spans(app, theme, room, &mut used, &mut spans, &mut places);
    } else if let Some(server) = &app.server {
        let name = fit(&server.name, room.saturating_sub(used));
        used += width(&name);
        spans.push(Span::styled(name, theme.dim));
    }
    spans.push(Span::raw(" ".repeat((room + 1).saturating_sub(used))));
    spans.push(Span::styled(fit(&state, room_for_state), style));
    frame.put(Line::from(spans), area);
    places.into_iter().map(|(r, i)| (area.x + r.start..area.x + r.end, i)).collect()
}

/// A room's name in the row, and what is new in it.
fn tab(app: &App, i: usize, room: &Room) -> (String, String) {
    let name = format!("{} {}", i + 1, fit(&room.short(), 16));
    (if i == app.active { format!("[{name}]") } else { format!(" {name}") }, badge(room))
}

/// The rooms that fit, around the one in view: `1 lobby  [2 ops]  3 dev 4  4 @ana !1`.
fn tab_spans(
    app: &App,
    theme: &Theme,
    room: usize,
    used: &mut usize,
    spans: &mut Vec<Span<'static>>,
    places: &mut Vec<(Range<u16>, usize)>,
) {
    let texts: Vec<(String, String)> = app.rooms.iter().enumerate().map(|(i, r)| tab(app, i, r)).collect();
    let cells: Vec<usize> = texts.iter().map(|(n, b)| width(n) + width(b) + 1).collect();
    // Begin so that the room in view is shown.
    let mut first = 0;
    while first < app.active && *used + 2 + cells[first..=app.active].iter().sum::<usize>() > room {
        first += 1;
    }
    if first > 0 {
        let hidden_news = app.rooms[..first].iter().any(|r| r.unread > 0);
        spans.push(Span::styled(if hidden_news { "‹•" } else { "‹ " }, theme.unread));
        *used += 2;
    }
    for (i, (name, badge)) in texts.into_iter().enumerate().skip(first) {
        if *used + cells[i] + 2 > room {
            let hidden_news = app.rooms[i..].iter().any(|r| r.unread > 0);
            spans.push(Span::styled(if hidden_news { "•›" } else { " ›" }, theme.unread));
            *used += 2;
            break;
        }
        let style: Style = match () {
            () if i == app.active => theme.accent.into(),
            () if app.rooms[i].unread > 0 => theme.text.into(),
            () => theme.dim.into(),
        };
        let place = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        places.push((place(*used)..place(*used + cells[i]), i));
        spans.push(Span::styled(name, style));
        let loud = badge.starts_with(" !");
        spans.push(Span::styled(badge, if loud { theme.mention } else { theme.unread }));
        spans.push(Span::raw(" "));
        *used += cells[i];
    }
}

/// Draws `── #ops · topic ─────── 12 members · 3 here ──`.
pub fn title(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let Some(room) = app.room() else {
        return frame.put(Line::styled("─".repeat(cells), theme.rule), area);
    };
    let right = facts(room, cells);
    let name = fit(&room.title(), cells.saturating_sub(8));
    let topic = room.summary.as_ref().map(|s| line(&s.topic)).filter(|t| !t.is_empty());
    let left = cells.saturating_sub(width(&name) + width(&right) + 8);
    let topic = topic.filter(|_| left > 8).map(|t| format!("· {} ", fit(&t, left - 4))).unwrap_or_default();
    let fill = cells.saturating_sub(3 + width(&name) + 1 + width(&topic) + width(&right) + 2);
    frame.put(
        Line::from(vec![
            Span::styled("── ", theme.rule),
            Span::styled(name, theme.title),
            Span::raw(" "),
            Span::styled(topic, theme.dim),
            Span::styled("─".repeat(fill), theme.rule),
            Span::styled(right, theme.dim),
            Span::styled("──", theme.rule),
        ]),
        area,
    );
}

fn facts(room: &Room, cells: usize) -> String {
    let Some(summary) = room.summary.as_ref().filter(|_| cells >= 48) else { return String::new() };
    if summary.kind == RoomKind::Direct {
        let status = match room.peer_status() {
            Some(Status::Online) => "● online",
            Some(Status::Away) => "◐ away",
            Some(Status::Dnd) => "⊘ busy",
            _ => "○ offline",
        };
        return format!(" {status} ");
    }
    // Large rooms tell only the number.
    let counted = usize::try_from(summary.present).unwrap_or(0);
    let here = if summary.members > 200 { counted } else { room.present.len() };
    let private = if summary.kind == RoomKind::Private { "private · " } else { "" };
    let members = if summary.members == 1 { "1 member".to_owned() } else { format!("{} members", summary.members) };
    format!(" {private}{members} · {here} here ")
}
