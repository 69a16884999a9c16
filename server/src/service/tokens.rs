//! API tokens and sessions of one's own.

use chat_common::event::server::ServerRole;
use chat_common::model::UserKind;
use chat_common::rest::{self, Scope};

use super::accounts::secret;
use super::limiter::Action;
use super::{Caller, Error, Proof, Result, Services, accounts, tell};
use crate::domain::Refusal;
use crate::storage::{NewUser, SessionRow, TokenRow};

/// Tokens one can have at once.
const TOKENS: usize = 50;
/// Rooms a token can be bound to.
const ROOMS: usize = 100;

/// `POST /tokens`; not for tokens and guests.
pub async fn create(s: &Services, caller: &Caller, req: rest::CreateToken) -> Result<rest::NewToken> {
    caller.needs_account()?;
    let now = s.now();
    if req.name.is_guest() {
        return Err(Error::invalid("name", "a token's name does not begin with `~`"));
    }
    let mut scopes = req.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Error::invalid("scopes", "name at least one of `read`, `send`, `admin`"));
    }
    if scopes.contains(&Scope::Admin) && caller.role != ServerRole::Admin {
        return Err(Refusal::Forbidden("only admins of this server may make a token with the scope `admin`").into());
    }
    if req.rooms.as_ref().is_some_and(|rooms| rooms.is_empty() || rooms.len() > ROOMS) {
        return Err(Error::invalid("rooms", "name 1 to 100 rooms, or leave `rooms` out for all"));
    }
    if req.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid("expires_at", "this time has passed; name a later one"));
    }
    if s.store.tokens(caller.user.id).await?.len() >= TOKENS {
        return Err(Refusal::Forbidden("you have fifty tokens; delete one first").into());
    }
    s.limiter.take(Action::MakeToken(caller.user.id), &s.limits, now)?;
    let token = secret::token(secret::API_PREFIX)?;
    let bot = NewUser {
        id: accounts::user_id()?,
        name: req.name.clone(),
        display_name: req.name.to_string(),
        kind: UserKind::Bot,
        role: ServerRole::User,
        password_hash: None,
        owner: Some(caller.user.id),
        invite_hash: None,
        at: now,
    };
    let row = TokenRow {
        id: secret::id()?,
        owner: caller.user.id,
        bot: bot.id,
        name: req.name,
        scopes,
        rooms: req.rooms,
        created_at: now,
        expires_at: req.expires_at,
    };
    let info = info(row.clone());
    s.store.create_token(row, secret::hash(&token), bot).await?;
    Ok(rest::NewToken { info, token })
}

/// `GET /tokens`
pub async fn list(s: &Services, caller: &Caller) -> Result<rest::Tokens> {
    caller.needs_account()?;
    let tokens = s.store.tokens(caller.user.id).await?.into_iter().map(info).collect();
    Ok(rest::Tokens { tokens })
}

/// `DELETE /tokens/{id}`
pub async fn delete(s: &Services, caller: &Caller, id: &str) -> Result<()> {
    caller.needs_account()?;
    let (s2, owner, id, at) = (s.clone(), caller.user.id, id.to_owned(), s.now());
    s.finish(async move {
        if !s2.store.delete_token(owner, &id, at).await? {
            return Err(Refusal::NotFound { what: "token" }.into());
        }
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}

/// As listed.
pub(super) fn info(row: TokenRow) -> rest::TokenInfo {
    let TokenRow { id, name, scopes, rooms, created_at, expires_at, .. } = row;
    rest::TokenInfo { id, name, scopes, rooms, created_at, expires_at }
}

/// `GET /sessions`
pub async fn sessions(s: &Services, caller: &Caller) -> Result<rest::Sessions> {
    let current = session_of(caller)?;
    let rows = s.store.sessions(caller.user.id, s.now()).await?;
    Ok(rest::Sessions { sessions: rows.into_iter().map(|row| session_info(row, Some(current))).collect() })
}

/// As listed to the one whose session is `current`.
pub(super) fn session_info(row: SessionRow, current: Option<&str>) -> rest::SessionInfo {
    let SessionRow { id, created_at, used_at, agent, .. } = row;
    rest::SessionInfo { current: Some(id.as_str()) == current, id, created_at, used_at, agent }
}

/// `DELETE /sessions/{id}`
pub async fn revoke_session(s: &Services, caller: &Caller, id: &str) -> Result<()> {
    session_of(caller)?;
    let (s2, user, id, at) = (s.clone(), caller.user.id, id.to_owned(), s.now());
    s.finish(async move {
        if !s2.store.revoke_session(user, &id, at).await? {
            return Err(Refusal::NotFound { what: "session" }.into());
        }
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}

/// `DELETE /sessions`: all but the asker's own.
pub async fn revoke_others(s: &Services, caller: &Caller) -> Result<()> {
    let keep = session_of(caller)?.to_owned();
    let (s2, user, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        s2.store.revoke_sessions(user, Some(keep), at).await?;
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}

/// The caller's own session; guests have some too, API tokens none.
fn session_of(caller: &Caller) -> Result<&str> {
    match &caller.proof {
        Proof::Session(id) => Ok(id),
        _ => Err(Refusal::Forbidden("an API token has no sessions; log in").into()),
    }
}
