//! Members and moderation. Who may do what to whom is judged by the store, in the transaction that does it.

use std::time::Duration;

use chat_common::event::Empty;
use chat_common::event::member::{Ban, Kick, List, ListReply, Mute, SetRole, Unban};
use chat_common::event::server::Hint;
use chat_common::model::{Member, Role};
use chat_common::{RoomRef, UserName, text};

use super::{Caller, Error, Result, Services, access, page, tell};
use crate::storage::{Moderation, RoomId};

/// A mute without an end.
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// Bytes of a reason.
const REASON: usize = 300;

/// `member:list`
pub async fn list(s: &Services, caller: &Caller, req: List) -> Result<ListReply> {
    let access = access::readable(s, caller, &req.room).await?;
    let limit = page::limit(req.limit, s.limits.history_page);
    let after: Option<UserName> = page::read(req.after.as_ref())?;
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    let (members, more) = page_of(s, access.room.id, after, limit, budget).await?;
    let next = page::next(&members, more, |m| m.user.name.clone());
    Ok(ListReply { members, next })
}

/// Members by name, and whether there are more.
pub(super) async fn page_of(
    s: &Services,
    room: RoomId,
    after: Option<UserName>,
    limit: u32,
    budget: usize,
) -> Result<(Vec<Member>, bool)> {
    let mut members = s.store.members(room, after, limit + 1).await?;
    let more = page::cut(&mut members, limit, budget);
    Ok((members, more))
}

/// `member:kick`
pub async fn kick(s: &Services, caller: &Caller, req: Kick) -> Result<Empty> {
    moderate(s, caller, &req.room, &req.user, Moderation::Kick, req.reason).await
}

/// `member:ban`
pub async fn ban(s: &Services, caller: &Caller, req: Ban) -> Result<Empty> {
    if req.until.is_some_and(|until| until <= s.now()) {
        return Err(Error::invalid("until", "this time has passed; to lift a ban use `member:unban`"));
    }
    moderate(s, caller, &req.room, &req.user, Moderation::Ban { until: req.until }, req.reason).await
}

/// `member:unban`
pub async fn unban(s: &Services, caller: &Caller, req: Unban) -> Result<Empty> {
    moderate(s, caller, &req.room, &req.user, Moderation::Unban, None).await
}

/// `member:mute`
pub async fn mute(s: &Services, caller: &Caller, req: Mute) -> Result<Empty> {
    let until = req.until.unwrap_or_else(|| s.now().plus(TEN_YEARS));
    moderate(s, caller, &req.room, &req.user, Moderation::Mute { until }, req.reason).await
}

/// `member:role`
pub async fn role(s: &Services, caller: &Caller, req: SetRole) -> Result<Empty> {
    if req.role == Role::Owner {
        return Err(Error::invalid("role", "`moderator` or `member`; an owner is made by `room:transfer`"));
    }
    moderate(s, caller, &req.room, &req.user, Moderation::Role(req.role), None).await
}

async fn moderate(
    s: &Services,
    caller: &Caller,
    room: &RoomRef,
    user: &UserName,
    what: Moderation,
    reason: Option<String>,
) -> Result<Empty> {
    let room = access::writable(s, caller, room).await?;
    let reason = match reason {
        Some(reason) => text::clean_label(&reason, REASON).map_err(|e| Error::text("reason", &e))?,
        None => String::new(),
    };
    let reason = Some(reason).filter(|r| !r.is_empty());
    let user = access::user(s, user).await?.user.id;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let removes = matches!(what, Moderation::Kick | Moderation::Ban { .. });
        let change = s2.store.moderate(actor, &room, user, what, reason, at).await?;
        // The entry comes first: it is the last one that the removed member is told.
        tell::change(&s2, &change).await;
        if removes && change.entry.is_some() {
            s2.presence.member_left(change.room.id, user);
            tell::user(&s2, user, Hint::RoomGone { room: change.room.name.clone() }, None).await;
            tell::authority(&s2).await;
        }
        Ok(Empty {})
    })
    .await
}
