//! Erasing a user, as the law may ask for: everything that is about it, and on wish everything it wrote.

use chat_common::UserName;
use chat_common::event::server::{Hint, ServerRole};

use super::{Caller, Proof, Result, Services, access, admin, retention, tell};
use crate::domain::Refusal;

/// `DELETE /admin/users/{name}`: the account with its sessions, tokens, names, memberships and marks. What it wrote stays
/// under `erased`, or goes too with `texts`; the last of it soon after.
pub async fn erase(s: &Services, caller: &Caller, name: &UserName, texts: bool) -> Result<()> {
    caller.needs_admin()?;
    let row = access::user(s, name).await?;
    admin::not_oneself(caller, &row)?;
    if row.role == ServerRole::Admin && caller.proof != Proof::Local {
        return Err(Refusal::Forbidden("an admin cannot be erased; take the role back first").into());
    }
    let (s2, actor, at) = (s.clone(), caller.actor(), s.now());
    s.finish(async move {
        let rooms = s2.store.erase_user(actor, row.user.id, texts, at).await?;
        tell::authority(&s2).await;
        let nobody = crate::storage::gone_user(row.user.id)?;
        for room in rooms {
            let hint = match texts {
                true => Hint::UserErased { id: row.user.id },
                false => Hint::UserChanged { user: nobody.clone() },
            };
            tell::room(&s2, room.id, hint, None).await;
            tell::left(&s2, &room, &nobody, None).await;
        }
        s2.retention.ring();
        Ok(())
    })
    .await
}

/// As [`erase`], and waits until the texts are gone; how many messages had one.
pub async fn erase_and_wait(s: &Services, caller: &Caller, name: &UserName, texts: bool) -> Result<u64> {
    erase(s, caller, name, texts).await?;
    retention::all(s).await
}
