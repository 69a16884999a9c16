//! What admins of the server do, over REST and on the command line: users, bans, invitations, the audit; `rooms` and
//! `people` are for the owner of the machine.

mod people;
mod rooms;

use std::time::Duration;

use chat_common::event::server::ServerRole;
use chat_common::model::{User, UserKind};
use chat_common::{Cursor, RoomName, Timestamp, UserId, UserName, rest, text};

pub use people::{UserDetail, end_sessions, revoke_token, user};
pub use rooms::{RoomBan, RoomDetail, RoomInfo, Rooms, create_room, room, room_bans, rooms};

use super::accounts::secret;
use super::{Caller, Error, Proof, Result, Services, access, accounts, page, tell};
use crate::domain::Refusal;
use crate::storage::{InviteRow, LOCAL, NewUser, UserRow};

/// An invitation without an end ends after so long.
const INVITE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Registrations one invitation can be good for.
const USES: u32 = 10_000;
/// Bytes of a reason.
const REASON: usize = 300;
/// Bytes of a search for users.
const QUERY: usize = 200;
/// Users looked at at once when banned ones are looked for.
const SCAN: u32 = 500;

impl Caller {
    /// The owner of the machine: may do everything an admin may; the audit shows no actor.
    pub fn local() -> Result<Self> {
        let name = UserName::account("local").map_err(|_| Error::Internal)?;
        Ok(Self {
            user: User { id: LOCAL, display_name: name.to_string(), name, kind: UserKind::User },
            role: ServerRole::Admin,
            proof: Proof::Local,
            scopes: None,
            rooms: None,
            expires_at: None,
            conn: None,
        })
    }
}

/// Makes an account, with the password given or a random one, which is then given back. For the command line.
pub async fn add_user(
    s: &Services,
    name: &str,
    password: Option<String>,
    admin: bool,
) -> Result<(User, Option<String>)> {
    let name = UserName::account(name).map_err(|e| Error::invalid("name", e.to_string()))?;
    let (password, generated) = password_or_new(password)?;
    let hash = s.auth.hasher().hash(password).await?;
    let new = NewUser {
        id: accounts::user_id()?,
        display_name: name.to_string(),
        name: name.clone(),
        kind: UserKind::User,
        role: if admin { ServerRole::Admin } else { ServerRole::User },
        password_hash: Some(hash),
        owner: None,
        invite_hash: None,
        at: s.now(),
    };
    let user = s.store.create_user(new).await?.user;
    let detail = admin.then(|| "admin".to_owned());
    s.store.add_audit(None, "user:create", name.as_str(), detail, s.now()).await?;
    Ok((user, generated))
}

/// Sets an account's password, given or random (then given back); ends all its sessions. For the command line.
pub async fn reset_password(s: &Services, name: &UserName, password: Option<String>) -> Result<Option<String>> {
    let row = access::user(s, name).await?;
    if row.user.kind != UserKind::User {
        return Err(Refusal::Forbidden("only accounts have a password").into());
    }
    let (password, generated) = password_or_new(password)?;
    let hash = s.auth.hasher().hash(password).await?;
    s.store.set_password(row.user.id, hash, None, s.now()).await?;
    s.store.add_audit(None, "user:password", name.as_str(), None, s.now()).await?;
    tell::authority(s).await;
    Ok(generated)
}

fn password_or_new(password: Option<String>) -> Result<(String, Option<String>)> {
    match password {
        Some(password) => {
            accounts::check_password("password", &password)?;
            Ok((password, None))
        }
        None => {
            let password = secret::id()?;
            Ok((password.clone(), Some(password)))
        }
    }
}

/// `GET /admin/users`
pub async fn users(
    s: &Services,
    caller: &Caller,
    query: Option<String>,
    after: Option<Cursor>,
    limit: Option<u32>,
) -> Result<rest::Users> {
    caller.needs_admin()?;
    let limit = page::limit(limit, s.limits.history_page);
    query.as_deref().map_or(Ok(()), |query| page::looked_for(query, QUERY))?;
    let rows = s.store.list_users(query, page::read(after.as_ref())?, limit + 1).await?;
    let mut users: Vec<_> = rows.into_iter().map(|row| info(s, row)).collect();
    let more = page::cut(&mut users, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&users, more, |u| u.user.name.clone());
    Ok(rest::Users { users, next })
}

/// `GET /admin/bans`: who is kept out of the server.
pub async fn bans(s: &Services, caller: &Caller, after: Option<Cursor>, limit: Option<u32>) -> Result<rest::Users> {
    caller.needs_admin()?;
    let limit = page::limit(limit, s.limits.history_page);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX) + 1;
    let mut after: Option<UserName> = page::read(after.as_ref())?;
    let mut users = Vec::new();
    while users.len() < wanted {
        let rows = s.store.list_users(None, after, SCAN).await?;
        let last = rows.len() < SCAN as usize;
        after = rows.last().map(|row| row.user.name.clone());
        users.extend(rows.into_iter().map(|row| info(s, row)).filter(|u| u.banned_until.is_some()));
        if last {
            break;
        }
    }
    let more = page::cut(&mut users, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&users, more, |u| u.user.name.clone());
    Ok(rest::Users { users, next })
}

fn info(s: &Services, row: UserRow) -> rest::UserInfo {
    let banned_until = row.banned_until.filter(|until| *until > s.now());
    rest::UserInfo { user: row.user, role: row.role, created_at: row.created_at, banned_until }
}

/// `PUT /admin/users/{name}`: makes an admin or takes it back.
pub async fn set_role(s: &Services, caller: &Caller, name: &UserName, role: ServerRole) -> Result<()> {
    caller.needs_admin()?;
    let row = access::user(s, name).await?;
    if row.user.kind != UserKind::User {
        return Err(Refusal::Forbidden("only an account can be an admin").into());
    }
    not_oneself(caller, &row)?;
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        s2.store.set_server_role(actor, row.user.id, role, at).await?;
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}

/// `PUT /admin/bans/{name}`: keeps a user out of the whole server; `until: None`: for good.
pub async fn ban(
    s: &Services,
    caller: &Caller,
    name: &UserName,
    until: Option<Timestamp>,
    reason: Option<String>,
) -> Result<()> {
    caller.needs_admin()?;
    if until.is_some_and(|until| until <= s.now()) {
        return Err(Error::invalid("until", "this time has passed; to lift a ban delete it"));
    }
    let reason = match reason {
        Some(reason) => text::clean_label(&reason, REASON).map_err(|e| Error::text("reason", &e))?,
        None => String::new(),
    };
    let row = access::user(s, name).await?;
    not_oneself(caller, &row)?;
    if row.role == ServerRole::Admin && caller.proof != Proof::Local {
        return Err(Refusal::Forbidden("an admin cannot be banned; take the role back first").into());
    }
    let until = until.unwrap_or(Timestamp::from_millis(crate::storage::FOREVER_MS));
    set_ban(s, caller, row.user.id, Some(until), Some(reason).filter(|r| !r.is_empty())).await
}

/// `DELETE /admin/bans/{name}`
pub async fn unban(s: &Services, caller: &Caller, name: &UserName) -> Result<()> {
    caller.needs_admin()?;
    let row = access::user(s, name).await?;
    set_ban(s, caller, row.user.id, None, None).await
}

async fn set_ban(
    s: &Services,
    caller: &Caller,
    user: UserId,
    until: Option<Timestamp>,
    reason: Option<String>,
) -> Result<()> {
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        s2.store.set_server_ban(actor, user, until, reason, at).await?;
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}

pub(super) fn not_oneself(caller: &Caller, row: &UserRow) -> Result<()> {
    if caller.actor() == Some(row.user.id) {
        return Err(Refusal::Forbidden("not on yourself; ask another admin").into());
    }
    Ok(())
}

/// `POST /admin/invites`
pub async fn create_invite(s: &Services, caller: &Caller, req: rest::CreateInvite) -> Result<rest::NewInvite> {
    caller.needs_admin()?;
    let now = s.now();
    let uses = req.uses.unwrap_or(1);
    if !(1..=USES).contains(&uses) {
        return Err(Error::invalid("uses", "an invitation is good for 1 to 10,000 registrations"));
    }
    let expires_at = req.expires_at.unwrap_or_else(|| now.plus(INVITE));
    if expires_at <= now {
        return Err(Error::invalid("expires_at", "this time has passed; name a later one"));
    }
    let code = secret::id()?;
    let row = InviteRow {
        id: secret::id()?,
        code_hash: secret::hash(&code),
        by: caller.actor(),
        uses_left: uses,
        expires_at,
    };
    let id = row.id.clone();
    s.store.create_invite(row, now).await?;
    s.store.add_audit(caller.actor(), "invite:create", &id, Some(format!("{uses} uses")), now).await?;
    Ok(rest::NewInvite { code, uses, expires_at })
}

/// `GET /admin/invites`: those still good, newest first. Their codes are not known any more.
pub async fn invites(
    s: &Services,
    caller: &Caller,
    after: Option<Cursor>,
    limit: Option<u32>,
) -> Result<rest::Invites> {
    caller.needs_admin()?;
    let limit = page::limit(limit, s.limits.history_page);
    let after: Option<String> = page::read(after.as_ref())?;
    let invites = s.store.invites(s.now()).await?.into_iter();
    let invites =
        invites.map(|row| rest::InviteInfo { id: row.id, uses_left: row.uses_left, expires_at: row.expires_at });
    let mut invites: Vec<_> = match after {
        None => invites.collect(),
        // One that was used up or deleted since has nothing behind it that could be found.
        Some(after) => invites.skip_while(|invite| invite.id != after).skip(1).collect(),
    };
    let more = page::cut(&mut invites, limit, s.limits.reply_bytes.saturating_sub(page::ENVELOPE));
    let next = page::next(&invites, more, |invite| invite.id.clone());
    Ok(rest::Invites { invites, next })
}

/// `DELETE /admin/invites/{id}`
pub async fn delete_invite(s: &Services, caller: &Caller, id: &str) -> Result<()> {
    caller.needs_admin()?;
    if !s.store.delete_invite(id).await? {
        return Err(Refusal::NotFound { what: "invitation" }.into());
    }
    s.store.add_audit(caller.actor(), "invite:delete", id, None, s.now()).await?;
    Ok(())
}

/// The audit's newest lines, at most `limit` and none before `since`, oldest first; with the number of the newest.
pub async fn recent_audit(
    s: &Services,
    caller: &Caller,
    since: Option<Timestamp>,
    limit: u32,
) -> Result<(Vec<rest::AuditLine>, i64)> {
    caller.needs_admin()?;
    let (_, newest) = s.store.audit(None, 1).await?;
    let Some(newest) = newest else { return Ok((Vec::new(), 0)) };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut lines, mut before) = (Vec::new(), newest.saturating_add(1));
    while lines.len() < wanted {
        let (more, last) = s.store.audit(Some(before), SCAN).await?;
        let fits = |line: &rest::AuditLine| since.is_none_or(|since| line.at >= since);
        let (found, all) = (more.len(), more.iter().all(fits));
        lines.extend(more.into_iter().filter(fits));
        match last {
            Some(last) if all && found >= SCAN as usize => before = last,
            _ => break,
        }
    }
    lines.truncate(wanted);
    lines.reverse();
    Ok((lines, newest))
}

/// The audit's lines after the one of this number, oldest first, with theirs.
pub async fn audit_after(s: &Services, caller: &Caller, after: i64) -> Result<Vec<(i64, rest::AuditLine)>> {
    caller.needs_admin()?;
    Ok(s.store.audit_after(after, SCAN).await?)
}

/// Notes that a copy of the database was written.
pub async fn note_backup(s: &Services, caller: &Caller, file: &std::path::Path) -> Result<()> {
    Ok(s.store.add_audit(caller.actor(), "backup:create", &file.display().to_string(), None, s.now()).await?)
}

/// `GET /admin/audit`: newest first.
pub async fn audit(s: &Services, caller: &Caller, after: Option<Cursor>, limit: Option<u32>) -> Result<rest::Audit> {
    caller.needs_admin()?;
    let limit = page::limit(limit, s.limits.history_page);
    let before: Option<i64> = page::read(after.as_ref())?;
    let (lines, last) = s.store.audit(before, limit).await?;
    let next = last.filter(|_| lines.len() >= limit as usize).map(|line| Cursor(line.to_string()));
    Ok(rest::Audit { lines, next })
}

/// `chat-server verify --repair`: the search index anew, where it is not as it should be; waits until it is whole.
pub async fn repair_index(s: &Services, caller: &Caller) -> Result<()> {
    caller.needs_admin()?;
    s.store.repair_index().await?;
    s.store.search_caught_up().await?;
    s.store.add_audit(caller.actor(), "index:repair", "search index", None, s.now()).await?;
    Ok(())
}

/// `chat-server export`: who wrote a room out stands in the audit before the first line is read.
pub async fn note_export(s: &Services, caller: &Caller, room: &RoomName, detail: String) -> Result<()> {
    caller.needs_admin()?;
    s.store.add_audit(caller.actor(), "room:export", room.as_str(), Some(detail), s.now()).await?;
    Ok(())
}
