//! What a run plays on, and how each fault is made: nodes, their database and bus, nginx in front, and proxies that
//! are ill on command between all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_e2e::services::{self, blocking, unique};
use chat_e2e::{Cluster, Options, balance, foreign, program, server};
use chat_kafka as kafka;
use chat_services::{Mode, Nginx, Postgres, Redis, Safety};

use crate::proxy::{Proxy, Reserved};
use crate::schedule::{Breakable, Fault, Ill, KINDS, LANES, Place};

/// Runs go on for longer than an access token lives by default.
const TOKEN_SECONDS: u64 = 86_400;
/// Room for a long run, and filled in no time.
const DISK_MIB: u32 = 192;

/// What stands behind the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// One node with SQLite.
    Sqlite,
    /// PostgreSQL, and Redis as the bus.
    Redis,
    /// PostgreSQL, and an Apache Kafka as the bus.
    Kafka,
}

#[derive(Debug)]
enum Bus {
    Redis(Redis),
    Kafka(kafka::Broker),
}

/// Everything that runs; dropped, it ends.
pub struct Stage {
    /// The proxies in front of everything, one for each group of clients.
    lanes: Vec<Proxy>,
    bus_lines: Vec<Proxy>,
    database_lines: Vec<Proxy>,
    // The nodes end before what they use.
    balancer: Option<Nginx>,
    cluster: Cluster,
    // Moved to a thread that may block while they start again.
    bus: Option<Bus>,
    database: Option<Postgres>,
    /// The file that a node's clock follows, one each; empty where clocks cannot be changed for one process.
    clocks: Vec<PathBuf>,
    backing: Backing,
    /// Removed in the end.
    _folder: tempfile::TempDir,
}

/// A fault that lasts.
#[derive(Debug, Default)]
pub struct Ongoing {
    ballast: Option<PathBuf>,
    dropping: Option<tokio::task::JoinHandle<()>>,
}

impl Stage {
    /// Sets it; `None` after noting that `test` is left out.
    pub async fn set(nodes: usize, backing: Backing, test: &str) -> Option<Self> {
        program::open_many_files();
        let folder = tempfile::Builder::new().prefix("chat-chaos-").tempdir().expect("a folder");
        let clocks = clocks(if backing == Backing::Sqlite { 1 } else { nodes }, folder.path(), test);
        let options = |n: usize| {
            let options = Options::roomy().access_token_seconds(TOKEN_SECONDS);
            match clocks.get(n) {
                Some((library, file)) => options
                    .env("LD_PRELOAD", library)
                    .env("FAKETIME_TIMESTAMP_FILE", &file.display().to_string())
                    .env("FAKETIME_CACHE_DURATION", "1")
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
                None => options,
            }
        };
        let mut stage = match backing {
            Backing::Sqlite => Self::alone(options(0), test, folder).await,
            _ => Self::several(nodes, backing, options, test, folder).await?,
        };
        stage.clocks = clocks.into_iter().map(|(_, file)| file).collect();
        let behind = match &stage.balancer {
            Some(nginx) => nginx.url().trim_start_matches("http://").to_owned(),
            None => stage.cluster.nodes[0].address(),
        };
        stage.lanes = proxies(LANES, &behind).await;
        Some(stage)
    }

    async fn alone(options: Options, test: &str, folder: tempfile::TempDir) -> Self {
        let options = if server::small_disk() {
            options.disk_mib(DISK_MIB)
        } else {
            foreign::note_left_out(&format!("{test}: this user may not mount a small disk; a limit of files instead"));
            options
        };
        let cluster = Cluster::alone(&options).await;
        Self {
            lanes: Vec::new(),
            bus_lines: Vec::new(),
            database_lines: Vec::new(),
            balancer: None,
            cluster,
            bus: None,
            database: None,
            clocks: Vec::new(),
            backing: Backing::Sqlite,
            _folder: folder,
        }
    }

    async fn several(
        nodes: usize,
        backing: Backing,
        options: impl Fn(usize) -> Options,
        test: &str,
        folder: tempfile::TempDir,
    ) -> Option<Self> {
        if !services::programs(test, &["postgres", "nginx"]) {
            return None;
        }
        let (bus, bus_urls, bus_lines) = bus(nodes, backing, test).await?;
        // In earnest: what is acknowledged must survive its crash.
        let database = blocking(|| Postgres::start(Safety::Sync)).await.unwrap_or_else(|e| panic!("PostgreSQL: {e:#}"));
        let url = database.database("chat").unwrap_or_else(|e| panic!("{e:#}"));
        let (host, name) = url.rsplit_once('/').expect("a URL with a database");
        let (user, address) = host.rsplit_once('@').expect("a URL with a user");
        let database_lines = proxies(nodes, address).await;
        let node = |n: usize| {
            let database = format!("{user}@{}/{name}", database_lines[n].address());
            options(n).arg("--database").arg(&database).arg("--bus").arg(&bus_urls[n])
        };
        let cluster = Cluster::of((0..nodes).map(node).collect()).await;
        let balancer = balance::nginx("chat.conf", &cluster.addresses(), None).await;
        Some(Self {
            lanes: Vec::new(),
            bus_lines,
            database_lines,
            balancer: Some(balancer),
            cluster,
            bus: Some(bus),
            database: Some(database),
            clocks: Vec::new(),
            backing,
            _folder: folder,
        })
    }

    /// What can be broken here.
    pub fn breakable(&self) -> Breakable {
        let alone = self.backing == Backing::Sqlite;
        let fits = |kind: &&&str| match **kind {
            "disk-full" => alone,
            "clock" => !self.clocks.is_empty(),
            "bus-kill" | "bus-freeze" | "bus-line" | "database-crash" | "database-line" => !alone,
            _ => true,
        };
        Breakable { nodes: self.cluster.nodes.len(), kinds: KINDS.iter().filter(fits).copied().collect() }
    }

    /// What it is, for the report.
    pub fn about(&self) -> String {
        let bus = match self.backing {
            Backing::Sqlite => return "one node on SQLite".to_owned(),
            Backing::Redis => "Redis",
            Backing::Kafka => "Kafka",
        };
        format!("{} nodes on PostgreSQL and {bus} behind nginx", self.cluster.nodes.len())
    }

    /// `http://…` for the clients of a group.
    pub fn lane(&self, client: usize) -> String {
        format!("http://{}", self.lanes[client % LANES].address())
    }

    /// `http://…` of the nodes without an ill proxy between.
    pub fn front(&self) -> String {
        self.balancer.as_ref().map_or_else(|| self.cluster.nodes[0].url(), Nginx::url)
    }

    /// `127.0.0.1:PORT` of each node.
    pub fn addresses(&self) -> Vec<String> {
        self.cluster.addresses()
    }

    /// What the nodes printed and no test may see.
    pub fn panics(&self) -> Vec<String> {
        let said = self.cluster.nodes.iter().map(server::Server::said);
        said.flat_map(|s| s.lines().filter(|l| l.contains("panicked")).map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    fn line(&self, place: Place) -> &Proxy {
        match place {
            Place::Clients(lane) => &self.lanes[lane],
            Place::Bus(node) => &self.bus_lines[node],
            Place::Database(node) => &self.database_lines[node],
        }
    }

    /// A fault begins.
    pub async fn begin(&mut self, fault: Fault) -> Ongoing {
        let mut ongoing = Ongoing::default();
        match fault {
            Fault::Kill(node) => self.cluster.kill9(node),
            Fault::Freeze(node) => self.cluster.stop(node),
            Fault::BusKill => {
                self.with_bus(|bus| match bus {
                    Bus::Redis(redis) => redis.kill(),
                    Bus::Kafka(broker) => {
                        broker.kill();
                        Ok(())
                    }
                })
                .await;
            }
            Fault::BusFreeze => {
                self.with_bus(|bus| match bus {
                    Bus::Redis(redis) => redis.signal("STOP"),
                    Bus::Kafka(broker) => broker.freeze(),
                })
                .await;
            }
            Fault::DatabaseCrash => self.with_database(Postgres::crash).await,
            Fault::DiskFull => ongoing.ballast = self.fill_disk().await,
            Fault::Clock(node, by) => self.set_clock(node, by),
            Fault::Line(place, ill) => self.line(place).set(Some(ill)),
            Fault::Drops => ongoing.dropping = Some(self.drop_each_in_turn()),
        }
        ongoing
    }

    /// The fault ends; nothing of it is left but what must heal.
    pub async fn end(&mut self, fault: Fault, ongoing: Ongoing) {
        match fault {
            Fault::Kill(node) => self.cluster.restart(node).await,
            Fault::Freeze(node) => self.cluster.go_on(node),
            Fault::BusKill => {
                self.with_bus(|bus| match bus {
                    Bus::Redis(redis) => redis.restart(),
                    Bus::Kafka(broker) => broker.restart(false),
                })
                .await;
            }
            Fault::BusFreeze => {
                self.with_bus(|bus| match bus {
                    Bus::Redis(redis) => redis.signal("CONT"),
                    Bus::Kafka(broker) => broker.thaw(),
                })
                .await;
            }
            Fault::DatabaseCrash => self.with_database(Postgres::restart).await,
            Fault::DiskFull => match ongoing.ballast {
                Some(ballast) => std::fs::remove_file(&ballast).expect("the ballast is ours"),
                None => program::limit_file_size(self.cluster.nodes[0].pid(), None),
            },
            Fault::Clock(node, _) => self.set_clock(node, 0),
            Fault::Line(_, Ill::Cut) => {}
            Fault::Line(place, _) => self.line(place).set(None),
            Fault::Drops => ongoing.dropping.iter().for_each(tokio::task::JoinHandle::abort),
        }
    }

    async fn with_bus<E: std::fmt::Display + Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Bus) -> Result<(), E> + Send + 'static,
    ) {
        let mut bus = self.bus.take().expect("it is put back");
        let (bus, done) = blocking(move || {
            let done = work(&mut bus);
            (bus, done)
        })
        .await;
        done.unwrap_or_else(|e| panic!("the bus: {e:#}"));
        self.bus = Some(bus);
    }

    async fn with_database<E: std::fmt::Display + Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Postgres) -> Result<(), E> + Send + 'static,
    ) {
        let mut database = self.database.take().expect("it is put back");
        let (database, done) = blocking(move || {
            let done = work(&mut database);
            (database, done)
        })
        .await;
        done.unwrap_or_else(|e| panic!("PostgreSQL: {e:#}"));
        self.database = Some(database);
    }

    /// A file that takes all room that is left; without a disk of its own, no file may grow.
    async fn fill_disk(&self) -> Option<PathBuf> {
        let node = &self.cluster.nodes[0];
        if !node.has_small_disk() {
            program::limit_file_size(node.pid(), Some(4_096));
            return None;
        }
        let ballast = node.data_dir_inside().join("ballast");
        let file = ballast.clone();
        let written = blocking(move || std::fs::write(&file, vec![0; (DISK_MIB as usize) << 20])).await;
        let full = written.expect_err("more than the disk has does not fit");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
        Some(ballast)
    }

    fn set_clock(&self, node: usize, by: i64) {
        set_clock(&self.clocks[node], by);
    }

    fn drop_each_in_turn(&self) -> tokio::task::JoinHandle<()> {
        let cuts: Vec<_> = self.lanes.iter().map(Proxy::scissors).collect();
        tokio::spawn(async move {
            for cut in cuts.iter().cycle() {
                cut();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        })
    }
}

async fn proxies(count: usize, to: &str) -> Vec<Proxy> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Proxy::start(to).await.unwrap_or_else(|e| panic!("a proxy in front of {to}: {e}")));
    }
    all
}

/// The bus, its URL for each node, and the proxies between.
async fn bus(nodes: usize, backing: Backing, test: &str) -> Option<(Bus, Vec<String>, Vec<Proxy>)> {
    if backing == Backing::Kafka {
        let classpath = services::kafka_classpath(test)?;
        // A broker tells its clients where it is, so it must be told the proxies' addresses, and they come first.
        let mut reserved = Vec::new();
        for _ in 0..nodes {
            reserved.push(Reserved::bind().await.unwrap_or_else(|e| panic!("a port for a proxy: {e}")));
        }
        let advertised = reserved.iter().map(Reserved::address).collect();
        let options = kafka::Options { advertised, ..Default::default() };
        let started = blocking(move || kafka::Broker::start(&classpath, &options)).await;
        let broker = started.unwrap_or_else(|e| panic!("Kafka: {e:#}"));
        let lines: Vec<Proxy> = reserved.into_iter().zip(broker.behind()).map(|(line, to)| line.lead(&to)).collect();
        let topic = unique("chat");
        let urls = lines.iter().map(|line| format!("kafka://{}/{topic}", line.address())).collect();
        return Some((Bus::Kafka(broker), urls, lines));
    }
    if !services::programs(test, &["redis-server"]) {
        return None;
    }
    let redis = blocking(|| Redis::start(Mode::Alone)).await.unwrap_or_else(|e| panic!("Redis: {e:#}"));
    let lines = proxies(nodes, &format!("127.0.0.1:{}", redis.port())).await;
    let urls = lines.iter().map(|line| format!("redis://{}", line.address())).collect();
    Some((Bus::Redis(redis), urls, lines))
}

/// libfaketime and a file for each node; nothing after noting that clocks are left out.
fn clocks(nodes: usize, folder: &Path, test: &str) -> Vec<(String, PathBuf)> {
    let Some(library) = chat_services::faketime() else {
        foreign::left_out(&format!(
            "{test}: no libfaketime, clocks stay right (cargo xtask setup --tests installs it)"
        ));
        return Vec::new();
    };
    let one = |n: usize| {
        let file = folder.join(format!("clock-{n}"));
        set_clock(&file, 0);
        (library.display().to_string(), file)
    };
    (0..nodes).map(one).collect()
}

/// Written beside and moved there: the library must never read half of it.
fn set_clock(file: &Path, by: i64) {
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{by:+}\n")).and_then(|()| std::fs::rename(&new, file)).expect("the folder is ours");
}
