//! What is known of one room's log: messages and notes by `seq`, and the holes between them. The order of arrival
//! does not matter, an entry applied twice changes nothing. What is asked for is `update`'s, what is drawn is `ui`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use chat_common::event::server::Removal;
use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Message, Reaction, RoomKind, User};
use chat_common::{RoomName, Seq, Timestamp, UserId};

use super::kept::{Authors, Kept};

/// Messages kept in memory for a room; beyond it the oldest are let go and fetched again when scrolled to.
pub const MAX_ITEMS: usize = 100_000;
/// The same for a room that is not in view.
pub const MAX_UNSEEN: usize = 2_000;
/// The most that are let go at once, so that no single entry takes long.
const LET_GO: usize = 64;
/// The longest text kept, bytes; the protocol allows 8,000, a hostile server may send more.
const MAX_TEXT: usize = 32 * 1024;
/// Reactions kept of one message.
const MAX_REACTIONS: usize = 64;

/// One row of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Counts the changes of this item; with the width it keys the wrapped lines.
    pub version: u32,
    /// What it is.
    pub body: ItemBody,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemBody {
    /// A message as it stands.
    Message(Kept),
    /// Something that happened to the room, in words.
    Note {
        /// When.
        at: Timestamp,
        /// In words, unfiltered.
        text: String,
    },
}

impl Item {
    /// The message, if it is one.
    pub fn message(&self) -> Option<&Kept> {
        match &self.body {
            ItemBody::Message(m) => Some(m),
            ItemBody::Note { .. } => None,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match &self.body {
            ItemBody::Message(m) => m.at(),
            ItemBody::Note { at, .. } => *at,
        }
    }
}

/// A stretch that is not loaded, between two loaded ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The last loaded before it.
    pub after: Seq,
    /// The first loaded behind it.
    pub before: Seq,
}

/// The log as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Whose log; none before the first message.
    room: Option<RoomName>,
    items: BTreeMap<Seq, Item>,
    authors: Authors,
    holes: Vec<Hole>,
    /// The version that items begin with: another one after each reset, since the same `seq` may then be another message
    /// and the wrapped lines of the old one are still known.
    born: u32,
    /// Older messages exist that are not loaded.
    pub more_before: bool,
    /// The newest entry applied.
    pub head: Seq,
}

impl Timeline {
    /// The loaded rows, ascending.
    pub fn items(&self) -> &BTreeMap<Seq, Item> {
        &self.items
    }

    /// The unloaded stretches between loaded ones, ascending.
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// The hole right before a row.
    pub fn hole_before(&self, seq: Seq) -> Option<Hole> {
        self.holes.iter().copied().find(|h| h.before == seq)
    }

    /// The row at a position.
    pub fn get(&self, seq: Seq) -> Option<&Item> {
        self.items.get(&seq)
    }

    /// The message at a position, made whole. Who looks through many asks for what [`Kept`] tells.
    pub fn message(&self, seq: Seq) -> Option<Message> {
        self.get(seq)?.message()?.message(self.room.as_ref()?, seq)
    }

    /// The oldest loaded row.
    pub fn oldest(&self) -> Option<Seq> {
        self.items.keys().next().copied()
    }

    /// The newest loaded row.
    pub fn newest(&self) -> Option<Seq> {
        self.items.keys().next_back().copied()
    }

    /// The row before this one.
    pub fn before(&self, seq: Seq) -> Option<(Seq, &Item)> {
        self.items.range(..seq).next_back().map(|(s, i)| (*s, i))
    }

    /// The row after this one.
    pub fn after(&self, seq: Seq) -> Option<(Seq, &Item)> {
        self.items.range(seq.next()..).next().map(|(s, i)| (*s, i))
    }

    /// The messages, ascending, newest `n` of them.
    pub fn latest(&self, n: usize) -> Vec<Message> {
        let from_hole = self.holes.last().map_or(Seq::ZERO, |h| h.before);
        let newest = self.items.range(from_hole..).rev();
        let mut list: Vec<Message> = newest.filter_map(|(seq, _)| self.message(*seq)).take(n).collect();
        list.reverse();
        list
    }

    /// Forgets everything and starts from the latest page.
    pub fn reset(&mut self, messages: Vec<Message>, first: Seq, head: Seq) {
        self.items.clear();
        self.holes.clear();
        self.born = self.born.wrapping_add(1 << 16);
        self.more_before = messages.first().map_or(head >= first && head > Seq::ZERO, |m| m.seq > first);
        self.head = head;
        self.put_all(messages);
    }

    fn put_all(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.put(message);
        }
    }

    /// Takes a message as it stands; an older state than the known one changes nothing.
    fn put(&mut self, mut message: Message) {
        if let Some(text) = &mut message.text {
            cut(text);
        }
        message.reactions.truncate(MAX_REACTIONS);
        let version = match self.items.get(&message.seq) {
            Some(Item { body: ItemBody::Message(old), .. }) if old.rev() >= message.rev => return,
            Some(item) => item.version.wrapping_add(1),
            None => self.born,
        };
        if self.room.is_none() {
            self.room = Some(message.room.clone());
        }
        let (seq, from) = (message.seq, self.authors.share(&message.from));
        self.items.insert(seq, Item { version, body: ItemBody::Message(Kept::new(message, from)) });
    }

    /// Takes a page of older messages; `has_more` says that still older ones exist.
    pub fn older(&mut self, messages: Vec<Message>, has_more: bool) {
        self.more_before = has_more && !messages.is_empty();
        self.put_all(messages);
    }

    /// Takes a page around a message, away from what is loaded; a hole is left where they do not touch.
    pub fn around(&mut self, messages: Vec<Message>, first: Seq) {
        let (Some(low), Some(high)) = (messages.first().map(|m| m.seq), messages.last().map(|m| m.seq)) else { return };
        let inside = self.oldest().is_some_and(|o| low >= o);
        let next = self.items.range(high.next()..).next().map(|(s, _)| *s);
        let touches = messages.iter().any(|m| self.items.contains_key(&m.seq));
        if !inside {
            self.more_before = low > first;
        }
        // Cut the hole the page falls into, or open one behind a page that lies before everything.
        let hole = self.holes.iter().position(|h| h.before > low && h.after < high);
        match (hole, next) {
            (Some(i), _) => {
                let Hole { after, before } = self.holes.remove(i);
                if high < before && !messages.iter().any(|m| m.seq >= before) {
                    self.holes.insert(i, Hole { after: high, before });
                }
                if low > after && !messages.iter().any(|m| m.seq <= after) {
                    self.holes.insert(i, Hole { after, before: low });
                }
            }
            (None, Some(before)) if !inside && !touches => self.holes.insert(0, Hole { after: high, before }),
            _ => {}
        }
        self.put_all(messages);
    }

    /// Takes a page that goes on after `hole.after`; the hole shrinks or closes.
    pub fn fill(&mut self, hole: Hole, messages: Vec<Message>, has_more: bool) {
        let Some(i) = self.holes.iter().position(|h| *h == hole) else { return };
        let last = messages.last().map(|m| m.seq);
        match last {
            Some(last) if has_more && last < hole.before => self.holes[i].after = last,
            _ => {
                self.holes.remove(i);
            }
        }
        let messages = messages.into_iter().filter(|m| m.seq < hole.before).collect();
        self.put_all(messages);
    }

    /// Takes a page that ends before `hole.before`; the hole shrinks or closes.
    pub fn fill_back(&mut self, hole: Hole, messages: Vec<Message>, has_more: bool) {
        let Some(i) = self.holes.iter().position(|h| *h == hole) else { return };
        match messages.first().map(|m| m.seq) {
            Some(low) if has_more && low > hole.after => self.holes[i].before = low,
            _ => {
                self.holes.remove(i);
            }
        }
        let messages = messages.into_iter().filter(|m| m.seq > hole.after).collect();
        self.put_all(messages);
    }

    /// Applies the next entry. True if a message or a note was added at the end.
    pub fn apply(&mut self, entry: &Entry, me: Option<UserId>) -> bool {
        let news = entry.seq > self.head;
        self.head = self.head.max(entry.seq);
        let added = match &entry.body {
            EntryBody::Created { text, client_id, reply_to, mentions, superseded_by } => {
                self.put(Message {
                    room: entry.room.clone(),
                    seq: entry.seq,
                    rev: entry.seq,
                    at: entry.at,
                    from: entry.from.clone(),
                    text: text.clone(),
                    client_id: client_id.clone(),
                    reply_to: *reply_to,
                    mentions: mentions.clone(),
                    edited_at: None,
                    deleted: text.is_none() && superseded_by.is_none(),
                    reactions: Vec::new(),
                });
                true
            }
            EntryBody::Edited { target, text, mentions, .. } => {
                self.change(*target, entry.seq, |m| {
                    if text.is_some() {
                        m.text.clone_from(text);
                    }
                    m.mentions.clone_from(mentions);
                    m.edited_at = Some(entry.at);
                });
                false
            }
            EntryBody::Deleted { target } => {
                self.change(*target, entry.seq, |m| {
                    m.text = None;
                    m.deleted = true;
                    m.reactions.clear();
                });
                false
            }
            EntryBody::Blanked { through, user } => {
                self.blank(*through, *user, entry.seq);
                false
            }
            EntryBody::Reacted { target, emoji, on } => {
                let mine = me == Some(entry.from.id);
                self.change(*target, entry.seq, |m| react(&mut m.reactions, emoji, *on, mine));
                false
            }
            other => {
                let note = note(&entry.from, other);
                let added = note.is_some();
                if let Some(text) = note {
                    let body = ItemBody::Note { at: entry.at, text };
                    self.items.entry(entry.seq).or_insert(Item { version: self.born, body });
                }
                added
            }
        };
        self.bound(MAX_ITEMS);
        added && news
    }

    /// Lets the oldest go beyond so many; a few each time, so that a long timeline becomes short over many entries.
    pub fn bound(&mut self, most: usize) {
        let surplus = self.items.len().saturating_sub(most).min(LET_GO);
        for _ in 0..surplus {
            self.items.pop_first();
        }
        if surplus > 0 {
            self.more_before = true;
            let oldest = self.oldest();
            self.holes.retain(|h| Some(h.after) >= oldest);
        }
    }

    /// Changes a message once by the entry `rev`.
    fn change(&mut self, target: Seq, rev: Seq, change: impl FnOnce(&mut Message)) {
        if let Some(mut message) = self.message(target).filter(|m| m.rev < rev) {
            change(&mut message);
            message.rev = rev;
            self.put(message);
        }
    }

    /// Takes the texts of all messages up to `through`, or of one user's.
    fn blank(&mut self, through: Seq, user: Option<UserId>, rev: Seq) {
        let of = |m: &Kept| m.rev() < rev && !m.is_deleted() && user.is_none_or(|id| m.from().id == id);
        let hit: Vec<Seq> = self
            .items
            .range(..=through)
            .filter(|(_, item)| item.message().is_some_and(of))
            .map(|(seq, _)| *seq)
            .collect();
        for seq in hit {
            self.change(seq, rev, |m| {
                m.text = None;
                m.deleted = true;
                m.reactions.clear();
            });
        }
    }

    /// Shows a user's new name or its erasure in what is loaded.
    pub fn rename(&mut self, user: &User) {
        let shared = self.authors.share(user);
        for item in self.items.values_mut() {
            if let ItemBody::Message(m) = &mut item.body
                && m.from().id == user.id
                && m.from() != user
            {
                m.rename(Arc::clone(&shared));
                item.version = item.version.wrapping_add(1);
            }
        }
    }

    /// Blanks what an erased user wrote.
    pub fn erase(&mut self, id: UserId) {
        for item in self.items.values_mut() {
            if let ItemBody::Message(m) = &mut item.body
                && m.from().id == id
            {
                m.erase();
                item.version = item.version.wrapping_add(1);
            }
        }
    }
}

pub(super) fn react(list: &mut Vec<Reaction>, emoji: &chat_common::Emoji, on: bool, mine: bool) {
    match (list.iter().position(|r| r.emoji == *emoji), on) {
        (Some(i), true) => {
            list[i].count = list[i].count.saturating_add(1);
            list[i].me |= mine;
        }
        (Some(i), false) => {
            list[i].count = list[i].count.saturating_sub(1);
            list[i].me &= !mine;
            if list[i].count == 0 {
                list.remove(i);
            }
        }
        (None, true) if list.len() < MAX_REACTIONS => {
            list.push(Reaction { emoji: emoji.clone(), count: 1, me: mine });
        }
        (None, _) => {}
    }
}

/// A change of the room in words; `None` for what has a row of its own.
fn note(from: &User, body: &EntryBody) -> Option<String> {
    let by = &from.name;
    Some(match body {
        EntryBody::RoomUpdated { topic: Some(topic), .. } if topic.is_empty() => format!("{by} removed the topic"),
        EntryBody::RoomUpdated { topic: Some(topic), .. } => format!("{by} set the topic: {topic}"),
        EntryBody::RoomUpdated { kind: Some(RoomKind::Private), .. } => format!("{by} made the room private"),
        EntryBody::RoomUpdated { kind: Some(_), .. } => format!("{by} made the room public"),
        EntryBody::RoomUpdated { owner: Some(owner), .. } => format!("{by} gave the room to {}", owner.name),
        EntryBody::RoomUpdated { retention_days: Some(0), .. } => format!("{by} keeps messages here for ever"),
        EntryBody::RoomUpdated { retention_days: Some(1), .. } => format!("{by} deletes messages here after a day"),
        EntryBody::RoomUpdated { retention_days: Some(days), .. } => {
            format!("{by} deletes messages here after {days} days")
        }
        EntryBody::RoomUpdated { .. } => return None,
        EntryBody::MemberRemoved { user, how, reason } => {
            let how = if *how == Removal::Ban { "banned" } else { "removed" };
            let reason = reason.as_ref().filter(|r| !r.is_empty()).map(|r| format!(": {r}")).unwrap_or_default();
            format!("{by} {how} {}{reason}", user.name)
        }
        EntryBody::MemberUpdated { user, role: Some(role), .. } => {
            format!("{by} made {} {}", user.name, format!("{role:?}").to_lowercase())
        }
        EntryBody::MemberUpdated { user, muted_until: Some(_), .. } => {
            format!("{by} changed how long {} is muted", user.name)
        }
        EntryBody::MemberUpdated { .. } => return None,
        _ => return None,
    })
}

/// Cuts a text to what is kept.
fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        let mut end = MAX_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" … (cut: the text is too long)");
    }
}

#[cfg(test)]
mod tests {
    use chat_common::model::UserKind;
    use chat_common::{ClientId, UserName};

    use super::*;

    fn created(n: u64) -> Entry {
        Entry {
            room: RoomName::parse("ops").unwrap(),
            seq: Seq(n),
            at: Timestamp::from_millis(0),
            from: User {
                id: UserId::from_bits(1),
                name: UserName::account("ana").unwrap(),
                display_name: String::new(),
                kind: UserKind::User,
            },
            body: EntryBody::Created {
                text: Some(format!("text {n}")),
                client_id: ClientId::parse("k").unwrap(),
                reply_to: None,
                mentions: Vec::new(),
                superseded_by: None,
            },
        }
    }

    #[test]
    fn the_oldest_are_let_go_a_few_at_a_time_and_can_be_fetched_again() {
        let mut timeline = Timeline::default();
        (1..=1_000).for_each(|n| {
            timeline.apply(&created(n), None);
        });
        timeline.holes.push(Hole { after: Seq(3), before: Seq(4) });
        assert!(!timeline.more_before);
        timeline.bound(100);
        assert_eq!((timeline.items.len(), timeline.oldest()), (1_000 - LET_GO, Some(Seq(LET_GO as u64 + 1))));
        assert!(timeline.more_before && timeline.holes.is_empty(), "no hole stands before the oldest");
        for _ in 0..100 {
            timeline.bound(100);
        }
        assert_eq!((timeline.items.len(), timeline.newest()), (100, Some(Seq(1_000))));
    }

    #[test]
    fn an_edit_and_a_new_name_change_what_is_kept_once() {
        let mut timeline = Timeline::default();
        timeline.apply(&created(1), None);
        let text = Some("better".to_owned());
        let edit = EntryBody::Edited { target: Seq(1), text, mentions: Vec::new(), superseded_by: None };
        let edit = Entry { seq: Seq(2), body: edit, ..created(2) };
        timeline.apply(&edit, None);
        timeline.apply(&edit, None);
        let ana = created(1).from;
        timeline.rename(&User { display_name: "Ana".to_owned(), ..ana });
        let message = timeline.message(Seq(1)).unwrap();
        assert_eq!((message.text.as_deref(), message.rev), (Some("better"), Seq(2)));
        assert_eq!(message.from.display_name, "Ana");
        assert_eq!(timeline.get(Seq(1)).unwrap().version, 2, "each change is drawn anew, once");
    }
}
