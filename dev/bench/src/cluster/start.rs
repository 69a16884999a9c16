//! Starts what is measured: nodes of ours or Node servers, and the services they share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use chat_services::{Mode, Postgres, Redis, Safety};

use crate::process::Server;

/// The services of all kinds; each start of nodes takes a database or a topic of its own.
pub struct Shared {
    pub postgres: Postgres,
    pub redis: Redis,
    starts: AtomicU32,
}

impl Shared {
    /// PostgreSQL that syncs as in earnest, and Redis.
    pub fn start() -> Result<Self> {
        let postgres = Postgres::start(Safety::Sync)?;
        Ok(Self { postgres, redis: Redis::start(Mode::Alone)?, starts: AtomicU32::new(0) })
    }
}

/// Which servers.
pub enum Kind {
    /// Ours, on PostgreSQL and Redis.
    OursRedis,
    /// Ours, on PostgreSQL and the Kafka broker of this address.
    OursKafka(String),
    /// socket.io with its classic Redis adapter; the folder of its packages.
    Node(PathBuf),
}

impl Kind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::OursRedis => "ours, Redis",
            Self::OursKafka(_) => "ours, Kafka",
            Self::Node(_) => "Node, Redis",
        }
    }

    pub fn is_ours(&self) -> bool {
        !matches!(self, Self::Node(_))
    }

    /// So many nodes that share everything; `data` is for their files.
    pub fn start(&self, bin: &Path, shared: &Shared, nodes: usize, data: &Path) -> Result<Vec<Server>> {
        let start = shared.starts.fetch_add(1, Ordering::Relaxed);
        let bus = match self {
            Self::OursRedis => shared.redis.url(),
            Self::OursKafka(address) => format!("kafka://{address}/bench-{}-{start}", std::process::id()),
            Self::Node(packages) => {
                return (0..nodes).map(|_| node_server(packages, &shared.redis.url())).collect();
            }
        };
        let database = shared.postgres.database(&format!("bench_{start}"))?;
        let key = data.join("shared.key");
        // One start at a time: the first makes the schema and the key.
        (0..nodes)
            .map(|n| {
                let home = data.join(format!("node-{n}"));
                std::fs::create_dir(&home)?;
                let mut more = vec!["--database".to_owned(), database.clone(), "--bus".to_owned(), bus.clone()];
                if n > 0 {
                    if n == 1 {
                        std::fs::copy(data.join("node-0/secret.key"), &key).context("the first node's key")?;
                    }
                    more.extend(["--key-file".to_owned(), key.display().to_string()]);
                }
                Server::chat_with(bin, &home, &more)
            })
            .collect()
    }
}

fn node_server(packages: &Path, redis: &str) -> Result<Server> {
    let mut command = Command::new("node");
    command.arg("server.mjs").arg(redis).current_dir(packages);
    Server::start(command)
}
