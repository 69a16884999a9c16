//! The view: scrolling, what is read, pages fetched before one gets there.

use chat_common::event::history;

use super::{MARK_EVERY, moving};
use crate::app::msg::{Drawn, RowKey};
use crate::app::room::{Loading, Scroll};
use crate::app::{App, Ask, Effect, Pending, Zone};

/// Messages that should be loaded above the view.
const AHEAD: usize = 60;
/// Messages in a page.
const PAGE: u32 = 100;

/// What a frame showed: marks what is read, fetches what will be needed.
pub(super) fn drawn(app: &mut App, drawn: Drawn, fx: &mut Vec<Effect>) {
    app.drawn = drawn;
    thread_drawn(app);
    let (at_end, browsing, focused) = (app.drawn.at_end, app.browses(Zone::Timeline), app.focused);
    let Some(room) = app.rooms.get_mut(app.active) else { return };
    if at_end {
        room.below = 0;
        if !browsing || room.selected == room.last_key() {
            room.scroll = Scroll::Follow;
        }
        if focused && !room.hold_read {
            room.read = room.read.max(room.timeline.newest().unwrap_or_default());
            if room.unread == 0 {
                // Nothing but one's own was read; the server need not hear of it.
                room.mark_sent = room.read;
            }
            room.unread = 0;
            room.mentions = 0;
        }
    }
    fetch(app, fx);
}

/// Tells the server how far one has read, at most once a second for a room.
pub(super) fn send_marks(app: &mut App, fx: &mut Vec<Effect>) {
    if !app.is_online() {
        return;
    }
    let now = app.now;
    let mut marks = Vec::new();
    for room in app.rooms.iter_mut().filter(|r| r.mark_waits() && now.since(r.marked_at) >= MARK_EVERY) {
        room.mark_sent = room.read;
        room.marked_at = now;
        marks.push(history::Mark { room: room.target.clone(), seq: room.read, force: None });
    }
    for mark in marks {
        let ask = app.ask(Ask::Mark(mark), Pending::Ignore);
        fx.push(ask);
    }
}

fn fetch(app: &mut App, fx: &mut Vec<Effect>) {
    let (online, now) = (app.is_online(), app.now);
    let seen = |(key, ..): &(RowKey, u16, u16)| match key {
        RowKey::Stored(seq) => Some(*seq),
        RowKey::Echo(_) => None,
    };
    let first = app.drawn.rows.iter().find_map(seen);
    let last = app.drawn.rows.iter().rev().find_map(seen);
    let Some(room) = app.rooms.get_mut(app.active) else { return };
    let (Some(first), Some(last)) = (first, last) else { return };
    if !online || room.loading.is_some() || room.load_not_before > now || room.summary.is_none() {
        return;
    }
    let id = room.id;
    let mut get =
        history::Get { room: room.target.clone(), before: None, after: None, around: None, limit: Some(PAGE) };
    let above = room.timeline.items().range(..first).rev().take(AHEAD).count();
    let hole = room.timeline.holes().iter().copied().find(|h| h.before >= first && h.after <= last);
    let pending = if let Some(hole) = hole {
        // From the side one looks from.
        if hole.after >= first {
            get.after = Some(hole.after);
        } else {
            get.before = Some(hole.before);
        }
        room.loading = Some(Loading::Hole(hole));
        Pending::Hole(id, hole)
    } else if above < AHEAD && room.timeline.more_before {
        get.before = room.timeline.oldest();
        room.loading = Some(Loading::Older);
        Pending::Older(id)
    } else {
        return;
    };
    let back = get.before.is_some();
    let pending = match pending {
        Pending::Hole(id, hole) if back => Pending::HoleBack(id, hole),
        other => other,
    };
    let ask = app.ask(Ask::History(get), pending);
    fx.push(ask);
}

/// The thread stays at its end while that is in view, and nothing waits below it.
fn thread_drawn(app: &mut App) {
    let browsing = app.browses(Zone::Thread);
    let at_end = app.drawn.thread.as_ref().is_some_and(|d| d.at_end);
    let Some(thread) = app.thread.as_mut().filter(|_| at_end) else { return };
    thread.below = 0;
    if !browsing || thread.selected.is_none() || thread.selected == Some(thread.last_key()) {
        thread.scroll = Scroll::Follow;
    }
}

/// Moves the view of the part that has the focus by a screen less two rows.
pub(super) fn page(app: &mut App, up: bool) {
    let zone = app.focus_zone();
    if let Some((list, seen)) = moving::rows(app, zone) {
        let lines = i32::from(seen.height).saturating_sub(2).max(1);
        moving::scroll(list, &seen, if up { -lines } else { lines });
    }
}

/// Moves the view of a part of the screen by lines; negative is up.
pub(super) fn scroll_by(app: &mut App, zone: Zone, lines: i32) {
    if let Some((list, seen)) = moving::rows(app, zone) {
        moving::scroll(list, &seen, lines);
    }
}
