//! Each room's durable log, the messages it adds up to, and who has read how far.

use std::sync::Arc;

use async_trait::async_trait;
use chat_common::event::Entry;
use chat_common::event::history::Has;
use chat_common::model::Message;
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId};

use super::{RoomChange, RoomId, RoomRow, StoreResult};

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct Append {
    /// Who sends it.
    pub sender: UserId,
    /// Where; the direct conversation's own name for a direct message.
    pub room: RoomName,
    /// Cleaned.
    pub text: String,
    /// The sender's key.
    pub client_id: ClientId,
    /// The message answered; must be one of this room.
    pub reply_to: Option<Seq>,
    /// Names after `@` in the text; those of the room's members become mentions.
    pub mentions: Vec<chat_common::UserName>,
    /// Rooms a user may be in; a public room is joined by sending.
    pub max_rooms: u32,
    /// Now. The entry's `at` is this or the room's latest, whichever is later.
    pub at: Timestamp,
}

/// A message that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    /// The room after it.
    pub room: RoomRow,
    /// Its position.
    pub seq: Seq,
    /// When it was stored.
    pub at: Timestamp,
    /// The entry to tell; `None` for a duplicate.
    pub entry: Option<Arc<Entry>>,
    /// The sender became a member by it.
    pub joined: bool,
}

/// Which page of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Latest,
    /// Older than this.
    Before(Seq),
    /// Newer than this.
    After(Seq),
    /// This one in the middle.
    Around(Seq),
}

/// A page of messages, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct MessagePage {
    /// Ascending by `seq`.
    pub messages: Vec<Message>,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry.
    pub head: Seq,
    /// There are more in the direction asked for.
    pub has_more: bool,
}

/// What to search for; every filter that is given must hold.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// Only what this user may read: rooms it is a member of, and public ones.
    pub asker: UserId,
    /// Folded words, all of which must stand in the folded text; may be empty.
    pub words: Vec<String>,
    /// Only here (the caller has checked that it may be read).
    pub room: Option<RoomId>,
    /// Only in these rooms (an API token's).
    pub only: Option<Vec<RoomName>>,
    /// Only by this user.
    pub from: Option<UserId>,
    /// Not earlier.
    pub since: Option<Timestamp>,
    /// Earlier than this.
    pub until: Option<Timestamp>,
    /// Only with this.
    pub has: Option<Has>,
    /// Only where the asker is mentioned.
    pub mention: bool,
    /// Opaque, from the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Messages found, newest first, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchPage {
    /// Newest first.
    pub messages: Vec<Message>,
    /// Opaque.
    pub next: Option<String>,
}

/// How far a user has read a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// Up to and with this.
    pub read: Seq,
    /// Others' undeleted messages above it, capped at 1,000.
    pub unread: u32,
    /// Those of them that mention the user.
    pub mentions: u32,
    /// Whether the mark moved.
    pub moved: bool,
}

/// The logs. Back ends batch what arrives at once into one commit by themselves.
#[async_trait]
pub trait Log {
    /// Stores a message. In this order: a repeat of `(room, sender, client_id)` gives the first answer (`Conflict`
    /// with another text); then rights (`NotFound`, `Banned`, `Muted`, `Forbidden`); then the next `seq`.
    async fn append(&self, message: Append) -> StoreResult<Appended>;
    /// The answer to an earlier send with this key, if there was one; `Conflict` with another text.
    async fn find_sent(
        &self,
        room: &RoomName,
        sender: UserId,
        client_id: &ClientId,
        text: &str,
    ) -> StoreResult<Option<(Seq, Timestamp)>>;
    /// Another text; the author alone. `NotFound` for a deleted message. The earlier text is blanked everywhere.
    async fn edit(
        &self,
        actor: UserId,
        room: &RoomName,
        seq: Seq,
        text: String,
        mentions: Vec<chat_common::UserName>,
        at: Timestamp,
    ) -> StoreResult<RoomChange>;
    /// Blanks a message in every table and index; the author or a moderator (who stands in the audit).
    async fn delete(&self, actor: UserId, room: &RoomName, seq: Seq, at: Timestamp) -> StoreResult<RoomChange>;
    /// Sets or takes back a reaction; members.
    async fn react(
        &self,
        actor: UserId,
        room: &RoomName,
        seq: Seq,
        emoji: Emoji,
        on: bool,
        at: Timestamp,
    ) -> StoreResult<RoomChange>;

    /// Entries after `after`, ascending without a hole, at most `limit`.
    async fn entries(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Entry>>;
    /// `(first, head)` of a room; `None` if it is gone.
    async fn bounds(&self, room: RoomId) -> StoreResult<Option<(Seq, Seq)>>;
    /// The heads of several rooms, for the check that finds a lost tail.
    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>>;
    /// A page of messages as `asker` sees them (`me` of the reactions); deleted ones are in it with `text: null`.
    async fn messages(&self, asker: UserId, room: RoomId, page: Page, limit: u32) -> StoreResult<MessagePage>;
    /// The replies to a message after `after`, ascending, one more than `limit` if there are more.
    /// `None`: no such message.
    async fn thread(
        &self,
        asker: UserId,
        room: RoomId,
        seq: Seq,
        after: Seq,
        limit: u32,
    ) -> StoreResult<Option<Vec<Message>>>;
    /// Messages that hold words, newest first.
    async fn search(&self, query: SearchQuery) -> StoreResult<SearchPage>;
    /// Moves a read mark, never back unless `force`; members.
    async fn mark_read(&self, user: UserId, room: &RoomName, seq: Seq, force: bool) -> StoreResult<ReadState>;
    /// Waits until the search index has caught up with everything committed before the call; for tests and `db` commands.
    async fn search_caught_up(&self) -> StoreResult<()>;
}
