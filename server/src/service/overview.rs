//! What admins watch: one node each second, and the audit as it is written. It is looked at only while somebody watches,
//! once for all who do.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use chat_common::RoomName;
use chat_common::event::admin::{
    Connections, Latency, NodeInfo, Person, Queue, Rates, RoomLoad, SlowReader, Snapshot, Tick, Totals, Usage,
};
use chat_common::event::server::ServerInfo;
use chat_common::rest::AuditLine;
use tokio::sync::{Mutex, broadcast};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::counters::{Census, Edge, Watched};
use super::{Caller, Result, Services};
use crate::measure::Spread;
use crate::measure::process::Process;

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// A part of the store that does not answer within this is told as away.
const PATIENCE: Duration = Duration::from_millis(800);
/// Events that a watcher may be behind; then it misses the oldest.
const BEHIND: usize = 256;
/// Rooms and connections that are told one by one.
const MOST: usize = 50;
/// Lines of the audit that one begins with.
const AUDIT: u32 = 50;
/// Lines of the audit read at once.
const AUDIT_PAGE: u32 = 200;
/// Another node's line may come to be seen after one with a higher number: the last ones are looked at again.
const AUDIT_AGAIN: i64 = 50;

/// Something to tell.
#[derive(Clone, Debug)]
pub enum Told {
    /// A second is over.
    Tick(Arc<Tick>),
    /// Something was done.
    Audit(Arc<AuditLine>),
}

/// The way to `run`. Cheap to clone.
#[derive(Clone)]
pub struct Overview {
    services: Weak<Services>,
    edge: Arc<dyn Watched>,
    told: broadcast::Sender<Told>,
    wake: Arc<tokio::sync::Notify>,
    tail: Arc<Mutex<Tail>>,
    begun: Instant,
}

/// How it stood when it was looked at last.
struct Last {
    at: Instant,
    census: Census,
    messages: u64,
    requests: u64,
    refusals: u64,
    commits: Spread,
    lag: Spread,
    cpu: Option<f64>,
    rooms: HashMap<RoomName, u64>,
}

impl Overview {
    /// Of these services and this edge. [`Overview::run`] must run beside it.
    pub fn new(services: &Arc<Services>, edge: Arc<dyn Watched>) -> Self {
        let (told, _) = broadcast::channel(BEHIND);
        let (wake, tail) = (Arc::default(), Arc::default());
        Self { services: Arc::downgrade(services), edge, told, wake, tail, begun: Instant::now() }
    }

    /// From now on: where one begins, and what comes. Admins alone.
    pub async fn watch(&self, s: &Services, caller: &Caller) -> Result<(Snapshot, broadcast::Receiver<Told>)> {
        caller.needs_admin()?;
        // Before the audit is read: a line that is written now is told twice rather than not at all.
        let mut tail = self.tail.lock().await;
        if self.told.receiver_count() == 0 {
            tail.begin(s).await?;
        }
        let told = self.told.subscribe();
        drop(tail);
        self.wake.notify_one();
        let (audit, _) = super::admin::recent_audit(s, caller, None, AUDIT).await?;
        let tick = self.look(s, None).await.0;
        Ok((Snapshot { tick, audit }, told))
    }

    /// Looks while somebody watches, until `end`.
    pub async fn run(self, end: CancellationToken) -> std::result::Result<(), String> {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = end.cancelled() => return Ok(()),
            }
            let mut tick = tokio::time::interval(TICK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut last = None;
            while self.told.receiver_count() > 0 {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = end.cancelled() => return Ok(()),
                }
                let Some(s) = self.services.upgrade() else { return Ok(()) };
                let first = last.is_none();
                let (now, at) = self.look(&s, last).await;
                last = Some(at);
                // The first look has nothing to compare with; who began was told how it stands.
                if !first {
                    let _nobody = self.told.send(Told::Tick(Arc::new(now)));
                }
                for line in self.tail.lock().await.more(&s).await {
                    let _nobody = self.told.send(Told::Audit(Arc::new(line)));
                }
            }
        }
    }

    async fn look(&self, s: &Services, last: Option<Last>) -> (Tick, Last) {
        let (census, process) = (self.edge.census(), Process::now());
        let counters = &s.counters;
        let followed = self.edge.followed();
        let now = Last {
            at: Instant::now(),
            messages: counters.messages.load(std::sync::atomic::Ordering::Relaxed),
            requests: Edge::ALL.into_iter().map(|edge| counters.took(edge).spread().count()).sum(),
            refusals: Edge::ALL.into_iter().flat_map(|edge| counters.refused(edge)).map(|(_, n)| n).sum(),
            commits: s.store.commits().took.spread(),
            lag: counters.lag.spread(),
            cpu: process.cpu_seconds,
            rooms: followed.iter().map(|room| (room.room.clone(), room.entries)).collect(),
            census,
        };
        let since = last.as_ref().unwrap_or(&now);
        let seconds = now.at.duration_since(since.at).as_secs_f64();
        let rate = |now: u64, then: u64| if seconds > 0.0 { now.saturating_sub(then) as f64 / seconds } else { 0.0 };
        let commits = now.commits.since(&since.commits);
        let mut rooms: Vec<RoomLoad> = followed
            .into_iter()
            .map(|room| RoomLoad {
                per_second: since.rooms.get(&room.room).map_or(0.0, |then| rate(room.entries, *then)),
                room: room.room,
                entries: room.entries,
                followers: room.followers,
            })
            .collect();
        rooms.sort_by(|a, b| b.per_second.total_cmp(&a.per_second).then_with(|| b.entries.cmp(&a.entries)));
        rooms.truncate(MOST);
        let load = std::sync::atomic::Ordering::Relaxed;
        let tick = Tick {
            at: s.now(),
            server: ServerInfo { node: s.node.id().to_string(), ..(*s.server).clone() },
            uptime_s: self.begun.elapsed().as_secs(),
            store: store_says(s).await,
            bus: s.bus.health().err().unwrap_or_else(|| "ok".to_owned()),
            rates: Rates {
                messages: rate(now.messages, since.messages),
                deliveries: rate(now.census.deliveries, since.census.deliveries),
                requests: rate(now.requests, since.requests),
                refusals: rate(now.refusals, since.refusals),
                commits: rate(commits.count(), 0),
            },
            totals: Totals {
                messages: now.messages,
                deliveries: now.census.deliveries,
                slow_readers: counters.slow_readers.load(load),
                repaired: counters.repaired.load(load),
                auth_failures: counters.refused_proofs().map(|(_, n)| n).sum(),
            },
            commit: latency(&commits),
            lag: latency(&now.lag.since(&since.lag)),
            connections: Connections {
                websocket: now.census.websocket,
                polling: now.census.polling,
                users: s.presence.present() as u64,
            },
            queue: Queue { packets: now.census.queue_packets, bytes: now.census.queue_bytes },
            process: Usage {
                cpu_percent: now.cpu.zip(since.cpu).map(|(now, then)| 100.0 * (now - then) / seconds.max(0.001)),
                resident_bytes: process.resident_bytes,
                open_fds: process.open_fds,
            },
            rooms,
            people: self.people(),
            slow: self.edge.cuts().into_iter().rev().map(|cut| SlowReader { at: cut.at, user: cut.user }).collect(),
            nodes: nodes(s).await,
        };
        (tick, now)
    }

    fn people(&self) -> Vec<Person> {
        let mut people = self.edge.connected();
        people.sort_by(|a, b| b.queue_bytes.cmp(&a.queue_bytes).then_with(|| a.conn.cmp(&b.conn)));
        people.truncate(MOST);
        let person = |p: super::counters::Connected| Person {
            user: p.user,
            conn: p.conn,
            transport: if p.websocket { "websocket" } else { "polling" }.to_owned(),
            queue_packets: p.queue_packets,
            queue_bytes: p.queue_bytes,
            requests: p.requests,
            age_s: p.age.as_secs(),
        };
        people.into_iter().map(person).collect()
    }
}

fn latency(spread: &Spread) -> Latency {
    let ms = |q| spread.quantile(q).map(|seconds| seconds * 1_000.0);
    Latency { p50_ms: ms(0.5), p99_ms: ms(0.99) }
}

async fn store_says(s: &Services) -> String {
    match tokio::time::timeout(PATIENCE, s.store.health()).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the store does not answer".to_owned(),
    }
}

async fn nodes(s: &Services) -> Vec<NodeInfo> {
    let own = s.node.id();
    let Ok(Ok(rows)) = tokio::time::timeout(PATIENCE, s.store.live_nodes()).await else { return Vec::new() };
    let info = |row: crate::storage::NodeRow| NodeInfo {
        own: row.node.id == own,
        node: row.node.id.to_string(),
        address: row.node.address,
        version: row.node.version,
        since: row.since,
    };
    rows.into_iter().map(info).collect()
}

/// The end of the audit.
#[derive(Default)]
struct Tail {
    /// The highest number seen.
    newest: i64,
    /// The numbers near it that were seen.
    seen: BTreeSet<i64>,
}

impl Tail {
    /// All that stands there now counts as seen.
    async fn begin(&mut self, s: &Services) -> Result<()> {
        *self = Self { newest: s.store.audit(None, 1).await?.1.unwrap_or(0), seen: BTreeSet::new() };
        let lines = s.store.audit_after(self.newest - AUDIT_AGAIN, AUDIT_PAGE).await?;
        self.see(lines);
        Ok(())
    }

    /// The lines that are new, oldest first.
    async fn more(&mut self, s: &Services) -> Vec<AuditLine> {
        let from = self.newest - AUDIT_AGAIN;
        match tokio::time::timeout(PATIENCE, s.store.audit_after(from, AUDIT_PAGE)).await {
            Ok(Ok(lines)) => self.see(lines),
            // The store is away, which the tick says; they are found when it is back.
            _ => Vec::new(),
        }
    }

    fn see(&mut self, lines: Vec<(i64, AuditLine)>) -> Vec<AuditLine> {
        let fresh: Vec<_> = lines.into_iter().filter(|(id, _)| self.seen.insert(*id)).collect();
        self.newest = self.seen.last().map_or(self.newest, |last| self.newest.max(*last));
        self.seen = self.seen.split_off(&(self.newest - AUDIT_AGAIN));
        fresh.into_iter().map(|(_, line)| line).collect()
    }
}
