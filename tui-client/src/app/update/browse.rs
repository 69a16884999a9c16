//! Looking around: moving the selection, and what one letter does to the selected message.

use chat_common::event::history;
use chat_common::{RoomRef, Seq};

use super::{global, moving, threads};
use crate::app::editor::Editor;
use crate::app::kept::Kept;
use crate::app::link::links;
use crate::app::msg::{EchoState, RowKey};
use crate::app::picker::PickerKind;
use crate::app::room::{Loading, Purpose};
use crate::app::{App, Ask, Confirmed, Effect, Mode, Overlay, Pending, Scroll, Zone};
use crate::keymap::{Action, Context};

/// Begins to look around, at the last message in view.
pub(super) fn enter(app: &mut App) {
    app.popup = None;
    let zone = app.focus_zone();
    let begun = moving::rows(app, zone).is_some_and(|(list, seen)| moving::begin(list, &seen));
    if begun {
        app.mode = Mode::Browse;
    } else {
        app.say("there are no messages yet");
    }
}

/// Back to writing; the view goes to the end where it was there already.
pub(super) fn leave(app: &mut App) {
    app.mode = Mode::Compose;
    let zone = app.focus_zone();
    if let Some((list, seen)) = moving::rows(app, zone)
        && seen.at_end
    {
        list.to_end();
    }
    if let Some(thread) = &mut app.thread {
        thread.selected = None;
    }
    if let Some(room) = app.room_mut() {
        room.selected = None;
    }
}

/// To the newest message.
pub(super) fn newest(app: &mut App) {
    let (browsing, zone) = (app.mode == Mode::Browse, app.focus_zone());
    if let Some((list, _)) = moving::rows(app, zone) {
        moving::newest(list, browsing);
    }
}

/// Gives the keys that move to the other side; true if there are two.
pub(super) fn other_side(app: &mut App) -> bool {
    let Some(thread) = &mut app.thread else { return false };
    thread.focus = !thread.focus;
    if app.mode == Mode::Browse {
        thread.selected = None;
        if let Some(room) = app.room_mut() {
            room.selected = None;
        }
        enter(app);
    }
    true
}

pub(super) fn press(app: &mut App, action: Option<Action>, fx: &mut Vec<Effect>) {
    let Some(action) = action else {
        let (key, help) =
            (app.keymap.hint(Context::Browse, Action::Back), app.keymap.hint(Context::Global, Action::Help));
        return app.say(format!("browsing: {key} to write, {help} for the keys"));
    };
    if global::act(app, action, fx) {
        return;
    }
    let zone = app.focus_zone();
    let Some((list, seen)) = moving::rows(app, zone) else { return leave(app) };
    match action {
        Action::Back => leave(app),
        Action::Up => drop(moving::step(list, &seen, true)),
        Action::Down => {
            if !moving::step(list, &seen, false) {
                leave(app);
            }
        }
        Action::PageUp => moving::page(list, &seen, true),
        Action::PageDown => moving::page(list, &seen, false),
        Action::Newest => newest(app),
        Action::Oldest if zone == Zone::Thread => {
            let first = list.first();
            *list.view() = first.clone().map_or(Scroll::Follow, |key| Scroll::Top(key, 0));
            *list.choice() = first;
        }
        Action::Oldest => oldest(app, fx),
        _ => on_message(app, action, fx),
    }
}

/// To the oldest message the server keeps; it is fetched if need be.
pub(super) fn oldest(app: &mut App, fx: &mut Vec<Effect>) {
    let online = app.is_online();
    let Some(room) = app.room_mut() else { return };
    let (id, target) = (room.id, room.target.clone());
    let fetch = room.timeline.more_before && online;
    let Some(first) = room.first_key() else { return };
    room.selected = Some(first.clone());
    room.scroll = Scroll::Top(first, 0);
    app.mode = Mode::Browse;
    if fetch {
        if let Some(room) = app.room_mut() {
            room.loading = Some(Loading::Around(Seq::ZERO));
        }
        let get = history::Get { room: target, before: None, after: Some(Seq::ZERO), around: None, limit: Some(100) };
        let ask = app.ask(Ask::History(get), Pending::Around(id, Seq::ZERO));
        fx.push(ask);
    }
}

fn on_message(app: &mut App, action: Action, fx: &mut Vec<Effect>) {
    let Some(room) = app.room() else { return };
    let Some(key) = app.chosen().cloned() else { return };
    if let RowKey::Echo(_) = key {
        return on_echo(app, &key, action, fx);
    }
    let RowKey::Stored(seq) = key else { return };
    let Some(message) = app.message(seq) else {
        return app.say("this is not a message");
    };
    let mine = app.me.as_ref().is_some_and(|me| me.id == message.from.id);
    let (id, target) = (room.id, room.target.clone());
    let Some(text) = message.text.clone() else {
        return app.say("this message is gone");
    };
    match action {
        // In a thread everything written answers what it is about.
        Action::Reply if app.focus_zone() == Zone::Thread => leave(app),
        Action::Reply => {
            leave(app);
            if let Some(room) = app.room_mut() {
                room.purpose = Purpose::Reply(seq);
            }
        }
        Action::Edit if !mine => app.say("only your own messages can be edited"),
        Action::Edit => edit(app, seq, &text),
        Action::Delete => {
            let line: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
            let question = format!("Delete this message for everyone?\n{}: {line}", message.from.name);
            app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Delete(id, seq) });
        }
        Action::Thread if app.focus_zone() == Zone::Thread => app.say("this is its thread"),
        Action::Thread => threads::open(app, seq, fx),
        Action::React => global::open(app, PickerKind::React(id, seq), fx),
        Action::Copy => {
            fx.push(Effect::Copy(text));
            app.say("copied");
        }
        Action::Open => match links(&text).as_slice() {
            [] => app.say("there is no link in it"),
            [link] => fx.push(Effect::OpenLink((*link).to_owned())),
            _ => global::open(app, PickerKind::Links(text), fx),
        },
        Action::MarkUnread => mark_unread(app, seq, target, fx),
        _ => {}
    }
}

/// Begins to edit a message of one's own; what was being written waits.
fn edit(app: &mut App, seq: Seq, text: &str) {
    leave(app);
    let Some(room) = app.room_mut() else { return };
    let waiting = match std::mem::take(&mut room.purpose) {
        // Another message was being edited: what waits is still the draft before it.
        Purpose::Edit(_, waiting) => *waiting,
        _ => std::mem::take(&mut room.editor),
    };
    room.editor = Editor::default();
    room.editor.set(text);
    room.purpose = Purpose::Edit(seq, Box::new(waiting));
}

/// Edits the newest message of one's own that is loaded.
pub(super) fn edit_last(app: &mut App) {
    let Some(me) = app.me.as_ref().map(|u| u.id) else { return app.say("not connected yet") };
    let Some(room) = app.room() else { return };
    let within = app.thread.as_ref().filter(|t| t.focus && t.room == room.id).map(|t| t.root);
    let own = |m: &Kept| m.from().id == me && m.text().is_some() && within.is_none_or(|w| m.reply_to() == Some(w));
    let last = room.timeline.items().iter().rev().find(|(_, i)| i.message().is_some_and(own));
    match last.and_then(|(seq, i)| Some((*seq, i.message()?.text()?.to_owned()))) {
        Some((seq, text)) => edit(app, seq, &text),
        None => app.say("there is no message of yours to edit here"),
    }
}

fn mark_unread(app: &mut App, seq: Seq, target: RoomRef, fx: &mut Vec<Effect>) {
    let read = seq.prev();
    let me = app.me.as_ref().map(|u| u.id);
    if let Some(room) = app.room_mut() {
        room.hold_read = true;
        room.read = read;
        room.mark_sent = read;
        room.divider = Some(read);
        let others = room.timeline.items().range(seq..).filter_map(|(_, i)| i.message());
        room.unread = u32::try_from(others.filter(|m| Some(m.from().id) != me && !m.is_deleted()).count()).unwrap_or(0);
    }
    let mark = history::Mark { room: target, seq: read, force: Some(true) };
    let ask = app.ask(Ask::Mark(mark), Pending::Say("unread from here".to_owned()));
    fx.push(ask);
}

fn on_echo(app: &mut App, key: &RowKey, action: Action, fx: &mut Vec<Effect>) {
    let Some(room) = app.room() else { return };
    let Some(echo) = room.echo(key).cloned() else { return };
    let id = room.id;
    let stuck = matches!(echo.state, EchoState::Refused(_) | EchoState::Stale);
    match action {
        Action::Reply if stuck => {
            fx.push(Effect::Retry(echo.client_id));
            app.say("trying again");
        }
        Action::Delete if !matches!(echo.state, EchoState::Sending) => {
            let question = "Drop this message? It has not been sent.".to_owned();
            app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Discard(id, echo.client_id) });
        }
        Action::Copy => {
            fx.push(Effect::Copy(echo.text));
            app.say("copied");
        }
        _ => app.say("this message is still on its way"),
    }
}
