//! Rooms, membership, moderation.

use async_trait::async_trait;
use chat_common::event::Entry;
use chat_common::model::{Member, Role, RoomKind, User};
use chat_common::{RoomName, Seq, Timestamp, UserId};

use super::StoreResult;

/// A room for ever; a deleted room's name may be used again, its id not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub i64);

/// A room as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    /// For ever.
    pub id: RoomId,
    /// How it is addressed.
    pub name: RoomName,
    /// Who may see it.
    pub kind: RoomKind,
    /// One line, may be empty.
    pub topic: String,
    /// The oldest entry kept.
    pub first: Seq,
    /// The newest entry; 0 while there is none.
    pub head: Seq,
    /// How many members.
    pub members: u32,
    /// How many days texts are kept: `None`: as the server's default says; 0: for ever.
    pub retention_days: Option<u32>,
}

/// One user's standing in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Standing.
    pub role: Role,
    /// Read up to and with this.
    pub read: Seq,
    /// May not write until then.
    pub muted_until: Option<Timestamp>,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A room as one user stands to it: what every read decides on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The room.
    pub room: RoomRow,
    /// `None`: no member.
    pub membership: Option<Membership>,
    /// Banned from it until then, if that is not over.
    pub banned_until: Option<Timestamp>,
    /// The other one of a direct conversation.
    pub peer: Option<User>,
}

/// [`Access`] with the counts of a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// The room and the user's standing.
    pub access: Access,
    /// Others' undeleted messages above `read`, capped at 1,000; 0 for a non-member.
    pub unread: u32,
    /// Those of them that mention the user.
    pub mentions: u32,
}

/// A change of a room that is told as an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomChange {
    /// The room after it.
    pub room: RoomRow,
    /// What is told; `None`: nothing changed (a repeat).
    pub entry: Option<Entry>,
}

/// What a moderator does to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moderation {
    /// Out; may come back.
    Kick,
    /// Out and kept out until then (`None`: for good); works on non-members too.
    Ban {
        /// Until then.
        until: Option<Timestamp>,
    },
    /// May come back.
    Unban,
    /// Silent until then; a time that has passed lifts it.
    Mute {
        /// Until then.
        until: Timestamp,
    },
    /// `moderator` or `member`; the owner alone.
    Role(Role),
}

/// Rooms and who is in them. `actor`'s rights are checked in the transaction of each write: what it may not see is
/// `NotFound`, what it may not do `Forbidden`; server admins count as owners everywhere but in direct conversations.
#[async_trait]
pub trait Rooms {
    /// Makes a room with its owner as first member. `Conflict` if the name is taken, `Forbidden` over `max_rooms`.
    async fn create_room(
        &self,
        owner: UserId,
        name: RoomName,
        kind: RoomKind,
        topic: String,
        max_rooms: u32,
        at: Timestamp,
    ) -> StoreResult<RoomRow>;
    /// The direct conversation of two users, made at need; both are members. True: it was made now.
    /// `Forbidden` where `other` has blocked `actor` and there is none yet.
    async fn ensure_direct(&self, actor: UserId, other: UserId, at: Timestamp) -> StoreResult<(RoomRow, bool)>;
    /// The room by name as `user` stands to it; `None` if there is none (visibility is the caller's to judge).
    async fn access(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<Access>>;
    /// As [`Rooms::access`], with the counts.
    async fn view(&self, user: UserId, room: &RoomName, now: Timestamp) -> StoreResult<Option<RoomView>>;
    /// The rooms a user is a member of, by name, from after `after`.
    async fn views_of(
        &self,
        user: UserId,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>>;
    /// Public rooms and the user's own, by name, from after `after`; `query`: part of the name or topic, folded.
    async fn list_rooms(
        &self,
        user: UserId,
        query: Option<String>,
        after: Option<RoomName>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<RoomView>>;
    /// All rooms but direct conversations, by name, from after `after`; `query`: part of the name or topic, folded.
    async fn all_rooms(&self, query: Option<String>, after: Option<RoomName>, limit: u32) -> StoreResult<Vec<RoomRow>>;
    /// Who is banned from a room at `now`, by name, and until when ([`FOREVER_MS`](super::FOREVER_MS): for good).
    async fn room_bans(&self, room: RoomId, now: Timestamp) -> StoreResult<Vec<(User, Timestamp)>>;
    /// Ids and names of the rooms a user is a member of.
    async fn rooms_of(&self, user: UserId) -> StoreResult<Vec<(RoomId, RoomName)>>;

    /// Becomes a member; true: newly. Public rooms only (or already a member); `Banned`, `NotFound`, `Forbidden` over `max_rooms`.
    async fn join(&self, user: UserId, room: &RoomName, max_rooms: u32, at: Timestamp) -> StoreResult<(RoomRow, bool)>;
    /// Ends the membership; true: it was one. The last owner's leaving makes the eldest moderator, else the eldest
    /// member, owner. Direct conversations are not left.
    async fn leave(&self, user: UserId, room: &RoomName, at: Timestamp) -> StoreResult<(RoomRow, bool)>;
    /// Makes `user` a member by a member's word (moderators where the room is public); true: newly. `Banned` if it is banned.
    async fn invite(
        &self,
        actor: UserId,
        room: &RoomName,
        user: UserId,
        max_rooms: u32,
        at: Timestamp,
    ) -> StoreResult<(RoomRow, bool)>;
    /// Deletes a room with everything in it; owner or server admin.
    async fn delete_room(&self, actor: UserId, room: &RoomName, at: Timestamp) -> StoreResult<RoomRow>;
    /// Topic: moderators; kind: the owner.
    async fn update_room(
        &self,
        actor: UserId,
        room: &RoomName,
        topic: Option<String>,
        kind: Option<RoomKind>,
        at: Timestamp,
    ) -> StoreResult<RoomChange>;
    /// Makes another member the owner; the old one becomes moderator.
    async fn transfer(&self, actor: UserId, room: &RoomName, user: UserId, at: Timestamp) -> StoreResult<RoomChange>;
    /// Moderates; writes the audit and the authority row.
    async fn moderate(
        &self,
        actor: UserId,
        room: &RoomName,
        user: UserId,
        what: Moderation,
        reason: Option<String>,
        at: Timestamp,
    ) -> StoreResult<RoomChange>;

    /// Members by name, from after `after`.
    async fn members(&self, room: RoomId, after: Option<chat_common::UserName>, limit: u32)
    -> StoreResult<Vec<Member>>;
    /// All members' ids.
    async fn member_ids(&self, room: RoomId) -> StoreResult<Vec<UserId>>;
    /// Those of `users` that share a room with `asker` (the asker itself included).
    async fn sharing_a_room(&self, asker: UserId, users: &[UserId]) -> StoreResult<Vec<UserId>>;
}
