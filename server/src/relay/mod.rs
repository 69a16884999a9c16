//! For the clients of the systems that came before: `POST /app/push-data`, the namespaces `/` and `/events`, and, where
//! it is asked for, the Redis that Node servers share. An edge of its own beside the gateway and REST: it knows nothing
//! of the chat's rooms and users, and nobody on `/chat` is seen here.
//!
//! `hub` knows who is here, `peer` and `writer` what each socket is told, `events` the conversation of `/events`,
//! `push` the route. What goes to other nodes goes through `share`, in the format of `wire`.

mod access;
mod events;
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod namespace;
mod peer;
mod push;
mod redis;
mod share;
mod value;
mod wire;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use chat_common::{Clock, Limits, Timestamp};
use socketioxide::SocketIo;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cluster::Bus;
use crate::cluster::local::Listener;
use crate::cluster::wire::Topic;
use crate::config;
use crate::domain::Live;
use crate::domain::bucket::Rate;
use crate::listen::Lines;

use events::roster::Roster;
use hub::Hub;
use peer::{Ending, Out, Peer};
use share::Share;
use wire::{Broadcast, Nsp};

/// What the relay works with.
pub struct Parts {
    /// Where its namespaces are opened.
    pub io: SocketIo,
    /// What carries the sessions.
    pub lines: Arc<dyn Lines>,
    /// As configured, and on.
    pub config: config::Relay,
    /// The server is reached from loopback alone: its address is such a one, and no proxy stands before it.
    pub nearby: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is allowed.
    pub limits: Live<Limits>,
    /// The bus to nodes of ours and what comes over it for the relay; `None`: there are no others.
    pub bus: Option<(Arc<dyn Bus>, Listener)>,
}

/// What all parts of the relay share.
struct Core {
    /// This run of this node, among the servers on one Redis or bus.
    uid: String,
    hub: Hub,
    users: Mutex<Roster>,
    share: Share,
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
    limits: Live<Limits>,
    dropped: Dropped,
    draining: AtomicBool,
    tasks: TaskTracker,
}

/// Stops the relay, and says how it is.
#[derive(Clone)]
pub struct RelayHandle {
    core: Arc<Core>,
    /// One of the workers has ended, which none may.
    failed: CancellationToken,
}

/// Opens the namespaces and gives the route; `Err`: a sentence about what does not fit.
pub fn start(parts: Parts) -> Result<(Router, RelayHandle), String> {
    let access = access::access(&parts.config, parts.nearby)?;
    let (share, redis, feed, signals) = match (&parts.config.redis, parts.bus) {
        (Some(url), _) => {
            let (line, task) = redis::open(&url.0)?;
            (Share::Redis(line), Some(task), None, None)
        }
        (None, Some((bus, signals))) => {
            let interest = bus.follow(Topic::Relay);
            let (share, feed) = share::over_bus(bus);
            (share, None, Some(feed), Some((signals, interest)))
        }
        (None, None) => (Share::Alone, None, None, None),
    };
    let core = Arc::new(Core::new(share, parts.lines, parts.clock, parts.limits));
    for nsp in Nsp::ALL {
        namespace::open(&core, &parts.io, nsp);
    }
    let handle = RelayHandle { core: Arc::clone(&core), failed: CancellationToken::new() };
    if let Some(task) = redis {
        handle.worker(task.run(Arc::clone(&core)));
    }
    if let Some(feed) = feed {
        handle.worker(feed);
    }
    if let Some((signals, interest)) = signals {
        handle.worker(share::hear(Arc::clone(&core), signals, interest));
    }
    if core.share.is_shared() {
        handle.worker(Arc::clone(&core).beat());
    }
    Ok((push::router(core, access), handle))
}

/// Six characters that need no escaping, as Node's adapters have; random enough for some hundred servers.
fn uid() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    (0..10).map(|i| char::from(ALPHABET[(bits >> (6 * i) & 63) as usize])).collect()
}

impl Core {
    fn new(share: Share, lines: Arc<dyn Lines>, clock: Arc<dyn Clock>, limits: Live<Limits>) -> Self {
        Self {
            uid: uid(),
            hub: Hub::default(),
            users: Mutex::default(),
            share,
            lines,
            clock,
            limits,
            dropped: Dropped::default(),
            draining: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }
    }

    /// Tells this node's sockets and the others'.
    fn tell(&self, broadcast: &Broadcast) {
        self.deliver(broadcast);
        self.share.broadcast(&self.uid, broadcast);
    }

    /// Tells this node's sockets.
    fn deliver(&self, broadcast: &Broadcast) {
        for peer in self.hub.select(broadcast.nsp, &broadcast.to) {
            let out = Out::Event(Arc::clone(&broadcast.event), Arc::clone(&broadcast.args));
            if broadcast.volatile {
                peer.push_volatile(out);
            } else if !peer.push(out) {
                // Its writer ends it with all that belongs to an end.
                peer.end(Ending::TooSlow);
            }
        }
    }

    /// Ends a socket; only the first reason counts.
    fn end(self: &Arc<Self>, peer: &Arc<Peer>, ending: Ending) {
        peer.end(ending);
        if let Some(rooms) = self.hub.remove(peer)
            && peer.nsp == Nsp::Events
        {
            events::gone(self, peer, &rooms);
        }
    }

    fn take_request(&self, peer: &Peer, message: bool) -> Result<(), Duration> {
        let limits = &self.limits;
        let (count, burst) = if message {
            (limits.messages_per_second, limits.message_burst)
        } else {
            (limits.requests_per_second, limits.request_burst)
        };
        peer.take(message, Rate::new(count, Duration::from_secs(1), burst), self.clock.now())
    }
}

impl RelayHandle {
    fn worker(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ends = self.failed.clone().drop_guard();
        self.core.tasks.spawn(async move {
            let _ends = ends;
            work.await;
        });
    }

    /// Ends when something has ended that must not.
    pub async fn ended(&self) -> Result<(), String> {
        self.failed.cancelled().await;
        Err("a worker of the relay has ended".to_owned())
    }

    /// `Ok`, or that the shared Redis is away; for `/readyz`.
    pub fn health(&self) -> Result<(), String> {
        match &self.core.share {
            Share::Redis(line) if !line.is_up() => {
                Err("the Redis of --relay-redis does not answer; the relay's clients of this node go on alone"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Sockets of both namespaces.
    pub fn connections(&self) -> usize {
        self.core.hub.all().len()
    }

    /// Lets what waits leave and drops every transport, so that the clients come back elsewhere. Takes no longer than
    /// `within`.
    pub async fn drain(&self, within: Duration) {
        self.core.draining.store(true, Ordering::Relaxed);
        let idle = async {
            while !self.core.hub.all().iter().all(|p| p.is_idle()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(within.mul_f32(0.8), idle).await.is_err() {
            tracing::warn!("not every client of the relay took what it was told before the stop");
        }
        for peer in self.core.hub.all() {
            self.core.end(&peer, Ending::Dropped);
        }
        // The writers drop the transports a moment later.
        tokio::time::sleep(within.mul_f32(0.1).min(Duration::from_millis(200))).await;
    }
}

/// Says what was dropped, but not a thousand times a second.
#[derive(Debug, Default)]
struct Dropped {
    count: AtomicU64,
    said: AtomicI64,
}

impl Dropped {
    /// One more; a line once in ten seconds.
    fn note(&self, what: &str) {
        self.note_at(what, chat_common::SystemClock.now());
    }

    fn note_at(&self, what: &str, now: Timestamp) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let (said, now) = (self.said.load(Ordering::Relaxed), now.as_millis());
        let free = now - said >= 10_000;
        if free && self.said.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(count, "the relay dropped what it could not read: {what}");
        }
    }
}
