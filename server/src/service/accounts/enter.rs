//! Opening, renewing and ending sessions.

use std::time::Duration;

use chat_common::event::server::ServerRole;
use chat_common::model::{User, UserKind};
use chat_common::{ErrorCode, UserId, UserName, rest};

use super::{Origin, Registration, password, secret, throttle};
use crate::domain::Refusal;
use crate::service::counters::Proving;
use crate::service::limiter::Action;
use crate::service::{Caller, Error, Proof, Result, Services, access, tell};
use crate::storage::{NewUser, Rotation, SessionRow, UserRow};

/// A session that is not used ends after so long.
const SESSION: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Bytes kept of a `User-Agent`.
const AGENT: usize = 200;
/// One sentence for an unknown name and a wrong password.
const WRONG: Error = Error::Unauthorized("wrong name or password");

/// `POST /auth/register`
pub async fn register(s: &Services, origin: &Origin, req: rest::Register) -> Result<rest::Session> {
    let invite_hash = match (origin.registration, req.invite) {
        (Registration::Open, _) => None,
        (Registration::Invite, Some(code)) => Some(secret::hash(code.trim())),
        (Registration::Invite, None) => {
            return Err(Refusal::Forbidden(
                "an account needs an invitation here; ask an admin for one and pass it as `invite`",
            )
            .into());
        }
        (Registration::Closed, _) => {
            return Err(Refusal::Forbidden("registration is closed here; ask an admin for an account").into());
        }
    };
    let name = UserName::account(&req.name).map_err(|e| Error::invalid("name", e.to_string()))?;
    password::check("password", &req.password)?;
    let action = Action::Register(origin.address);
    limited(s, origin, action)?;
    // The store is the judge of names; this only spares the work of hashing for one that is plainly taken.
    if s.store.user_by_name(&name).await?.is_some() {
        s.limiter.give_back(action, &s.limits);
        return Err(Refusal::Conflict("this name is taken; choose another one").into());
    }
    let hash = s.auth.hasher().hash(req.password).await?;
    let new = NewUser {
        id: user_id()?,
        display_name: name.to_string(),
        name,
        kind: UserKind::User,
        role: ServerRole::User,
        password_hash: Some(hash),
        owner: None,
        invite_hash,
        at: s.now(),
    };
    let row = s.store.create_user(new).await?;
    open(s, origin, row).await
}

/// `POST /auth/guest`
pub async fn guest(s: &Services, origin: &Origin, req: rest::Guest) -> Result<rest::Session> {
    if !origin.guests {
        return Err(Refusal::Forbidden("guests are not let in here; log in with an account").into());
    }
    let name = UserName::parse(&req.name).map_err(|e| Error::invalid("name", e.to_string()))?;
    limited(s, origin, Action::Guest(origin.address))?;
    let new = NewUser {
        id: user_id()?,
        display_name: name.as_str().trim_start_matches('~').to_owned(),
        name: name.guest(),
        kind: UserKind::Guest,
        role: ServerRole::User,
        password_hash: None,
        owner: None,
        invite_hash: None,
        at: s.now(),
    };
    let row = s.store.create_user(new).await.map_err(|error| match Error::from(error) {
        e if e.body().code == ErrorCode::Conflict => {
            Refusal::Conflict("another guest had this name, or one that looks like it; choose another one").into()
        }
        e => e,
    })?;
    open(s, origin, row).await
}

/// `POST /auth/login`
pub async fn login(s: &Services, origin: &Origin, req: rest::Login) -> Result<rest::Session> {
    by_password(s, origin, req).await.inspect_err(|error| s.counters.proof_refused(Proving::Password, error))
}

async fn by_password(s: &Services, origin: &Origin, req: rest::Login) -> Result<rest::Session> {
    if password::too_long(&req.password) {
        password::check("password", &req.password)?;
    }
    let Ok(name) = UserName::account(&req.name) else { return Err(WRONG) };
    let key = throttle::key(Some(origin.address), &name);
    throttle::admit(s, &key).await?;
    let (row, hash) = match s.store.credentials(&name).await? {
        Some((row, hash)) => (Some(row), hash),
        None => (None, None),
    };
    let right = s.auth.hasher().verify(req.password, hash).await?;
    let Some(row) = row.filter(|_| right) else {
        // From where, for who blocks addresses. Not the name: people type their password there.
        tracing::info!(address = %origin.address, "a wrong name or password");
        return Err(WRONG);
    };
    throttle::right(s, &key).await?;
    open(s, origin, row).await
}

/// `POST /auth/refresh`
pub async fn refresh(s: &Services, origin: &Origin, req: rest::Refresh) -> Result<rest::Session> {
    let _ = origin;
    by_refresh(s, req).await.inspect_err(|error| s.counters.proof_refused(Proving::Refresh, error))
}

async fn by_refresh(s: &Services, req: rest::Refresh) -> Result<rest::Session> {
    let presented = req.refresh_token;
    if !presented.starts_with(secret::REFRESH_PREFIX) || presented.len() > 128 {
        return Err(Error::Unauthorized("the refresh token is not valid; log in again"));
    }
    let next = s.auth.successor(&presented);
    let now = s.now();
    let s2 = s.clone();
    let hashes = (secret::hash(&presented), secret::hash(&next));
    let rotation = s
        .finish(async move {
            let rotation = s2.store.rotate_refresh(hashes.0, hashes.1, now.plus(SESSION), now).await?;
            if rotation == Rotation::Reused {
                tracing::warn!("a refresh token was used again long after it was replaced; its session is ended");
                tell::authority(&s2).await;
            }
            Ok(rotation)
        })
        .await?;
    let session = match rotation {
        Rotation::Valid(session) => session,
        Rotation::Reused => {
            return Err(Error::Unauthorized("the refresh token was used before; its session is ended, log in again"));
        }
        Rotation::Unknown => return Err(Error::Unauthorized("the refresh token is not valid; log in again")),
    };
    let row = s.store.user(session.user).await?.ok_or(Error::Unauthorized("the user is gone"))?;
    not_banned(s, &row)?;
    give(s, row.user, &session.id, next)
}

/// `POST /auth/logout`
pub async fn logout(s: &Services, caller: Option<&Caller>, req: rest::Logout) -> Result<()> {
    let (user, session) = match (req.refresh_token, caller) {
        (Some(token), _) => match s.store.session_by_refresh(secret::hash(&token)).await? {
            Some(session) => (session.user, session.id),
            // It has ended already: that is what was asked for.
            None => return Ok(()),
        },
        (None, Some(Caller { user, proof: Proof::Session(id), .. })) => (user.id, id.clone()),
        (None, Some(_)) => {
            return Err(Refusal::Forbidden("an API token has no session; delete the token instead").into());
        }
        (None, None) => return Err(Error::Unauthorized("log in first, or pass the `refresh_token`")),
    };
    let (at, s2) = (s.now(), s.clone());
    s.finish(async move {
        if s2.store.revoke_session(user, &session, at).await? {
            tell::authority(&s2).await;
        }
        Ok(())
    })
    .await
}

/// Takes one from an address's bucket; the machine itself is exempt.
fn limited(s: &Services, origin: &Origin, action: Action) -> Result<()> {
    if origin.address.to_canonical().is_loopback() { Ok(()) } else { s.limiter.take(action, &s.limits, s.now()) }
}

/// A new user's id.
pub(in crate::service) fn user_id() -> Result<UserId> {
    Ok(UserId::from_bits(u64::from_le_bytes(secret::random()?)))
}

/// Opens a session for a user that has proved who it is.
async fn open(s: &Services, origin: &Origin, row: UserRow) -> Result<rest::Session> {
    not_banned(s, &row)?;
    let now = s.now();
    let refresh = secret::token(secret::REFRESH_PREFIX)?;
    let session = SessionRow {
        id: secret::id()?,
        user: row.user.id,
        agent: origin.agent.as_deref().map(cut_agent),
        created_at: now,
        used_at: now,
        expires_at: now.plus(SESSION),
    };
    let id = session.id.clone();
    s.store.create_session(session, secret::hash(&refresh)).await?;
    give(s, row.user, &id, refresh)
}

fn give(s: &Services, user: User, session: &str, refresh_token: String) -> Result<rest::Session> {
    let (access_token, expires_at) = s.auth.sign(user.id, session, s.now())?;
    Ok(rest::Session { access_token, expires_at, refresh_token, user })
}

/// Refuses a user that is kept out of the whole server.
pub(super) fn not_banned(s: &Services, row: &UserRow) -> Result<()> {
    match row.banned_until {
        Some(until) if until > s.now() => Err(access::banned(until)),
        _ => Ok(()),
    }
}

/// A `User-Agent` as it is kept: one line without control characters.
fn cut_agent(agent: &str) -> String {
    let mut out: String =
        agent.chars().filter(|c| !chat_common::text::is_unsafe(*c) && *c != '\n' && *c != '\t').collect();
    out.truncate(out.floor_char_boundary(AGENT));
    out
}
