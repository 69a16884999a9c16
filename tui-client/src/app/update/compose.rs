//! Writing: keys that edit, completion, sending, the texts sent before.

use std::time::Duration;

use chat_common::event::{message, presence};
use chat_common::text::TextError;
use chat_common::{RoomRef, text};

use super::{DRAFT_WITHIN, browse, commands, global, pasting, reading, threads};
use crate::app::complete::{self, Popup};
use crate::app::editor::Editor;
use crate::app::msg::{Echo, EchoState};
use crate::app::room::{Purpose, RoomId};
use crate::app::{App, Ask, Confirmed, Effect, Line, Overlay, Pending, parts};
use crate::command;
use crate::keymap::{Action, Context, Key, KeyCode};

/// "Is typing" is told at most this often.
const TYPING_EVERY: Duration = Duration::from_secs(3);
/// Messages that one text is offered to be sent as; a server lets through so many at once.
const MOST_PARTS: usize = 20;
/// Texts kept for going back to.
const HISTORY: usize = 100;

pub(super) fn press(app: &mut App, key: Key, fx: &mut Vec<Effect>) {
    let action = app.keymap.action(Context::Compose, key);
    if pasting::answer(app, action, fx) || popup(app, action, fx) {
        return;
    }
    match action {
        Some(action) if global::act(app, action, fx) => {}
        Some(action) => {
            app.quit_armed = false;
            act(app, action, fx);
        }
        None => {
            app.quit_armed = false;
            if let (Some(c), Some(room)) = (key.typed(), app.rooms.get_mut(app.active)) {
                room.editor.insert(c.encode_utf8(&mut [0; 4]), true);
                if let Some((from, emoji)) = complete::closed_emoji(&room.editor) {
                    room.editor.replace_before(from, emoji);
                }
                changed(app, fx);
            } else if key.code == KeyCode::BackTab {
                app.say("Tab completes @name, #room, :emoji: and /command");
            }
        }
    }
}

/// Keys that act on the proposals while they are shown; true if the key is used up.
fn popup(app: &mut App, action: Option<Action>, fx: &mut Vec<Effect>) -> bool {
    let Some(popup) = &mut app.popup else { return false };
    let n = popup.items.len();
    match action {
        Some(Action::Up) => {
            popup.selected = (popup.selected + n - 1) % n;
            popup.chosen = true;
        }
        Some(Action::Down) => {
            popup.selected = (popup.selected + 1) % n;
            popup.chosen = true;
        }
        Some(Action::Browse) => {
            app.dismissed = Some(popup.from);
            app.popup = None;
        }
        Some(Action::Complete) => complete_word(app, fx),
        Some(Action::Send) if popup.chosen => complete_word(app, fx),
        _ => return false,
    }
    true
}

/// Takes the proposal that was pointed at.
pub(super) fn take_proposal(app: &mut App, index: usize, fx: &mut Vec<Effect>) {
    if let Some(popup) = app.popup.as_mut().filter(|p| index < p.items.len()) {
        popup.selected = index;
        complete_word(app, fx);
    }
}

/// Does an action that was chosen from a list of them.
pub(super) fn chosen(app: &mut App, action: Action, fx: &mut Vec<Effect>) {
    match action {
        Action::Editor => fx.extend(app.room().map(|room| Effect::Edit(room.editor.text().to_owned()))),
        action => act(app, action, fx),
    }
}

fn complete_word(app: &mut App, fx: &mut Vec<Effect>) {
    let Some(Popup { from, items, selected, .. }) = app.popup.take() else { return };
    if let (Some(room), Some((insert, _))) = (app.rooms.get_mut(app.active), items.get(selected)) {
        room.editor.replace_before(from, insert);
        changed(app, fx);
    }
}

fn act(app: &mut App, action: Action, fx: &mut Vec<Effect>) {
    let empty = app.room().is_none_or(|r| r.editor.is_empty());
    match action {
        Action::Send => return send(app, fx),
        Action::Browse if threads::close(app) => return,
        Action::Browse if empty && drop_reply(app) => return,
        Action::Browse => return browse::enter(app),
        // One reads back and writes on: letters must not begin to act on messages.
        Action::PageUp => return reading::page(app, true),
        Action::PageDown => return reading::page(app, false),
        Action::Up if empty => return browse::enter(app),
        Action::Newest => return browse::newest(app),
        Action::EditLast => return browse::edit_last(app),
        Action::Complete if empty && browse::other_side(app) => return,
        Action::LineEnd if empty => return browse::newest(app),
        Action::Complete => {
            app.dismissed = None;
            app.popup = complete::propose(app);
            return complete_word(app, fx);
        }
        Action::Editor => {
            app.popup = None;
            app.chord = true;
            return;
        }
        Action::HistoryPrev => return history(app, true, fx),
        Action::HistoryNext => return history(app, false, fx),
        _ => {}
    }
    let Some(room) = app.rooms.get_mut(app.active) else { return };
    let before = room.editor.changes();
    let at_edge = match action {
        Action::Up => !room.editor.up(),
        Action::Down => !room.editor.down(),
        _ => {
            edit(&mut room.editor, action);
            false
        }
    };
    if action == Action::DeleteLeft && empty && matches!(room.purpose, Purpose::Reply(_)) {
        room.purpose = Purpose::Say;
    }
    match action {
        Action::Up if at_edge => history(app, true, fx),
        Action::Down if at_edge => history(app, false, fx),
        _ if app.room().is_some_and(|r| r.editor.changes() != before) => changed(app, fx),
        _ => propose(app),
    }
}

/// What is written is no answer any more; false if it was none.
fn drop_reply(app: &mut App) -> bool {
    let Some(room) = app.room_mut().filter(|r| matches!(r.purpose, Purpose::Reply(_))) else { return false };
    room.purpose = Purpose::Say;
    true
}

/// What an action does to a text.
pub(in crate::app) fn edit(editor: &mut Editor, action: Action) {
    match action {
        Action::Newline => {
            editor.insert("\n", false);
        }
        Action::Left => editor.left(),
        Action::Right => editor.right(),
        Action::LineStart => editor.home(),
        Action::LineEnd => editor.end(),
        Action::WordLeft => editor.word_left(),
        Action::WordRight => editor.word_right(),
        Action::DeleteLeft => {
            editor.delete_left();
        }
        Action::DeleteRight => editor.delete_right(),
        Action::KillStart => editor.kill_start(),
        Action::KillEnd => editor.kill_end(),
        Action::KillWordLeft => editor.kill_word_left(),
        Action::KillWordRight => editor.kill_word_right(),
        Action::Yank => editor.yank(),
        Action::Transpose => editor.transpose(),
        Action::Undo => editor.undo(),
        Action::Redo => editor.redo(),
        _ => {}
    }
}

/// Shows the proposals for the word at the cursor, unless they were dismissed.
pub(super) fn propose(app: &mut App) {
    let proposal = complete::propose(app);
    let dismissed = app.dismissed.is_some() && app.dismissed == proposal.as_ref().map(|p| p.from);
    if proposal.is_none() {
        app.dismissed = None;
    }
    app.popup = proposal.filter(|_| !dismissed);
}

/// After every change of the text: proposals, the draft, "is typing".
pub(super) fn changed(app: &mut App, fx: &mut Vec<Effect>) {
    let now = app.now;
    let online = app.is_online();
    propose(app);
    let Some(room) = app.rooms.get_mut(app.active) else { return };
    room.draft_due = room.draft_due.or(Some(now.plus(DRAFT_WITHIN)));
    let text = room.editor.text();
    let writes = !room.editor.is_blank() && !command::is_command(text) && text != "/";
    let (id, target) = (room.id, room.target.clone());
    if room.editor.is_blank() && online && app.typing_sent.is_some_and(|(r, _)| r == id) {
        app.typing_sent = None;
        let ask = app.ask(Ask::Typing(presence::Typing { room: target, on: false }), Pending::Ignore);
        fx.push(ask);
        return;
    }
    let told = app.typing_sent.is_some_and(|(r, at)| r == id && now.since(at) < TYPING_EVERY);
    if writes && online && !told && room.summary.is_some() {
        app.typing_sent = Some((id, now));
        let ask = app.ask(Ask::Typing(presence::Typing { room: target, on: true }), Pending::Ignore);
        fx.push(ask);
    }
}

/// Earlier (or later) texts of one's own; what was being typed waits at the end.
fn history(app: &mut App, back: bool, fx: &mut Vec<Effect>) {
    let Some(room) = app.rooms.get_mut(app.active) else { return };
    let last = app.history.len();
    let at = match (app.history_at, back) {
        (None, false) => return,
        (None, true) => last.checked_sub(1),
        (Some(0), true) => Some(0),
        (Some(i), true) => Some(i - 1),
        (Some(i), false) => Some(i + 1).filter(|i| *i < last),
    };
    if app.history_at.is_none() {
        if at.is_none() {
            return;
        }
        room.editor.text().clone_into(&mut app.history_draft);
    }
    let text = at.and_then(|i| app.history.get(i)).unwrap_or(&app.history_draft).clone();
    room.editor.set(&text);
    app.history_at = at;
    changed(app, fx);
    app.popup = None;
}

/// Enter.
fn send(app: &mut App, fx: &mut Vec<Effect>) {
    let Some(room) = app.room() else { return };
    if room.editor.is_blank() {
        match app.line {
            Line::Waiting { .. } | Line::Refused(_) => fx.push(Effect::ReconnectNow),
            _ => browse::newest(app),
        }
        return;
    }
    let typed = room.editor.text().to_owned();
    // What was said about an earlier try is not about this one.
    app.toast = None;
    let Some(room) = app.room() else { return };
    let plain = matches!(room.purpose, Purpose::Say | Purpose::Reply(_));
    if plain && command::is_command(&typed) {
        match command::parse(&typed) {
            Ok(invocation) => {
                let at = app.active;
                take(app, at, &typed);
                commands::run(app, invocation, fx);
                changed(app, fx);
            }
            Err(error) => {
                let said = commands::elsewhere(app, &error).unwrap_or_else(|| error.to_string());
                app.complain(said);
            }
        }
        return;
    }
    let body = if plain && typed.starts_with("//") { &typed[1..] } else { &typed };
    let clean = match text::clean(body, app.limits.text_bytes) {
        Ok(clean) => clean,
        Err(TextError::TooLong { .. }) if plain => return too_long(app, body.len()),
        Err(error) => return app.complain(format!("{error}; it is not sent")),
    };
    let (at, target) = (app.active, room.target.clone());
    match room.purpose.clone() {
        Purpose::Edit(seq, waiting) => {
            let ask = Ask::Edit(message::Edit { room: target, seq, text: clean });
            let effect = app.ask(ask, Pending::Say("edited".to_owned()));
            fx.push(effect);
            if let Some(room) = app.room_mut() {
                room.editor = *waiting;
                room.purpose = Purpose::Say;
            }
            threads::go_on(app);
        }
        Purpose::Say | Purpose::Reply(_) => {
            take(app, at, &typed);
            say(app, at, clean, fx);
            threads::go_on(app);
        }
    }
    changed(app, fx);
}

/// What does not fit into one message is offered as several; nothing is taken from the line before the answer.
fn too_long(app: &mut App, bytes: usize) {
    let limit = app.limits.text_bytes;
    let Some(room) = app.room() else { return };
    let n = parts::messages(room.editor.text(), limit).len();
    let (id, title) = (room.id, room.title());
    let size = format!("{bytes} bytes, {limit} are allowed in a message");
    if n > MOST_PARTS {
        let target = room.draft_key();
        return app.complain(format!("{size}; save it: chat-tui send -r {target} --split -f FILE sends it in {n}"));
    }
    let question = format!("Send it to {title} as {n} messages?\nIt has {size}.");
    app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Split(id) });
}

/// Sends what is written as several messages, in order.
pub(super) fn send_parts(app: &mut App, id: RoomId, fx: &mut Vec<Effect>) {
    let Some(at) = app.rooms.iter().position(|r| r.id == id) else { return };
    let typed = app.rooms[at].editor.text().to_owned();
    let limit = app.limits.text_bytes;
    let pieces: Result<Vec<String>, _> = parts::messages(&typed, limit).iter().map(|p| text::clean(p, limit)).collect();
    let pieces = match pieces {
        Ok(pieces) => pieces,
        Err(error) => return app.complain(format!("{error}; it is not sent")),
    };
    let purpose = app.rooms[at].purpose.clone();
    take(app, at, &typed);
    for piece in pieces {
        app.rooms[at].purpose = purpose.clone();
        say(app, at, piece, fx);
    }
    threads::go_on(app);
    changed(app, fx);
}

/// Empties the line of a room and remembers the text for going back to.
fn take(app: &mut App, at: usize, typed: &str) {
    if app.history.last().map(String::as_str) != Some(typed) && typed.len() <= 64 * 1024 {
        app.history.push(typed.to_owned());
        if app.history.len() > HISTORY {
            app.history.remove(0);
        }
    }
    app.history_at = None;
    app.dismissed = None;
    app.typing_sent = None;
    app.rooms[at].editor.take();
}

/// Sends a clean text to a room, as an answer if one is being written.
pub(super) fn say(app: &mut App, at: usize, text: String, fx: &mut Vec<Effect>) {
    let Some(client_id) = app.client_id() else { return };
    let now = app.now;
    let Some(room) = app.rooms.get_mut(at) else { return };
    let reply_to = match std::mem::take(&mut room.purpose) {
        Purpose::Reply(seq) => Some(seq),
        other => {
            room.purpose = other;
            None
        }
    };
    let target: RoomRef = room.target.clone();
    room.echoes.push(Echo {
        room: target.clone(),
        client_id: client_id.clone(),
        text: text.clone(),
        reply_to,
        at: now,
        state: EchoState::Queued,
    });
    room.divider = None;
    room.hold_read = false;
    room.follow();
    fx.push(Effect::Send { room: target, text, client_id, reply_to });
}
