//! Answers to what was asked.

use std::time::Duration;

use chat_common::event::history::GetReply;
use chat_common::model::Message;
use chat_common::{ErrorBody, RoomRef, Seq};

use super::{global, hooks, net, threads};
use crate::app::msg::{Answer, RowKey};
use crate::app::picker::{Pick, PickItem, PickerKind};
use crate::app::room::Room;
use crate::app::{App, Effect, Mode, Overlay, Pending, RoomId, Scroll};

/// After a page that could not be fetched: not again before this.
const CALM: Duration = Duration::from_secs(5);

pub(super) fn answer(app: &mut App, tag: u64, result: Result<Answer, ErrorBody>, fx: &mut Vec<Effect>) {
    let Some(pending) = app.pending.remove(&tag) else { return };
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => return failed(app, &pending, &error),
    };
    match (pending, answer) {
        (Pending::Say(text), _) => app.say(text),
        (Pending::Older(id), Answer::History(page)) => {
            with_page(app, id, |room| room.timeline.older(page.messages, page.has_more));
        }
        (Pending::Hole(id, hole), Answer::History(page)) => {
            with_page(app, id, |room| room.timeline.fill(hole, page.messages, page.has_more));
        }
        (Pending::HoleBack(id, hole), Answer::History(page)) => {
            with_page(app, id, |room| room.timeline.fill_back(hole, page.messages, page.has_more));
        }
        (Pending::Around(id, seq), Answer::History(page)) => around(app, id, seq, page),
        (Pending::Search(query), Answer::Search(reply)) => found(app, &query, reply.messages, reply.next.is_some()),
        (Pending::Thread(id, root), Answer::Thread(reply)) => {
            threads::page(app, (id, root), reply.messages, reply.next, fx);
        }
        (Pending::Root(id, root), Answer::History(page)) => threads::head(app, (id, root), page.messages),
        (Pending::Who(id), Answer::Members(reply)) => {
            if let Some(room) = app.by_id_mut(id) {
                room.members = reply.members;
            }
            refresh(app, &PickerKind::Who);
        }
        (Pending::Rooms, Answer::Rooms(reply)) => {
            app.public = reply.rooms;
            refresh(app, &PickerKind::Jump);
            refresh(app, &PickerKind::Rooms);
        }
        (Pending::Created(target), _) => {
            app.say(format!("made #{target}"));
            let i = app.ensure(&target);
            app.rooms[i].live = false;
            global::enter(app, target, fx);
        }
        (Pending::Left(id), _) => {
            if let Some(room) = app.by_id(id) {
                let (title, name) = (room.title(), room.name().cloned());
                fx.extend(name.map(Effect::Close));
                global::forget(app, id);
                app.say(format!("left {title}"));
            }
        }
        (Pending::Hook(ask), Answer::Hook(answer)) => hooks::answer(app, &ask, answer),
        (Pending::Profile, Answer::User(reply)) => {
            let name = reply.user.name.clone();
            net::renamed(app, &reply.user);
            app.say(format!("you are {name} now"));
        }
        (Pending::Block(user, on), _) => {
            let ids: Vec<_> = app
                .rooms
                .iter()
                .flat_map(|r| {
                    let members = r.members.iter().map(|m| &m.user);
                    members.chain(r.timeline.items().values().filter_map(|i| i.message().map(|m| m.from())))
                })
                .filter(|u| u.name == user)
                .map(|u| u.id)
                .collect();
            for id in ids {
                if on {
                    app.blocked.insert(id)
                } else {
                    app.blocked.remove(&id)
                };
            }
            app.say(if on { format!("{user}'s texts are hidden") } else { format!("{user}'s texts are shown") });
        }
        _ => {}
    }
}

fn failed(app: &mut App, pending: &Pending, error: &ErrorBody) {
    let not_before = app.now.plus(CALM);
    match pending {
        Pending::Older(id) | Pending::Hole(id, _) | Pending::HoleBack(id, _) | Pending::Around(id, _) => {
            if let Some(room) = app.by_id_mut(*id) {
                room.loading = None;
                room.load_not_before = not_before;
            }
        }
        Pending::Thread(..) => {
            if let Some(thread) = &mut app.thread {
                thread.loading = false;
            }
        }
        Pending::Search(_) => {
            if let Some(Overlay::Picker(picker)) = &mut app.overlay {
                picker.note = App::explain(error);
            }
            return;
        }
        Pending::Rooms | Pending::Who(_) | Pending::Root(..) => return,
        _ => {}
    }
    app.complain(App::explain(error));
}

/// Takes a page into a room; the view stays on what it shows.
fn with_page(app: &mut App, id: RoomId, take: impl FnOnce(&mut Room)) {
    if let Some(room) = app.by_id_mut(id) {
        room.loading = None;
        take(room);
    }
}

fn around(app: &mut App, id: RoomId, seq: Seq, page: GetReply) {
    let Some(room) = app.by_id_mut(id) else { return };
    room.loading = None;
    let first = page.messages.first().map(|m| m.seq);
    room.timeline.around(page.messages, page.first);
    let target = if seq == Seq::ZERO { first } else { Some(seq) };
    match target.filter(|s| room.timeline.get(*s).is_some()) {
        Some(seq) => select(app, id, seq),
        None => app.complain("that message is not kept any more"),
    }
}

/// Brings a message into view and selects it; it must be loaded.
pub(super) fn select(app: &mut App, id: RoomId, seq: Seq) {
    let Some(i) = app.rooms.iter().position(|r| r.id == id) else { return };
    global::switch(app, i);
    let height = usize::from(app.drawn.height.max(3));
    let room = &mut app.rooms[i];
    // A few messages above it give the context.
    let top = room.timeline.items().range(..=seq).rev().nth(height / 4).or(room.timeline.items().iter().next());
    room.scroll = Scroll::Top(RowKey::Stored(top.map_or(seq, |(s, _)| *s)), 0);
    room.selected = Some(RowKey::Stored(seq));
    app.mode = Mode::Browse;
}

fn found(app: &mut App, query: &str, messages: Vec<Message>, more: bool) {
    let items: Vec<PickItem> = messages.into_iter().map(|m| hit(app, m)).collect();
    if let Some(Overlay::Picker(picker)) = &mut app.overlay
        && picker.kind == PickerKind::Search
        && picker.query.trim() == query
    {
        picker.note = match (items.len(), more) {
            (0, _) => "nothing found".to_owned(),
            (n, true) => format!("the newest {n}; more words narrow it"),
            (n, false) => format!("{n} found"),
        };
        picker.put(items);
    }
}

fn hit(app: &App, m: Message) -> PickItem {
    let room =
        app.find(&RoomRef::Room(m.room.clone())).map_or_else(|| format!("#{}", m.room), |i| app.rooms[i].title());
    let text = m.text.unwrap_or_default();
    PickItem::new(format!("{room} {}", m.from.name), text, Pick::Message(m.room, m.seq))
}

/// New entries for a list that is open.
fn refresh(app: &mut App, kind: &PickerKind) {
    let items = global::items(app, kind);
    if let Some(Overlay::Picker(picker)) = &mut app.overlay
        && picker.kind == *kind
    {
        picker.put(items);
    }
}
