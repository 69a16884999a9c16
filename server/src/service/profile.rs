//! Users: looking one up, one's own profile, blocking.

use chat_common::event::Empty;
use chat_common::event::server::Hint;
use chat_common::event::user::{Block, Get, SetProfile, UserReply};
use chat_common::model::UserKind;
use chat_common::rest::Scope;
use chat_common::{UserName, text};

use super::limiter::Action;
use super::{Caller, Error, Result, Services, access, tell};
use crate::domain::Refusal;

/// Users one can block.
pub(super) const BLOCKS: usize = 1_000;

/// `user:get`
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<UserReply> {
    caller.needs(Scope::Read)?;
    let user = access::user(s, &req.user).await?.user;
    let blocked = s.store.blocks(caller.user.id).await?.contains(&user.id);
    Ok(UserReply { user, blocked })
}

/// `profile:set`
pub async fn set(s: &Services, caller: &Caller, req: SetProfile) -> Result<UserReply> {
    caller.needs(Scope::Send)?;
    let row = s.store.user(caller.user.id).await?.ok_or(Refusal::USER)?;
    let name = match &req.name {
        Some(wish) => {
            let name = match row.user.kind {
                UserKind::Guest => UserName::parse(wish).map(UserName::guest),
                UserKind::User | UserKind::Bot => UserName::account(wish),
            };
            Some(name.map_err(|e| Error::invalid("name", e.to_string()))?).filter(|n| *n != row.user.name)
        }
        None => None,
    };
    let display_name = match &req.display_name {
        Some(label) => {
            let label = text::clean_label(label, s.limits.label_bytes).map_err(|e| Error::text("display_name", &e))?;
            // Cleared: shown by name again.
            let plain = || name.as_ref().unwrap_or(&row.user.name).to_string();
            Some(if label.is_empty() { plain() } else { label })
        }
        None => None,
    }
    .filter(|label| *label != row.user.display_name);
    if name.is_none() && display_name.is_none() {
        return Ok(UserReply { user: row.user, blocked: false });
    }
    s.limiter.take(Action::Message(caller.user.id), &s.limits, s.now())?;
    if name.is_some() {
        s.limiter.take(Action::Rename(caller.user.id), &s.limits, s.now())?;
    }
    let (s2, id) = (s.clone(), caller.user.id);
    s.finish(async move {
        let user = s2.store.set_profile(id, name, display_name, s2.now()).await?.user;
        tell::authority(&s2).await;
        tell::user(&s2, id, Hint::UserChanged { user: user.clone() }, None).await;
        match s2.store.rooms_of(id).await {
            Ok(rooms) => {
                for (room, _) in rooms {
                    tell::room(&s2, room, Hint::UserChanged { user: user.clone() }, Some(id)).await;
                }
            }
            Err(error) => tracing::warn!(%error, "a changed profile could not be told; it shows on the next read"),
        }
        Ok(UserReply { user, blocked: false })
    })
    .await
}

/// `user:block`
pub async fn block(s: &Services, caller: &Caller, req: Block) -> Result<Empty> {
    caller.needs(Scope::Send)?;
    let blocked = access::user(s, &req.user).await?.user;
    let other = blocked.id;
    if other == caller.user.id {
        return Err(Error::invalid("user", "this is yourself; name another user"));
    }
    if req.on && s.store.blocks(caller.user.id).await?.len() >= BLOCKS {
        return Err(Refusal::Forbidden("you have blocked a thousand users; take one back first").into());
    }
    let (s2, id, conn) = (s.clone(), caller.user.id, caller.conn);
    s.finish(async move {
        s2.store.set_block(id, other, req.on, s2.now()).await?;
        tell::user(&s2, id, Hint::UserBlocked { user: blocked, on: req.on }, conn).await;
        Ok(Empty {})
    })
    .await
}
