//! [`Log`] by name: an append goes to the batches, the rest is a transaction or a read.

use async_trait::async_trait;
use chat_common::event::Entry;
use chat_common::model::Message;
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId, UserName};
use futures_util::FutureExt;

use super::append::{self, Item};
use super::{PostgresStore, change, entry, history, index, read, search};
use crate::storage::{
    Append, Appended, Log, MessagePage, Page, ReadState, RoomChange, RoomId, SearchPage, SearchQuery, StoreResult,
    secret,
};

#[async_trait]
impl Log for PostgresStore {
    async fn append(&self, message: Append) -> StoreResult<Appended> {
        let hash = secret::text_hash(&self.text_key, &message.text)?;
        self.batches.append(Item { new: message, hash }).await
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
        self.read(move |c| async move { append::find(c, &room, sender, &client_id, &hash).await }.boxed()).await
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
        let change = self
            .write(move |c| async move { change::edit(c, actor, &room, seq, &text, &mentions, at).await }.boxed())
            .await?;
        self.follower.ring();
        Ok(change)
    }

    async fn delete(&self, actor: UserId, room: &RoomName, seq: Seq, at: Timestamp) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| async move { change::delete(c, actor, &room, seq, at).await }.boxed()).await
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
        self.write(move |c| async move { change::react(c, actor, &room, seq, &emoji, on, at).await }.boxed()).await
    }

    async fn entries(&self, room: RoomId, after: Seq, limit: u32) -> StoreResult<Vec<Entry>> {
        self.read(move |c| entry::after(c, room, after, limit).boxed()).await
    }

    async fn bounds(&self, room: RoomId) -> StoreResult<Option<(Seq, Seq)>> {
        self.read(move |c| history::bounds(c, room).boxed()).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>> {
        let rooms = rooms.to_vec();
        self.read(move |c| async move { history::heads(c, &rooms).await }.boxed()).await
    }

    async fn messages(&self, asker: UserId, room: RoomId, page: Page, limit: u32) -> StoreResult<MessagePage> {
        self.read(move |c| history::page(c, asker, room, page, limit).boxed()).await
    }

    async fn thread(
        &self,
        asker: UserId,
        room: RoomId,
        seq: Seq,
        after: Seq,
        limit: u32,
    ) -> StoreResult<Option<Vec<Message>>> {
        self.read(move |c| history::thread(c, asker, room, seq, after, limit).boxed()).await
    }

    async fn search(&self, query: SearchQuery) -> StoreResult<SearchPage> {
        let now = self.clock.now();
        self.read(move |c| async move { search::search(c, &query, now).await }.boxed()).await
    }

    async fn mark_read(&self, user: UserId, room: &RoomName, seq: Seq, force: bool) -> StoreResult<ReadState> {
        let (room, now) = (room.clone(), self.clock.now());
        self.read(move |c| async move { read::mark(c, user, &room, seq, force, now).await }.boxed()).await
    }

    async fn search_caught_up(&self) -> StoreResult<()> {
        index::caught_up(&self.pool).await
    }
}
