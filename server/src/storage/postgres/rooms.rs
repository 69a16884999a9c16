//! [`Rooms`] by name: each method hands its work to a transaction or to a read.

use async_trait::async_trait;
use chat_common::model::{Member, RoomKind, User};
use chat_common::{RoomName, Timestamp, UserId, UserName};
use futures_util::FutureExt;

use super::{PostgresStore, members, moderate, rooms_change, standing, views};
use crate::storage::{Access, Moderation, RoomChange, RoomId, RoomRow, RoomView, Rooms, StoreResult};

#[async_trait]
impl Rooms for PostgresStore {
    async fn create_room(
        &self,
        owner: UserId,
        name: RoomName,
        kind: RoomKind,
        topic: String,
        max_rooms: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow> {
        self.write(move |c| {
            async move { rooms_change::create(c, owner, &name, kind, &topic, max_rooms, at).await }.boxed()
        })
        .await
    }

    async fn ensure_direct(&self, actor: UserId, other: UserId, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        self.write(move |c| async move { rooms_change::ensure_direct(c, actor, other, at).await }.boxed()).await
    }

    async fn access(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<Access>> {
        let room = room.clone();
        self.read(move |c| async move { views::access(c, user, &room, now).await }.boxed()).await
    }

    async fn view(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<RoomView>> {
        let room = room.clone();
        self.read(move |c| async move { views::view(c, user, &room, now).await }.boxed()).await
    }

    async fn views_of(
        &self,
        user: UserId,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        self.read(move |c| async move { views::of(c, user, after.as_ref(), limit, now).await }.boxed()).await
    }

    async fn list_rooms(
        &self,
        user: UserId,
        query: Option<String>,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>> {
        self.read(move |c| {
            async move { views::list(c, user, query.as_deref(), after.as_ref(), limit, now).await }.boxed()
        })
        .await
    }

    async fn all_rooms(&self, query: Option<String>, after: Option<RoomName>, limit: u32) -> StoreResult<Vec<RoomRow>> {
        self.read(move |c| async move { views::all(c, query.as_deref(), after.as_ref(), limit).await }.boxed()).await
    }

    async fn room_bans(&self, room: RoomId, now: Timestamp) -> StoreResult<Vec<(User, Timestamp)>> {
        self.read(move |c| async move { standing::bans(c, room, now).await }.boxed()).await
    }

    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>> {
        self.read(move |c| async move { views::rooms_of(c, user).await }.boxed()).await
    }

    async fn join(&self, user: UserId, room: &RoomName, max_rooms: u32, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        let room = room.clone();
        self.write(move |c| async move { members::join(c, user, &room, max_rooms, at).await }.boxed()).await
    }

    async fn leave(&self, user: UserId, room: &RoomName, at: Timestamp) -> StoreResult<(RoomRow, bool)> {
        let room = room.clone();
        self.write(move |c| async move { members::leave(c, user, &room, at).await }.boxed()).await
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
        self.write(move |c| async move { members::invite(c, actor, &room, user, max_rooms, at).await }.boxed()).await
    }

    async fn delete_room(&self, actor: UserId, room: &RoomName, at: Timestamp) -> StoreResult<RoomRow> {
        let room = room.clone();
        let deleted =
            self.write(move |c| async move { rooms_change::delete(c, actor, &room, at).await }.boxed()).await?;
        self.sweeper.ring();
        Ok(deleted)
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
        self.write(move |c| async move { rooms_change::update(c, actor, &room, topic, kind, at).await }.boxed()).await
    }

    async fn transfer(&self, actor: UserId, room: &RoomName, user: UserId, at: Timestamp) -> StoreResult<RoomChange> {
        let room = room.clone();
        self.write(move |c| async move { rooms_change::transfer(c, actor, &room, user, at).await }.boxed()).await
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
        self.write(move |c| async move { moderate::moderate(c, actor, &room, user, &what, reason, at).await }.boxed())
            .await
    }

    async fn members(&self, room: RoomId, after: Option<UserName>, limit: u32) -> StoreResult<Vec<Member>> {
        self.read(move |c| async move { members::page(c, room, after.as_ref(), limit).await }.boxed()).await
    }

    async fn member_ids(&self, room: RoomId) -> StoreResult<Vec<UserId>> {
        self.read(move |c| async move { members::ids(c, room).await }.boxed()).await
    }

    async fn sharing_a_room(&self, asker: UserId, users: &[UserId]) -> StoreResult<Vec<UserId>> {
        let users = users.to_vec();
        self.read(move |c| async move { members::sharing(c, asker, &users).await }.boxed()).await
    }
}
