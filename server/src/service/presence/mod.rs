//! Who is there, and who is typing: in memory. `domain::presence` is the machine; `nodes` hears and tells other nodes,
//! `announce` tells followers, `members` remembers who is in a room for as long as reads may be late, `typing` who
//! types, `counts` which large rooms are to be told a number.

mod announce;
mod counts;
mod members;
mod nodes;
mod typing;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chat_common::event::Empty;
use chat_common::event::presence::{Get, GetReply, Set};
use chat_common::event::server::Hint;
use chat_common::model::{Presence as Present, Status};
use chat_common::page::fitting;
use chat_common::rest::Scope;
use chat_common::{RoomName, Timestamp, UserId, text};

use super::{Caller, Error, Result, Services, access, page, tell};
use crate::cluster::gossip::About;
use crate::cluster::{ConnId, Signal};
use crate::domain::presence::Everyone;
use crate::storage::{NodeId, RoomId};

pub(super) use members::{count, of_room};
pub use nodes::listen;
pub(super) use nodes::{bye, died, reborn};
pub use typing::typing;

/// Users one `presence:get` may name.
const NAMES: usize = 200;
/// Users of a room whose presence is read for one reply of `presence:get`.
const SHOWN: usize = 400;

/// Whether somebody follows a room on this node.
type Followed = Box<dyn Fn(RoomId) -> bool + Send + Sync>;

/// Who is there. One small mutex: each turn holds it for look-ups in memory, never while waiting.
#[derive(Clone, Default)]
pub struct Presence {
    inner: Arc<Mutex<Inner>>,
    /// Changes are told one turn after another, so that the last telling is the one that holds.
    turn: Arc<tokio::sync::Mutex<()>>,
    followed: Arc<OnceLock<Followed>>,
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").field("present", &self.lock().everyone.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// As which it speaks to the others.
    node: NodeId,
    everyone: Everyone,
    /// What those who are connected here were last told of who is present.
    told: HashMap<UserId, announce::Told>,
    /// What other nodes have said about users who are to be told of.
    abouts: HashMap<UserId, About>,
    /// The store has failed: no telling before this.
    retry_at: Option<Timestamp>,
    beat_at: Option<Timestamp>,
    typing: typing::Typists,
    members: members::Members,
    counts: counts::Counts,
}

impl Inner {
    /// Forgets everything, under another name.
    fn reborn(&mut self, node: NodeId) {
        *self = Self { node, ..Self::default() };
    }
}

impl Presence {
    /// Of a node.
    pub(super) fn new(node: NodeId) -> Self {
        let presence = Self::default();
        presence.lock().node = node;
        presence
    }

    /// Says who knows whether a room is followed on this node; only such rooms are told of. Once: later ones are not
    /// heard.
    pub fn ask_followed(&self, followed: impl Fn(RoomId) -> bool + Send + Sync + 'static) {
        let _first_wins = self.followed.set(Box::new(followed));
    }

    fn is_followed(&self, room: RoomId) -> bool {
        self.followed.get().is_none_or(|followed| followed(room))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insert or remove: the state is whole whatever panicked while it was held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is in the room is to be read anew.
    pub(super) fn forget_members(&self, room: RoomId) {
        self.lock().members.forget(room);
    }

    /// Users present on any node.
    pub fn present(&self) -> usize {
        self.lock().everyone.len()
    }

    /// How a user is; `None`: offline.
    pub(super) fn status(&self, user: UserId) -> Option<(Status, Option<String>)> {
        self.lock().everyone.get(user).map(|state| (state.status, state.text.clone()))
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
        self.lock().counts.changed(room, name, false);
    }

    /// The members of a large room changed by this node's doing: the other nodes are told too.
    pub(super) fn members_changed(&self, room: RoomId, name: &RoomName) {
        self.lock().counts.changed(room, name, true);
    }
}

/// A connection of `user` begins: online at once. Its rooms are told behind the caller's back, so that a client with
/// many rooms does not wait for it.
pub async fn connected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let now = s.now();
    s.presence.lock().everyone.connect(user, conn.0, now);
    let of_task = Arc::clone(s);
    s.tasks.spawn(async move { announce::run(&of_task).await });
}

/// A connection ended: offline 10 s after the last one (by [`sweep`]).
pub fn disconnected(s: &Arc<Services>, user: UserId, conn: ConnId) {
    let now = s.now();
    s.presence.lock().everyone.disconnect(user, conn.0, now);
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
    s.presence.lock().everyone.set(caller.user.id, req.status, text, now);
    announce::run(s).await;
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
        members::both(&inner.everyone, &members).take(max).collect()
    };
    shown(s, ids, budget).await
}

/// The presence of users that are not offline, by name, as far as it fits.
async fn shown(s: &Services, mut ids: Vec<UserId>, budget: usize) -> Result<Vec<Present>> {
    {
        let inner = s.presence.lock();
        ids.retain(|id| inner.everyone.is_present(*id));
    }
    let rows = s.store.users(&ids).await?;
    let mut present: Vec<Present> = {
        let inner = s.presence.lock();
        rows.into_iter()
            .filter_map(|row| {
                let state = inner.everyone.get(row.user.id)?.clone();
                Some(Present { user: row.user, status: state.status, text: state.text, since: state.since })
            })
            .collect()
    };
    present.sort_by(|a, b| a.user.name.cmp(&b.user.name));
    present.truncate(fitting(&present, budget));
    Ok(present)
}

/// Lets run out what is over: presence 10 s after the last connection, typing after 6 s; tells large rooms their
/// numbers, each at most once in 5 s. Called some times a second.
pub async fn sweep(s: &Services) {
    let now = s.now();
    let (silent, due) = {
        let mut inner = s.presence.lock();
        inner.everyone.expire(now);
        (inner.typing.expire(now), inner.counts.due(now))
    };
    announce::run(s).await;
    nodes::upkeep(s, now).await;
    for typist in silent {
        let hint = Hint::TypingChanged { room: typist.name, user: typist.user.clone(), on: false };
        tell::room(s, typist.room, hint, Some(typist.user.id)).await;
    }
    let ours = due.iter().filter(|due| due.ours).map(|due| (due.room, due.name.clone())).collect();
    nodes::counts(s, ours).await;
    for counts::Due { room, name, .. } in due.into_iter().filter(|due| s.presence.is_followed(due.room)) {
        let numbers = async {
            let members = u32::try_from(of_room(s, room).await?.len()).unwrap_or(u32::MAX);
            Ok::<_, Error>((members, count(s, room).await?))
        };
        match numbers.await {
            Ok((members, present)) => {
                let hint = Hint::PresenceCount { room: name, members, present };
                s.bus.tell_here(Signal::Room { room, hint, except: None }).await;
            }
            Err(error) => tracing::warn!(%error, room = %name, "a room's numbers could not be told"),
        }
    }
}
