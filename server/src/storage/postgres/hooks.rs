//! Incoming webhooks with their bots.

use async_trait::async_trait;
use chat_common::{RoomName, Timestamp, UserId};

use super::PostgresStore;
use crate::storage::{HookRow, Hooks, NewUser, RoomRow, StoreResult};

#[async_trait]
impl Hooks for PostgresStore {
    async fn create_hook(
        &self,
        _actor: UserId,
        _hook: HookRow,
        _hash: [u8; 32],
        _bot: NewUser,
        _most: u32,
        _at: Timestamp,
    ) -> StoreResult<RoomRow> {
        Err(super::unwritten())
    }

    async fn hook(&self, _id: &str, _hash: [u8; 32]) -> StoreResult<Option<HookRow>> {
        Err(super::unwritten())
    }

    async fn hooks(&self, _actor: UserId, _room: &RoomName, _now: Timestamp) -> StoreResult<Vec<HookRow>> {
        Err(super::unwritten())
    }

    async fn delete_hook(&self, _actor: UserId, _room: &RoomName, _id: &str, _at: Timestamp) -> StoreResult<bool> {
        Err(super::unwritten())
    }
}
