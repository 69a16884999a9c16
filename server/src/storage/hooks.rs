//! Incoming webhooks: an address outside programs post to, bound to one room, spoken for by a bot of its own.

use async_trait::async_trait;
use chat_common::{RoomName, Timestamp, UserId, UserName};

use super::{NewUser, RoomRow, StoreResult};

/// What signs the bodies that are sent to a webhook or by one; no `Debug` shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Signing(pub String);

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing(…)")
    }
}

/// A webhook as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRow {
    /// To delete it by, and part of its address; random, 22 characters.
    pub id: String,
    /// Where it posts.
    pub room: RoomName,
    /// The user that speaks for it.
    pub bot: UserId,
    /// The bot's name when it was made.
    pub name: UserName,
    /// Signs what is posted, where a sender can sign; empty for one that was made before there was any.
    pub signing: Signing,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Webhooks; who may moderate a room may make, see, change and delete its webhooks, and so may the owner of the machine
/// (`actor: None`).
#[async_trait]
pub trait Hooks {
    /// Stores a webhook, makes its bot and makes the bot a member; `hash` is the SHA-256 of the secret. `Forbidden` over `most`.
    async fn create_hook(
        &self,
        actor: Option<UserId>,
        hook: HookRow,
        hash: [u8; 32],
        bot: NewUser,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow>;
    /// By its address; `None` for a wrong secret, a deleted webhook and a deleted room alike.
    async fn hook(&self, id: &str, hash: [u8; 32]) -> StoreResult<Option<HookRow>>;
    /// A room's, newest first.
    async fn hooks(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<HookRow>>;
    /// Gives one another secret (its SHA-256) and another signing secret: from now on the earlier ones are none. `None`
    /// if there is none such.
    async fn rotate_hook(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        hash: [u8; 32],
        signing: Signing,
        at: Timestamp,
    ) -> StoreResult<Option<HookRow>>;
    /// Deletes one; false if there is none such. Its bot stays as the author of what it sent.
    async fn delete_hook(&self, actor: Option<UserId>, room: &RoomName, id: &str, at: Timestamp) -> StoreResult<bool>;
}
