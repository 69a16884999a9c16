//! The columns at the sides of a wide screen: rooms at the left, members at the right.

use chat_common::UserName;
use chat_common::model::{Role, Status};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{Put as _, fit, width};
use super::top::badge;
use crate::app::App;
use crate::theme::Theme;

/// Cells of the left column, its rule included.
pub const LEFT: u16 = 24;
/// Cells of the right column, its rule included.
pub const RIGHT: u16 = 26;

fn put(frame: &mut Frame<'_>, area: Rect, i: usize, line: Line<'static>) {
    let i = u16::try_from(i).unwrap_or(u16::MAX);
    if i < area.height {
        frame.put(line, Rect { y: area.y + i, height: 1, ..area });
    }
}

/// Draws the rooms, one a row; returns the row of each, for the mouse.
pub fn rooms(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Vec<(u16, usize)> {
    let inner = Rect { width: area.width.saturating_sub(1), ..area };
    let rows = usize::from(area.height);
    let cells = usize::from(inner.width);
    let first = (app.active + 2).saturating_sub(rows);
    let mut places = Vec::new();
    for (row, (i, room)) in app.rooms.iter().enumerate().skip(first).take(rows).enumerate() {
        let badge = badge(room);
        let number = if i < 9 { format!("{} ", i + 1) } else { "  ".to_owned() };
        let name = fit(&room.title(), cells.saturating_sub(4 + width(&badge) + 1));
        let (mark, style): (&str, Style) = match () {
            () if i == app.active => ("›", theme.accent.into()),
            () if room.unread > 0 => (" ", theme.title.into()),
            () => (" ", theme.dim.into()),
        };
        let gap = cells.saturating_sub(3 + width(&name) + width(&badge) + 1);
        let loud = badge.starts_with(" !");
        put(
            frame,
            inner,
            row,
            Line::from(vec![
                Span::styled(mark, theme.accent),
                Span::styled(number, theme.dim),
                Span::styled(name, style),
                Span::raw(" ".repeat(gap)),
                Span::styled(badge, if loud { theme.mention } else { theme.unread }),
            ]),
        );
        places.push((area.y + u16::try_from(row).unwrap_or(0), i));
    }
    for y in 0..rows {
        put(frame, Rect { x: area.right().saturating_sub(1), width: 1, ..area }, y, Line::styled("│", theme.rule));
    }
    places
}

/// A rule at the left of the right column; gives what is left of it.
pub fn ruled(theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Rect {
    for y in 0..usize::from(area.height) {
        put(frame, Rect { width: 1, ..area }, y, Line::styled("│", theme.rule));
    }
    Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area }
}

/// Draws who is in the room, those present first; gives where each other one stands, for the mouse.
pub fn members(app: &App, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Vec<(Rect, UserName)> {
    let inner = ruled(theme, frame, area);
    let mut places = Vec::new();
    let Some(room) = app.room() else { return places };
    let rank = |s: Option<Status>| match s {
        Some(Status::Online) => 0,
        Some(Status::Away) => 1,
        Some(Status::Dnd) => 2,
        _ => 3,
    };
    let status = |id| room.present.get(&id).map(|p| p.status);
    let mut members: Vec<_> = room.members.iter().collect();
    members.sort_by(|a, b| (rank(status(a.user.id)), &a.user.name).cmp(&(rank(status(b.user.id)), &b.user.name)));
    put(frame, inner, 0, Line::styled("Members", theme.title));
    let rows = usize::from(area.height).saturating_sub(1);
    let cells = usize::from(inner.width);
    let more = members.len().saturating_sub(rows);
    let shown = if more > 0 { rows.saturating_sub(1) } else { rows };
    for (i, m) in members.iter().take(shown).enumerate() {
        let (mark, style): (&str, Style) = match status(m.user.id) {
            Some(Status::Online) => ("●", theme.ok.into()),
            Some(Status::Away) => ("◐", theme.warn.into()),
            Some(Status::Dnd) => ("⊘", theme.error.into()),
            _ => ("○", theme.dim.into()),
        };
        let role = match m.role {
            Role::Owner => " owner",
            Role::Moderator => " mod",
            Role::Member => "",
        };
        let here = status(m.user.id).is_some();
        let name_style: Style = if here { theme.name(m.user.id) } else { theme.dim.into() };
        let name = fit(m.user.name.as_str(), cells.saturating_sub(2 + width(role)));
        put(
            frame,
            inner,
            i + 1,
            Line::from(vec![
                Span::styled(format!("{mark} "), style),
                Span::styled(name, name_style),
                Span::styled(role, theme.dim),
            ]),
        );
        if app.me.as_ref().is_none_or(|me| me.id != m.user.id) {
            let y = inner.y.saturating_add(u16::try_from(i + 1).unwrap_or(u16::MAX));
            places.push((Rect { y, height: 1, ..inner }, m.user.name.clone()));
        }
    }
    if more > 0 {
        let hidden = members.len() - shown;
        put(frame, inner, rows, Line::styled(format!("and {hidden} more: /who"), theme.dim));
    }
    places
}
