//! What changes the state. This file takes messages apart and does what is due; keys are in `compose`, `browse`,
//! `global`, `overlay` and `moving`, `mouse` and `pasting`, slash commands in `commands`, the network in `net` and `answer`, the view in `reading`.

mod answer;
mod browse;
mod commands;
mod compose;
mod global;
mod hooks;
mod mouse;
mod moving;
mod net;
mod overlay;
mod pasting;
mod reading;
#[cfg(test)]
mod tests;
mod threads;

use std::time::Duration;

use chat_common::Timestamp;

pub(super) use compose::edit;
pub(super) use global::quit;

use super::msg::{Echo, Msg};
use super::{App, Effect, Mode, Overlay, Zone, settings};
use crate::keymap::{Context, Key};

/// Read marks go out at most this often for a room.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(1);
/// A draft is on disk this long after the last change at the latest.
const DRAFT_WITHIN: Duration = Duration::from_millis(700);
/// The view of a room is on disk this long after a change.
const VIEW_WITHIN: Duration = Duration::from_secs(5);

/// Takes a message and gives what is to be done.
pub fn update(app: &mut App, msg: Msg, now: Timestamp) -> Vec<Effect> {
    app.now = now;
    let mut fx = Vec::new();
    match msg {
        Msg::Key(key) => press(app, key, &mut fx),
        Msg::Paste(text) => pasting::paste(app, &text, &mut fx),
        Msg::Scroll(zone, lines) => scroll(app, zone, lines),
        Msg::Click(target) => mouse::click(app, target, &mut fx),
        Msg::Focus(focused) => focus(app, focused, &mut fx),
        Msg::Tick => {}
        Msg::Drawn(drawn) => reading::drawn(app, drawn, &mut fx),
        Msg::Edited(text) => {
            if let Some(room) = app.room_mut() {
                room.editor.set(text.trim_end());
            }
            app.mode = Mode::Compose;
            compose::changed(app, &mut fx);
        }
        Msg::Cached { room, messages } => net::cached(app, *room, messages),
        Msg::Draft { room, text } => draft(app, &room, &text),
        Msg::Unsent(echo) => unsent(app, echo),
        Msg::Configured(now) => settings::configured(app, *now),
        Msg::Misconfigured(error) => settings::damaged(app, error),
        Msg::Unwritten(error) => settings::unwritten(app, &error),
        Msg::Quit => global::quit(app, &mut fx),
        Msg::Net(event) => net::event(app, event, &mut fx),
    }
    due(app, &mut fx);
    fx
}

fn press(app: &mut App, key: Key, fx: &mut Vec<Effect>) {
    if app.overlay.is_some() {
        return overlay::press(app, key, fx);
    }
    if std::mem::take(&mut app.chord) {
        if key.normal().code == crate::keymap::KeyCode::Char('e')
            && let Some(room) = app.room()
        {
            fx.push(Effect::Edit(room.editor.text().to_owned()));
        }
        return;
    }
    match app.mode {
        Mode::Compose => compose::press(app, key, fx),
        Mode::Browse => {
            let action = app.keymap.action(Context::Browse, key);
            browse::press(app, action, fx);
        }
    }
}

fn scroll(app: &mut App, zone: Zone, lines: i32) {
    match &mut app.overlay {
        Some(Overlay::Picker(picker)) => picker.step(lines.signum()),
        Some(Overlay::Settings(view)) => view.step(lines.signum()),
        Some(Overlay::Confirm { .. }) => {}
        None => reading::scroll_by(app, zone, lines),
    }
}

fn focus(app: &mut App, focused: bool, fx: &mut Vec<Effect>) {
    app.focused = focused;
    if focused {
        // What stands in view already is read now.
        let seen = app.drawn.clone();
        return reading::drawn(app, seen, fx);
    }
    // What comes while one looks elsewhere stands under the divider when one is back.
    if let Some(room) = app.room_mut()
        && room.divider.is_none_or(|d| d < room.read)
    {
        room.divider = Some(room.read.max(room.timeline.newest().unwrap_or_default()));
    }
}

fn draft(app: &mut App, room: &chat_common::RoomRef, text: &str) {
    match app.find(room) {
        Some(i) if app.rooms[i].editor.is_empty() => app.rooms[i].editor.set(text),
        Some(_) => {}
        None => {
            app.old_drafts.insert(room.to_string(), text.to_owned());
        }
    }
}

fn unsent(app: &mut App, echo: Echo) {
    let i = app.ensure(&echo.room);
    let room = &mut app.rooms[i];
    if !room.echoes.iter().any(|e| e.client_id == echo.client_id) {
        room.echoes.push(echo);
    }
}

/// Does what the time asks for.
fn due(app: &mut App, fx: &mut Vec<Effect>) {
    let now = app.now;
    for room in &mut app.rooms {
        room.typing.retain(|(_, until)| *until > now);
        if room.draft_due.is_some_and(|t| t <= now) {
            room.draft_due = None;
            fx.push(Effect::SaveDraft { room: room.draft_key(), text: room.draft().to_owned() });
        }
        if room.view_due.is_some_and(|t| t <= now) {
            room.view_due = None;
            fx.extend(room.name().cloned().map(Effect::SaveView));
        }
    }
    if app.toast.as_ref().is_some_and(|t| t.until <= now) {
        app.toast = None;
    }
    overlay::search_due(app, fx);
    reading::send_marks(app, fx);
}

/// What must be on disk before the program ends.
pub(super) fn save_all(app: &mut App, fx: &mut Vec<Effect>) {
    for room in &mut app.rooms {
        room.draft_due = None;
        fx.push(Effect::SaveDraft { room: room.draft_key(), text: room.draft().to_owned() });
        if room.view_due.take().is_some() {
            fx.extend(room.name().cloned().map(Effect::SaveView));
        }
    }
}
