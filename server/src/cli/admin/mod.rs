//! What the owner of the machine may ask, on the command line or through `DATA_DIR/admin.sock`: one JSON line there,
//! one back. The socket's file mode (0600) is the proof of who asks.

mod client;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use chat_common::event::server::ServerRole;
use chat_common::model::User;
use chat_common::rest::{CreateInvite, InviteInfo, NewInvite, UserInfo};
use chat_common::{Cursor, ErrorBody, Timestamp, UserName};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use client::ask;
pub use server::{Bound, bind, serve};

use crate::service::{Caller, Result, Services, admin};
use crate::storage::StoreResult;

/// The socket in the data folder.
pub const SOCKET: &str = "admin.sock";
/// Bytes of one line.
const LINE: usize = 1024 * 1024;

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each stands in the command's help")]
pub enum Request {
    UserAdd { name: String, password: Option<String>, admin: bool },
    UserList { query: Option<String>, after: Option<Cursor> },
    UserRole { name: UserName, role: ServerRole },
    UserBan { name: UserName, until: Option<Timestamp>, reason: Option<String> },
    UserUnban { name: UserName },
    UserPassword { name: UserName, password: Option<String> },
    InviteCreate { invite: CreateInvite },
    InviteList,
    Backup { file: PathBuf },
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request { … }")
    }
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each stands beside its request")]
pub enum Reply {
    Done,
    Added { user: User, password: Option<String> },
    Password { password: Option<String> },
    Users { users: Vec<UserInfo> },
    Invite { invite: NewInvite },
    Invites { invites: Vec<InviteInfo> },
}

/// A line of the socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Reply),
    Error(ErrorBody),
}

/// Writes a copy of the store to a file.
pub type Backup = Arc<dyn Fn(PathBuf) -> BoxFuture<'static, StoreResult<()>> + Send + Sync>;

/// What the requests are answered with.
#[derive(Clone)]
pub struct Desk {
    /// The use cases.
    pub services: Arc<Services>,
    /// Writes a copy of the store, which may be in use, to a file that is not there yet.
    pub backup: Backup,
}

/// Does it.
pub async fn execute(desk: &Desk, request: Request) -> Result<Reply> {
    let s = &desk.services;
    let owner = Caller::local()?;
    Ok(match request {
        Request::UserAdd { name, password, admin } => {
            let (user, password) = admin::add_user(s, &name, password, admin).await?;
            Reply::Added { user, password }
        }
        Request::UserList { query, mut after } => {
            let mut users = Vec::new();
            loop {
                let page = admin::users(s, &owner, query.clone(), after, None).await?;
                users.extend(page.users);
                after = page.next;
                if after.is_none() {
                    break Reply::Users { users };
                }
            }
        }
        Request::UserRole { name, role } => done(admin::set_role(s, &owner, &name, role).await?),
        Request::UserBan { name, until, reason } => done(admin::ban(s, &owner, &name, until, reason).await?),
        Request::UserUnban { name } => done(admin::unban(s, &owner, &name).await?),
        Request::UserPassword { name, password } => {
            Reply::Password { password: admin::reset_password(s, &name, password).await? }
        }
        Request::InviteCreate { invite } => Reply::Invite { invite: admin::create_invite(s, &owner, invite).await? },
        Request::Backup { file } => done((desk.backup)(file).await?),
        Request::InviteList => Reply::Invites { invites: admin::invites(s, &owner).await?.invites },
    })
}

fn done((): ()) -> Reply {
    Reply::Done
}
