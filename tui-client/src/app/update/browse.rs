//! Looking around: moving the selection, and what one letter does to the selected message.

use chat_common::Seq;
use chat_common::event::history;

use super::{global, reading, threads};
use crate::app::msg::{EchoState, RowKey};
use crate::app::picker::PickerKind;
use crate::app::room::{Loading, Purpose};
use crate::app::{App, Ask, Confirmed, Effect, Mode, Overlay, Pending, Scroll};
use crate::keymap::{Action, Context};

/// Begins to look around, at the last message in view.
pub(super) fn enter(app: &mut App) {
    app.popup = None;
    let last_seen = app.drawn.rows.last().map(|(k, ..)| k.clone());
    let Some(room) = app.room_mut() else { return };
    let key = match room.scroll {
        Scroll::Follow => room.last_key(),
        _ => last_seen.and_then(|k| room.nearest(&k)).or_else(|| room.last_key()),
    };
    if key.is_none() {
        app.say("there are no messages yet");
        return;
    }
    room.selected = key;
    app.mode = Mode::Browse;
}

/// Back to writing; the view goes to the end where it was there already.
pub(super) fn leave(app: &mut App) {
    app.mode = Mode::Compose;
    let at_end = app.drawn.at_end;
    if let Some(room) = app.room_mut() {
        room.selected = None;
        if at_end {
            room.follow();
        }
    }
}

/// To the newest message.
pub(super) fn newest(app: &mut App) {
    let browsing = app.mode == Mode::Browse;
    if let Some(room) = app.room_mut() {
        room.follow();
        if browsing {
            room.selected = room.last_key();
        }
    }
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
    match action {
        Action::Back => leave(app),
        Action::Up => step(app, true),
        Action::Down => step(app, false),
        Action::PageUp => page(app, true),
        Action::PageDown => page(app, false),
        Action::Newest => newest(app),
        Action::Oldest => oldest(app, fx),
        _ => on_message(app, action, fx),
    }
}

fn step(app: &mut App, up: bool) {
    let height = i32::from(app.drawn.height.max(2)) / 2;
    let rows = &app.drawn.rows;
    let in_view = |key: &RowKey, first: bool| {
        rows.iter().any(|(k, line, of)| k == key && if first { *line == 0 } else { line + 1 == *of })
    };
    let Some(room) = app.rooms.get(app.active) else { return };
    let Some(key) = room.selected.clone().and_then(|k| room.nearest(&k)) else { return enter(app) };
    // A message taller than the view is read before it is left.
    if rows.iter().any(|(k, ..)| *k == key) && !in_view(&key, up) {
        return reading::scroll_by(app, if up { -height } else { height });
    }
    let next = if up { room.key_before(&key) } else { room.key_after(&key) };
    let Some(next) = next else {
        if !up {
            leave(app);
        }
        return;
    };
    let (visible, bottom) =
        (in_view(&next, true) && in_view(&next, false), rows.last().map(|(k, l, _)| (k.clone(), *l)));
    let Some(room) = app.room_mut() else { return };
    if !visible {
        room.scroll = if up { Scroll::Top(next.clone(), 0) } else { Scroll::Bottom(next.clone(), u16::MAX) };
    } else if let (Scroll::Follow, Some((key, line))) = (&room.scroll, bottom) {
        room.scroll = Scroll::Bottom(key, line);
    }
    if room.last_key().as_ref() == Some(&next) {
        room.follow();
    }
    room.selected = Some(next);
}

fn page(app: &mut App, up: bool) {
    let rows = &app.drawn.rows;
    let full = rows.len() >= usize::from(app.drawn.height);
    let edge = if up { rows.get(1.min(rows.len().saturating_sub(1))) } else { rows.get(rows.len().saturating_sub(2)) };
    let Some((key, line, _)) = edge.cloned() else { return };
    let at_end = app.drawn.at_end;
    let Some(room) = app.room_mut() else { return };
    if up && !full {
        room.selected = room.first_key();
        return;
    }
    if !up && at_end {
        return newest(app);
    }
    let at_top = up && room.first_key().as_ref() == Some(&key);
    room.scroll = if up { Scroll::Bottom(key.clone(), line) } else { Scroll::Top(key.clone(), line) };
    room.selected = if at_top { room.first_key() } else { Some(key) };
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
    let Some(key) = room.selected.clone() else { return };
    if let RowKey::Echo(_) = key {
        return on_echo(app, &key, action, fx);
    }
    let RowKey::Stored(seq) = key else { return };
    let Some(message) = room.timeline.message(seq).cloned() else {
        return app.say("this is not a message");
    };
    let mine = app.me.as_ref().is_some_and(|me| me.id == message.from.id);
    let (id, target) = (room.id, room.target.clone());
    let Some(text) = message.text.clone() else {
        return app.say("this message is gone");
    };
    match action {
        Action::Reply => {
            leave(app);
            if let Some(room) = app.room_mut() {
                room.purpose = Purpose::Reply(seq);
            }
        }
        Action::Edit if !mine => app.say("only your own messages can be edited"),
        Action::Edit => {
            leave(app);
            if let Some(room) = app.room_mut() {
                let waiting = std::mem::take(&mut room.editor);
                room.editor.set(&text);
                room.purpose = Purpose::Edit(seq, Box::new(waiting));
            }
        }
        Action::Delete => {
            let line: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
            let question = format!("Delete this message for everyone?\n{}: {line}", message.from.name);
            app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Delete(id, seq) });
        }
        Action::Thread => threads::open(app, seq, fx),
        Action::React => global::open(app, PickerKind::React(id, seq), fx),
        Action::Copy => {
            fx.push(Effect::Copy(text));
            app.say("copied");
        }
        Action::Open => match link(&text) {
            Some(link) => {
                fx.push(Effect::Copy(link.to_owned()));
                let link = link.to_owned();
                app.say(format!("copied {link}"));
            }
            None => app.say("there is no link in it"),
        },
        Action::MarkUnread => {
            let read = seq.prev();
            let me = app.me.as_ref().map(|u| u.id);
            if let Some(room) = app.room_mut() {
                room.hold_read = true;
                room.read = read;
                room.mark_sent = read;
                room.divider = Some(read);
                let others = room.timeline.items().range(seq..).filter_map(|(_, i)| i.message());
                room.unread =
                    u32::try_from(others.filter(|m| Some(m.from.id) != me && !m.deleted).count()).unwrap_or(0);
            }
            let mark = history::Mark { room: target, seq: read, force: Some(true) };
            let ask = app.ask(Ask::Mark(mark), Pending::Say("unread from here".to_owned()));
            fx.push(ask);
        }
        _ => {}
    }
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

/// The first link of a text.
fn link(text: &str) -> Option<&str> {
    let at = text.find("https://").into_iter().chain(text.find("http://")).min()?;
    let rest = &text[at..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(['.', ',', ')', ';', ':', '!', '?']))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_link_is_found_without_the_sentence_around_it() {
        assert_eq!(super::link("see (http://a.example/x), or https://b"), Some("http://a.example/x"));
        assert_eq!(super::link("no link"), None);
    }
}
