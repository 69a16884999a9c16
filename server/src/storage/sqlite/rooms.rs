//! [`Rooms`] by name: each method hands its work to the writer or to a reader.

use async_trait::async_trait;
use chat_common::model::{Member, RoomKind, User};
use chat_common::{RoomName, Timestamp, UserId, UserName};

use super::{SqliteStore, members, moderate, rooms_change, standing, views};
use crate::storage::{Access, Moderation, RoomChange, RoomId, RoomRow, RoomView, Rooms, StoreResult};

#[async_trait]
impl Rooms for SqliteStore {
    async fn create_room(
        &self,
        owner: UserId,
        name: RoomName,
        kind: RoomKind,
        topic: String,
        max_rooms: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow> {
        self.write(move |c| rooms_change::create(c, owner, &name, kind, &topic, max_rooms, at)).await
    }

    async fn ensure_direct(&self, actor: UserId, other: UserId, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        self.write(move |c| rooms_change::ensure_direct(c, actor, other, at)).await
    }

    async fn access(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<Access>> {
        let room = room.clone();
        self.read(move |c| views::access(c, user, &room, now)).await
    }

    async fn view(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<RoomView>> {
        let room = room.clone();
        self.read(move |c| views::view(c, user, &room, now)).await
    }

    async fn views_of(
        &self,
        user: UserId,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        self.read(move |c| views::of(c, user, after.as_ref(), limit, now)).await
    }

    async fn list_rooms(
        &self,
        user: UserId,
        query: Option<String>,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        self.read(move |c| views::list(c, user, query.as_deref(), after.as_ref(), limit, now)).await
    }

    async fn all_rooms(&self, query: Option<String>, after: Option<RoomName>, limit: u32) -> StoreResult<Vec<RoomRow>> {
        self.read(move |c| views::all(c, query.as_deref(), after.as_ref(), limit)).await
    }

    async fn room_bans(&self, room: RoomId, now: Timestamp) -> StoreResult<Vec<(User, Timestamp)>> {
        self.read(move |c| standing::bans(c, room, now)).await
    }

    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>> {
        self.read(move |c| views::rooms_of(c, user)).await
    }

    async fn join(&self, user: UserId, room: &RoomName, max_rooms: u32, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        let room = room.clone();
        self.write(move |c| members::join(c, user, &room, max_rooms, at)).await
    }

    async fn leave(&self, user: UserId, room: &RoomName, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        let room = room.clone();
        self.write(move |c| members::leave(c, user, &room, at)).await
    }

    async fn invite(
        &self,
        actor: UserId,
        room: &RoomName,
        user: UserId,
        max_rooms: u32,
        at: Timestamp,
    ) -> StoreResult<(RoomRow, bool)> {
        let room = room.clone();
        self.write(move |c| members::invite(c, actor, &room, user, max_rooms, at)).await
    }

    async fn delete_room(&self, actor: UserId, room: &RoomName, at: Timestamp) -> StoreResult<RoomRow> {
        let room = room.clone();
        self.write(move |c| rooms_change::delete(c, actor, &room, at)).await
    }

    async fn update_room(
        &self,
        actor: UserId,
        room: &RoomName,
        topic: Option<String>,
        kind: Option<RoomKind>,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| rooms_change::update(c, actor, &room, topic, kind, at)).await
    }

    async fn transfer(&self, actor: UserId, room: &RoomName, user: UserId, at: Timestamp) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| rooms_change::transfer(c, actor, &room, user, at)).await
    }

    async fn moderate(
        &self,
        actor: UserId,
        room: &RoomName,
        user: UserId,
        what: Moderation,
        reason: Option<String>,
        at: Timestamp,
    ) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| moderate::moderate(c, actor, &room, user, &what, reason, at)).await
    }

    async fn members(&self, room: RoomId, after: Option<UserName>, limit: u32) -> StoreResult<Vec<Member>> {
        self.read(move |c| members::page(c, room, after.as_ref(), limit)).await
    }

    async fn member_ids(&self, room: RoomId) -> StoreResult<Vec<UserId>> {
        self.read(move |c| members::ids(c, room)).await
    }

    async fn sharing_a_room(&self, asker: UserId, users: &[UserId]) -> StoreResult<Vec<UserId>> {
        let users = users.to_vec();
        self.read(move |c| members::sharing(c, asker, users)).await
    }
}
