//! How far the feed for other systems has come in each public room.

use async_trait::async_trait;
use chat_common::Seq;

use super::{RoomId, StoreResult};

/// A public room with entries that the feed does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRoom {
    /// Which.
    pub room: RoomId,
    /// The feed has everything up to and with this.
    pub fed: Seq,
    /// The newest entry.
    pub head: Seq,
}

/// The feed's place in the logs. What was written while a room was private never counts as missing: on the way back to
/// public the store itself moves the place behind it.
#[async_trait]
pub trait Feed {
    /// Public rooms with entries that the feed does not have, by id, from after `after`.
    async fn feed_pending(&self, after: RoomId, limit: u32) -> StoreResult<Vec<FeedRoom>>;
    /// Whether the room is public and the feed's place in it is still `fed`: entries that were read after that place
    /// and before this question were written while the room was public.
    async fn feed_holds(&self, room: RoomId, fed: Seq) -> StoreResult<bool>;
    /// Moves the feed's place in a room from `fed` to `to`; false: it was not there (any more), nothing was changed.
    async fn feed_advance(&self, room: RoomId, fed: Seq, to: Seq) -> StoreResult<bool>;
    /// How many entries of public rooms the feed does not have.
    async fn feed_lag(&self) -> StoreResult<u64>;
}
