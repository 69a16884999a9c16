//! [`Log`] by name: each method hands its work to the writer or to a reader.

use async_trait::async_trait;
use chat_common::event::Entry;
use chat_common::model::Message as ChatMessage;
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId, UserName};
use tokio::sync::oneshot;

use super::job::Message;
use super::{SqliteStore, append, change, closed, entry, history, read, search};
use crate::storage::{
    Append, Appended, Log, MessagePage, Page, ReadState, RoomChange, RoomId, SearchPage, SearchQuery, StoreResult,
    secret,
};

#[async_trait]
impl Log for SqliteStore {
    async fn append(&self, message: Append) -> StoreResult<Appended> {
        let hash = secret::text_hash(&self.text_key, &message.text)?;
        self.append_by(message.sender, move |work| append::append(work, message, &hash)).await
    }

    async fn find_sent(
        &self,
        room: &RoomName,
        sender: UserId,
        client_id: &ClientId,
        text: &str,
    ) -> StoreResult<Option<(Seq, Timestamp)>> {
        let hash = secret::text_hash(&self.text_key, text)?;
        let (room, client_id) = (room.clone(), client_id.clone());
        self.read(move |c| append::find_by_name(c, &room, sender, &client_id, &hash)).await
    }

    async fn edit(
        &self,
        actor: UserId,
        room: &RoomName,
        seq: Seq,
        text: String,
        mentions: Vec<UserName>,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| change::edit(c, actor, &room, seq, &text, &mentions, at)).await
    }

    async fn delete(&self, actor: UserId, room: &RoomName, seq: Seq, at: Timestamp) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| change::delete(c, actor, &room, seq, at)).await
    }

    async fn react(
        &self,
        actor: UserId,
        room: &RoomName,
        seq: Seq,
        emoji: Emoji,
        on: bool,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| change::react(c, actor, &room, seq, &emoji, on, at)).await
    }

    async fn entries(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Entry>> {
        self.read(move |c| entry::after(c, room, after, limit)).await
    }

    async fn bounds(&self, room: RoomId) -> StoreResult<Option<(Seq, Seq)>> {
        self.read(move |c| history::bounds(c, room)).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>> {
        let rooms = rooms.to_vec();
        self.read(move |c| history::heads(c, &rooms)).await
    }

    async fn messages(&self, asker: UserId, room: RoomId, page: Page, limit: u32) -> StoreResult<MessagePage> {
        self.read(move |c| history::page(c, asker, room, page, limit)).await
    }

    async fn thread(
        &self,
        asker: UserId,
        room: RoomId,
        seq: Seq,
        after: Seq,
        limit: u32,
    ) -> StoreResult<Option<Vec<ChatMessage>>> {
        self.read(move |c| history::thread(c, asker, room, seq, after, limit)).await
    }

    async fn search(&self, query: SearchQuery) -> StoreResult<SearchPage> {
        let now = self.clock.now();
        self.read(move |c| search::search(c, &query, now)).await
    }

    async fn mark_read(&self, user: UserId, room: &RoomName, seq: Seq, force: bool) -> StoreResult<ReadState> {
        let room = room.clone();
        let now = self.clock.now();
        self.write(move |c| read::mark(c, user, &room, seq, force, now)).await
    }

    async fn search_caught_up(&self) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::CaughtUp(reply)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}
