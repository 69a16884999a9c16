//! [`Log`] by name: an append goes to the batches, the rest is a transaction or a read.

use async_trait::async_trait;
use chat_common::event::Entry;
use chat_common::model::Message;
use chat_common::{ClientId, Emoji, RoomName, Seq, Timestamp, UserId, UserName};

use super::{PostgresStore, index};
use crate::storage::{
    Append, Appended, Log, MessagePage, Page, ReadState, RoomChange, RoomId, SearchPage, SearchQuery, StoreResult,
};

#[async_trait]
impl Log for PostgresStore {
    async fn append(&self, _message: Append) -> StoreResult<Appended> {
        Err(super::unwritten())
    }

    async fn find_sent(
        &self,
        _room: &RoomName,
        _sender: UserId,
        _client_id: &ClientId,
        _text: &str,
    ) -> StoreResult<Option<(Seq, Timestamp)>> {
        Err(super::unwritten())
    }

    async fn edit(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _seq: Seq,
        _text: String,
        _mentions: Vec<UserName>,
        _at: Timestamp,
    ) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn delete(&self, _actor: UserId, _room: &RoomName, _seq: Seq, _at: Timestamp) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn react(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _seq: Seq,
        _emoji: Emoji,
        _on: bool,
        _at: Timestamp,
    ) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn entries(&self, _room: RoomId, _after: Seq, _limit: u32) -> StoreResult<Vec<Entry>> {
        Err(super::unwritten())
    }

    async fn bounds(&self, _room: RoomId) -> StoreResult<Option<(Seq, Seq)>> {
        Err(super::unwritten())
    }

    async fn heads(&self, _rooms: &[RoomId]) -> StoreResult<Vec<(RoomId, RoomName, Seq)>> {
        Err(super::unwritten())
    }

    async fn messages(&self, _asker: UserId, _room: RoomId, _page: Page, _limit: u32) -> StoreResult<MessagePage> {
        Err(super::unwritten())
    }

    async fn thread(
        &self,
        _asker: UserId,
        _room: RoomId,
        _seq: Seq,
        _after: Seq,
        _limit: u32,
    ) -> StoreResult<Option<Vec<Message>>> {
        Err(super::unwritten())
    }

    async fn search(&self, _query: SearchQuery) -> StoreResult<SearchPage> {
        Err(super::unwritten())
    }

    async fn mark_read(&self, _user: UserId, _room: &RoomName, _seq: Seq, _force: bool) -> StoreResult<ReadState> {
        Err(super::unwritten())
    }

    async fn search_caught_up(&self) -> StoreResult<()> {
        index::caught_up(&self.pool).await
    }
}
