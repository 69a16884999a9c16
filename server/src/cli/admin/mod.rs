//! What the owner of the machine may ask, on the command line or through `DATA_DIR/admin.sock`: one JSON line there,
//! one back. The socket's file mode (0600) is the proof of who asks.

mod client;
mod server;

use std::sync::Arc;

use chat_common::event::server::ServerRole;
use chat_common::event::{member, room};
use chat_common::model::RoomKind;
use chat_common::model::User;
use chat_common::rest::{
    AuditLine, CreateHook, CreateInvite, CreateOutgoing, DeadLetter, HookInfo, InviteInfo, NewHook, NewInvite,
    NewOutgoing, NewSigning, OutgoingInfo, Resend, SessionInfo, TokenInfo, UserInfo,
};
use chat_common::{Cursor, ErrorBody, RoomName, RoomRef, Timestamp, UserName};
use serde::{Deserialize, Serialize};

pub use client::{Watching, ask, watch};
pub use server::{Bound, bind, serve};

use crate::domain::Refusal;
use crate::service::overview::Overview;
use crate::service::{Caller, Error, Result, Services, admin, erasure, hooks, members, outgoing, retention, rooms};

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
    UserShow { name: UserName },
    UserSessions { name: UserName },
    UserRevoke { name: UserName, session: Option<String> },
    InviteCreate { invite: CreateInvite },
    InviteList,
    InviteDelete { id: String },
    TokenList { name: UserName },
    TokenRevoke { name: UserName, id: String },
    BanList,
    RoomBanList { room: RoomName },
    RoomBan { room: RoomName, name: UserName, until: Option<Timestamp>, reason: Option<String> },
    RoomUnban { room: RoomName, name: UserName },
    RoomList { query: Option<String> },
    RoomShow { room: RoomName },
    RoomCreate { room: RoomName, owner: UserName, kind: RoomKind, topic: String },
    RoomSet { room: RoomName, kind: Option<RoomKind>, topic: Option<String> },
    RoomTransfer { room: RoomName, name: UserName },
    RoomDelete { room: RoomName },
    Audit { since: Option<Timestamp>, limit: u32 },
    AuditAfter { after: i64 },
    Watch,
    NoteBackup { file: std::path::PathBuf },
    UserErase { name: UserName, texts: bool },
    RoomRetention { room: RoomName, days: Option<u32> },
    RepairIndex,
    NoteExport { room: RoomName, detail: String },
    HookAdd { room: RoomRef, name: UserName },
    HookList { room: RoomRef },
    HookRotate { room: RoomRef, hook: String },
    HookDelete { room: RoomRef, hook: String },
    Outgoing { room: RoomRef, ask: OutgoingRequest },
}

/// About a room's outgoing webhooks; each names one by its id.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each stands in the command's help")]
pub enum OutgoingRequest {
    Add(CreateOutgoing),
    List,
    Rotate(String),
    Enable(String),
    Dead(String),
    Resend(String, Resend),
    Delete(String),
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
    User { user: Box<admin::UserDetail> },
    Sessions { sessions: Vec<SessionInfo> },
    Tokens { tokens: Vec<TokenInfo> },
    Rooms { rooms: Vec<admin::RoomInfo> },
    Room { room: Box<admin::RoomDetail> },
    RoomBans { bans: Vec<admin::RoomBan> },
    Audit { lines: Vec<AuditLine>, newest: i64 },
    Blanked { messages: u64 },
    Hook { hook: NewHook },
    Hooks { hooks: Vec<HookInfo> },
    Outgoing { made: NewOutgoing },
    Outgoings { outgoing: Vec<OutgoingInfo> },
    Signing { signing: NewSigning },
    Dead { dead: Vec<DeadLetter> },
    Resent { count: u32 },
}

/// A line of the socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Reply),
    Error(ErrorBody),
}

/// What the requests are answered with.
#[derive(Clone)]
pub struct Desk {
    /// The use cases.
    pub services: Arc<Services>,
    /// What watchers are told; `None` where no server runs.
    pub overview: Option<Overview>,
    /// Where the server listens, as `http://HOST:PORT`; `None` while none runs.
    pub base: Option<String>,
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
        Request::UserList { query, after } => {
            let page =
                |after| async { admin::users(s, &owner, query.clone(), after, None).await.map(|p| (p.users, p.next)) };
            Reply::Users { users: all(after, page).await? }
        }
        Request::UserShow { name } => Reply::User { user: Box::new(admin::user(s, &owner, &name).await?) },
        Request::UserSessions { name } => Reply::Sessions { sessions: admin::user(s, &owner, &name).await?.sessions },
        Request::UserRevoke { name, session } => done(admin::end_sessions(s, &owner, &name, session).await?),
        Request::UserRole { name, role } => done(admin::set_role(s, &owner, &name, role).await?),
        Request::UserBan { name, until, reason } => done(admin::ban(s, &owner, &name, until, reason).await?),
        Request::UserUnban { name } => done(admin::unban(s, &owner, &name).await?),
        Request::UserPassword { name, password } => {
            Reply::Password { password: admin::reset_password(s, &name, password).await? }
        }
        Request::InviteCreate { invite } => Reply::Invite { invite: admin::create_invite(s, &owner, invite).await? },
        Request::NoteBackup { file } => done(admin::note_backup(s, &owner, &file).await?),
        Request::InviteList => {
            let page = |after| async { admin::invites(s, &owner, after, None).await.map(|p| (p.invites, p.next)) };
            Reply::Invites { invites: all(None, page).await? }
        }
        Request::InviteDelete { id } => done(admin::delete_invite(s, &owner, &id).await?),
        Request::TokenList { name } => Reply::Tokens { tokens: admin::user(s, &owner, &name).await?.tokens },
        Request::TokenRevoke { name, id } => done(admin::revoke_token(s, &owner, &name, id).await?),
        Request::BanList => {
            let page = |after| async { admin::bans(s, &owner, after, None).await.map(|p| (p.users, p.next)) };
            Reply::Users { users: all(None, page).await? }
        }
        Request::Audit { since, limit } => {
            let (lines, newest) = admin::recent_audit(s, &owner, since, limit).await?;
            Reply::Audit { lines, newest }
        }
        Request::AuditAfter { after } => {
            let lines = admin::audit_after(s, &owner, after).await?;
            let newest = lines.last().map_or(after, |(id, _)| *id);
            Reply::Audit { lines: lines.into_iter().map(|(_, line)| line).collect(), newest }
        }
        Request::UserErase { name, texts } => {
            Reply::Blanked { messages: erasure::erase_and_wait(s, &owner, &name, texts).await? }
        }
        Request::RoomRetention { room, days } => {
            Reply::Blanked { messages: retention::set_and_apply(s, &owner, &room, days).await? }
        }
        Request::RepairIndex => done(admin::repair_index(s, &owner).await?),
        Request::NoteExport { room, detail } => done(admin::note_export(s, &owner, &room, detail).await?),
        // Answered by a stream of lines, where there is one (`server`).
        Request::Watch => return Err(Refusal::Forbidden("no server runs here that could be watched").into()),
        Request::HookAdd { room, name } => shown(desk, hooks::create(s, &owner, &room, CreateHook { name }).await?),
        Request::HookList { room } => Reply::Hooks { hooks: hooks::list(s, &owner, &room).await?.hooks },
        Request::HookRotate { room, hook } => {
            let id = hooks::find(s, &owner, &room, &hook).await?;
            shown(desk, hooks::rotate(s, &owner, &room, &id).await?)
        }
        Request::HookDelete { room, hook } => {
            let id = hooks::find(s, &owner, &room, &hook).await?;
            done(hooks::delete(s, &owner, &room, &id).await?)
        }
        Request::Outgoing { room, ask } => about_outgoing(s, &owner, &room, ask).await?,
        about_room => return on_room(s, &owner, about_room).await,
    })
}

async fn on_room(s: &Services, owner: &Caller, request: Request) -> Result<Reply> {
    Ok(match request {
        Request::RoomList { query } => {
            let page =
                |after| async { admin::rooms(s, owner, query.clone(), after, None).await.map(|p| (p.rooms, p.next)) };
            Reply::Rooms { rooms: all(None, page).await? }
        }
        Request::RoomShow { room } => Reply::Room { room: Box::new(admin::room(s, owner, &room).await?) },
        Request::RoomCreate { room, owner: whose, kind, topic } => {
            Reply::Rooms { rooms: vec![admin::create_room(s, owner, room, &whose, kind, &topic).await?] }
        }
        Request::RoomSet { room, kind, topic } => {
            rooms::update(s, owner, room::Update { room: room.into(), topic, kind, retention_days: None }).await?;
            Reply::Done
        }
        Request::RoomTransfer { room, name } => {
            rooms::transfer(s, owner, room::Transfer { room: room.into(), user: name }).await?;
            Reply::Done
        }
        Request::RoomDelete { room } => {
            rooms::delete(s, owner, room::Delete { room: room.into() }).await?;
            Reply::Done
        }
        Request::RoomBanList { room } => Reply::RoomBans { bans: admin::room_bans(s, owner, &room).await? },
        Request::RoomBan { room, name, until, reason } => {
            members::ban(s, owner, member::Ban { room: room.into(), user: name, until, reason }).await?;
            Reply::Done
        }
        Request::RoomUnban { room, name } => {
            members::unban(s, owner, member::Unban { room: room.into(), user: name }).await?;
            Reply::Done
        }
        _ => return Err(Error::Internal),
    })
}

async fn about_outgoing(s: &Services, owner: &Caller, room: &RoomRef, ask: OutgoingRequest) -> Result<Reply> {
    Ok(match ask {
        OutgoingRequest::Add(req) => Reply::Outgoing { made: outgoing::create(s, owner, room, req).await? },
        OutgoingRequest::List => Reply::Outgoings { outgoing: outgoing::list(s, owner, room).await?.outgoing },
        OutgoingRequest::Rotate(id) => Reply::Signing { signing: outgoing::rotate(s, owner, room, &id).await? },
        OutgoingRequest::Enable(id) => done(outgoing::enable(s, owner, room, &id).await?),
        OutgoingRequest::Dead(id) => Reply::Dead { dead: outgoing::dead(s, owner, room, &id).await?.dead },
        OutgoingRequest::Resend(id, req) => {
            Reply::Resent { count: outgoing::resend(s, owner, room, &id, req).await?.count }
        }
        OutgoingRequest::Delete(id) => done(outgoing::delete(s, owner, room, &id).await?),
    })
}

/// A webhook's address as far as it is known here: a proxy may give the server another one.
fn shown(desk: &Desk, made: hooks::Made) -> Reply {
    let url = format!("{}{}", desk.base.as_deref().unwrap_or_default(), made.path);
    let hook = NewHook { id: made.info.id, name: made.info.name, url, signing_secret: made.signing };
    Reply::Hook { hook }
}

/// All pages of a list.
async fn all<T, P>(mut after: Option<Cursor>, page: impl Fn(Option<Cursor>) -> P) -> Result<Vec<T>>
where
    P: Future<Output = Result<(Vec<T>, Option<Cursor>)>>,
{
    let mut all = Vec::new();
    loop {
        let (items, next) = page(after).await?;
        all.extend(items);
        after = next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn done((): ()) -> Reply {
    Reply::Done
}
