//! What is published after a write. Nothing here fails towards the caller: the write is done.

use std::sync::Arc;

use chat_common::UserId;
use chat_common::event::server::Hint;
use chat_common::model::User;

use super::{Services, access};
use crate::cluster::{ConnId, Signal};
use crate::storage::{RoomChange, RoomId, RoomRow};

/// A change's entry, if there is one.
pub(super) async fn change(s: &Services, change: &RoomChange) {
    if let Some(entry) = &change.entry {
        s.bus.publish(Signal::Entry { room: change.room.id, entry: Arc::new(entry.clone()) }).await;
    }
}

/// A hint for a room's subscribers.
pub(super) async fn room(s: &Services, room: RoomId, hint: Hint, except: Option<UserId>) {
    s.bus.publish(Signal::Room { room, hint, except }).await;
}

/// A hint for a user's connections.
pub(super) async fn user(s: &Services, user: UserId, hint: Hint, except: Option<ConnId>) {
    s.bus.publish(Signal::User { user, hint, except }).await;
}

/// New rows stand in the authority log.
pub(super) async fn authority(s: &Services) {
    s.bus.publish(Signal::Authority).await;
}

/// Somebody became a member: told to the room (in large ones as a count) and to its own other connections.
pub(super) async fn joined(s: &Services, row: &RoomRow, member: &User, except: Option<ConnId>) {
    s.presence.member_joined(row.id, member.id);
    if row.members <= s.limits.presence_room {
        let hint = Hint::MemberJoined { room: row.name.clone(), user: member.clone() };
        room(s, row.id, hint, None).await;
        // The room has not heard of it when it came online.
        if let Some((status, text)) = s.presence.status(member.id) {
            let hint = Hint::PresenceChanged { room: row.name.clone(), user: member.clone(), status, text };
            room(s, row.id, hint, None).await;
        }
    } else {
        s.presence.members_changed(row.id, &row.name);
    }
    added(s, row, member.id, except).await;
}

/// A room is one's own from now on.
pub(super) async fn added(s: &Services, row: &RoomRow, member: UserId, except: Option<ConnId>) {
    match s.store.view(member, &row.name, s.now()).await {
        Ok(Some(view)) => {
            if let Ok(summary) = access::summary(s, view).await {
                user(s, member, Hint::RoomAdded { room: Box::new(summary) }, except).await;
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, room = %row.name, "a new room was not told; it shows on the next connect"),
    }
}

/// Somebody is no longer a member by its own will.
pub(super) async fn left(s: &Services, row: &RoomRow, member: &User, except: Option<ConnId>) {
    s.presence.member_left(row.id, member.id);
    s.bus.publish(Signal::Left { room: row.id, user: member.id }).await;
    if row.members <= s.limits.presence_room {
        let hint = Hint::MemberLeft { room: row.name.clone(), user: member.clone() };
        room(s, row.id, hint, None).await;
    } else {
        s.presence.members_changed(row.id, &row.name);
    }
    user(s, member.id, Hint::RoomGone { room: row.name.clone() }, except).await;
}
