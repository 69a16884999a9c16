//! Reading a bearer token: an access token of a session, or an API token.

use chat_common::event::server::ServerRole;
use chat_common::rest::Scope;

use super::{enter, secret};
use crate::service::counters::Proving;
use crate::service::{Caller, Error, Proof, Result, Services};

/// Who a bearer token (access or API token) proves; `Unauthorized` with the reason, `Banned` from the server.
pub async fn authenticate(s: &Services, token: &str) -> Result<Caller> {
    let proved = match token.starts_with(secret::API_PREFIX) {
        true => by_api_token(s, token).await,
        false => by_access_token(s, token).await,
    };
    proved.inspect_err(|error| s.counters.proof_refused(Proving::Token, error))
}

async fn by_access_token(s: &Services, token: &str) -> Result<Caller> {
    let now = s.now();
    let claims = s.auth.verify(token, now)?;
    let ended = Error::Unauthorized("the session has ended; log in again");
    // The signature proves who asks. A ban ends all sessions, so it is looked at first: who is kept out is told so.
    let row = s.store.user(claims.sub).await?.ok_or(ended.clone())?;
    enter::not_banned(s, &row)?;
    let session = s.store.session(&claims.sid, now).await?.filter(|row| row.user == claims.sub).ok_or(ended)?;
    Ok(Caller {
        user: row.user,
        role: row.role,
        proof: Proof::Session(session.id),
        scopes: None,
        rooms: None,
        expires_at: Some(chat_common::Timestamp::from_millis(claims.exp.saturating_mul(1_000))),
        conn: None,
    })
}

async fn by_api_token(s: &Services, token: &str) -> Result<Caller> {
    let unknown = Error::Unauthorized("this API token is not known; it may have been deleted");
    if token.len() > 128 {
        return Err(unknown);
    }
    let row = s.store.token_by_hash(secret::hash(token)).await?.ok_or(unknown.clone())?;
    if row.expires_at.is_some_and(|end| end <= s.now()) {
        return Err(Error::Unauthorized(super::EXPIRED));
    }
    let users = s.store.users(&[row.bot, row.owner]).await?;
    let find = |id| users.iter().find(|u| u.user.id == id);
    let (Some(bot), Some(owner)) = (find(row.bot), find(row.owner)) else { return Err(unknown) };
    enter::not_banned(s, bot)?;
    enter::not_banned(s, owner)?;
    let admin = owner.role == ServerRole::Admin && row.scopes.contains(&Scope::Admin);
    Ok(Caller {
        user: bot.user.clone(),
        role: if admin { ServerRole::Admin } else { ServerRole::User },
        proof: Proof::Token(row.id),
        scopes: Some(row.scopes),
        rooms: row.rooms,
        expires_at: row.expires_at,
        conn: None,
    })
}
