//! The use cases, the only writers. Each is a free function `verb(&Services, &Caller, request) -> Result<reply>`
//! named like the event it serves; REST and the command line enter at the same functions. Services publish on the
//! bus, they never emit.

mod access;
pub mod accounts;
pub mod admin;
pub mod authority;
mod caller;
pub mod counters;
pub mod custom;
pub mod erasure;
pub mod error;
pub mod feed;
pub mod history;
pub mod hooks;
mod lead;
pub mod limiter;
pub mod members;
pub mod messages;
pub mod node;
pub mod outgoing;
pub mod overview;
mod page;
pub mod presence;
pub mod profile;
pub mod read;
pub mod retention;
pub mod rooms;
pub mod search;
pub mod sync;
mod tell;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::server::ServerInfo;
use chat_common::{Clock, Limits, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use caller::{Caller, Proof};
pub use error::{Error, Result};

use crate::cluster::Bus;
use crate::domain::Live;
use crate::outbound::Outbound;
use crate::storage::{NodeId, Store};
use crate::trail;

/// How often what runs out (presence, typing, counts) is looked at.
const UPKEEP: Duration = Duration::from_millis(250);

/// What every use case works with: handles only, so a clone is cheap and is what outliving tasks hold.
#[derive(Clone)]
pub struct Services {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The wire to all nodes' fan-outs.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is allowed; a reload of the configuration changes it.
    pub limits: Live<Limits>,
    /// Who answers.
    pub server: Arc<ServerInfo>,
    /// Keys and password hashing.
    pub auth: accounts::Auth,
    /// Token buckets.
    pub limiter: limiter::Limiter,
    /// This node among the others.
    pub node: node::Node,
    /// Who is there.
    pub presence: presence::Presence,
    /// What `/metrics` shows.
    pub counters: Arc<counters::Counters>,
    /// Wakes who blanks what is kept no longer.
    pub retention: retention::Wake,
    /// Calls addresses that others have named.
    pub outbound: Outbound,
    /// Told on this node when an outgoing webhook may have something to be told.
    pub wake: Arc<tokio::sync::Notify>,
    /// Writes that go on although nobody waits for them any more; [`Services::drain`] does.
    tasks: TaskTracker,
    /// Ends the upkeep.
    closing: CancellationToken,
}

/// What the composition root puts together.
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The wire.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is allowed.
    pub limits: Limits,
    /// Who answers; [`ServerInfo::node`] is filled in from `node`.
    pub server: ServerInfo,
    /// This node, until it fences itself.
    pub node: NodeId,
    /// From the key file.
    pub auth: accounts::Auth,
    /// Calls addresses that others have named.
    pub outbound: Outbound,
}

impl Services {
    /// Puts the services together and starts their upkeep; within a tokio runtime.
    pub fn start(parts: Parts) -> Arc<Self> {
        let s = Arc::new(Self::new(parts));
        s.tasks.spawn(upkeep(Arc::downgrade(&s), s.closing.clone()));
        s
    }

    /// The services without upkeep: nothing runs out by itself. For one-shot commands and tests.
    pub fn new(parts: Parts) -> Self {
        Self {
            store: parts.store,
            bus: parts.bus,
            clock: parts.clock,
            limits: Live::new(parts.limits),
            server: Arc::new(parts.server),
            auth: parts.auth,
            limiter: limiter::Limiter::default(),
            node: node::Node::new(parts.node),
            presence: presence::Presence::new(parts.node),
            counters: Arc::default(),
            retention: retention::Wake::default(),
            outbound: parts.outbound,
            wake: Arc::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Waits until every write under way is stored and published. Call it when the edges have ended and before the
    /// store is closed; it ends when the store answers, so bound it with a time limit.
    pub async fn drain(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a write, and what is to be told about it, to its end even if the caller stops waiting (time-out,
    /// disconnect): what was committed is published.
    async fn finish<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        match self.tasks.spawn(trail::carry(work)).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a write ended before its end");
                Err(Error::Internal)
            }
        }
    }
}

/// Ends with the services, or when they drain.
async fn upkeep(s: std::sync::Weak<Services>, closing: CancellationToken) {
    let mut tick = tokio::time::interval(UPKEEP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            _ = tick.tick() => {}
        }
        let Some(s) = s.upgrade() else { return };
        presence::sweep(&s).await;
    }
}
