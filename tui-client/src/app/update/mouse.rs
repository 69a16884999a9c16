//! What a press of the mouse does; what stands where is found out while drawing.

use chat_common::RoomRef;

use super::{browse, compose, global, overlay};
use crate::app::msg::RowKey;
use crate::app::{App, Effect, Mode, Overlay, Target, Zone, settings};

pub(super) fn click(app: &mut App, target: Target, fx: &mut Vec<Effect>) {
    app.quit_armed = false;
    app.chord = false;
    match target {
        Target::Entry(index) if matches!(app.overlay, Some(Overlay::Settings(_))) => settings::click(app, index, fx),
        Target::Entry(index) => {
            if let Some(Overlay::Picker(picker)) = &mut app.overlay {
                picker.selected = index.min(picker.shown.len().saturating_sub(1));
                overlay::accept(app, fx);
            }
        }
        Target::Outside if matches!(app.overlay, Some(Overlay::Settings(_))) => app.overlay = None,
        // A question waits for its answer; a list is left as with Esc.
        Target::Outside if matches!(app.overlay, Some(Overlay::Picker(_))) => overlay::close(app),
        _ if app.overlay.is_some() => {}
        Target::Outside => {}
        Target::Room(index) => global::switch(app, index),
        Target::User(name) => global::enter(app, RoomRef::Direct(name), fx),
        Target::Link(url) => fx.push(Effect::OpenLink(url)),
        Target::Reaction(seq, emoji) => {
            if let Some(id) = app.room().map(|r| r.id) {
                overlay::react(app, id, seq, emoji.as_str(), fx);
            }
        }
        Target::Row(zone, key) => select(app, zone, key),
        Target::Caret(at) => {
            browse_ends(app);
            if let Some(room) = app.room_mut() {
                room.editor.place(at);
            }
            compose::propose(app);
        }
        Target::Proposal(index) => compose::take_proposal(app, index, fx),
        Target::Newest => {
            if let Some(room) = app.room_mut() {
                room.follow();
            }
        }
    }
}

fn browse_ends(app: &mut App) {
    if app.mode == Mode::Browse {
        browse::leave(app);
    }
}

/// Selects a row where it stands.
fn select(app: &mut App, zone: Zone, key: RowKey) {
    app.popup = None;
    let in_thread = zone == Zone::Thread;
    if let Some(thread) = &mut app.thread {
        thread.focus = in_thread;
        thread.selected = in_thread.then(|| key.clone());
    }
    if let Some(room) = app.room_mut() {
        room.selected = (!in_thread).then_some(key);
    }
    app.mode = Mode::Browse;
}
