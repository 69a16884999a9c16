//! Tells who follows a room on this node what became of its members, and the other nodes what became of the people
//! connected to this one.
//!
//! It goes by what holds now and what was last told, not by events: whatever came in between, was lost or came twice,
//! the last telling is right. Every node tells its own followers, so each socket is told once.

use std::collections::HashMap;
use std::time::Duration;

use chat_common::UserId;
use chat_common::event::server::Hint;
use chat_common::model::Status;
use chat_common::page::json_len;
use futures_util::{StreamExt, stream};

use super::{Inner, members};
use crate::cluster::Signal;
use crate::cluster::gossip::{About, Person, Place, Says, What};
use crate::service::{Result, Services};

/// Users of one turn.
const BATCH: usize = 64;
/// Reads of the store at once.
const READS: usize = 16;
/// So long a turn waits for the store; then the other nodes are told without it.
const PATIENCE: Duration = Duration::from_secs(2);
/// After the store has failed.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes of one step on the wire, about.
const STEP: usize = 64 * 1_024;
/// What it takes to tell of somebody in very many rooms is not sent along.
const ABOUT: usize = 16 * 1_024;

/// What was last told of somebody.
pub(super) type Told = (Status, Option<String>);

/// Tells whatever is to be told; one turn after another, however many ask for it.
pub(super) async fn run(s: &Services) {
    let _turn = s.presence.turn.lock().await;
    while batch(s).await {}
}

/// One turn; false: there was nothing to tell.
async fn batch(s: &Services) -> bool {
    let now = s.now();
    let (users, unknown) = {
        let mut inner = s.presence.lock();
        if inner.retry_at.is_some_and(|at| now < at && at.since(now) <= RETRY) {
            return false;
        }
        inner.retry_at = None;
        let users = inner.everyone.take_changed(BATCH);
        let unknown = users.iter().copied().filter(|user| inner.wants_about(*user)).collect::<Vec<_>>();
        (users, unknown)
    };
    if users.is_empty() {
        return false;
    }
    let read = |user| async move { (user, tokio::time::timeout(PATIENCE, about(s, user)).await) };
    let mut read: Vec<_> = stream::iter(unknown).map(read).buffer_unordered(READS).collect().await;
    let mut failed = false;
    let (told, changed) = {
        let mut inner = s.presence.lock();
        let mut abouts: HashMap<UserId, About> =
            users.iter().filter_map(|user| Some((*user, inner.abouts.remove(user)?))).collect();
        for (user, about) in read.drain(..) {
            match about {
                Ok(Ok(Some(about))) => drop(abouts.insert(user, about)),
                Ok(Ok(None)) => {}
                Ok(Err(_)) | Err(_) => {
                    failed = true;
                    inner.everyone.again(user);
                }
            }
        }
        if failed {
            inner.retry_at = Some(now.plus(RETRY));
        }
        let told = users.iter().filter_map(|user| inner.news(*user, abouts.get(user))).collect::<Vec<_>>();
        (told, inner.steps(&users, abouts))
    };
    if failed {
        tracing::warn!("some changes of presence could not be told yet: the store is not available");
    }
    for says in changed {
        s.bus.publish(Signal::Nodes(says)).await;
    }
    for (about, (status, text)) in told {
        tell(s, about, status, text).await;
    }
    true
}

/// Small rooms are told who it is, large ones a number, later.
async fn tell(s: &Services, about: About, status: Status, text: Option<String>) {
    for place in about.rooms {
        if !s.presence.is_followed(place.room()) {
            continue;
        }
        if place.large {
            s.presence.count_changed(place.room(), &place.name);
            continue;
        }
        let (room, user) = (place.room(), about.user.clone());
        let hint = Hint::PresenceChanged { room: place.name, user, status, text: text.clone() };
        s.bus.tell_here(Signal::Room { room, hint, except: None }).await;
    }
}

/// Who somebody is and where; `None`: nobody.
async fn about(s: &Services, user: UserId) -> Result<Option<About>> {
    let Some(row) = s.store.user(user).await? else { return Ok(None) };
    let mut rooms = Vec::new();
    for (room, name) in s.store.rooms_of(user).await? {
        let members = members::of_room(s, room).await?.len();
        let large = u32::try_from(members).map_or(true, |n| n > s.limits.presence_room);
        rooms.push(Place { id: room.0, name, large });
    }
    Ok(Some(About { user: row.user, rooms }))
}

impl Inner {
    /// Whether the store is to be asked about a changed user: somebody is to be told, and nobody has said it.
    fn wants_about(&self, user: UserId) -> bool {
        // Nobody connected here: nobody to tell, unless it is about the last one that was.
        let anyone = !self.everyone.is_alone() || self.everyone.is_untold(user);
        anyone && !self.abouts.contains_key(&user)
    }

    /// What is to be told of a user to those who are connected here.
    fn news(&mut self, user: UserId, about: Option<&About>) -> Option<(About, Told)> {
        let told = self.told.get(&user).cloned().unwrap_or((Status::Offline, None));
        let holds = self.everyone.get(user).map_or((Status::Offline, None), |s| (s.status, s.text.clone()));
        if told == holds || (about.is_none() && self.everyone.is_again(user)) {
            return None;
        }
        if holds.0 == Status::Offline {
            self.told.remove(&user);
        } else {
            self.told.insert(user, holds.clone());
        }
        about.map(|about| (about.clone(), holds))
    }

    /// The steps that tell the other nodes of those connected here.
    fn steps(&mut self, users: &[UserId], mut abouts: HashMap<UserId, About>) -> Vec<Says> {
        let (mut says, mut some, mut size) = (Vec::new(), Vec::new(), 0);
        for (i, user) in users.iter().enumerate() {
            if let Some(about) = abouts.get(user) {
                let bytes = json_len(about);
                if bytes > ABOUT {
                    abouts.remove(user);
                }
                size += bytes.min(ABOUT);
            }
            some.push(*user);
            if size < STEP && i + 1 < users.len() {
                continue;
            }
            size = 0;
            if let Some(step) = self.everyone.step(some.drain(..)) {
                let people = step.people.into_iter();
                let people = people.map(|(id, state)| Person { id, state, about: abouts.remove(&id) }).collect();
                says.push(Says { node: self.node, what: What::Changed { version: step.version, people } });
            }
        }
        says
    }
}
