//! Making, changing, handing on and deleting rooms; bringing others in.

use chat_common::event::Empty;
use chat_common::event::room::{Create, Delete, Invite, RoomReply, Transfer, Update};
use chat_common::model::RoomKind;
use chat_common::rest::Scope;
use chat_common::text;

use crate::cluster::Signal;
use crate::service::limiter::Action;
use crate::service::{Caller, Error, Result, Services, access, retention, tell};

/// `room:create`
pub async fn create(s: &Services, caller: &Caller, req: Create) -> Result<RoomReply> {
    caller.needs(Scope::Send)?;
    if req.room.is_direct() {
        return Err(Error::invalid("room", "names that begin with `dm-` are direct conversations; take another name"));
    }
    access::covered(caller, &req.room)?;
    let kind = stored_kind(req.kind.unwrap_or(RoomKind::Public))?;
    let topic = topic(s, req.topic.as_deref().unwrap_or_default())?;
    let action = Action::CreateRoom(caller.user.id);
    s.limiter.take(action, &s.limits, s.now())?;
    let (s2, caller2) = (s.clone(), caller.clone());
    s.finish(async move {
        let max = s2.limits.rooms_per_user;
        match s2.store.create_room(caller2.user.id, req.room, kind, topic, max, s2.now()).await {
            Ok(row) => {
                tell::added(&s2, &row, caller2.user.id, caller2.conn).await;
                Ok(RoomReply { room: access::view(&s2, &caller2, &row.name).await? })
            }
            Err(error) => {
                s2.limiter.give_back(action, &s2.limits);
                Err(error.into())
            }
        }
    })
    .await
}

/// `room:delete`
pub async fn delete(s: &Services, caller: &Caller, req: Delete) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let row = s2.store.delete_room(actor, &room, at).await?;
        s2.presence.forget_members(row.id);
        s2.bus.publish(Signal::Deleted { room: row.id, name: row.name }).await;
        tell::authority(&s2).await;
        Ok(Empty {})
    })
    .await
}

/// `room:update`
pub async fn update(s: &Services, caller: &Caller, req: Update) -> Result<RoomReply> {
    let room = access::writable(s, caller, &req.room).await?;
    let kind = req.kind.map(stored_kind).transpose()?;
    let topic = req.topic.as_deref().map(|t| topic(s, t)).transpose()?;
    let days = req.retention_days.map(retention::days).transpose()?;
    if kind.is_none() && topic.is_none() && days.is_none() {
        return Err(Error::invalid("topic", "say what is to change: `topic`, `kind` or `retention_days`"));
    }
    s.limiter.take(Action::Message(caller.user.id), &s.limits, s.now())?;
    let (s2, caller2) = (s.clone(), caller.clone());
    s.finish(async move {
        if let Some(days) = days {
            retention::set(&s2, Some(caller2.user.id), &room, Some(days)).await?;
        }
        if topic.is_some() || kind.is_some() {
            let change = s2.store.update_room(caller2.user.id, &room, topic, kind, s2.now()).await?;
            tell::change(&s2, &change).await;
        }
        if kind == Some(RoomKind::Private) {
            tell::authority(&s2).await;
        }
        Ok(RoomReply { room: access::view(&s2, &caller2, &room).await? })
    })
    .await
}

/// `room:invite`
pub async fn invite(s: &Services, caller: &Caller, req: Invite) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let user = access::user(s, &req.user).await?.user;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let (row, new) = s2.store.invite(actor, &room, user.id, s2.limits.rooms_per_user, at).await?;
        if new {
            tell::joined(&s2, &row, &user, None).await;
        }
        Ok(Empty {})
    })
    .await
}

/// `room:transfer`
pub async fn transfer(s: &Services, caller: &Caller, req: Transfer) -> Result<Empty> {
    let room = access::writable(s, caller, &req.room).await?;
    let user = access::user(s, &req.user).await?.user;
    let (s2, actor, at) = (s.clone(), caller.user.id, s.now());
    s.finish(async move {
        let change = s2.store.transfer(actor, &room, user.id, at).await?;
        tell::change(&s2, &change).await;
        Ok(Empty {})
    })
    .await
}

fn stored_kind(kind: RoomKind) -> Result<RoomKind> {
    if kind == RoomKind::Direct {
        return Err(Error::invalid(
            "kind",
            "a room is `public` or `private`; a direct conversation is opened as `@name`",
        ));
    }
    Ok(kind)
}

fn topic(s: &Services, topic: &str) -> Result<String> {
    text::clean_label(topic, s.limits.topic_bytes).map_err(|e| Error::text("topic", &e))
}
