//! This node among the others that share the store: registers it, keeps its lease, notices who has died, and fences it
//! where it was dead itself. What to do when is `cluster::lease`'s to say; here it is done.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Services, presence};
use crate::cluster::lease::{Action, Event, LEASE, Life, STOPPED, Why};
use crate::storage::{NewNode, NodeId};

/// How often the machine is asked.
const TICK: Duration = Duration::from_millis(500);
/// A piece of work of the store counts as failed after this.
const PATIENCE: Duration = Duration::from_secs(3);
/// Answers of the store on their way: one of each kind.
const ANSWERS: usize = 8;
/// A chat that is split in two is complained of so often.
const COMPLAIN: Duration = Duration::from_secs(60);
/// Taking the node out of the registry, at its end, takes no longer.
const LEAVE: Duration = Duration::from_secs(2);

/// What a node says of itself to the others.
#[derive(Clone, Debug)]
pub struct About {
    /// Where it listens.
    pub address: String,
    /// The kind of its bus and where that leads, without secrets; `local` for none.
    pub bus: String,
}

/// This node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Node {
    // A std mutex is enough: every turn looks up or changes something in memory.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    life: Life,
    /// [`run`] asks the machine; without it nobody would, and the node would seem to be stopped.
    runs: bool,
    /// Why users of this node may not hear those of another one.
    split: Option<String>,
}

/// How the node stands, for `/readyz` and `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Nodes that live, this one included.
    pub nodes: usize,
    /// Since its lease was renewed; `None`: it has none.
    pub lease_age: Option<Duration>,
    /// Why users of this node may not hear those of another one.
    pub split: Option<String>,
}

impl Node {
    pub(super) fn new(id: NodeId) -> Self {
        let life = Life::new(id, Instant::now());
        Self { inner: Arc::new(Mutex::new(Inner { life, runs: false, split: None })) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who it is now.
    pub fn id(&self) -> NodeId {
        self.lock().life.id()
    }

    /// Whether the process was stopped for so long that others have taken over, and has not fenced itself yet: nothing
    /// that waits here may be done or told any more.
    pub fn was_stopped(&self) -> bool {
        let inner = self.lock();
        inner.runs && inner.life.silent(Instant::now()) > STOPPED
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let (inner, now) = (self.lock(), Instant::now());
        Standing { nodes: inner.life.others(now) + 1, lease_age: inner.life.lease_age(now), split: inner.split.clone() }
    }

    /// Another node was heard; false: it counts as dead.
    pub(super) fn heard(&self, node: NodeId) -> bool {
        self.lock().life.heard(node, Instant::now())
    }

    /// Another node has said that it ends.
    pub(super) fn leaves(&self, node: NodeId) {
        self.lock().life.leaves(node, Instant::now());
    }

    fn step(&self, event: Event) -> Vec<Action> {
        self.lock().life.step(event, Instant::now())
    }
}

/// A random id.
pub fn new_id() -> Result<NodeId, String> {
    getrandom::u64().map(NodeId).map_err(|error| format!("the system gives no random numbers: {error}"))
}

/// Runs until `end`. `fence` cuts every connection of this node, at once.
pub async fn run(
    s: Arc<Services>,
    about: About,
    fence: impl Fn() + Send + Sync,
    end: CancellationToken,
) -> Result<(), String> {
    s.node.lock().runs = true;
    let (tx, mut answers) = mpsc::channel(ANSWERS);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut complained = None;
    loop {
        let event = tokio::select! {
            // Whatever came in the meantime, the fence stands first.
            biased;
            () = end.cancelled() => break,
            _ = tick.tick() => Event::Tick,
            Some(answer) = answers.recv() => answer,
        };
        for action in s.node.step(event) {
            match action {
                Action::Fence(why) => refence(&s, why, &fence).await?,
                Action::Dead(node) => {
                    tracing::warn!(%node, "a node has died; its users are offline unless they are elsewhere");
                    // Beside this: the machine must be asked while the store hangs.
                    let s = Arc::clone(&s);
                    tokio::spawn(async move { presence::died(&s, node).await });
                }
                todo => {
                    let (s, about, tx) = (Arc::clone(&s), about.clone(), tx.clone());
                    tokio::spawn(async move {
                        if let Some(answer) = ask(&s, &about, todo).await {
                            let _ended = tx.send(answer).await;
                        }
                    });
                }
            }
        }
        split(&s, &about, &mut complained);
    }
    s.node.lock().runs = false;
    Ok(())
}

/// The node ends in order: the others are told, and need not wait for its lease to run out.
pub async fn leave(s: &Services) {
    presence::bye(s).await;
    match tokio::time::timeout(LEAVE, s.store.unregister_node(s.node.id())).await {
        Ok(Ok(())) => {}
        _ => tracing::debug!("the node could not be taken out of the registry; its lease runs out"),
    }
}

/// Cuts all connections and begins anew.
async fn refence(s: &Services, why: Why, fence: &(impl Fn() + Send + Sync)) -> Result<(), String> {
    // First of all, and without waiting for anything.
    fence();
    let old = s.node.id();
    let new = new_id()?;
    match why {
        Why::Stopped(time) => {
            tracing::error!(seconds = time.as_secs(), %old, %new, "this node was stopped; its connections are cut and it begins anew");
        }
        Why::Reclaimed => {
            tracing::error!(%old, %new, "other nodes have counted this one as dead; its connections are cut and it begins anew");
        }
    }
    s.node.lock().life.reborn(new, Instant::now());
    s.bus.renamed(new);
    presence::reborn(s, new).await;
    // Who was taken in between the two.
    fence();
    let (store, patience) = (Arc::clone(&s.store), PATIENCE);
    tokio::spawn(async move {
        // The others drop its people with it; if it fails, the lease runs out.
        let _either_way = tokio::time::timeout(patience, store.unregister_node(old)).await;
    });
    Ok(())
}

/// Asks the store; what it answered.
async fn ask(s: &Services, about: &About, todo: Action) -> Option<Event> {
    let id = s.node.id();
    match todo {
        Action::Register => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let node = NewNode { id, address: about.address.clone(), version, bus: about.bus.clone() };
            let done = timed("register this node", s.store.register_node(node, LEASE)).await.is_some();
            // Fenced in the meantime: it is another that is to register.
            Some(Event::Registered(done && s.node.id() == id))
        }
        Action::Renew => {
            let renewed = timed("renew this node's lease", s.store.renew_node(id, LEASE)).await;
            Some(Event::Renewed(id, renewed))
        }
        Action::Look => Some(Event::Live(timed("read the nodes", s.store.live_nodes()).await)),
        Action::Reclaim => {
            for node in timed("take out dead nodes", s.store.reclaim_nodes()).await.unwrap_or_default() {
                tracing::info!(%node, "the lease of a node has run out; it is taken out");
            }
            None
        }
        Action::Dead(_) | Action::Fence(_) => None,
    }
}

async fn timed<T>(what: &str, work: impl Future<Output = crate::storage::StoreResult<T>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::debug!(%error, "could not {what}");
            None
        }
        Err(_) => {
            tracing::debug!("could not {what} in time");
            None
        }
    }
}

/// What a node says of its wire and its key, so that others can tell whether they fit together.
pub fn wire_and_key(wire: &str, key: &str) -> String {
    format!("{wire};key={key}")
}

/// Why this node and others on the same store are not one chat, if they are not.
fn apart<'a>(own: &str, others: impl Iterator<Item = &'a str>) -> Option<String> {
    let parts = |said: &'a str| said.split_once(";key=").map_or((said, None), |(wire, key)| (wire, Some(key)));
    let (own_wire, own_key) = own.split_once(";key=").map_or((own, None), |(wire, key)| (wire, Some(key)));
    let kind = |wire: &str| wire.split(':').next().unwrap_or(wire).to_owned();
    let mut wires = BTreeSet::new();
    let mut keys = false;
    for (wire, key) in others.map(parts) {
        if wire == "local" || wire != own_wire {
            wires.insert(kind(wire));
        }
        keys |= key.is_some() && own_key.is_some() && key != own_key;
    }
    if keys {
        return Some(
            "another node on the same database has another key file: it refuses the tokens of this one, so clients that \
             change nodes must log in again; start all nodes with the same --key-file"
                .to_owned(),
        );
    }
    (!wires.is_empty()).then(|| {
        let (own, theirs) = (kind(own_wire), Vec::from_iter(wires).join(", "));
        format!(
            "another node on the same database has another bus (this one: {own}, other: {theirs}): users of one do not \
             hear those of the other at once; start all nodes with the same --bus"
        )
    })
}

/// Notices, and says each minute, that another node lives on the same store and does not hear this one.
fn split(s: &Services, about: &About, complained: &mut Option<Instant>) {
    let now = Instant::now();
    let mut inner = s.node.lock();
    inner.split = apart(&about.bus, inner.life.wires(now));
    match &inner.split {
        Some(why) if complained.is_none_or(|at| now.saturating_duration_since(at) >= COMPLAIN) => {
            tracing::warn!("{why}");
            *complained = Some(now);
        }
        None => *complained = None,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_another_bus_none_or_another_key_are_told_apart() {
        let own = wire_and_key("redis:1", "a");
        let said = |others: &[String]| apart(&own, others.iter().map(String::as_str));
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[own.clone(), own.clone()]), None);
        assert_eq!(said(&["redis:1".to_owned()]), None, "one that does not tell its key");
        for other in ["redis:2", "kafka:1", "local"] {
            let why = said(&[own.clone(), wire_and_key(other, "a")]).unwrap();
            assert!(why.contains("--bus"), "{why}");
        }
        let why = said(&[wire_and_key("redis:1", "b")]).unwrap();
        assert!(why.contains("--key-file"), "{why}");
        // Two without a bus do not hear each other, though they say the same.
        let alone = wire_and_key("local", "a");
        assert!(apart(&alone, std::iter::once(alone.as_str())).unwrap().contains("--bus"));
    }
}
