//! What the slash commands do. The table of their names and parts is `command`; this match is complete by compile
//! error.

use std::time::Duration;

use chat_common::event::{member, presence, room, user};
use chat_common::model::{RoomKind, Status};
use chat_common::{RoomRef, UserName, text};

use super::{browse, compose, global, hooks};
use crate::app::picker::PickerKind;
use crate::app::{App, Ask, Confirmed, EchoState, Effect, Overlay, Pending, RoomId, settings};
use crate::command::{BadCommand, Invocation as I, LEVELS};
use crate::guest;
use crate::keymap::{Action, Context};

pub(super) fn run(app: &mut App, invocation: I, fx: &mut Vec<Effect>) {
    let invocation = meant(app, invocation);
    match invocation {
        I::Join(None) => return global::open(app, PickerKind::Rooms, fx),
        I::Join(Some(target)) => return global::enter(app, target, fx),
        I::Search(query) => return search(app, &query, fx),
        I::Set(None) => return settings::open(app, None),
        I::Set(Some((name, value))) => return settings::command(app, &name, value.as_deref(), fx),
        I::Help => return global::open(app, PickerKind::Help, fx),
        I::Quit => return global::quit(app, fx),
        I::Msg(user, text) => return msg(app, RoomRef::Direct(user), text, fx),
        I::Nick(name) => {
            let set = user::SetProfile { display_name: None, name: Some(name) };
            return send(app, Ask::Profile(set), Pending::Profile, fx);
        }
        I::Presence(status, text) => return presence(app, status, text, fx),
        I::Block(user, on) => {
            let block = user::Block { user: user.clone(), on };
            return send(app, Ask::Block(block), Pending::Block(user, on), fx);
        }
        I::Leave(Some(target)) => {
            return match app.find(&target) {
                Some(i) => ask_leave(app, i),
                None => app.complain(format!("you are not in {target}")),
            };
        }
        _ => {}
    }
    let Some(room) = app.room() else {
        return app.complain("there is no room in view; /join opens one");
    };
    in_room(app, invocation, room.id, room.target.clone(), fx);
}

/// What a command of other chats is done with here.
pub(super) fn elsewhere(app: &App, error: &BadCommand) -> Option<String> {
    let BadCommand::Unknown { name, .. } = error else { return None };
    let (action, what) = match name.to_lowercase().as_str() {
        "reply" | "answer" => (Action::Reply, "answers it"),
        "thread" | "replies" => (Action::Thread, "opens its thread"),
        "react" | "reaction" => (Action::React, "reacts to it"),
        "edit" => (Action::Edit, "edits it"),
        "delete" | "del" | "redact" => (Action::Delete, "deletes it"),
        "copy" => (Action::Copy, "copies it"),
        "server" | "connect" | "network" => {
            return Some("a window has one server; chat-tui --server URL opens another".to_owned());
        }
        _ => return None,
    };
    let (choose, key) = (app.keymap.hint(Context::Compose, Action::Browse), app.keymap.hint(Context::Browse, action));
    Some(format!("{choose} chooses a message, then {key} {what}"))
}

/// A guest's `~` may be left out where only a guest of that name is known.
fn meant(app: &App, mut invocation: I) -> I {
    let user = match &mut invocation {
        I::Join(Some(RoomRef::Direct(user)))
        | I::Leave(Some(RoomRef::Direct(user)))
        | I::Msg(user, _)
        | I::Invite(user)
        | I::Kick(user, _)
        | I::Ban(user, _)
        | I::Unban(user)
        | I::Mute(user, _)
        | I::Role(user, _)
        | I::Block(user, _) => user,
        _ => return invocation,
    };
    unmarked(app, user);
    invocation
}

/// Puts the guest of that name for a name that only a guest is known by.
pub(super) fn unmarked(app: &App, user: &mut UserName) {
    if let Some(guest) = guest::marked(user).filter(|guest| !app.knows(user) && app.knows(guest)) {
        *user = guest;
    }
}

/// Commands that act on the room in view.
fn in_room(app: &mut App, invocation: I, id: RoomId, room: RoomRef, fx: &mut Vec<Effect>) {
    let say = |text: String| Pending::Say(text);
    let (ask, pending) = match invocation {
        I::Leave(_) => return ask_leave(app, app.active),
        I::Topic(None) => {
            let summary = app.room().and_then(|r| r.summary.as_ref());
            let topic = summary.map(|s| s.topic.clone()).unwrap_or_default();
            let kept = match summary.and_then(|s| s.retention_days) {
                Some(1) => " · messages are deleted after a day".to_owned(),
                Some(days) => format!(" · messages are deleted after {days} days"),
                None => String::new(),
            };
            let said = if topic.is_empty() { "no topic; /topic TEXT sets one".to_owned() } else { topic };
            return app.say(said + &kept);
        }
        I::Topic(Some(topic)) => (
            Ask::Update(room::Update { room, topic: Some(topic), kind: None, retention_days: None }),
            say("topic set".to_owned()),
        ),
        I::Notify(Some(level)) => return notify(app, level, fx),
        I::Notify(None) => return app.complain(format!("write it as /notify {}", LEVELS.join(", or "))),
        I::Invite(user) => {
            let said = say(format!("{user} is let in"));
            (Ask::Invite(room::Invite { room, user }), said)
        }
        I::Who => {
            global::open(app, PickerKind::Who, fx);
            (Ask::Members(member::List { room, after: None, limit: Some(200) }), Pending::Who(id))
        }
        I::Me(what) => {
            let at = app.active;
            return match text::clean(&format!("*{what}*"), app.limits.text_bytes) {
                Ok(text) => compose::say(app, at, text, fx),
                Err(error) => app.complain(error.to_string()),
            };
        }
        I::Kick(user, reason) => {
            let said = say(format!("{user} is removed"));
            (Ask::Kick(member::Kick { room, user, reason }), said)
        }
        I::Ban(user, reason) => {
            let said = say(format!("{user} is banned; /unban {user} takes it back"));
            (Ask::Ban(member::Ban { room, user, reason, until: None }), said)
        }
        I::Unban(user) => {
            let said = say(format!("{user} may come back"));
            (Ask::Unban(member::Unban { room, user }), said)
        }
        I::Mute(user, seconds) => {
            let said = say(if seconds == 0 { format!("{user} may write again") } else { format!("{user} is muted") });
            let until = Some(app.now.plus(Duration::from_secs(seconds)));
            (Ask::Mute(member::Mute { room, user, until, reason: None }), said)
        }
        I::Role(user, role) => {
            let said = say(format!("{user} is {} now", format!("{role:?}").to_lowercase()));
            (Ask::Role(member::SetRole { room, user, role }), said)
        }
        I::History => return browse::oldest(app, fx),
        I::Hook(ask) => return hooks::ask(app, ask, room, fx),
        I::Join(_)
        | I::Search(_)
        | I::Set(_)
        | I::Help
        | I::Quit
        | I::Msg(..)
        | I::Nick(_)
        | I::Presence(..)
        | I::Block(..) => return,
    };
    send(app, ask, pending, fx);
}

fn notify(app: &mut App, level: &'static str, fx: &mut Vec<Effect>) {
    let Some(room) = app.room() else { return };
    let (title, room) = (room.title(), room.draft_key());
    app.say(match level {
        "all" => format!("every message in {title} draws attention"),
        "mentions" => format!("{title} draws attention when it names you"),
        "none" => format!("{title} is silent"),
        _ => format!("{title} draws attention like every room"),
    });
    fx.push(Effect::NotifyRoom { room, level: Some(level).filter(|l| *l != "default") });
}

fn send(app: &mut App, ask: Ask, pending: Pending, fx: &mut Vec<Effect>) {
    let effect = app.ask(ask, pending);
    fx.push(effect);
}

fn msg(app: &mut App, target: RoomRef, text: Option<String>, fx: &mut Vec<Effect>) {
    global::enter(app, target, fx);
    let at = app.active;
    if let Some(text) = text {
        match text::clean(&text, app.limits.text_bytes) {
            Ok(text) => compose::say(app, at, text, fx),
            Err(error) => app.complain(error.to_string()),
        }
    }
}

fn search(app: &mut App, query: &str, fx: &mut Vec<Effect>) {
    global::open(app, PickerKind::Search, fx);
    if let Some(Overlay::Picker(picker)) = &mut app.overlay {
        picker.insert(query);
        app.search_due = Some(app.now);
    }
    super::overlay::search_due(app, fx);
}

fn presence(app: &mut App, status: Status, text: Option<String>, fx: &mut Vec<Effect>) {
    app.status = status;
    let said = match status {
        Status::Away => "you are away; /back when you return",
        Status::Dnd => "no bell until /back",
        _ => "welcome back",
    };
    send(app, Ask::Presence(presence::Set { status, text }), Pending::Say(said.to_owned()), fx);
}

fn ask_leave(app: &mut App, index: usize) {
    let Some(room) = app.rooms.get(index) else { return };
    let (id, title) = (room.id, room.title());
    let private = room.summary.as_ref().is_some_and(|s| s.kind == RoomKind::Private);
    let mut question = format!("Leave {title}?");
    if private {
        question.push_str("\nIt is private: somebody must let you in again.");
    }
    if room.summary.is_none() && !room.echoes.is_empty() {
        question.push_str("\nWhat was refused there is dropped.");
    }
    app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Leave(id) });
}

/// Leaves a room for good.
pub(super) fn leave(app: &mut App, id: RoomId, fx: &mut Vec<Effect>) {
    let Some(room) = app.by_id(id) else { return };
    let (target, known) = (room.target.clone(), room.summary.is_some());
    if known {
        send(app, Ask::Leave(room::Leave { room: target }), Pending::Left(id), fx);
    } else {
        // Nothing can be sent to what is not there; kept in the outbox, it would open this again at the next start.
        let refused = room.echoes.iter().filter(|e| matches!(e.state, EchoState::Refused(_)));
        fx.extend(refused.map(|e| Effect::Discard(e.client_id.clone())));
        global::forget(app, id);
        let key = app.keymap.hint(Context::Global, Action::Jump);
        app.say(format!("closed; {key} opens rooms"));
    }
}
