//! [`Rooms`] by name: each method is a transaction or a read.

use async_trait::async_trait;
use chat_common::model::{Member, RoomKind};
use chat_common::{RoomName, Timestamp, UserId, UserName};

use super::PostgresStore;
use crate::storage::{Access, Moderation, RoomChange, RoomId, RoomRow, RoomView, Rooms, StoreResult};

#[async_trait]
impl Rooms for PostgresStore {
    async fn create_room(
        &self,
        _owner: UserId,
        _name: RoomName,
        _kind: RoomKind,
        _topic: String,
        _max_rooms: u32,
        _at: Timestamp,
    ) -> StoreResult<RoomRow> {
        Err(super::unwritten())
    }

    async fn ensure_direct(&self, _actor: UserId, _other: UserId, _at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        Err(super::unwritten())
    }

    async fn access(&self, _user: UserId, _room: &RoomName, _now: Timestamp) -> StoreResult<Option<Access>> {
        Err(super::unwritten())
    }

    async fn view(&self, _user: UserId, _room: &RoomName, _now: Timestamp) -> StoreResult<Option<RoomView>> {
        Err(super::unwritten())
    }

    async fn views_of(
        &self,
        _user: UserId,
        _after: Option<RoomName>,
        _limit: u32,
        _now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        Err(super::unwritten())
    }

    async fn list_rooms(
        &self,
        _user: UserId,
        _query: Option<String>,
        _after: Option<RoomName>,
        _limit: u32,
        _now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        Err(super::unwritten())
    }

    async fn rooms_of(&self, _user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>> {
        Err(super::unwritten())
    }

    async fn join(
        &self,
        _user: UserId,
        _room: &RoomName,
        _max_rooms: u32,
        _at: Timestamp,
    ) -> StoreResult<(RoomRow, bool)> {
        Err(super::unwritten())
    }

    async fn leave(&self, _user: UserId, _room: &RoomName, _at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        Err(super::unwritten())
    }

    async fn invite(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _user: UserId,
        _max_rooms: u32,
        _at: Timestamp,
    ) -> StoreResult<(RoomRow, bool)> {
        Err(super::unwritten())
    }

    async fn delete_room(&self, _actor: UserId, _room: &RoomName, _at: Timestamp) -> StoreResult<RoomRow> {
        Err(super::unwritten())
    }

    async fn update_room(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _topic: Option<String>,
        _kind: Option<RoomKind>,
        _at: Timestamp,
    ) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn transfer(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _user: UserId,
        _at: Timestamp,
    ) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn moderate(
        &self,
        _actor: UserId,
        _room: &RoomName,
        _user: UserId,
        _what: Moderation,
        _reason: Option<String>,
        _at: Timestamp,
    ) -> StoreResult<RoomChange> {
        Err(super::unwritten())
    }

    async fn members(&self, _room: RoomId, _after: Option<UserName>, _limit: u32) -> StoreResult<Vec<Member>> {
        Err(super::unwritten())
    }

    async fn member_ids(&self, _room: RoomId) -> StoreResult<Vec<UserId>> {
        Err(super::unwritten())
    }

    async fn sharing_a_room(&self, _asker: UserId, _users: &[UserId]) -> StoreResult<Vec<UserId>> {
        Err(super::unwritten())
    }
}
