//! Users, sessions, API tokens, invitations, authority and audit.

use async_trait::async_trait;
use chat_common::event::server::ServerRole;
use chat_common::model::{User, UserKind};
use chat_common::rest::{AuditLine, Scope};
use chat_common::{RoomName, Timestamp, UserId, UserName};

use super::{RoomId, StoreError, StoreResult};

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// As others see it.
    pub user: User,
    /// On the whole server.
    pub role: ServerRole,
    /// The account behind a bot.
    pub owner: Option<UserId>,
    /// When it came.
    pub created_at: Timestamp,
    /// Kept out of the whole server until then ([`FOREVER_MS`]: for good).
    pub banned_until: Option<Timestamp>,
}

/// Acts for the owner of the machine: may do in rooms what an admin of the server may. No user has this id; the audit
/// names nobody, and in a room's log the room's owner stands for it.
pub const LOCAL: UserId = UserId::from_bits(0);

/// Stands for "without end" where a time is stored: the latest that a [`Timestamp`] holds.
pub const FOREVER_MS: i64 = 253_402_207_200_000;

/// [`LOCAL`] as an actor.
pub(super) fn local(now: Timestamp) -> StoreResult<UserRow> {
    let name = UserName::account("local").map_err(|error| StoreError::Internal(error.to_string()))?;
    let user = User { id: LOCAL, display_name: name.to_string(), name, kind: UserKind::User };
    Ok(UserRow { user, role: ServerRole::Admin, owner: None, created_at: now, banned_until: None })
}

/// A user to be made. Refused with `Conflict` where the name, or one that looks like it, was ever given to another.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Random, made by the caller.
    pub id: UserId,
    /// With `~` for a guest.
    pub name: UserName,
    /// One line.
    pub display_name: String,
    /// What stands behind it.
    pub kind: UserKind,
    /// On the whole server.
    pub role: ServerRole,
    /// PHC string; `None` where nobody can log in by password.
    pub password_hash: Option<String>,
    /// The account behind a bot.
    pub owner: Option<UserId>,
    /// Hash of an invitation to be used up in the same transaction; `Invalid{field: "invite"}` if it is not good.
    pub invite_hash: Option<[u8; 32]>,
    /// Now.
    pub at: Timestamp,
}

impl NewUser {
    /// A person without a password and without rights of its own, shown by its name; what else it is, is said beside.
    pub fn plain(id: UserId, name: UserName, at: Timestamp) -> Self {
        Self {
            id,
            display_name: name.to_string(),
            name,
            kind: UserKind::User,
            role: ServerRole::User,
            password_hash: None,
            owner: None,
            invite_hash: None,
            at,
        }
    }
}

/// A session, from its login to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Random, 22 characters; `sid` of the JWT.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// The program's `User-Agent`, cut to 200 bytes.
    pub agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub used_at: Timestamp,
    /// When its refresh token ends.
    pub expires_at: Timestamp,
}

/// What became of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// `presented` was current and is replaced, or was replaced within the last 60 s: its successor is valid.
    Valid(SessionRow),
    /// It was used long ago: the session is revoked now.
    Reused,
    /// Not known, expired or revoked.
    Unknown,
}

/// An API token as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// To delete it by; random, 22 characters.
    pub id: String,
    /// Who made it.
    pub owner: UserId,
    /// The user that speaks for it.
    pub bot: UserId,
    /// For people; also the bot's name.
    pub name: UserName,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Only in these rooms.
    pub rooms: Option<Vec<RoomName>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// An invitation to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// To delete it by.
    pub id: String,
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// Who made it; `None`: the command line.
    pub by: Option<UserId>,
    /// How many may still register with it.
    pub uses_left: u32,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Something that ends connections; every node reads these rows each second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A session was revoked.
    Session(String),
    /// All sessions of a user but one.
    User {
        /// Whose.
        user: UserId,
        /// The one that stays.
        except: Option<String>,
    },
    /// An API token was deleted.
    Token(String),
    /// A user was banned from the server or erased.
    Banned(UserId),
    /// A user is no longer in a room.
    Room {
        /// Who.
        user: UserId,
        /// Where.
        room: RoomId,
    },
    /// Non-members may no longer read a room.
    RoomClosed(RoomId),
    /// A room is gone.
    RoomDeleted(RoomId),
    /// A user's server role, name or display name changed: reload it.
    Changed(UserId),
}

/// Accounts and what proves them.
#[async_trait]
pub trait Accounts {
    /// Makes a user.
    async fn create_user(&self, new: NewUser) -> StoreResult<UserRow>;
    /// By id.
    async fn user(&self, id: UserId) -> StoreResult<Option<UserRow>>;
    /// Several by id, in any order; unknown ids are left out.
    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<UserRow>>;
    /// By current name.
    async fn user_by_name(&self, name: &UserName) -> StoreResult<Option<UserRow>>;
    /// A user and the PHC string of its password, by current name.
    async fn credentials(&self, name: &UserName) -> StoreResult<Option<(UserRow, Option<String>)>>;
    /// Sets a password, ends all sessions but `keep`.
    async fn set_password(&self, user: UserId, hash: String, keep: Option<String>, at: Timestamp) -> StoreResult<()>;
    /// Changes name and display name; `Conflict` where the name was ever another's.
    async fn set_profile(
        &self,
        user: UserId,
        name: Option<UserName>,
        display_name: Option<String>,
        at: Timestamp,
    ) -> StoreResult<UserRow>;
    /// Makes an admin or takes it back. `actor` is for the audit; `None`: the command line.
    async fn set_server_role(
        &self,
        actor: Option<UserId>,
        user: UserId,
        role: ServerRole,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// Keeps a user out of the server until a time (`None` lifts it); its sessions end.
    async fn set_server_ban(
        &self,
        actor: Option<UserId>,
        user: UserId,
        until: Option<Timestamp>,
        reason: Option<String>,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// Users by name, from after `after`, at most `limit`; `query`: part of the name.
    async fn list_users(&self, query: Option<String>, after: Option<UserName>, limit: u32)
    -> StoreResult<Vec<UserRow>>;

    /// Opens a session; `refresh_hash` is the SHA-256 of its refresh token.
    async fn create_session(&self, session: SessionRow, refresh_hash: [u8; 32]) -> StoreResult<()>;
    /// Replaces a refresh token by its successor; see [`Rotation`]. Within 60 s the previous one is `Valid` again
    /// (its successor is the same, since it is derived from it).
    async fn rotate_refresh(
        &self,
        presented: [u8; 32],
        successor: [u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Rotation>;
    /// A session that is neither revoked nor expired.
    async fn session(&self, id: &str, now: Timestamp) -> StoreResult<Option<SessionRow>>;
    /// The session a refresh token (current or previous) belongs to.
    async fn session_by_refresh(&self, hash: [u8; 32]) -> StoreResult<Option<SessionRow>>;
    /// A user's live sessions, newest first.
    async fn sessions(&self, user: UserId, now: Timestamp) -> StoreResult<Vec<SessionRow>>;
    /// Ends one session of a user; false if there is none such.
    async fn revoke_session(&self, user: UserId, id: &str, at: Timestamp) -> StoreResult<bool>;
    /// Ends all sessions of a user but `keep`.
    async fn revoke_sessions(&self, user: UserId, keep: Option<String>, at: Timestamp) -> StoreResult<()>;

    /// Stores an API token and makes its bot; `hash` is the SHA-256 of the secret.
    async fn create_token(&self, token: TokenRow, hash: [u8; 32], bot: NewUser) -> StoreResult<()>;
    /// By the secret's hash; deleted ones are `None`, expired ones are given.
    async fn token_by_hash(&self, hash: [u8; 32]) -> StoreResult<Option<TokenRow>>;
    /// An owner's, newest first.
    async fn tokens(&self, owner: UserId) -> StoreResult<Vec<TokenRow>>;
    /// Deletes one; false if there is none such.
    async fn delete_token(&self, owner: UserId, id: &str, at: Timestamp) -> StoreResult<bool>;

    /// Stores an invitation.
    async fn create_invite(&self, invite: InviteRow, at: Timestamp) -> StoreResult<()>;
    /// Those still good, newest first.
    async fn invites(&self, now: Timestamp) -> StoreResult<Vec<InviteRow>>;
    /// Deletes one; false if there is none such.
    async fn delete_invite(&self, id: &str) -> StoreResult<bool>;

    /// Blocks or unblocks another user.
    async fn set_block(&self, user: UserId, other: UserId, on: bool, at: Timestamp) -> StoreResult<()>;
    /// Whom a user has blocked.
    async fn blocks(&self, user: UserId) -> StoreResult<Vec<UserId>>;

    /// The authority rows after `cursor` (`None`: none, only the newest cursor), oldest first, and the new cursor.
    async fn authority_since(&self, cursor: Option<i64>) -> StoreResult<(Vec<Authority>, i64)>;
    /// The audit, newest first, before line `before`; with the cursor of the last line given.
    async fn audit(&self, before: Option<i64>, limit: u32) -> StoreResult<(Vec<AuditLine>, Option<i64>)>;
    /// The audit after line `after`, oldest first, each with its number.
    async fn audit_after(&self, after: i64, limit: u32) -> StoreResult<Vec<(i64, AuditLine)>>;
    /// Adds to the audit what no other operation here writes by itself.
    async fn add_audit(
        &self,
        actor: Option<UserId>,
        action: &str,
        subject: &str,
        detail: Option<String>,
        at: Timestamp,
    ) -> StoreResult<()>;
}
