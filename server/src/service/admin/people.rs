//! One account as the owner of the machine sees it: its sessions, its tokens, its rooms; and ending them.

use chat_common::rest::{SessionInfo, TokenInfo, UserInfo};
use chat_common::{RoomName, UserName};
use serde::{Deserialize, Serialize};

use super::{Caller, Result, Services, access, info, tell};
use crate::domain::Refusal;
use crate::service::tokens;

/// A user with what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    /// The user.
    #[serde(flatten)]
    pub info: UserInfo,
    /// Its live sessions, newest first.
    pub sessions: Vec<SessionInfo>,
    /// Its API tokens, newest first.
    pub tokens: Vec<TokenInfo>,
    /// The rooms it is a member of, by name; direct conversations are left out.
    pub rooms: Vec<RoomName>,
}

/// A user with its sessions, tokens and rooms.
pub async fn user(s: &Services, caller: &Caller, name: &UserName) -> Result<UserDetail> {
    caller.needs_admin()?;
    let row = access::user(s, name).await?;
    let id = row.user.id;
    let mut rooms: Vec<_> = s.store.rooms_of(id).await?.into_iter().map(|(_, room)| room).collect();
    rooms.retain(|room| !room.is_direct());
    rooms.sort_unstable();
    let sessions = s.store.sessions(id, s.now()).await?;
    Ok(UserDetail {
        info: info(s, row),
        sessions: sessions.into_iter().map(|row| tokens::session_info(row, None)).collect(),
        tokens: s.store.tokens(id).await?.into_iter().map(tokens::info).collect(),
        rooms,
    })
}

/// Ends a user's session of this id, or all of them; its connections end.
pub async fn end_sessions(s: &Services, caller: &Caller, name: &UserName, id: Option<String>) -> Result<()> {
    caller.needs_admin()?;
    let user = access::user(s, name).await?.user;
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        let detail = match id {
            Some(id) if s2.store.revoke_session(user.id, &id, at).await? => format!("the session {id}"),
            Some(_) => return Err(Refusal::NotFound { what: "session" }.into()),
            None => {
                s2.store.revoke_sessions(user.id, None, at).await?;
                "all sessions".to_owned()
            }
        };
        tell::authority(&s2).await;
        Ok(s2.store.add_audit(actor, "user:revoke", user.name.as_str(), Some(detail), at).await?)
    })
    .await
}

/// Deletes a user's API token; its connections end.
pub async fn revoke_token(s: &Services, caller: &Caller, name: &UserName, id: String) -> Result<()> {
    caller.needs_admin()?;
    let user = access::user(s, name).await?.user;
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        if !s2.store.delete_token(user.id, &id, at).await? {
            return Err(Refusal::NotFound { what: "token" }.into());
        }
        tell::authority(&s2).await;
        Ok(s2.store.add_audit(actor, "token:revoke", user.name.as_str(), Some(format!("the token {id}")), at).await?)
    })
    .await
}
