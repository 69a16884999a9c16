//! Servers under load: readers on all nodes, senders on the first.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use tempfile::TempDir;

use super::start::{Kind, Shared};
use super::{Options, spread};
use crate::client::{Client, Sender, guest};
use crate::process::{Server, cpu_of_family};

/// What one load gave.
pub struct Figures {
    /// All servers' CPU per delivery, µs.
    pub cpu: f64,
    /// The same per message.
    pub message: f64,
    /// PostgreSQL's.
    pub postgres: f64,
    /// Redis'.
    pub redis: f64,
    /// From before the sender's emit to a socket of another node.
    pub p50: Duration,
    /// Likewise.
    pub p99: Duration,
    /// What a reader's connection adds to its server's resident memory, KiB.
    pub memory: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1_000.0;
        let Self { cpu, message, postgres, redis, p50, p99, memory } = self;
        write!(f, "{cpu:>6.2} µs ({postgres:.2}, {redis:.2}), {message:.0} µs a message  ")?;
        write!(f, "p50 {:.1} p99 {:.1} ms  {memory:.0} KiB", ms(*p50), ms(*p99))
    }
}

/// What the readers note.
struct Heard {
    begun: Instant,
    deliveries: AtomicU64,
    /// On other nodes than the sender's, nanoseconds.
    latencies: Mutex<Vec<u64>>,
}

impl Heard {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn note(&self, packet: &str, afar: bool) {
        let Some((_, text)) = packet.split_once("\"text\":\"") else { return };
        if afar && let Some(sent) = text.split_once(' ').and_then(|(sent, _)| sent.parse::<u64>().ok()) {
            let took = self.now().saturating_sub(sent);
            self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
        self.deliveries.fetch_add(1, Ordering::Relaxed);
    }
}

/// One kind of servers under load.
pub struct Rig<'a> {
    shared: &'a Shared,
    say: &'static str,
    servers: Vec<Server>,
    senders: Vec<Sender>,
    heard: Arc<Heard>,
    /// Where the next message goes, and its key.
    sent: usize,
    /// KiB that each reader took.
    memory: f64,
    _data: TempDir,
}

impl<'a> Rig<'a> {
    /// Starts the servers, readers and senders.
    pub async fn start(bin: &Path, shared: &'a Shared, kind: &Kind, options: &Options) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let servers = kind.start(bin, shared, options.nodes, data.path())?;
        let (namespace, auth, join) = if kind.is_ours() {
            let token = guest(&reqwest::Client::new(), &servers[0].url, "reader").await?;
            ("/chat", json!({ "token": token }), "room:join")
        } else {
            ("/", json!({}), "join")
        };
        let heard =
            Arc::new(Heard { begun: Instant::now(), deliveries: AtomicU64::new(0), latencies: Mutex::default() });
        if kind.is_ours() {
            let mut maker = Client::connect(&servers[0].url, namespace, &auth).await?;
            for room in 0..options.rooms {
                maker.request("room:create", &json!({ "room": room_name(room) })).await?;
            }
        }
        let empty = resident(&servers)?;
        for i in 0..options.sockets {
            let node = i / options.rooms % options.nodes;
            let mut client = Client::connect(&servers[node].url, namespace, &auth).await?;
            client.request(join, &json!({ "room": room_name(i % options.rooms) })).await?;
            let heard = Arc::clone(&heard);
            let afar = node > 0 || options.nodes == 1;
            tokio::spawn(async move {
                while let Ok(packet) = client.packet().await {
                    if packet.contains("\"message:created\"") {
                        heard.note(&packet, afar);
                    }
                }
            });
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        let memory = resident(&servers)?.saturating_sub(empty) as f64 / 1_024.0 / options.sockets as f64;
        let mut senders = Vec::new();
        for _ in 0..options.burst {
            senders.push(Sender::spawn(Client::connect(&servers[0].url, namespace, &auth).await?));
        }
        let say = if kind.is_ours() { "message:send" } else { "say" };
        Ok(Self { shared, say, servers, senders, heard, sent: 0, memory, _data: data })
    }

    /// So many messages, `burst` at once; the next when all have arrived everywhere.
    pub async fn load(&mut self, options: &Options, burst: usize) -> Result<Figures> {
        self.heard.latencies.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let first = self.heard.deliveries.load(Ordering::Relaxed);
        let before = self.cpu()?;
        let (mut wanted, begun, end) = (first, self.sent, self.sent + options.messages);
        while self.sent < end {
            let (say, sent) = (self.say, self.sent);
            let sends = self.senders.iter().take(burst).enumerate().map(|(i, sender)| {
                let n = sent + i;
                let text = format!("{} ", self.heard.now());
                let payload =
                    json!({"room": room_name(n % options.rooms), "text": format!("{text:x<300}"), "client_id": n.to_string()});
                async move { sender.request(say, payload).await.map(|_| ()) }
            });
            for result in futures_util::future::join_all(sends).await {
                result?;
            }
            for n in self.sent..self.sent + burst {
                wanted += readers(n % options.rooms, options);
            }
            self.sent += burst;
            self.settle(wanted).await?;
        }
        let after = self.cpu()?;
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        let (deliveries, messages) = ((wanted - first) as f64, (self.sent - begun) as f64);
        let spent = |i: usize| after[i].saturating_sub(before[i]).as_secs_f64() * 1_000_000.0;
        let mut latencies = std::mem::take(&mut *self.heard.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        let (p50, p99) = spread(&mut latencies);
        Ok(Figures {
            cpu: spent(0) / deliveries,
            message: spent(0) / messages,
            postgres: spent(1) / deliveries,
            redis: spent(2) / deliveries,
            p50,
            p99,
            memory: self.memory,
        })
    }

    /// CPU time so far: the servers', PostgreSQL's, Redis'.
    fn cpu(&self) -> Result<[Duration; 3]> {
        let mut servers = Duration::ZERO;
        for server in &self.servers {
            servers += server.cpu()?;
        }
        let (postgres, redis) = (self.shared.postgres.pid(), self.shared.redis.pid());
        let of = |pid: Option<u32>| pid.map_or(Ok(Duration::ZERO), cpu_of_family);
        Ok([servers, of(postgres)?, of(redis)?])
    }

    async fn settle(&self, wanted: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        while self.heard.deliveries.load(Ordering::Relaxed) < wanted {
            if Instant::now() > end {
                bail!("only {} of {wanted} deliveries arrived", self.heard.deliveries.load(Ordering::Relaxed));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

fn resident(servers: &[Server]) -> Result<u64> {
    servers.iter().map(Server::resident).sum()
}

fn room_name(room: usize) -> String {
    format!("bench-{room}")
}

/// How many readers follow a room.
fn readers(room: usize, options: &Options) -> u64 {
    (0..options.sockets).filter(|i| i % options.rooms == room).count() as u64
}
