//! Opening a thread, following it, and leaving it.

use chat_common::event::history;
use chat_common::model::Message;
use chat_common::{Cursor, Seq};

use super::browse;
use crate::app::room::Purpose;
use crate::app::thread::Thread;
use crate::app::{App, Ask, Effect, Pending, RoomId};

/// Opens the thread of a message of the room in view; what is written from now on answers it.
pub(super) fn open(app: &mut App, seq: Seq, fx: &mut Vec<Effect>) {
    browse::leave(app);
    let Some(room) = app.room_mut() else { return };
    let thread = Thread::of(room, seq);
    let (id, root) = (room.id, thread.root);
    if matches!(room.purpose, Purpose::Say | Purpose::Reply(_)) {
        room.purpose = Purpose::Reply(root);
    }
    let headless = thread.head.is_none();
    let target = room.target.clone();
    app.thread = Some(thread);
    if headless && app.is_online() {
        let get = history::Get { room: target, before: None, after: None, around: Some(root), limit: Some(1) };
        let ask = app.ask(Ask::History(get), Pending::Root(id, root));
        fx.push(ask);
    }
    ask(app, id, root, None, fx);
}

/// The message that is answered came.
pub(super) fn head(app: &mut App, (id, root): (RoomId, Seq), messages: Vec<Message>) {
    if let Some(thread) = app.thread.as_mut().filter(|t| t.room == id && t.root == root) {
        thread.head = messages.into_iter().find(|m| m.seq == root).map(Box::new).or(thread.head.take());
    }
}

/// Closes it; true if there was one.
pub(super) fn close(app: &mut App) -> bool {
    let Some(thread) = app.thread.take() else { return false };
    if let Some(room) = app.by_id_mut(thread.room)
        && matches!(room.purpose, Purpose::Reply(root) if root == thread.root)
    {
        room.purpose = Purpose::Say;
    }
    true
}

/// After a message was sent: the next one answers the open thread, too.
pub(super) fn go_on(app: &mut App) {
    let Some((id, root)) = app.thread.as_ref().map(|t| (t.room, t.root)) else { return };
    if let Some(room) = app.room_mut().filter(|room| room.id == id)
        && matches!(room.purpose, Purpose::Say)
    {
        room.purpose = Purpose::Reply(root);
    }
}

/// A page of it came; there may be more.
pub(super) fn page(
    app: &mut App,
    (id, root): (RoomId, Seq),
    messages: Vec<Message>,
    next: Option<Cursor>,
    fx: &mut Vec<Effect>,
) {
    let Some(thread) = app.thread.as_mut().filter(|t| t.room == id && t.root == root) else { return };
    let before = thread.replies.len();
    thread.put(messages);
    // A server that never ends its list adds nothing new.
    let more = next.filter(|_| thread.replies.len() > before);
    thread.loading = more.is_some();
    if more.is_some() {
        ask(app, id, root, more, fx);
    }
}

fn ask(app: &mut App, id: RoomId, root: Seq, after: Option<Cursor>, fx: &mut Vec<Effect>) {
    let online = app.is_online();
    let Some(room) = app.by_id(id).filter(|_| online) else {
        if let Some(thread) = &mut app.thread {
            thread.loading = false;
        }
        return;
    };
    let get = history::Thread { room: room.target.clone(), seq: root, after };
    let ask = app.ask(Ask::Thread(get), Pending::Thread(id, root));
    fx.push(ask);
}
