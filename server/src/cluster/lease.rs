//! The life of a node among others: when to renew its lease, whom to count as dead, when to fence itself. A pure
//! machine; `service::node` reads the store and does what it says.
//!
//! A node that was stopped (SIGSTOP, a frozen virtual machine) comes back with connections and ideas of long ago, and
//! others have taken over in the meantime: it fences itself, which is to cut all its sockets and begin anew under
//! another id. The store that does not answer is no reason to: an outage would throw everybody out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::storage::{NodeId, NodeRow};

/// How long a lease runs.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(2);
/// How often the others are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After the store has failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often the machine must be asked at least, or the process was stopped.
pub const STOPPED: Duration = Duration::from_secs(10);
/// A dead node's people are kept for so long beyond its lease: who was cut off by its death has ten seconds to come
/// back elsewhere.
const LINGER: Duration = Duration::from_secs(2);
/// When the store was not heard of for longer, leases may have run out because of that.
const GAP: Duration = Duration::from_secs(4);
/// Dead nodes remembered; when there are more, the eldest is forgotten.
const DEAD: usize = 1_024;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed; asked for some times a second.
    Tick,
    /// The store has entered the node, or not.
    Registered(bool),
    /// The lease of this id was renewed (`Some(true)`), is not known any more (`Some(false)`), or the store failed.
    Renewed(NodeId, Option<bool>),
    /// The nodes whose lease runs; `None`: the store failed.
    Live(Option<Vec<NodeRow>>),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enter the node; [`Event::Registered`] is owed.
    Register,
    /// Renew the lease; [`Event::Renewed`] is owed.
    Renew,
    /// Read who lives; [`Event::Live`] is owed.
    Look,
    /// Take out of the store whose lease has run out.
    Reclaim,
    /// This node is dead: what it said is void.
    Dead(NodeId),
    /// Cut all sockets and begin anew: [`Life::reborn`].
    Fence(Why),
}

/// Why a node fences itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was stopped for so long.
    Stopped(Duration),
    /// Others have counted it as dead.
    Reclaimed,
}

#[derive(Clone, Debug)]
struct Peer {
    /// When its lease runs out, as far as is known.
    until: Instant,
    /// Its lease was seen to be renewed: it is not the remains of a node that has just died.
    renewed: bool,
    /// Of its wire to other nodes; `None`: not yet read from the store.
    bus: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Life {
    id: NodeId,
    /// The last time that it was asked.
    beat: Instant,
    registered: bool,
    registering: bool,
    register_at: Instant,
    renewing: bool,
    renew_at: Instant,
    /// When the lease was last renewed or entered.
    held: Option<Instant>,
    looking: bool,
    look_at: Instant,
    /// The last time that the store told who lives.
    seen: Option<Instant>,
    /// Before this nobody is counted as dead: everyone first gets the time to renew.
    trusted: Instant,
    peers: HashMap<NodeId, Peer>,
    dead: HashMap<NodeId, Instant>,
}

impl Life {
    /// Of a node that begins.
    pub fn new(id: NodeId, now: Instant) -> Self {
        Self {
            id,
            beat: now,
            registered: false,
            registering: false,
            register_at: now,
            renewing: false,
            renew_at: now,
            held: None,
            looking: false,
            look_at: now,
            seen: None,
            trusted: now + LEASE,
            peers: HashMap::new(),
            dead: HashMap::new(),
        }
    }

    /// The fence stands: the node is another from now on, and knows nobody.
    pub fn reborn(&mut self, id: NodeId, now: Instant) {
        // What the store was asked is still owed.
        let (registering, looking) = (self.registering, self.looking);
        *self = Self { registering, looking, dead: std::mem::take(&mut self.dead), ..Self::new(id, now) };
    }

    /// Who it is.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What to do.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Tick => return self.tick(now),
            Event::Registered(done) => {
                self.registering = false;
                self.registered = done;
                self.register_at = now + RETRY;
                self.renew_at = now + RENEW;
                if done {
                    self.held = Some(now);
                }
            }
            Event::Renewed(id, _) if id != self.id => {}
            Event::Renewed(_, Some(true)) => {
                (self.renewing, self.renew_at, self.held) = (false, now + RENEW, Some(now));
            }
            Event::Renewed(_, Some(false)) => return vec![Action::Fence(Why::Reclaimed)],
            Event::Renewed(_, None) => (self.renewing, self.renew_at) = (false, now + RETRY),
            Event::Live(rows) => return self.live(rows, now),
        }
        Vec::new()
    }

    /// Another node was heard over the bus; false: it counts as dead, and what it says is not to be listened to.
    pub fn heard(&mut self, node: NodeId, now: Instant) -> bool {
        if self.dead.contains_key(&node) {
            return false;
        }
        if node != self.id {
            self.peers.entry(node).or_insert(Peer { until: now + LEASE, renewed: false, bus: None });
        }
        true
    }

    /// Another node has said that it ends: its people have some seconds to come back elsewhere, as ever.
    pub fn leaves(&mut self, node: NodeId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.until = peer.until.min(now + LEASE - LINGER);
            peer.renewed = false;
        }
    }

    /// For how long it was not asked.
    pub fn silent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.beat)
    }

    /// How old its lease is; `None`: it has none.
    pub fn lease_age(&self, now: Instant) -> Option<Duration> {
        self.held.map(|held| now.saturating_duration_since(held))
    }

    /// Other nodes that live.
    pub fn others(&self, now: Instant) -> usize {
        self.peers.values().filter(|peer| peer.renewed && peer.until > now).count()
    }

    /// The wires of other nodes that live.
    pub fn wires(&self, now: Instant) -> impl Iterator<Item = &str> {
        self.peers.values().filter(move |p| p.renewed && p.until > now).filter_map(|p| p.bus.as_deref())
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        let silent = self.silent(now);
        self.beat = now;
        if silent > STOPPED {
            return vec![Action::Fence(Why::Stopped(silent))];
        }
        let mut actions = Vec::new();
        if !self.registered && !self.registering && now >= self.register_at {
            self.registering = true;
            actions.push(Action::Register);
        }
        if self.registered && !self.renewing && now >= self.renew_at {
            self.renewing = true;
            actions.push(Action::Renew);
        }
        if !self.looking && now >= self.look_at {
            self.looking = true;
            actions.push(Action::Look);
        }
        actions.extend(self.bury(now).into_iter().map(Action::Dead));
        actions
    }

    fn live(&mut self, rows: Option<Vec<NodeRow>>, now: Instant) -> Vec<Action> {
        self.looking = false;
        self.look_at = now + LOOK;
        let Some(rows) = rows else { return Vec::new() };
        if self.seen.is_some_and(|seen| now.saturating_duration_since(seen) > GAP) {
            self.trusted = self.trusted.max(now + LEASE);
        }
        self.seen = Some(now);
        let mut over = false;
        for row in rows {
            let id = row.node.id;
            if id == self.id {
                continue;
            }
            self.dead.remove(&id);
            let until = now + row.left;
            let peer = self.peers.entry(id).or_insert(Peer { until, renewed: false, bus: None });
            // The store's answer takes some time; a lease that was renewed is longer by more than that.
            peer.renewed |= peer.bus.is_some() && until > peer.until + RENEW / 2;
            peer.bus = Some(row.node.bus);
            peer.until = until;
        }
        over |= self.peers.values().any(|peer| peer.until <= now);
        if over && now >= self.trusted { vec![Action::Reclaim] } else { Vec::new() }
    }

    /// Takes out who is dead beyond doubt.
    fn bury(&mut self, now: Instant) -> Vec<NodeId> {
        if now < self.trusted {
            return Vec::new();
        }
        let Some(seen) = self.seen else { return Vec::new() };
        let dead: Vec<NodeId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.until + LINGER <= now && seen >= peer.until)
            .map(|(id, _)| *id)
            .collect();
        for id in &dead {
            self.peers.remove(id);
            if self.dead.len() >= DEAD
                && let Some(eldest) = self.dead.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id)
            {
                self.dead.remove(&eldest);
            }
            self.dead.insert(*id, now);
        }
        dead
    }
}

#[cfg(test)]
mod tests;
