//! Who is there, and who is typing: on this node, in memory. `domain::presence` is the machine; `members` remembers
//! who is in a room for as long as reads may be late, `typing` who types, `counts` which large rooms are to be told
//! a number.

mod counts;
mod members;
mod typing;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_common::event::Empty;
use chat_common::event::presence::{Get, GetReply, Set};
use chat_common::event::server::Hint;
use chat_common::model::{Presence as Present, Status};
use chat_common::page::fitting;
use chat_common::rest::Scope;
use chat_common::{RoomName, UserId, text};

use super::{Caller, Error, Result, Services, access, page, tell};
use crate::cluster::ConnId;
use crate::domain::presence::{People, State};
use crate::storage::RoomId;

pub(super) use members::{count, of_room};
pub use typing::typing;

/// Users one `presence:get` may name.
const NAMES: usize = 200;
/// Users of a room whose presence is read for one reply of `presence:get`.
const SHOWN: usize = 400;

/// Who is there, on this node. One small mutex: each turn holds it for look-ups in memory, never while waiting.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    people: People,
    typing: typing::Typists,
    members: members::Members,
    counts: counts::Counts,
}

impl Presence {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insert or remove: the state is whole whatever panicked while it was held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is in the room is to be read anew.
    pub(super) fn forget_members(&self, room: RoomId) {
        self.lock().members.forget(room);
    }

    /// How a user is; `None`: offline.
    pub(super) fn status(&self, user: UserId) -> Option<(Status, Option<String>)> {
        self.lock().people.get(user).map(|state| (state.status, state.text.clone()))
    }

    /// Somebody became a member of the room.
    pub(super) fn member_joined(&self, room: RoomId, user: UserId) {
        self.lock().members.change(room, user, true);
    }

    /// Somebody is no longer a member of the room.
    pub(super) fn member_left(&self, room: RoomId, user: UserId) {
        self.lock().members.change(room, user, false);
    }

    /// The numbers of a large room changed.
    pub(super) fn count_changed(&self, room: RoomId, name: &RoomName) {
        self.lock().counts.changed(room, name);
    }
}

/// A connection of `user` begins: online at once. Its rooms are told behind the caller's back, so that a client with
/// many rooms does not wait for it.
pub async fn connected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let now = s.now();
    let changed = s.presence.lock().people.connect(user, conn.0, now);
    if let Some(state) = changed {
        let of_task = Arc::clone(s);
        s.tasks.spawn(async move { announce(&of_task, user, &state).await });
    }
}

/// A connection ended: offline 10 s after the last one (by [`sweep`]).
pub fn disconnected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let now = s.now();
    s.presence.lock().people.disconnect(user, conn.0, now);
}

/// `presence:set`
pub async fn set(s: &Services, caller: &Caller, req: Set) -> Result<Empty> {
    caller.needs(Scope::Send)?;
    if req.status == Status::Offline {
        return Err(Error::invalid("status", "`online`, `away` or `dnd`; offline is who has no connection"));
    }
    let text = match &req.text {
        Some(text) => text::clean_label(text, s.limits.label_bytes).map_err(|e| Error::text("text", &e))?,
        None => String::new(),
    };
    let (now, text) = (s.now(), Some(text).filter(|t| !t.is_empty()));
    let changed = s.presence.lock().people.set(caller.user.id, req.status, text, now);
    if let Some(state) = changed {
        announce(s, caller.user.id, &state).await;
    }
    Ok(Empty {})
}

/// `presence:get`. Who is offline is left out, as is who shares no room with the caller.
pub async fn get(s: &Services, caller: &Caller, req: Get) -> Result<GetReply> {
    caller.needs(Scope::Read)?;
    let budget = s.limits.reply_bytes.saturating_sub(page::ENVELOPE);
    let present = match (req.room, req.users) {
        (Some(room), None) => {
            let access = access::readable(s, caller, &room).await?;
            present(s, access.room.id, SHOWN, budget).await?
        }
        (None, Some(names)) => {
            if names.len() > NAMES {
                return Err(Error::invalid("users", "name at most 200 users at once"));
            }
            let mut ids = Vec::new();
            for name in &names {
                if let Some(row) = s.store.user_by_name(name).await? {
                    ids.push(row.user.id);
                }
            }
            let shared = sharing(s, caller, &ids).await?;
            shown(s, shared, budget).await?
        }
        _ => return Err(Error::invalid("room", "pass either `room` or `users`")),
    };
    Ok(GetReply { present })
}

/// Those of `ids` that share a room with the caller; for a token of some rooms, one of these.
async fn sharing(s: &Services, caller: &Caller, ids: &[UserId]) -> Result<Vec<UserId>> {
    let Some(rooms) = &caller.rooms else {
        return Ok(s.store.sharing_a_room(caller.user.id, ids).await?);
    };
    let mut shared = HashSet::new();
    for name in rooms {
        let access = s.store.access(caller.user.id, name, s.now()).await?;
        let Some(access) = access.filter(|a| a.membership.is_some()) else { continue };
        let members = of_room(s, access.room.id).await?;
        shared.extend(ids.iter().filter(|id| members.contains(id)));
    }
    Ok(shared.into_iter().collect())
}

/// Who of a room is present, at most `max` and as far as it fits, by name.
pub(super) async fn present(s: &Services, room: RoomId, max: usize, budget: usize) -> Result<Vec<Present>> {
    let members = of_room(s, room).await?;
    let ids = {
        let inner = s.presence.lock();
        members::both(&inner.people, &members).take(max).collect()
    };
    shown(s, ids, budget).await
}

/// The presence of users that are not offline, by name, as far as it fits.
async fn shown(s: &Services, mut ids: Vec<UserId>, budget: usize) -> Result<Vec<Present>> {
    {
        let inner = s.presence.lock();
        ids.retain(|id| inner.people.is_present(*id));
    }
    let rows = s.store.users(&ids).await?;
    let mut present: Vec<Present> = {
        let inner = s.presence.lock();
        rows.into_iter()
            .filter_map(|row| {
                let state = inner.people.get(row.user.id)?.clone();
                Some(Present { user: row.user, status: state.status, text: state.text, since: state.since })
            })
            .collect()
    };
    present.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    present.truncate(fitting(&present, budget));
    Ok(present)
}

/// Tells a change to the user's rooms: small ones who it is, large ones a number, later.
async fn announce(s: &Services, user: UserId, state: &State) {
    if let Err(error) = try_announce(s, user, state).await {
        tracing::warn!(%error, "a change of presence could not be told; it shows on the next read");
    }
}

async fn try_announce(s: &Services, user: UserId, state: &State) -> Result<()> {
    let Some(row) = s.store.user(user).await? else { return Ok(()) };
    for (room, name) in s.store.rooms_of(user).await? {
        let members = of_room(s, room).await?.len();
        if u32::try_from(members).is_ok_and(|n| n <= s.limits.presence_room) {
            let hint = Hint::PresenceChanged {
                room: name,
                user: row.user.clone(),
                status: state.status,
                text: state.text.clone(),
            };
            tell::room(s, room, hint, None).await;
        } else {
            s.presence.count_changed(room, &name);
        }
    }
    Ok(())
}

/// Lets run out what is over: presence 10 s after the last connection, typing after 6 s; tells large rooms their
/// numbers, each at most once in 5 s. Called some times a second.
pub async fn sweep(s: &Services) {
    let now = s.now();
    let (gone, silent, counts) = {
        let mut inner = s.presence.lock();
        (inner.people.expire(now), inner.typing.expire(now), inner.counts.due(now))
    };
    for (user, state) in gone {
        announce(s, user, &state).await;
    }
    for typist in silent {
        let hint = Hint::TypingChanged { room: typist.name, user: typist.user.clone(), on: false };
        tell::room(s, typist.room, hint, Some(typist.user.id)).await;
    }
    for (room, name) in counts {
        let numbers = async {
            let members = u32::try_from(of_room(s, room).await?.len()).unwrap_or(u32::MAX);
            Ok::<_, Error>((members, count(s, room).await?))
        };
        match numbers.await {
            Ok((members, present)) => {
                tell::room(s, room, Hint::PresenceCount { room: name, members, present }, None).await;
            }
            Err(error) => tracing::warn!(%error, room = %name, "a room's numbers could not be told"),
        }
    }
}
