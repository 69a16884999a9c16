//! A message and the replies to it, shown beside the timeline. What is told live is folded in; asking for it is
//! `update`'s.

use std::collections::BTreeMap;

use chat_common::Seq;
use chat_common::event::{Entry, EntryBody};
use chat_common::model::Message;

use super::{Room, RoomId};

/// Replies kept; beyond it the oldest are let go.
const MOST: usize = 1_000;

/// An open thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// In which room.
    pub room: RoomId,
    /// The message that is answered.
    pub root: Seq,
    /// The message itself, as far as it is loaded.
    pub head: Option<Box<Message>>,
    /// Ascending.
    pub replies: BTreeMap<Seq, Message>,
    /// The server has not answered yet.
    pub loading: bool,
}

impl Thread {
    /// The thread that a message of a room belongs to: its own, or that of the message it answers.
    pub fn of(room: &Room, seq: Seq) -> Self {
        let message = room.timeline.message(seq);
        let root = message.and_then(|m| m.reply_to).unwrap_or(seq);
        let known = room.timeline.items().values().filter_map(|i| i.message());
        let replies = known.filter(|m| m.reply_to == Some(root)).map(|m| (m.seq, m.clone())).collect();
        let head = room.timeline.message(root).cloned().map(Box::new);
        Self { room: room.id, root, head, replies, loading: true }
    }

    /// A page of replies from the server.
    pub fn put(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().filter(|m| m.reply_to == Some(self.root)) {
            self.replies.insert(message.seq, message);
        }
        self.bound();
    }

    /// Takes over what an entry has changed in the room's timeline.
    pub fn follow(&mut self, room: &Room, entry: &Entry) {
        let about = match &entry.body {
            EntryBody::Created { reply_to: Some(root), .. } if *root == self.root => entry.seq,
            EntryBody::Edited { target, .. } | EntryBody::Deleted { target } | EntryBody::Reacted { target, .. } => {
                *target
            }
            _ => return,
        };
        let Some(message) = room.timeline.message(about) else {
            return self.fold(about, &entry.body);
        };
        if about == self.root {
            self.head = Some(Box::new(message.clone()));
        } else if message.reply_to == Some(self.root) {
            self.replies.insert(about, message.clone());
            self.bound();
        }
    }

    /// Changes a message that the timeline does not hold.
    fn fold(&mut self, about: Seq, body: &EntryBody) {
        let own = self.head.as_deref_mut().filter(|m| m.seq == about);
        let Some(message) = own.or_else(|| self.replies.get_mut(&about)) else { return };
        match body {
            EntryBody::Edited { text, .. } => message.text.clone_from(text),
            EntryBody::Deleted { .. } => {
                message.text = None;
                message.deleted = true;
            }
            _ => {}
        }
    }

    fn bound(&mut self) {
        while self.replies.len() > MOST {
            self.replies.pop_first();
        }
    }
}
