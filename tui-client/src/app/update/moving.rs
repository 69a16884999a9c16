//! Moving among rows: the selection and the view, of the timeline and of a thread by the same rules. Which of the two
//! is meant is decided by the focus.

use crate::app::msg::{Drawn, RowKey};
use crate::app::room::{Room, Scroll};
use crate::app::thread::Thread;
use crate::app::{App, Zone};

/// Rows that one can select among and scroll over.
pub(super) trait Rows {
    /// The first that is loaded.
    fn first(&self) -> Option<RowKey>;
    /// The last.
    fn last(&self) -> Option<RowKey>;
    /// The one above.
    fn before(&self, key: &RowKey) -> Option<RowKey>;
    /// The one below.
    fn after(&self, key: &RowKey) -> Option<RowKey>;
    /// The one itself or the nearest that is still there.
    fn near(&self, key: &RowKey) -> Option<RowKey>;
    /// What is in view.
    fn view(&mut self) -> &mut Scroll;
    /// What is selected.
    fn choice(&mut self) -> &mut Option<RowKey>;
    /// Goes to the end and stays there.
    fn to_end(&mut self);
}

impl Rows for Room {
    fn first(&self) -> Option<RowKey> {
        self.first_key()
    }
    fn last(&self) -> Option<RowKey> {
        self.last_key()
    }
    fn before(&self, key: &RowKey) -> Option<RowKey> {
        self.key_before(key)
    }
    fn after(&self, key: &RowKey) -> Option<RowKey> {
        self.key_after(key)
    }
    fn near(&self, key: &RowKey) -> Option<RowKey> {
        self.nearest(key)
    }
    fn view(&mut self) -> &mut Scroll {
        &mut self.scroll
    }
    fn choice(&mut self) -> &mut Option<RowKey> {
        &mut self.selected
    }
    fn to_end(&mut self) {
        self.follow();
    }
}

impl Rows for Thread {
    fn first(&self) -> Option<RowKey> {
        Some(self.first_key())
    }
    fn last(&self) -> Option<RowKey> {
        Some(self.last_key())
    }
    fn before(&self, key: &RowKey) -> Option<RowKey> {
        self.key_before(key)
    }
    fn after(&self, key: &RowKey) -> Option<RowKey> {
        self.key_after(key)
    }
    fn near(&self, key: &RowKey) -> Option<RowKey> {
        Some(self.nearest(key))
    }
    fn view(&mut self) -> &mut Scroll {
        &mut self.scroll
    }
    fn choice(&mut self) -> &mut Option<RowKey> {
        &mut self.selected
    }
    fn to_end(&mut self) {
        self.follow_end();
    }
}

/// The rows of a part of the screen, with what was drawn of them.
pub(super) fn rows(app: &mut App, zone: Zone) -> Option<(&mut dyn Rows, Drawn)> {
    match zone {
        Zone::Thread => {
            let seen = app.drawn.thread.as_deref().cloned().unwrap_or_default();
            app.thread.as_mut().map(|t| (t as &mut dyn Rows, seen))
        }
        _ => {
            let seen = app.drawn.clone();
            app.rooms.get_mut(app.active).map(|r| (r as &mut dyn Rows, seen))
        }
    }
}

/// Selects where one looks: the last row in view.
pub(super) fn begin(list: &mut dyn Rows, seen: &Drawn) -> bool {
    let last = list.last();
    let key = match list.view().clone() {
        Scroll::Follow => last,
        // What was not drawn, being behind the other side, is known by where it is held.
        Scroll::Top(held, _) | Scroll::Bottom(held, _) => {
            list.near(seen.rows.last().map_or(&held, |(k, ..)| k)).or(last)
        }
    };
    *list.choice() = key;
    list.choice().is_some()
}

/// One row up or down; false below the last.
pub(super) fn step(list: &mut dyn Rows, seen: &Drawn, up: bool) -> bool {
    let rows = &seen.rows;
    let in_view = |key: &RowKey, first: bool| {
        rows.iter().any(|(k, line, of)| k == key && if first { *line == 0 } else { line + 1 == *of })
    };
    let Some(key) = list.choice().clone().and_then(|k| list.near(&k)) else { return begin(list, seen) };
    // A message taller than the view is read before it is left.
    if rows.iter().any(|(k, ..)| *k == key) && !in_view(&key, up) {
        let half = i32::from(seen.height.max(2)) / 2;
        scroll(list, seen, if up { -half } else { half });
        return true;
    }
    let Some(next) = (if up { list.before(&key) } else { list.after(&key) }) else { return up };
    let visible = in_view(&next, true) && in_view(&next, false);
    if !visible {
        *list.view() = if up { Scroll::Top(next.clone(), 0) } else { Scroll::Bottom(next.clone(), u16::MAX) };
    } else if let (Scroll::Follow, Some((key, line, _))) = (list.view(), rows.last()) {
        *list.view() = Scroll::Bottom(key.clone(), *line);
    }
    if list.last().as_ref() == Some(&next) {
        list.to_end();
    }
    *list.choice() = Some(next);
    true
}

/// A page up or down.
pub(super) fn page(list: &mut dyn Rows, seen: &Drawn, up: bool) {
    let rows = &seen.rows;
    let full = rows.len() >= usize::from(seen.height);
    let edge = if up { rows.get(1.min(rows.len().saturating_sub(1))) } else { rows.get(rows.len().saturating_sub(2)) };
    let Some((key, line, _)) = edge.cloned() else { return };
    if up && !full {
        *list.choice() = list.first();
        return;
    }
    if !up && seen.at_end {
        return newest(list, true);
    }
    let at_top = up && list.first().as_ref() == Some(&key);
    *list.view() = if up { Scroll::Bottom(key.clone(), line) } else { Scroll::Top(key.clone(), line) };
    *list.choice() = if at_top { list.first() } else { Some(key) };
}

/// To the last row.
pub(super) fn newest(list: &mut dyn Rows, select: bool) {
    list.to_end();
    if select {
        *list.choice() = list.last();
    }
}

/// Moves the view by lines; negative is up.
pub(super) fn scroll(list: &mut dyn Rows, seen: &Drawn, lines: i32) {
    let rows = &seen.rows;
    let n = usize::try_from(lines.unsigned_abs()).unwrap_or(usize::MAX);
    let full = rows.len() >= usize::from(seen.height);
    let Some(last) = rows.len().checked_sub(1) else { return };
    let to = if lines < 0 {
        full.then(|| &rows[last.saturating_sub(n)]).map(|(k, l, _)| Scroll::Bottom(k.clone(), *l))
    } else {
        (!seen.at_end).then(|| &rows[n.min(last)]).map(|(k, l, _)| Scroll::Top(k.clone(), *l))
    };
    if let Some(to) = to {
        *list.view() = to;
    }
}
