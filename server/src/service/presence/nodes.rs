//! Who is present on other nodes: what they say is heard here, what this node says now and then is said here. The
//! machine is `domain::presence::Everyone`; whether a node lives is `service::node`'s to know.

use std::sync::Arc;
use std::time::Duration;

use chat_common::{RoomName, Timestamp};

use super::announce;
use crate::cluster::Signal;
use crate::cluster::gossip::{Person, Says, What};
use crate::cluster::local::Listener;
use crate::domain::presence::{Beat, Delta, Part};
use crate::service::Services;
use crate::storage::{NodeId, RoomId};

/// How often this node says how far it is.
const BEAT: Duration = Duration::from_millis(1_500);
/// A node that is asked by many new ones answers at most so often.
const GREET: Duration = Duration::from_millis(200);
/// Rooms of one telling.
const ROOMS: usize = 200;

/// Reads what other nodes say until the bus ends or the services drain.
pub fn listen(s: &Arc<Services>, mut listener: Listener) {
    let of_task = Arc::clone(s);
    s.tasks.spawn(async move {
        let s = of_task;
        loop {
            let signal = tokio::select! {
                () = s.closing.cancelled() => return,
                signal = listener.recv() => signal,
            };
            match signal {
                Some(Signal::Nodes(says)) => hear(&s, says).await,
                // What was missed shows by the others' next beat; ours may have been lost on the way too.
                Some(Signal::Missed { .. }) => beat(&s).await,
                Some(_) => {}
                None => return,
            }
        }
    });
}

/// What another node says.
pub(in crate::service) async fn hear(s: &Services, says: Says) {
    if says.node == s.node.id() || !s.node.heard(says.node) {
        return;
    }
    let (node, now) = (says.node.0, s.now());
    match says.what {
        What::Changed { version, people } => {
            let mut inner = s.presence.lock();
            let mut abouts = Vec::new();
            let people = people.into_iter().map(|Person { id, state, about }| {
                abouts.extend(about.map(|about| (id, about)));
                (id, state)
            });
            let people = people.collect();
            inner.everyone.hear_delta(node, Delta { version, people }, now);
            for (id, about) in abouts {
                if inner.everyone.is_again(id) {
                    inner.abouts.insert(id, about);
                }
            }
        }
        What::Beat { version, digest } => {
            let new = s.presence.lock().everyone.hear_beat(node, Beat { version, digest }, now);
            if new {
                greet(s, now).await;
            }
        }
        What::Ask { of } if of == s.node.id() => {
            // Only what is told already stands at the number that the parts carry.
            let parts = s.presence.lock().everyone.parts(now).unwrap_or_default();
            for Part { version, part, parts, people } in parts {
                say(s, What::Part { version, part, parts, people }).await;
            }
        }
        What::Ask { .. } => {}
        What::Part { version, part, parts, people } => {
            s.presence.lock().everyone.hear_part(node, Part { version, part, parts, people }, now);
        }
        What::Counts { rooms } => {
            for (id, name) in rooms {
                let room = RoomId(id);
                if s.presence.is_followed(room) {
                    s.presence.forget_members(room);
                    s.presence.count_changed(room, &name);
                }
            }
        }
        What::Bye => s.node.leaves(NodeId(node)),
    }
    announce::run(s).await;
}

/// A node is no more: who was there and nowhere else is offline.
pub(in crate::service) async fn died(s: &Services, node: NodeId) {
    s.presence.lock().everyone.drop_node(node.0);
    announce::run(s).await;
}

/// This node is another from now on, without connections.
pub(in crate::service) async fn reborn(s: &Services, node: NodeId) {
    s.presence.lock().reborn(node);
    beat(s).await;
}

/// What is to be said now: how far this node is, and what it misses of others.
pub(super) async fn upkeep(s: &Services, now: Timestamp) {
    let (due, asks) = {
        let mut inner = s.presence.lock();
        let due = inner.beat_at.is_none_or(|at| now < at || now.since(at) >= BEAT);
        (due, inner.everyone.asks(now))
    };
    if due {
        beat(s).await;
    }
    for node in asks {
        say(s, What::Ask { of: NodeId(node) }).await;
    }
}

/// The members of large rooms changed here: the other nodes tell their followers too.
pub(super) async fn counts(s: &Services, rooms: Vec<(RoomId, RoomName)>) {
    for some in rooms.chunks(ROOMS) {
        let rooms = some.iter().map(|(room, name)| (room.0, name.clone())).collect();
        say(s, What::Counts { rooms }).await;
    }
}

/// This node ends.
pub(in crate::service) async fn bye(s: &Services) {
    say(s, What::Bye).await;
}

/// Lets a new node know at once.
async fn greet(s: &Services, now: Timestamp) {
    let due = s.presence.lock().beat_at.is_none_or(|at| now < at || now.since(at) >= GREET);
    if due {
        beat(s).await;
    }
}

async fn beat(s: &Services) {
    let beat = {
        let mut inner = s.presence.lock();
        inner.beat_at = Some(s.now());
        inner.everyone.beat()
    };
    say(s, What::Beat { version: beat.version, digest: beat.digest }).await;
}

async fn say(s: &Services, what: What) {
    s.bus.publish(Signal::Nodes(Says { node: s.node.id(), what })).await;
}
