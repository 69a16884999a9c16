//! A message as the timeline keeps it. A hundred thousand of them must fit into little memory, so text and key share
//! one allocation, authors are shared, and what few messages have stands aside. What it means is the timeline's.

use std::collections::HashMap;
use std::sync::Arc;

use chat_common::model::{Message, Reaction, User};
use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId};

/// A message without its place and its room, which the timeline knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    rev: Seq,
    at: Timestamp,
    from: Arc<User>,
    /// The text, then the sender's key.
    words: Box<str>,
    /// Where the text ends, bytes; `None`: there is no text any more.
    text: Option<u32>,
    rare: Option<Box<Rare>>,
}

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rare {
    reply_to: Option<Seq>,
    mentions: Vec<UserId>,
    edited_at: Option<Timestamp>,
    deleted: bool,
    reactions: Vec<Reaction>,
}

impl Kept {
    /// Keeps a message; `from` is its author.
    pub fn new(message: Message, from: Arc<User>) -> Self {
        let Message { rev, at, text, client_id, reply_to, mentions, edited_at, deleted, reactions, .. } = message;
        let end = text.as_ref().map(|t| u32::try_from(t.len()).unwrap_or(u32::MAX));
        let mut words = text.unwrap_or_default();
        words.reserve_exact(client_id.as_str().len());
        words.push_str(client_id.as_str());
        let rare = Rare { reply_to, mentions, edited_at, deleted, reactions };
        let rare = (rare != Rare::default()).then(|| Box::new(rare));
        Self { rev, at, from, words: words.into_boxed_str(), text: end, rare }
    }

    /// The whole message again, as it stands at `seq` of `room`.
    pub fn message(&self, room: &RoomName, seq: Seq) -> Option<Message> {
        let key = self.words.get(self.text.unwrap_or_default() as usize..)?;
        let rare = self.rare.as_deref().cloned().unwrap_or_default();
        Some(Message {
            room: room.clone(),
            seq,
            rev: self.rev,
            at: self.at,
            from: User::clone(&self.from),
            text: self.text().map(str::to_owned),
            client_id: ClientId::parse(key).ok()?,
            reply_to: rare.reply_to,
            mentions: rare.mentions,
            edited_at: rare.edited_at,
            deleted: rare.deleted,
            reactions: rare.reactions,
        })
    }

    /// The last entry folded in.
    pub fn rev(&self) -> Seq {
        self.rev
    }

    /// When it was stored.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who wrote it.
    pub fn from(&self) -> &User {
        &self.from
    }

    /// The text as it stands, unfiltered.
    pub fn text(&self) -> Option<&str> {
        self.words.get(..self.text? as usize)
    }

    /// What it answers.
    pub fn reply_to(&self) -> Option<Seq> {
        self.rare.as_ref()?.reply_to
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.rare.as_ref().is_some_and(|r| r.deleted)
    }

    /// Another name of the same author.
    pub fn rename(&mut self, from: Arc<User>) {
        self.from = from;
    }

    /// Blanks it: its author was erased.
    pub fn erase(&mut self) {
        if let Some(end) = self.text.take() {
            self.words = self.words[end as usize..].into();
        }
        self.rare.get_or_insert_default().deleted = true;
    }
}

/// The authors of a timeline, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Authors {
    known: HashMap<UserId, Arc<User>>,
    /// At this many, those whose messages are gone are forgotten.
    full: usize,
}

impl Authors {
    /// Fewer are not worth looking through.
    const FEW: usize = 1_024;

    /// The shared value of an author.
    pub fn share(&mut self, user: &User) -> Arc<User> {
        if let Some(known) = self.known.get(&user.id).filter(|k| ***k == *user) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.full.max(Self::FEW) {
            self.known.retain(|_, user| Arc::strong_count(user) > 1);
            self.full = self.known.len() * 2;
        }
        let new = Arc::new(user.clone());
        self.known.insert(user.id, Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use chat_common::model::UserKind;
    use chat_common::{Emoji, UserName};

    use super::*;

    fn message() -> Message {
        Message {
            room: RoomName::parse("ops").unwrap(),
            seq: Seq(7),
            rev: Seq(9),
            at: Timestamp::from_millis(5),
            from: User {
                id: UserId::from_bits(3),
                name: UserName::account("ana").unwrap(),
                display_name: "Ana".to_owned(),
                kind: UserKind::User,
            },
            text: Some("wörds".to_owned()),
            client_id: ClientId::parse("key-1").unwrap(),
            reply_to: Some(Seq(2)),
            mentions: vec![UserId::from_bits(4)],
            edited_at: Some(Timestamp::from_millis(6)),
            deleted: false,
            reactions: vec![Reaction { emoji: Emoji::parse("👍").unwrap(), count: 2, me: true }],
        }
    }

    #[test]
    fn what_is_kept_comes_back_whole() {
        let plain = Message { reply_to: None, mentions: vec![], edited_at: None, reactions: vec![], ..message() };
        let gone = Message { text: None, deleted: true, ..plain.clone() };
        for m in [message(), plain, gone, Message { text: Some(String::new()), ..message() }] {
            let kept = Kept::new(m.clone(), Authors::default().share(&m.from));
            assert_eq!(kept.message(&m.room, m.seq), Some(m));
        }
    }

    #[test]
    fn of_an_erased_author_no_text_is_left() {
        let mut kept = Kept::new(message(), Arc::new(message().from));
        kept.erase();
        assert!(!format!("{kept:?}").contains("wörds"));
        let whole = kept.message(&message().room, Seq(7)).unwrap();
        assert_eq!((whole.text, whole.deleted, whole.client_id), (None, true, message().client_id));
    }

    #[test]
    fn authors_are_shared_and_forgotten_with_their_messages() {
        let mut authors = Authors::default();
        let ana = message().from;
        let held = authors.share(&ana);
        assert!(Arc::ptr_eq(&held, &authors.share(&ana)));
        for n in 0..3_000 {
            authors.share(&User { id: UserId::from_bits(100 + n), ..ana.clone() });
        }
        assert!(authors.known.len() <= 2 * Authors::FEW);
        assert!(Arc::ptr_eq(&held, &authors.share(&ana)), "who still has messages stays");
    }
}
