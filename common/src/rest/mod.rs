//! Bodies of the REST interface under `/api/v1`. Where a request is also an event, the reply is the event's.

/// Ties a derive of `ToSchema` to the feature, keeps secrets out of `Debug` where said.
macro_rules! secret_debug {
    ($($t:ident),+ $(,)?) => {
        $(impl std::fmt::Debug for $t {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($t), " { … }"))
            }
        })+
    };
}

mod hooks;

use serde::{Deserialize, Serialize};

pub use hooks::*;

use crate::event::server::ServerRole;
use crate::model::{RoomKind, User};
use crate::{ClientId, ErrorBody, RoomName, Seq, Timestamp, UserName};

/// Every failure: `{"error": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorReply {
    /// What went wrong.
    pub error: ErrorBody,
    /// The request's, as in the header `X-Request-Id`; the server's log knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// `GET /server`: how the asker may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerAccess {
    /// Of the program.
    pub version: String,
    /// Whether as a guest.
    pub guests: bool,
    /// Who may make an account.
    pub registration: Registration,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
    /// Who has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// `POST /auth/register`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Register {
    /// The wish; see the rules for names.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::AccountName))]
    pub name: String,
    /// 8 to 1,024 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::Password))]
    pub password: String,
    /// An invitation code, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// `POST /auth/login`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// An account's name.
    #[cfg_attr(feature = "openapi", schema(example = "ana"))]
    pub name: String,
    /// Its password.
    #[cfg_attr(feature = "openapi", schema(max_length = 1_024, format = Password, example = "correct horse battery"))]
    pub password: String,
}

/// `POST /auth/guest`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Guest {
    /// Asked for as `ana`, known as `~ana`.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::GuestName))]
    pub name: String,
}

/// `POST /auth/refresh`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The latest one given.
    pub refresh_token: String,
}

/// `POST /auth/logout`; the session of the bearer token ends.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Logout {
    /// Ends the session of this token, for a client whose access token has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// A session: what register, login, guest and refresh give.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// A JWT for `Authorization: Bearer` and the CONNECT payload.
    pub access_token: String,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// Opaque; used once, then replaced.
    pub refresh_token: String,
    /// Who one is.
    pub user: User,
}
secret_debug!(Register, Login, Refresh, Logout, Session, PatchMe, NewToken, NewInvite);

/// `GET /me`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// Who one is.
    pub user: User,
    /// What one may do on the whole server.
    pub role: ServerRole,
    /// What the token allows; absent for a session, which allows all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
}

/// `PATCH /me`
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatchMe {
    /// How one is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::DisplayName>))]
    pub display_name: Option<String>,
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::AccountName>))]
    pub name: Option<String>,
    /// A new password; ends all other sessions. Needs `current_password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::Password>))]
    pub password: Option<String>,
    /// The password so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = Password))]
    pub current_password: Option<String>,
}

/// What an API token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading what its owner may read.
    Read,
    /// Sending, editing, deleting, reacting as its bot.
    Send,
    /// The admin routes, if its owner is an admin.
    Admin,
}

impl Scope {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// `POST /tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateToken {
    /// For people, and the name of its bot.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::AccountName))]
    pub name: UserName,
    /// What it allows.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub scopes: Vec<Scope>,
    /// Only in these rooms; absent: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<RoomName>>,
    /// Absent: until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// An API token as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenInfo {
    /// To delete it by.
    pub id: String,
    /// For people.
    pub name: UserName,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Only in these rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<RoomName>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `POST /tokens` → 201; the token is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// As listed later.
    #[serde(flatten)]
    pub info: TokenInfo,
    /// The secret; shown once.
    pub token: String,
}

/// `GET /tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Newest first.
    pub tokens: Vec<TokenInfo>,
}

/// A session as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionInfo {
    /// To revoke it by.
    pub id: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub used_at: Timestamp,
    /// The program that opened it (its `User-Agent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether it is the asker's own.
    pub current: bool,
}

/// `GET /sessions`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sessions {
    /// Newest first.
    pub sessions: Vec<SessionInfo>,
}

/// `PATCH /rooms/{room}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatchRoom {
    /// One line, may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::Topic>))]
    pub topic: Option<String>,
    /// Public or private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::OpenKind>))]
    pub kind: Option<RoomKind>,
    /// For how many days texts are kept; 0: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// `PUT /rooms/{room}/members/{name}`: invites (private rooms) or sets a role or a mute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PutMember {
    /// `moderator` or `member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::GivenRole>))]
    pub role: Option<crate::model::Role>,
    /// Silenced until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::Reason>))]
    pub reason: Option<String>,
}

/// `PUT /rooms/{room}/bans/{name}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PutBan {
    /// Until then; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::written::Reason>))]
    pub reason: Option<String>,
}

/// `POST /rooms/{room}/messages`; the header `Idempotency-Key` is the same as `client_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostMessage {
    /// 1 to 8,000 bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::Text))]
    pub text: String,
    /// The sender's own key; made by the server where neither it nor the header is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// The message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
}

/// The message is on stable storage: 201, or 200 for a duplicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Posted {
    /// Where.
    pub room: RoomName,
    /// Its position.
    pub seq: Seq,
    /// When it was stored.
    pub at: Timestamp,
    /// It was stored before, by the same key.
    pub duplicate: bool,
}

/// `PATCH /rooms/{room}/messages/{seq}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatchMessage {
    /// The new text.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::written::Text))]
    pub text: String,
}

/// `POST /admin/invites`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateInvite {
    /// How many may register with it; 1 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub uses: Option<u32>,
    /// Absent: seven days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `POST /admin/invites` → 201; the code is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewInvite {
    /// To hand on.
    pub code: String,
    /// How many may register with it.
    pub uses: u32,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An invitation as listed; its code was shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InviteInfo {
    /// To delete it by.
    pub id: String,
    /// How many may still register with it.
    pub uses_left: u32,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `GET /admin/invites`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invites {
    /// Newest first.
    pub invites: Vec<InviteInfo>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<crate::Cursor>,
}

/// A user as an admin sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserInfo {
    /// As others see it.
    pub user: User,
    /// On the whole server.
    pub role: ServerRole,
    /// When it came.
    pub created_at: Timestamp,
    /// Kept out of the whole server until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned_until: Option<Timestamp>,
}

/// `GET /admin/users`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Users {
    /// By name.
    pub users: Vec<UserInfo>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<crate::Cursor>,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// Who acted; null for the command line.
    pub actor: Option<User>,
    /// What was done, as `member:ban` or `user:create`.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// Why, or how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `GET /admin/audit`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Audit {
    /// Newest first.
    pub lines: Vec<AuditLine>,
    /// There are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<crate::Cursor>,
}

/// `GET /readyz`; 200 while `ready`, 503 otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Whether to send traffic here.
    pub ready: bool,
    /// `ok` or what is wrong with the store.
    pub store: String,
    /// `ok`, or what is wrong with the bus; a bus that is down does not make the node unready.
    pub bus: String,
    /// Nodes on the same store that live, this one included.
    #[serde(default)]
    pub nodes: usize,
    /// `ok`, or why users of this node may not hear those of another at once; that does not make the node unready.
    #[serde(default)]
    pub cluster: String,
    /// Where there is a feed for other systems: `ok`, or how far it is behind and why; it does not make the node unready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// Where the relay is on: `ok`, or that its Redis is away; it does not make the node unready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
    /// Whether the node is going away.
    pub draining: bool,
}
