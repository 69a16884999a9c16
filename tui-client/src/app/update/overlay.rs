//! Lists and questions on top of the screen.

use std::time::Duration;

use chat_common::event::{history, message, room};
use chat_common::model::RoomKind;
use chat_common::{Emoji, RoomName, RoomRef, Seq};

use super::{answer, browse, commands, compose, global};
use crate::app::msg::RowKey;
use crate::app::picker::{Pick, PickerKind};
use crate::app::room::Loading;
use crate::app::search;
use crate::app::{App, Ask, Confirmed, Effect, Overlay, Pending, RoomId, settings};
use crate::keymap::{Action, Context, Key};

/// A search is asked for when nothing was typed for this long.
const SEARCH_AFTER: Duration = Duration::from_millis(250);
/// A page of a list.
const PAGE: i32 = 8;

pub(super) fn press(app: &mut App, key: Key, fx: &mut Vec<Effect>) {
    let action = app.keymap.action(Context::List, key);
    match &mut app.overlay {
        Some(Overlay::Confirm { yes, .. }) => {
            let yes = yes.clone();
            match (action, key.typed()) {
                (Some(Action::Accept), _) | (_, Some('y' | 'Y')) => {
                    app.overlay = None;
                    confirmed(app, yes, fx);
                }
                (Some(Action::Close), _) | (_, Some('n' | 'N')) => app.overlay = None,
                (Some(Action::Quit), _) => global::quit(app, fx),
                // Typed without looking: it neither answers nor, as the rest of a line, goes out as a message.
                _ => {}
            }
        }
        Some(Overlay::Picker(picker)) => {
            match action {
                Some(Action::Up) => picker.step(-1),
                Some(Action::Down) => picker.step(1),
                Some(Action::PageUp) => picker.step(-PAGE),
                Some(Action::PageDown) => picker.step(PAGE),
                Some(Action::DeleteLeft) => picker.backspace(),
                Some(Action::KillStart) => picker.clear(),
                Some(Action::Close) => return close(app),
                Some(Action::Quit) => return global::quit(app, fx),
                Some(Action::Accept) => return accept(app, fx),
                _ => match key.typed() {
                    Some(c) => picker.insert(c.encode_utf8(&mut [0; 4])),
                    None => return,
                },
            }
            if matches!(action, None | Some(Action::DeleteLeft | Action::KillStart)) {
                typed(app);
            }
        }
        Some(Overlay::Settings(_)) => settings::press(app, key, fx),
        None => {}
    }
}

/// Leaves a list without taking anything.
pub(super) fn close(app: &mut App) {
    app.overlay = None;
    app.search_due = None;
}

/// After the query changed.
pub(super) fn typed(app: &mut App) {
    if let Some(Overlay::Picker(picker)) = &mut app.overlay
        && picker.kind == PickerKind::Search
    {
        app.search_due = Some(app.now.plus(SEARCH_AFTER));
    }
}

/// Asks for what is typed once the typing pauses.
pub(super) fn search_due(app: &mut App, fx: &mut Vec<Effect>) {
    let Some(at) = app.search_due else { return };
    if at > app.now {
        return;
    }
    app.search_due = None;
    let online = app.is_online();
    let Some(Overlay::Picker(picker)) = &mut app.overlay else { return };
    let query = picker.query.trim().to_owned();
    if picker.kind != PickerKind::Search {
        return;
    }
    if query.is_empty() {
        picker.put(Vec::new());
        search::HELP.clone_into(&mut picker.note);
        return;
    }
    if !online {
        "offline: the search is the server's".clone_into(&mut picker.note);
        return;
    }
    let room = app.rooms.get(app.active).map(|r| &r.target);
    let search = match search::read(&query, &search::Around { room, now: app.now, tz: &app.tz }) {
        Ok(Some(search)) => search,
        Ok(None) => return,
        Err(missing) => {
            picker.note = missing;
            return;
        }
    };
    "searching…".clone_into(&mut picker.note);
    let mut search = search;
    if let Some(from) = &mut search.from {
        commands::unmarked(app, from);
    }
    let ask = app.ask(Ask::Search(search), Pending::Search(query));
    fx.push(ask);
}

pub(super) fn accept(app: &mut App, fx: &mut Vec<Effect>) {
    let Some(Overlay::Picker(picker)) = &app.overlay else { return };
    let (kind, query) = (picker.kind.clone(), picker.query.trim().to_owned());
    let chosen = picker.chosen().map(|i| i.pick.clone());
    if kind == PickerKind::Search && app.search_due.is_some() {
        // Enter before the pause: ask now, the list follows.
        app.search_due = Some(app.now);
        return search_due(app, fx);
    }
    if chosen.is_none() && kind == PickerKind::Search {
        return;
    }
    app.overlay = None;
    match chosen {
        Some(pick) => picked(app, &kind, pick, fx),
        None if matches!(kind, PickerKind::Jump | PickerKind::Rooms) => {
            match RoomRef::parse(query.trim_start_matches('#')) {
                Ok(target) => global::enter(app, target, fx),
                Err(error) => app.complain(error.to_string()),
            }
        }
        None => {}
    }
}

fn picked(app: &mut App, kind: &PickerKind, pick: Pick, fx: &mut Vec<Effect>) {
    match pick {
        Pick::Room(id) => {
            if let Some(i) = app.rooms.iter().position(|r| r.id == id) {
                global::switch(app, i);
            }
        }
        Pick::Open(target) => global::enter(app, target, fx),
        Pick::User(user) => global::enter(app, RoomRef::Direct(user), fx),
        Pick::Message(room, seq) => go_to(app, room, seq, fx),
        Pick::Action(action) => {
            if !global::act(app, action, fx) {
                compose::chosen(app, action, fx);
            }
        }
        Pick::Link(url) => fx.push(Effect::OpenLink(url)),
        Pick::Slash(name) => {
            if let Some(room) = app.room_mut() {
                if room.editor.is_blank() {
                    room.editor.set(&format!("/{name} "));
                    compose::changed(app, fx);
                } else {
                    app.say("your text stands there; send or clear it first");
                }
            }
        }
        Pick::Emoji(emoji) => {
            if let PickerKind::React(id, seq) = kind {
                react(app, *id, *seq, &emoji, fx);
            }
        }
        Pick::Nothing => {}
    }
}

pub(super) fn react(app: &mut App, id: RoomId, seq: Seq, emoji: &str, fx: &mut Vec<Effect>) {
    let (Some(room), Ok(emoji)) = (app.by_id(id), Emoji::parse(emoji)) else { return };
    let thread = app.thread.as_ref().filter(|t| t.room == id);
    let message = room.timeline.message(seq).or_else(|| thread?.message(seq).cloned());
    let mine = message.is_some_and(|m| m.reactions.iter().any(|r| r.emoji == emoji && r.me));
    let react = message::React { room: room.target.clone(), seq, emoji, on: !mine };
    let said = if mine { "reaction taken back" } else { "reacted" };
    let ask = app.ask(Ask::React(react), Pending::Say(said.to_owned()));
    fx.push(ask);
}

/// Brings a message into view; it is fetched with what stands around it if need be.
fn go_to(app: &mut App, name: RoomName, seq: Seq, fx: &mut Vec<Effect>) {
    let i = app.ensure(&RoomRef::Room(name));
    let room = &mut app.rooms[i];
    let (id, target) = (room.id, room.target.clone());
    if room.timeline.get(seq).is_some() {
        return answer::select(app, id, seq);
    }
    room.loading = Some(Loading::Around(seq));
    global::switch(app, i);
    let get = history::Get { room: target, before: None, after: None, around: Some(seq), limit: Some(60) };
    let ask = app.ask(Ask::History(get), Pending::Around(id, seq));
    fx.push(ask);
}

fn confirmed(app: &mut App, yes: Confirmed, fx: &mut Vec<Effect>) {
    match yes {
        Confirmed::Delete(id, seq) => {
            if let Some(room) = app.by_id(id) {
                let delete = message::Delete { room: room.target.clone(), seq };
                let ask = app.ask(Ask::Delete(delete), Pending::Say("deleted".to_owned()));
                fx.push(ask);
            }
        }
        Confirmed::Discard(id, client_id) => {
            if let Some(room) = app.by_id_mut(id) {
                room.echoes.retain(|e| e.client_id != client_id);
                if room.selected == Some(RowKey::Echo(client_id.clone())) {
                    room.selected = room.last_key();
                    if room.selected.is_none() {
                        browse::leave(app);
                    }
                }
            }
            fx.push(Effect::Discard(client_id));
        }
        Confirmed::Copy(text) => {
            fx.push(Effect::Copy(text));
            app.say("copied");
        }
        Confirmed::Split(id) => compose::send_parts(app, id, fx),
        Confirmed::Leave(id) => commands::leave(app, id, fx),
        Confirmed::Create(target) => {
            if let RoomRef::Room(name) = &target {
                let create = room::Create { room: name.clone(), kind: Some(RoomKind::Public), topic: None };
                let ask = app.ask(Ask::Create(create), Pending::Created(target));
                fx.push(ask);
            }
        }
    }
}
