//! A message and the replies to it, shown beside the timeline, with where one looks in it. What is told live is folded
//! in; asking for it is `update`'s.

use std::collections::BTreeMap;

use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Message, User};
use chat_common::{Seq, UserId};

use super::kept::Kept;
use super::room::Scroll;
use super::timeline::{Item, react};
use super::{Room, RoomId, RowKey};

/// Replies kept; beyond it the oldest are let go.
const MOST: usize = 2_000;

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
    /// Older replies were let go.
    pub cut: bool,
    /// The keys that move and act mean the thread, not the timeline.
    pub focus: bool,
    /// Which part of it is in view.
    pub scroll: Scroll,
    /// The selected message in Browse, while it has the focus.
    pub selected: Option<RowKey>,
    /// Replies that came below the view.
    pub below: u32,
}

impl Thread {
    /// The thread that a message of a room belongs to: its own, or that of the message it answers.
    pub fn of(room: &Room, seq: Seq) -> Self {
        let answers = |item: &Item| item.message().and_then(Kept::reply_to);
        let root = room.timeline.get(seq).and_then(answers).unwrap_or(seq);
        let known = room.timeline.items().range(root.next()..).filter(|(_, i)| answers(i) == Some(root));
        let replies = known.filter_map(|(seq, _)| Some((*seq, room.timeline.message(*seq)?))).collect();
        let head = room.timeline.message(root).map(Box::new);
        Self {
            room: room.id,
            root,
            head,
            replies,
            loading: true,
            cut: false,
            focus: true,
            scroll: Scroll::Follow,
            selected: None,
            below: 0,
        }
    }

    /// The message at a position: the answered one or a reply.
    pub fn message(&self, seq: Seq) -> Option<&Message> {
        if seq == self.root { self.head.as_deref() } else { self.replies.get(&seq) }
    }

    /// A page of replies from the server.
    pub fn put(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().filter(|m| m.reply_to == Some(self.root) && m.seq > self.root) {
            self.replies.insert(message.seq, message);
        }
        self.bound();
    }

    /// Takes over what an entry has changed in the room's timeline.
    pub fn follow(&mut self, room: &Room, entry: &Entry, me: Option<UserId>) {
        let about = match &entry.body {
            EntryBody::Blanked { through, user } => return self.blank(*through, *user, entry.seq),
            EntryBody::Created { reply_to: Some(root), .. } if *root == self.root => {
                if self.scroll != Scroll::Follow && !self.replies.contains_key(&entry.seq) {
                    self.below = self.below.saturating_add(1);
                }
                entry.seq
            }
            EntryBody::Edited { target, .. } | EntryBody::Deleted { target } | EntryBody::Reacted { target, .. } => {
                *target
            }
            _ => return,
        };
        let Some(message) = room.timeline.message(about) else {
            return self.fold(about, entry, me);
        };
        if about == self.root {
            self.head = Some(Box::new(message));
        } else if message.reply_to == Some(self.root) && about > self.root {
            self.replies.insert(about, message);
            self.bound();
        }
    }

    /// Takes the texts of all messages up to `through`, or of one user's.
    fn blank(&mut self, through: Seq, user: Option<UserId>, rev: Seq) {
        let shown = self.head.as_deref_mut().into_iter().chain(self.replies.values_mut());
        for message in shown.filter(|m| m.seq <= through && m.rev < rev && user.is_none_or(|id| m.from.id == id)) {
            message.rev = rev;
            message.text = None;
            message.deleted = true;
            message.reactions.clear();
        }
    }

    /// Changes a message that the timeline does not hold, once by each entry.
    fn fold(&mut self, about: Seq, entry: &Entry, me: Option<UserId>) {
        let own = self.head.as_deref_mut().filter(|m| m.seq == about);
        let Some(message) = own.or_else(|| self.replies.get_mut(&about)).filter(|m| m.rev < entry.seq) else { return };
        message.rev = entry.seq;
        match &entry.body {
            EntryBody::Edited { text, .. } => {
                message.text.clone_from(text);
                message.edited_at = Some(entry.at);
            }
            EntryBody::Deleted { .. } => {
                message.text = None;
                message.deleted = true;
            }
            EntryBody::Reacted { emoji, on, .. } => {
                react(&mut message.reactions, emoji, *on, me == Some(entry.from.id));
            }
            _ => {}
        }
    }

    /// Shows a user's new name.
    pub fn rename(&mut self, user: &User) {
        let all = self.head.as_deref_mut().into_iter().chain(self.replies.values_mut());
        all.filter(|m| m.from.id == user.id).for_each(|m| m.from.clone_from(user));
    }

    fn bound(&mut self) {
        while self.replies.len() > MOST {
            self.replies.pop_first();
            self.cut = true;
        }
    }

    /// The answered message and the replies, as rows: the first.
    pub fn first_key(&self) -> RowKey {
        RowKey::Stored(self.root)
    }

    /// The last.
    pub fn last_key(&self) -> RowKey {
        RowKey::Stored(self.replies.keys().next_back().copied().unwrap_or(self.root))
    }

    /// The one above.
    pub fn key_before(&self, key: &RowKey) -> Option<RowKey> {
        let RowKey::Stored(seq) = key else { return None };
        let before = self.replies.range(..*seq).next_back().map(|(s, _)| *s);
        (*seq != self.root).then(|| RowKey::Stored(before.unwrap_or(self.root)))
    }

    /// The one below.
    pub fn key_after(&self, key: &RowKey) -> Option<RowKey> {
        let RowKey::Stored(seq) = key else { return None };
        self.replies.range(seq.next()..).next().map(|(s, _)| RowKey::Stored(*s))
    }

    /// Whether it is still there; else the nearest that is.
    pub fn nearest(&self, key: &RowKey) -> RowKey {
        match key {
            RowKey::Stored(seq) if *seq == self.root || self.replies.contains_key(seq) => key.clone(),
            key => self.key_after(key).unwrap_or_else(|| self.last_key()),
        }
    }

    /// Goes to the end and stays there.
    pub fn follow_end(&mut self) {
        self.scroll = Scroll::Follow;
        self.below = 0;
    }
}
