//! Actions that hold everywhere: rooms, lists on top, leaving.

use chat_common::RoomRef;
use chat_common::event::room;

use crate::app::msg::RowKey;
use crate::app::picker::{Pick, PickItem, Picker, PickerKind};
use crate::app::room::Purpose;
use crate::app::{App, Ask, Effect, Mode, Overlay, Pending, RoomId, Scroll, link};
use crate::command;
use crate::keymap::{Action, Context};

use super::save_all;

/// Does the action if it is one of everywhere; false if not.
pub(super) fn act(app: &mut App, action: Action, fx: &mut Vec<Effect>) -> bool {
    if action != Action::Clear {
        app.quit_armed = false;
    }
    match action {
        Action::Help => open(app, PickerKind::Help, fx),
        Action::Jump => open(app, PickerKind::Jump, fx),
        Action::Commands => open(app, PickerKind::Commands, fx),
        Action::Search => open(app, PickerKind::Search, fx),
        Action::Sidebar => side(app, true),
        Action::Pane => side(app, false),
        Action::Focus if super::browse::other_side(app) => {}
        Action::Focus => app.say("there is one side; t on a message opens its thread"),
        Action::Bare => app.bare = !app.bare,
        Action::Settings => crate::app::settings::open(app, None),
        Action::NextUnread => next_unread(app),
        Action::NextRoom => step(app, 1),
        Action::PrevRoom => step(app, -1),
        Action::Clear => clear(app, fx),
        Action::Quit => quit(app, fx),
        Action::Redraw => fx.push(Effect::Redraw),
        Action::Suspend => fx.push(Effect::Suspend),
        other => match other.room_index() {
            Some(i) if i < app.rooms.len() => switch(app, i),
            Some(i) => app.say(format!("there is no room {}; {} opens one", i + 1, hint(app, Action::Jump))),
            None => return false,
        },
    }
    true
}

/// Shows or hides a side column; what one sees decides which of the two is meant.
fn side(app: &mut App, left: bool) {
    let shown = if left { app.drawn.left } else { app.drawn.right };
    *(if left { &mut app.sidebar } else { &mut app.pane }) = Some(!shown);
    if app.bare {
        app.say(format!("{} leaves the bare view first", hint(app, Action::Bare)));
    }
}

fn hint(app: &App, action: Action) -> String {
    app.keymap.hint(Context::Global, action)
}

/// Leaves, with everything on disk.
pub(in crate::app) fn quit(app: &mut App, fx: &mut Vec<Effect>) {
    save_all(app, fx);
    fx.push(Effect::Quit);
}

fn clear(app: &mut App, fx: &mut Vec<Effect>) {
    app.popup = None;
    app.mode = Mode::Compose;
    let Some(room) = app.rooms.get_mut(app.active) else { return quit(app, fx) };
    match std::mem::take(&mut room.purpose) {
        Purpose::Edit(_, waiting) => {
            room.editor = *waiting;
            super::threads::go_on(app);
            app.say("the message stays as it was");
        }
        Purpose::Reply(seq) if !room.editor.is_empty() => {
            room.purpose = Purpose::Reply(seq);
            room.editor.clear();
        }
        Purpose::Reply(_) => {}
        Purpose::Say if !room.editor.is_empty() => {
            room.editor.clear();
            let undo = app.keymap.hint(Context::Compose, Action::Undo);
            app.say(format!("cleared; {undo} brings it back"));
        }
        Purpose::Say if app.quit_armed => return quit(app, fx),
        Purpose::Say => {
            app.quit_armed = true;
            let key = hint(app, Action::Clear);
            app.say(format!("{key} again to quit"));
            return;
        }
    }
    app.quit_armed = false;
    super::compose::changed(app, fx);
}

/// Brings a room into view.
pub(super) fn switch(app: &mut App, index: usize) {
    if index >= app.rooms.len() {
        return;
    }
    app.popup = None;
    app.pasted = None;
    app.overlay = None;
    app.mode = Mode::Compose;
    app.history_at = None;
    if index == app.active {
        return;
    }
    app.came_from = app.room().map(|r| r.id);
    super::threads::close(app);
    if let Some(left) = app.room_mut() {
        left.divider = None;
        left.hold_read = false;
        left.selected = None;
    }
    app.active = index;
    app.drawn = crate::app::Drawn::default();
    let Some(room) = app.room_mut() else { return };
    if room.unread > 0 {
        room.divider = Some(room.read);
        if room.scroll == Scroll::Follow {
            to_first_unread(app);
        }
    }
}

/// Starts at the divider if more came than a screen holds.
fn to_first_unread(app: &mut App) {
    let Some(room) = app.room_mut() else { return };
    let first = room.timeline.after(room.read).map(|(seq, _)| seq);
    if let Some(seq) = first.filter(|_| room.unread > 10) {
        room.below = room.unread;
        room.scroll = Scroll::Top(RowKey::Stored(seq), 0);
    }
}

fn step(app: &mut App, by: isize) {
    let n = app.rooms.len();
    if n > 1 {
        switch(app, app.active.saturating_add(n).saturating_add_signed(by) % n);
    }
}

/// The next room with something new, those that name one first; with nothing new, back to where one was.
fn next_unread(app: &mut App) {
    let n = app.rooms.len();
    let order = (1..n).map(|k| (app.active + k) % n);
    let best = order.filter(|i| app.rooms[*i].unread > 0).max_by_key(|i| {
        let r = &app.rooms[*i];
        (r.mentions > 0 || r.is_direct(), std::cmp::Reverse((*i + n - app.active) % n))
    });
    match best {
        Some(i) => {
            app.back_to = app.back_to.or(app.room().map(|r| r.id));
            switch(app, i);
        }
        None => match app.back_to.take().and_then(|id| app.rooms.iter().position(|r| r.id == id)) {
            Some(i) if i != app.active => switch(app, i),
            _ => app.say("nothing unread"),
        },
    }
}

/// Opens a list.
pub(super) fn open(app: &mut App, kind: PickerKind, fx: &mut Vec<Effect>) {
    app.popup = None;
    if matches!(kind, PickerKind::Jump | PickerKind::Rooms) && app.is_online() {
        let ask = app.ask(Ask::Rooms(room::List { query: None, after: None, limit: Some(200) }), Pending::Rooms);
        fx.push(ask);
    }
    let items = items(app, &kind);
    let mut picker = Picker::new(kind, items);
    if picker.kind == PickerKind::Search {
        picker.note = crate::app::search::HELP.to_owned();
    }
    app.overlay = Some(Overlay::Picker(Box::new(picker)));
}

/// The entries of a list, as things are now.
pub(super) fn items(app: &App, kind: &PickerKind) -> Vec<PickItem> {
    match kind {
        PickerKind::Jump => jump(app),
        PickerKind::Commands => commands(app),
        PickerKind::Help => help(app),
        PickerKind::Rooms => public_rooms(app).collect(),
        PickerKind::Who => who(app),
        // They come with the answer that opens the list.
        PickerKind::Hooks => Vec::new(),
        PickerKind::React(..) => crate::app::complete::EMOJI
            .iter()
            .map(|(name, emoji)| PickItem::new(format!("{emoji}  {name}"), "", Pick::Emoji((*emoji).to_owned())))
            .collect(),
        PickerKind::Links(text) => link::links(text)
            .into_iter()
            .map(|url| {
                let host = link::real_host(url).map(|host| format!("to {host}")).unwrap_or_default();
                PickItem::new(url, host, Pick::Link(url.to_owned()))
            })
            .collect(),
        PickerKind::Search => Vec::new(),
    }
}

fn public_rooms(app: &App) -> impl Iterator<Item = PickItem> + '_ {
    app.public.iter().filter(|s| app.find(&RoomRef::Room(s.room.clone())).is_none()).map(|s| {
        let members = if s.members == 1 { "member" } else { "members" };
        let detail = format!("{} {members}  {}", s.members, s.topic);
        PickItem {
            group: "not joined",
            ..PickItem::new(format!("#{}", s.room), detail, Pick::Open(s.room.clone().into()))
        }
    })
}

fn jump(app: &App) -> Vec<PickItem> {
    let mut rooms: Vec<(u8, usize)> = (0..app.rooms.len())
        .map(|i| {
            let r = &app.rooms[i];
            let rank = match () {
                () if i == app.active => 3,
                () if r.mentions > 0 || (r.is_direct() && r.unread > 0) => 0,
                () if r.unread > 0 => 1,
                () => 2,
            };
            (rank, i)
        })
        .collect();
    rooms.sort_unstable();
    let mut items: Vec<PickItem> = rooms
        .into_iter()
        .map(|(_, i)| {
            let r = &app.rooms[i];
            let mut detail = unread(r.unread, r.mentions);
            if let Some(s) = r.summary.as_ref().filter(|s| !s.topic.is_empty()) {
                detail = if detail.is_empty() { s.topic.clone() } else { format!("{detail} · {}", s.topic) };
            }
            PickItem { group: "rooms", ..PickItem::new(r.title(), detail, Pick::Room(r.id)) }
        })
        .collect();
    let mut people: Vec<_> = app.rooms.iter().flat_map(|r| r.members.iter()).collect();
    people.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    people.dedup_by(|a, b| a.user.id == b.user.id);
    for m in people {
        let direct = RoomRef::Direct(m.user.name.clone());
        if app.me.as_ref().is_some_and(|me| me.id == m.user.id) || app.find(&direct).is_some() {
            continue;
        }
        let here = app.rooms.iter().any(|r| r.present.contains_key(&m.user.id));
        let detail = if here { "here" } else { "" };
        items.push(PickItem {
            group: "people",
            ..PickItem::new(format!("@{}", m.user.name), detail, Pick::User(m.user.name.clone()))
        });
    }
    items.extend(public_rooms(app));
    items
}

fn unread(unread: u32, mentions: u32) -> String {
    match (unread, mentions) {
        (0, _) => String::new(),
        (n, 0) => format!("{n} unread"),
        (n, m) => format!("{n} unread, {m} for you"),
    }
}

/// What one does in the line and would look for in a list.
const OF_THE_LINE: [Action; 7] =
    [Action::Editor, Action::EditLast, Action::Browse, Action::Newest, Action::Undo, Action::Redo, Action::Newline];

fn commands(app: &App) -> Vec<PickItem> {
    let keys = app.keymap.rows().filter(|(context, action, ..)| match context {
        Context::Global => *action != Action::Commands && action.room_index().is_none(),
        Context::Compose => OF_THE_LINE.contains(action),
        _ => false,
    });
    let mut items: Vec<PickItem> = command::TABLE
        .iter()
        .map(|c| PickItem {
            group: "commands",
            ..PickItem::new(format!("/{} {}", c.name, c.args), c.help, Pick::Slash(c.name))
        })
        .collect();
    items.extend(
        keys.map(|(_, action, keys, what)| PickItem {
            group: "keys",
            ..PickItem::new(what, keys, Pick::Action(action))
        }),
    );
    items
}

fn help(app: &App) -> Vec<PickItem> {
    let mut items: Vec<PickItem> = app
        .keymap
        .rows()
        .map(|(context, _, keys, what)| PickItem { group: context.title(), ..PickItem::new(keys, what, Pick::Nothing) })
        .collect();
    items.extend(command::TABLE.iter().map(|c| PickItem {
        group: "Commands",
        ..PickItem::new(format!("/{} {}", c.name, c.args), c.help, Pick::Slash(c.name))
    }));
    items
}

fn who(app: &App) -> Vec<PickItem> {
    let Some(room) = app.room() else { return Vec::new() };
    let mut items: Vec<(bool, PickItem)> = room
        .members
        .iter()
        .map(|m| {
            let presence = room.present.get(&m.user.id);
            let status = presence.map_or("offline".to_owned(), |p| format!("{:?}", p.status).to_lowercase());
            let mut detail = status;
            if m.role > chat_common::model::Role::Member {
                detail = format!("{detail} · {}", format!("{:?}", m.role).to_lowercase());
            }
            if m.user.display_name != m.user.name.as_str().trim_start_matches('~') && !m.user.display_name.is_empty() {
                detail = format!("{detail} · {}", m.user.display_name);
            }
            if let Some(text) = presence.and_then(|p| p.text.as_ref()).filter(|t| !t.is_empty()) {
                detail = format!("{detail} · {text}");
            }
            let item = PickItem::new(format!("@{}", m.user.name), detail, Pick::User(m.user.name.clone()));
            (presence.is_none(), item)
        })
        .collect();
    items.sort_by(|a, b| (a.0, &a.1.label).cmp(&(b.0, &b.1.label)));
    items.into_iter().map(|(_, i)| i).collect()
}

/// Opens a room or a conversation, and brings it into view.
pub(super) fn enter(app: &mut App, target: RoomRef, fx: &mut Vec<Effect>) {
    let i = app.ensure(&target);
    if !app.rooms[i].live {
        app.rooms[i].live = true;
        app.focus_on = Some(target.clone());
        fx.push(Effect::Open(target));
    }
    switch(app, i);
}

/// Forgets a room.
pub(super) fn forget(app: &mut App, id: RoomId) {
    let Some(i) = app.rooms.iter().position(|r| r.id == id) else { return };
    let was_active = i == app.active;
    app.rooms.remove(i);
    if app.active > i || app.active >= app.rooms.len() {
        app.active = app.active.saturating_sub(1);
    }
    if was_active {
        let before = app.came_from.take().and_then(|id| app.rooms.iter().position(|r| r.id == id));
        app.active = before.unwrap_or(app.active);
        app.mode = Mode::Compose;
        app.popup = None;
        app.drawn = crate::app::Drawn::default();
    }
}
