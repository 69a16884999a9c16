//! What is kept for how long: retention of texts, and the erasure of users.

use async_trait::async_trait;
use chat_common::model::{User, UserKind};
use chat_common::{RoomName, Seq, Timestamp, UserId, UserName};

use super::{RoomChange, RoomRow, StoreError, StoreResult};

/// Messages that lose their texts in one step: some tens of milliseconds of the store's time.
pub(super) const BLANKED_AT_ONCE: u32 = 128;
/// Entries of a log that are looked through in one step for what one user wrote there.
const LOOKED_THROUGH: i64 = 20_000;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Whom entries name that nobody caused: the server's own rules.
pub(super) const NOBODY: UserId = UserId::from_bits(0);
/// Names that say who is not there, and are nobody's.
pub(super) const RESERVED: [&str; 2] = ["erased", "server"];

/// Who stands under a message whose author is not there any more, or that nobody caused.
pub fn gone_user(id: UserId) -> StoreResult<User> {
    let name = if id == NOBODY { "server" } else { "erased" };
    let parsed = UserName::parse(name).map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(User { id, name: parsed, display_name: name.to_owned(), kind: UserKind::User })
}

/// What one step of blanking did.
#[derive(Clone, Debug, PartialEq)]
pub struct Blanked {
    /// Messages that had a text.
    pub messages: u32,
    /// The entry to tell, if there was any text.
    pub change: Option<RoomChange>,
    /// The last message that was looked at.
    pub through: Seq,
}

/// Where the texts of an erased user are looked for: in one room, from behind one entry on.
pub(super) struct Place {
    pub room: i64,
    pub after: i64,
    /// The room's last entry.
    pub head: i64,
}

impl Place {
    /// The last entry of this step.
    pub fn end(&self) -> i64 {
        self.after.saturating_add(LOOKED_THROUGH).min(self.head)
    }

    /// Where the next step begins, after so many were found, the last one at `last`.
    pub fn then(&self, found: usize, last: Option<i64>) -> (i64, i64) {
        let through = if found < BLANKED_AT_ONCE as usize { self.end() } else { last.unwrap_or_else(|| self.end()) };
        if through >= self.head { (self.room + 1, 0) } else { (self.room, through) }
    }
}

/// What is to be kept no longer.
#[async_trait]
pub trait Keep {
    /// For how many days a room keeps texts: `None`: as the server's default says; 0: for ever. `told` is what clients
    /// are told of it. The owner, a server admin; `actor: None`: the command line. Not for direct conversations.
    async fn set_retention(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        days: Option<u32>,
        told: u32,
        at: Timestamp,
    ) -> StoreResult<RoomChange>;
    /// The next step of what is due: texts older than their room keeps them (`default_days` where it says nothing),
    /// texts of users that were erased with them. `None`: nothing is due. No `seq` is given up: the messages are
    /// deleted, and one entry says so for all of a step.
    async fn blank_next(&self, default_days: u32, at: Timestamp) -> StoreResult<Option<Blanked>>;
    /// Erases a user: account, sessions, tokens, names, memberships, marks, blocks; its name is given to nobody again,
    /// and known by a keyed hash alone. What it wrote stays under `erased`, or is blanked with `texts` by the steps of
    /// [`Keep::blank_next`]. The rooms it was in, as they are now. The audit names it by its id.
    async fn erase_user(
        &self,
        actor: Option<UserId>,
        user: UserId,
        texts: bool,
        at: Timestamp,
    ) -> StoreResult<Vec<RoomRow>>;
    /// Makes the search index anew where it is not as it should be; [`super::Log::search_caught_up`] waits for it.
    async fn repair_index(&self) -> StoreResult<()>;
}
