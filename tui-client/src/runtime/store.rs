//! The cache, from beside the loop: what is read at the start, and one worker that writes in order, so that no frame
//! waits for a disk.

use std::sync::Arc;

use chat_common::model::{Message, RoomSummary};
use chat_common::{RoomName, RoomRef};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::{Echo, EchoState, Msg};
use crate::cache::{Cache, OutboxRow, RowState, View};

/// Writes waiting. Full: the loop waits for the disk, since a draft must not be lost.
const WAITING: usize = 256;

/// Something to be kept.
pub(super) enum Write {
    /// What is typed in a room.
    Draft(RoomRef, String),
    /// The last view of a room.
    View(Box<View>),
    /// The room is gone.
    Forget(RoomName),
}

/// The worker; dropping the sender ends it when all is written.
pub(super) fn worker(cache: Arc<Cache>) -> (mpsc::Sender<Write>, JoinHandle<()>) {
    let (send, mut receive) = mpsc::channel(WAITING);
    let task = tokio::task::spawn_blocking(move || {
        while let Some(write) = receive.blocking_recv() {
            let done = match write {
                Write::Draft(room, text) => cache.save_draft(&room, &text),
                Write::View(view) => cache.save_view(&view),
                Write::Forget(room) => cache.forget_view(&room),
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the cache could not be written");
            }
        }
    });
    (send, task)
}

/// What is shown before the network answers: the rooms, the drafts, the outbox, and the view of the room in focus.
pub(super) fn first(cache: &Cache, wanted: &[RoomRef]) -> Vec<Msg> {
    let mut messages = Vec::new();
    let rooms = cache.load_rooms().unwrap_or_default();
    let focus = wanted.last();
    for summary in &rooms {
        let view = if focus.is_some_and(|f| names(summary, f)) { view(cache, &summary.room) } else { Vec::new() };
        messages.push(Msg::Cached { room: Box::new(summary.clone()), messages: view });
    }
    let drafts = cache.drafts().unwrap_or_default();
    messages.extend(drafts.into_iter().map(|(room, text)| Msg::Draft { room, text }));
    messages.extend(cache.outbox().unwrap_or_default().into_iter().map(|row| Msg::Unsent(echo(row))));
    messages
}

/// The views of the other rooms, for after the first frame.
pub(super) fn rest(cache: &Cache, wanted: &[RoomRef], send: &mpsc::Sender<Msg>) {
    let focus = wanted.last();
    for summary in cache.load_rooms().unwrap_or_default() {
        if focus.is_some_and(|f| names(&summary, f)) {
            continue;
        }
        let messages = view(cache, &summary.room);
        if send.blocking_send(Msg::Cached { room: Box::new(summary), messages }).is_err() {
            return;
        }
    }
}

fn view(cache: &Cache, room: &RoomName) -> Vec<Message> {
    cache.load_view(room).ok().flatten().map(|v| v.messages).unwrap_or_default()
}

/// How a room's draft is kept; see `Room::draft_key`.
fn key(summary: &RoomSummary) -> RoomRef {
    match &summary.peer {
        Some(peer) => RoomRef::Direct(peer.name.clone()),
        None => RoomRef::Room(summary.room.clone()),
    }
}

fn names(summary: &RoomSummary, room: &RoomRef) -> bool {
    *room == RoomRef::Room(summary.room.clone()) || *room == key(summary)
}

fn echo(row: OutboxRow) -> Echo {
    let state = match row.state {
        RowState::Queued => EchoState::Queued,
        RowState::Refused(error) => EchoState::Refused(error),
    };
    let m = row.message;
    Echo { room: m.room, client_id: m.client_id, text: m.text, reply_to: m.reply_to, at: row.written_at, state }
}
