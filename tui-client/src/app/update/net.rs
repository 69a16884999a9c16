//! What the network tells: the line, rooms, entries, hints, the fate of one's own messages.

use std::time::Duration;

use chat_common::event::server::{Hint, Ready};
use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Message, Presence, RoomSummary, Status, User};
use chat_common::{ClientId, ErrorBody, ErrorCode, RoomName, RoomRef, Seq};

use super::{VIEW_WITHIN, answer, global};
use crate::app::msg::{EchoState, Event, RowKey};
use crate::app::room::{Purpose, Scroll};
use crate::app::timeline::MAX_UNSEEN;
use crate::app::{Alert, App, Confirmed, Effect, Mode, Overlay, Zone};
use crate::guest;
use crate::keymap::{Action, Context};

/// "Is typing" holds this long without being said again.
const TYPING_FOR: Duration = Duration::from_secs(6);
/// Unread messages are counted up to here, as the server does.
const MOST_UNREAD: u32 = 1_000;
/// Rooms held at once; a server that tells of more (the protocol allows 200) is not believed.
const MOST_ROOMS: usize = 1_000;
/// Members held of a room; `/who` asks for the rest.
const MOST_MEMBERS: usize = 5_000;
/// Typists kept for a room.
const MOST_TYPING: usize = 8;

pub(super) fn event(app: &mut App, event: Event, fx: &mut Vec<Effect>) {
    let told = match &event {
        Event::Joined { room, .. } => Some(&room.room),
        Event::Reset { room, .. } => Some(room),
        Event::Entry(e) => Some(&e.room),
        Event::Hint(h) => match h.as_ref() {
            Hint::RoomAdded { room } => Some(&room.room),
            _ => None,
        },
        _ => None,
    };
    let unknown = told.is_some_and(|name| app.rooms.iter().all(|r| r.name() != Some(name)));
    if unknown && app.rooms.len() >= MOST_ROOMS {
        return;
    }
    match event {
        Event::Line(line) => {
            app.line = line;
            if !app.is_online() {
                for room in &mut app.rooms {
                    room.loading = None;
                    room.typing.clear();
                    room.repairing = false;
                }
            }
        }
        Event::Ready(ready) => connected(app, *ready, fx),
        Event::Joined { room, members, present } => {
            let i = adopt(app, *room);
            let room = &mut app.rooms[i];
            room.live = true;
            room.members = members;
            room.present = present.into_iter().map(|p| (p.user.id, p)).collect();
            room.view_due = room.view_due.or(Some(app.now.plus(VIEW_WITHIN)));
            focus_wanted(app, i);
        }
        Event::OpenFailed { room, error } => open_failed(app, room, &error, fx),
        Event::Reset { room, messages, first, head } => reset(app, &room, messages, first, head),
        Event::Entry(e) => entry(app, &e, fx),
        Event::Repairing { room, on } => {
            if let Some(room) = app.by_name_mut(&room) {
                room.repairing = on;
            }
        }
        Event::Hint(h) => hint(app, *h, fx),
        Event::Outbox { client_id, room, state } => outbox(app, &client_id, &room, state),
        Event::Answer { tag, result } => answer::answer(app, tag, result, fx),
        Event::Gone { room } => gone(app, &room),
    }
}

fn connected(app: &mut App, ready: Ready, fx: &mut Vec<Effect>) {
    app.me = Some(ready.user);
    app.limits = ready.limits;
    app.server = Some(ready.server);
    app.blocked = ready.blocked.into_iter().collect();
    for summary in ready.rooms.into_iter().take(MOST_ROOMS) {
        let name = summary.room.clone();
        let i = adopt(app, summary);
        if !app.rooms[i].live {
            app.rooms[i].live = true;
            fx.push(Effect::Open(RoomRef::Room(name)));
        }
    }
}

/// Finds or makes the place of a room the server tells of; a conversation that was opened by the other one's name is
/// the same room from now on.
pub(super) fn adopt(app: &mut App, summary: RoomSummary) -> usize {
    let known = app.rooms.iter().position(|r| r.name() == Some(&summary.room));
    let asked = summary.peer.as_ref().and_then(|p| {
        let direct = RoomRef::Direct(p.name.clone());
        app.rooms.iter().position(|r| r.target == direct && r.summary.is_none())
    });
    let i = match (known, asked) {
        (Some(known), Some(asked)) if known != asked => {
            let (was_active, live) = (app.active == asked, app.rooms[asked].live);
            let (echoes, text) = (std::mem::take(&mut app.rooms[asked].echoes), app.rooms[asked].editor.take());
            app.rooms.remove(asked);
            let known = if asked < known { known - 1 } else { known };
            if was_active {
                app.active = known;
            } else if app.active > asked {
                app.active -= 1;
            }
            let room = &mut app.rooms[known];
            room.echoes.extend(echoes);
            room.live |= live;
            if room.editor.is_empty() && !text.is_empty() {
                room.editor.set(&text);
            }
            known
        }
        (Some(i), _) | (None, Some(i)) => i,
        (None, None) => app.ensure(&RoomRef::Room(summary.room.clone())),
    };
    app.rooms[i].tell(summary);
    let key = app.rooms[i].draft_key().to_string();
    if let Some(text) = app.old_drafts.remove(&key)
        && app.rooms[i].editor.is_empty()
    {
        app.rooms[i].editor.set(&text);
    }
    i
}

fn focus_wanted(app: &mut App, i: usize) {
    let room = &app.rooms[i];
    let wanted = app.focus_on.as_ref().is_some_and(|w| *w == room.target || *w == room.draft_key());
    if wanted {
        app.focus_on = None;
        let index = i;
        if app.active != index && app.overlay.is_none() {
            global::switch(app, index);
        }
    }
}

fn open_failed(app: &mut App, target: RoomRef, error: &ErrorBody, fx: &mut Vec<Effect>) {
    let Some(i) = app.find(&target) else { return app.complain(App::explain(error)) };
    app.rooms[i].live = false;
    let (title, id) = (app.rooms[i].title(), app.rooms[i].id);
    if error.code == ErrorCode::NotFound && matches!(target, RoomRef::Room(_)) {
        let question = format!("There is no room {title}.\nMake it?");
        app.overlay = Some(Overlay::Confirm { question, yes: Confirmed::Create(target) });
    } else if let (ErrorCode::NotFound, Some(guest)) = (error.code, guest::conversation(&target)) {
        if app.rooms[i].echoes.is_empty() {
            return open_guest(app, i, guest, fx);
        }
        app.complain(format!(
            "{title}: {}; a guest is written with ~, as /msg {}",
            App::explain(error),
            &guest.to_string()[1..]
        ));
    } else {
        app.complain(format!("{title}: {}", App::explain(error)));
    }
    let room = &app.rooms[i];
    let nothing = room.timeline.items().is_empty() && room.echoes.is_empty() && room.editor.is_empty();
    if nothing && app.rooms.len() > 1 {
        global::forget(app, id);
    }
}

/// Nobody has that name: perhaps the guest of that name is meant. What was typed goes along.
fn open_guest(app: &mut App, i: usize, guest: RoomRef, fx: &mut Vec<Effect>) {
    let (id, text, in_view) = (app.rooms[i].id, app.rooms[i].editor.take(), app.active == i);
    let to = app.ensure(&guest);
    if app.rooms[to].editor.is_empty() {
        app.rooms[to].editor.set(&text);
    }
    if in_view {
        global::enter(app, guest, fx);
    } else if !app.rooms[to].live {
        app.rooms[to].live = true;
        fx.push(Effect::Open(guest));
    }
    global::forget(app, id);
}

/// The cache's last view, before the network answers; the network's word is newer.
pub(super) fn cached(app: &mut App, summary: RoomSummary, messages: Vec<Message>) {
    let (first, head) = (summary.first, messages.iter().map(|m| m.rev).max().unwrap_or(summary.head));
    let i = adopt(app, summary);
    let room = &mut app.rooms[i];
    if room.timeline.items().is_empty() {
        room.timeline.reset(messages, first, head);
    }
}

fn reset(app: &mut App, name: &RoomName, messages: Vec<Message>, first: Seq, head: Seq) {
    let i = app.ensure(&RoomRef::Room(name.clone()));
    let (me, now, active) = (app.me.as_ref().map(|u| u.id), app.now, app.active == i);
    let room = &mut app.rooms[i];
    let seen: Vec<ClientId> = messages.iter().filter(|m| Some(m.from.id) == me).map(|m| m.client_id.clone()).collect();
    room.echoes.retain(|e| !seen.contains(&e.client_id) && !matches!(e.state, EchoState::Stored(s) if s <= head));
    room.timeline.reset(messages, first, head);
    room.read = room.read.min(head);
    room.loading = None;
    room.view_due = room.view_due.or(Some(now.plus(VIEW_WITHIN)));
    // One stays where one reads if it is still there; else the end.
    let anchor = match &room.scroll {
        Scroll::Top(k, _) | Scroll::Bottom(k, _) => Some(k.clone()),
        Scroll::Follow => None,
    };
    if let Some(RowKey::Stored(seq)) = anchor
        && room.timeline.get(seq).is_none()
    {
        room.follow();
    }
    if active && let Some(key) = room.selected.clone() {
        room.selected = room.nearest(&key);
        if room.selected.is_none() {
            app.mode = Mode::Compose;
        }
    }
    if active && room_has_divider_to_show(&app.rooms[i]) {
        app.rooms[i].divider = Some(app.rooms[i].read);
    }
}

fn room_has_divider_to_show(room: &crate::app::Room) -> bool {
    room.divider.is_none() && room.unread > 0 && room.read > Seq::ZERO
}

fn entry(app: &mut App, e: &Entry, fx: &mut Vec<Effect>) {
    let i = app.ensure(&RoomRef::Room(e.room.clone()));
    let me = app.me.as_ref().map(|u| u.id);
    let own = me == Some(e.from.id);
    let (active, browsing, now) = (app.active == i, app.browses(Zone::Timeline), app.now);
    let room = &mut app.rooms[i];
    let last = room.last_key();
    if let EntryBody::Created { client_id, .. } = &e.body
        && own
    {
        replace_echo(room, client_id, e.seq);
    }
    if matches!(e.body, EntryBody::Created { .. } | EntryBody::Edited { .. }) {
        room.typing.retain(|(u, _)| u.id != e.from.id);
    }
    let added = room.timeline.apply(e, me);
    if !active && room.scroll == Scroll::Follow {
        room.timeline.bound(MAX_UNSEEN);
    }
    room.view_due = room.view_due.or(Some(now.plus(VIEW_WITHIN)));
    consequences(room, e, me);
    if let Some(thread) = app.thread.as_mut().filter(|t| t.room == room.id) {
        thread.follow(room, e, me);
    }
    if !added {
        return;
    }
    if room.scroll != Scroll::Follow {
        room.below = room.below.saturating_add(1);
    } else if active && browsing && !own {
        // Nothing moves under the selection: hold the view, count what comes.
        if let Some(last) = last {
            room.scroll = Scroll::Bottom(last, u16::MAX);
            room.below = 1;
        }
    }
    let EntryBody::Created { mentions, text, .. } = &e.body else { return };
    if own || e.seq <= room.read || text.is_none() || app.blocked.contains(&e.from.id) {
        return;
    }
    let named = me.is_some_and(|me| mentions.contains(&me));
    room.unread = (room.unread + 1).min(MOST_UNREAD);
    if named {
        room.mentions = (room.mentions + 1).min(MOST_UNREAD);
    }
    let direct = room.is_direct();
    let looking = active && app.focused;
    if !looking && app.status != Status::Dnd {
        let line = text.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        let text = format!("{} in {}: {}", e.from.name, room.title(), line.chars().take(80).collect::<String>());
        fx.push(Effect::Alert(Alert { room: e.room.clone(), target: room.draft_key(), direct, named, text }));
    }
}

/// The entry of an own message takes the place of its echo, also where one looks at it.
fn replace_echo(room: &mut crate::app::Room, client_id: &ClientId, seq: Seq) {
    let before = room.echoes.len();
    room.echoes.retain(|e| e.client_id != *client_id);
    if room.echoes.len() == before {
        return;
    }
    let old = RowKey::Echo(client_id.clone());
    let new = RowKey::Stored(seq);
    if room.selected.as_ref() == Some(&old) {
        room.selected = Some(new.clone());
    }
    match &mut room.scroll {
        Scroll::Top(k, _) | Scroll::Bottom(k, _) if *k == old => *k = new,
        _ => {}
    }
}

/// What an entry changes beside the timeline.
fn consequences(room: &mut crate::app::Room, e: &Entry, me: Option<chat_common::UserId>) {
    match &e.body {
        EntryBody::RoomUpdated { topic, kind, retention_days, .. } => {
            if let Some(summary) = &mut room.summary {
                if let Some(topic) = topic {
                    summary.topic.clone_from(topic);
                }
                summary.kind = kind.unwrap_or(summary.kind);
                if let Some(days) = retention_days {
                    summary.retention_days = Some(*days).filter(|days| *days > 0);
                }
            }
        }
        EntryBody::MemberRemoved { user, .. } => left(room, user),
        EntryBody::MemberUpdated { user, role, muted_until } => {
            if let Some(m) = room.members.iter_mut().find(|m| m.user.id == user.id) {
                m.role = role.unwrap_or(m.role);
                m.muted_until = muted_until.or(m.muted_until);
            }
            if let Some(summary) = room.summary.as_mut().filter(|_| me == Some(user.id)) {
                summary.role = role.or(summary.role);
                summary.muted_until = muted_until.or(summary.muted_until);
            }
        }
        _ => {}
    }
}

fn left(room: &mut crate::app::Room, user: &User) {
    room.members.retain(|m| m.user.id != user.id);
    room.present.remove(&user.id);
    room.typing.retain(|(u, _)| u.id != user.id);
}

fn outbox(app: &mut App, client_id: &ClientId, target: &RoomRef, state: EchoState) {
    // An echo may have moved to the room its conversation became: look everywhere.
    let Some(i) = app.rooms.iter().position(|r| r.echoes.iter().any(|e| e.client_id == *client_id)) else { return };
    let room = &mut app.rooms[i];
    if let EchoState::Stored(seq) = state
        && room.timeline.get(seq).is_some()
    {
        return replace_echo(room, client_id, seq);
    }
    let stale = state == EchoState::Stale;
    let refused = match &state {
        EchoState::Refused(error) => Some(App::explain(error)),
        _ => None,
    };
    if let Some(echo) = room.echoes.iter_mut().find(|e| e.client_id == *client_id) {
        echo.state = state;
    }
    if let Some(why) = refused {
        app.complain(format!("not sent to {target}: {why}"));
    }
    if stale {
        let (browse, send, drop) = (Action::Browse, Action::Reply, Action::Delete);
        let key = |context, action| app.keymap.hint(context, action);
        app.say(format!(
            "not sent for over 10 minutes, in {target}: {}, then {} sends it, {} drops it",
            key(Context::Compose, browse),
            key(Context::Browse, send),
            key(Context::Browse, drop)
        ));
    }
}

pub(super) fn gone(app: &mut App, name: &RoomName) {
    let Some(room) = app.by_name_mut(name) else { return };
    let (id, title) = (room.id, room.title());
    // What was typed there is not lost: it goes along to the room that comes into view.
    let text = match std::mem::take(&mut room.purpose) {
        Purpose::Edit(_, mut waiting) => waiting.take(),
        _ => room.editor.take(),
    };
    let was_active = app.room().is_some_and(|r| r.id == id);
    global::forget(app, id);
    if was_active
        && !text.is_empty()
        && let Some(room) = app.room_mut().filter(|r| r.editor.is_empty())
    {
        room.editor.set(&text);
    }
    app.say(format!("you are no longer in {title}"));
}

fn hint(app: &mut App, hint: Hint, fx: &mut Vec<Effect>) {
    match hint {
        Hint::RoomHead { .. } | Hint::Custom { .. } => {}
        Hint::MemberJoined { room, user } => {
            let now = app.now;
            if let Some(room) = app.by_name_mut(&room)
                && room.members.len() < MOST_MEMBERS
                && room.members.iter().all(|m| m.user.id != user.id)
            {
                let role = chat_common::model::Role::Member;
                room.members.push(chat_common::model::Member { user, role, joined_at: now, muted_until: None });
                count(room, 1);
            }
        }
        Hint::MemberLeft { room, user } => {
            if let Some(room) = app.by_name_mut(&room) {
                left(room, &user);
                count(room, -1);
            }
        }
        Hint::PresenceChanged { room, user, status, text } => {
            let since = app.now;
            if let Some(room) = app.by_name_mut(&room) {
                match status {
                    Status::Offline => room.present.remove(&user.id),
                    _ => room.present.insert(user.id, Presence { user, status, text, since }),
                };
            }
        }
        Hint::PresenceCount { room, members, present } => {
            if let Some(summary) = app.by_name_mut(&room).and_then(|r| r.summary.as_mut()) {
                (summary.members, summary.present) = (members, present);
            }
        }
        Hint::TypingChanged { room, user, on } => typing(app, &room, user, on),
        Hint::ReadChanged { room, read, unread, mentions } => {
            if let Some(room) = app.by_name_mut(&room) {
                room.read = read;
                room.mark_sent = read;
                (room.unread, room.mentions) = (unread, mentions);
            }
        }
        Hint::UserChanged { user } => renamed(app, &user),
        Hint::UserErased { id } => app.rooms.iter_mut().for_each(|r| r.timeline.erase(id)),
        Hint::UserBlocked { user, on: true } => drop(app.blocked.insert(user.id)),
        Hint::UserBlocked { user, on: false } => drop(app.blocked.remove(&user.id)),
        Hint::RoomAdded { room } => {
            let known = app.find(&RoomRef::Room(room.room.clone())).is_some();
            let (name, direct) = (room.room.clone(), room.peer.is_some());
            let i = adopt(app, *room);
            if !std::mem::replace(&mut app.rooms[i].live, true) {
                fx.push(Effect::Open(RoomRef::Room(name.clone())));
            }
            if !known {
                let title = app.rooms[i].title();
                let said = if direct { format!("{title} writes to you") } else { format!("you are now in {title}") };
                app.say(said);
                if direct && app.status != Status::Dnd {
                    let (target, text) = (app.rooms[i].draft_key(), format!("{title} writes to you"));
                    fx.push(Effect::Alert(Alert { room: name, target, direct, named: false, text }));
                }
            }
        }
        Hint::RoomGone { room } => gone(app, &room),
        Hint::Notice { message, .. } => app.say(message),
    }
}

fn count(room: &mut crate::app::Room, by: i32) {
    if let Some(summary) = &mut room.summary {
        summary.members = summary.members.saturating_add_signed(by);
    }
}

fn typing(app: &mut App, room: &RoomName, user: User, on: bool) {
    let until = app.now.plus(TYPING_FOR);
    if app.me.as_ref().is_some_and(|me| me.id == user.id) {
        return;
    }
    if let Some(room) = app.by_name_mut(room) {
        room.typing.retain(|(u, _)| u.id != user.id);
        if on && room.typing.len() < MOST_TYPING {
            room.typing.push((user, until));
        }
    }
}

/// Shows a user's new name wherever it stands.
pub(super) fn renamed(app: &mut App, user: &User) {
    if let Some(me) = app.me.as_mut().filter(|me| me.id == user.id) {
        me.clone_from(user);
    }
    if let Some(thread) = &mut app.thread {
        thread.rename(user);
    }
    for room in &mut app.rooms {
        room.timeline.rename(user);
        for member in room.members.iter_mut().filter(|m| m.user.id == user.id) {
            member.user.clone_from(user);
        }
        if let Some(p) = room.present.get_mut(&user.id) {
            p.user.clone_from(user);
        }
        if let Some(peer) = room.summary.as_mut().and_then(|s| s.peer.as_mut()).filter(|p| p.id == user.id) {
            peer.clone_from(user);
        }
    }
}
