//! Who is typing: told at once, over after 6 s unless repeated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_common::event::Empty;
use chat_common::event::presence::Typing;
use chat_common::event::server::Hint;
use chat_common::model::User;
use chat_common::{RoomName, Timestamp, UserId};

use crate::service::{Caller, Result, Services, access, tell};
use crate::storage::RoomId;

/// Over after so long.
const LASTS: Duration = Duration::from_secs(6);
/// Typists remembered; beyond, clients end the display by themselves.
const MAX: usize = 20_000;

/// One who types in one room.
#[derive(Clone, Debug)]
pub(super) struct Typist {
    pub room: RoomId,
    pub name: RoomName,
    pub user: User,
    until: Timestamp,
}

/// Everyone who types.
#[derive(Debug, Default)]
pub(super) struct Typists(HashMap<(RoomId, UserId), Typist>);

impl Typists {
    fn begin(&mut self, room: RoomId, name: RoomName, user: User, now: Timestamp) {
        let key = (room, user.id);
        if self.0.len() < MAX || self.0.contains_key(&key) {
            self.0.insert(key, Typist { room, name, user, until: now.plus(LASTS) });
        }
    }

    /// True: was typing.
    fn end(&mut self, room: RoomId, user: UserId) -> bool {
        self.0.remove(&(room, user)).is_some()
    }

    /// Takes out whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Typist> {
        let over: Vec<_> = self.0.iter().filter(|(_, t)| t.until <= now).map(|(key, _)| *key).collect();
        over.into_iter().filter_map(|key| self.0.remove(&key)).collect()
    }
}

/// `typing`; expires after 6 s.
pub async fn typing(s: &Arc<Services>, caller: &Caller, req: Typing) -> Result<Empty> {
    let access = access::speakable(s, caller, &req.room).await?;
    let (room, name, user, now) = (access.room.id, access.room.name, caller.user.clone(), s.now());
    let told = {
        let mut inner = s.presence.lock();
        if req.on {
            inner.typing.begin(room, name.clone(), user.clone(), now);
            true
        } else {
            inner.typing.end(room, user.id)
        }
    };
    if told {
        let id = user.id;
        tell::room(s, room, Hint::TypingChanged { room: name, user, on: req.on }, Some(id)).await;
    }
    Ok(Empty {})
}
