//! Oneself: who one is, another name, another password.

use chat_common::event::user::SetProfile;
use chat_common::model::UserKind;
use chat_common::rest;

use super::{password, throttle};
use crate::domain::Refusal;
use crate::service::{Caller, Error, Result, Services, profile, tell};

/// `GET /me`
pub async fn me(s: &Services, caller: &Caller) -> Result<rest::Me> {
    let row = s.store.user(caller.user.id).await?.ok_or(Refusal::USER)?;
    Ok(rest::Me { user: row.user, role: caller.role, scopes: caller.scopes.clone() })
}

/// `PATCH /me`
pub async fn patch_me(s: &Services, caller: &Caller, req: rest::PatchMe) -> Result<rest::Me> {
    if let Some(password) = req.password {
        let Some(current) = req.current_password else {
            return Err(Error::invalid("current_password", "a new password needs the password so far"));
        };
        change_password(s, caller, current, password).await?;
    }
    if req.name.is_some() || req.display_name.is_some() {
        profile::set(s, caller, SetProfile { display_name: req.display_name, name: req.name }).await?;
    }
    me(s, caller).await
}

/// Ends all other sessions.
async fn change_password(s: &Services, caller: &Caller, current: String, password: String) -> Result<()> {
    if caller.user.kind == UserKind::Guest {
        return Err(Refusal::Forbidden("a guest has no password; register an account").into());
    }
    let session = caller.needs_account()?.to_owned();
    password::check("password", &password)?;
    if password::too_long(&current) {
        return Err(Error::invalid("current_password", "this is not the password so far"));
    }
    let key = throttle::key(None, &caller.user.name);
    throttle::admit(s, &key).await?;
    let row = s.store.user(caller.user.id).await?.ok_or(Refusal::USER)?;
    let (_, phc) = s.store.credentials(&row.user.name).await?.ok_or(Refusal::USER)?;
    if !s.auth.hasher().verify(current, phc).await? {
        return Err(Error::invalid("current_password", "this is not the password so far"));
    }
    throttle::right(s, &key).await?;
    let hash = s.auth.hasher().hash(password).await?;
    let (user, at, s2) = (caller.user.id, s.now(), s.clone());
    s.finish(async move {
        s2.store.set_password(user, hash, Some(session), at).await?;
        tell::authority(&s2).await;
        Ok(())
    })
    .await
}
