//! What a delivery costs over several nodes, and how long it takes from one node's sender to another node's sockets:
//! ours on PostgreSQL and Redis or Kafka, and Node servers on socket.io's classic Redis adapter, on the same load in the
//! same run.
//!
//! Ours commit each message to PostgreSQL, whose CPU is counted apart; the Node servers keep nothing.

mod rig;
mod start;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::client::percentile;
use rig::{Figures, Rig};
use start::{Kind, Shared};

/// How much load.
#[derive(Args)]
pub struct Options {
    /// Readers, spread over the nodes.
    #[arg(long, default_value_t = 400)]
    sockets: usize,
    /// Rooms; each reader follows one.
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Nodes; messages enter at the first.
    #[arg(long, default_value_t = 2)]
    nodes: usize,
    /// Messages of each kind of load.
    #[arg(long, default_value_t = 200)]
    messages: usize,
    /// Messages in one burst.
    #[arg(long, default_value_t = 20)]
    burst: usize,
    /// Rounds; each measures all in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The folder in which the Node servers' packages are installed; without it they are left out.
    #[arg(long, env = "CHAT_BENCH_NODE")]
    node: Option<PathBuf>,
    /// A Kafka broker as HOST:PORT; without it Kafka is left out.
    #[arg(long, env = "CHAT_TEST_KAFKA")]
    kafka: Option<String>,
}

/// Measures all kinds in turn and prints medians and ratios.
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    let shared = Shared::start()?;
    let mut kinds = vec![Kind::OursRedis];
    kinds.extend(options.kafka.clone().map(Kind::OursKafka));
    kinds.extend(options.node.clone().map(Kind::Node));
    println!(
        "{} nodes, {} sockets in {} rooms, 300 B; server CPU per delivery (PostgreSQL's, Redis') and message, time to the other \
         nodes, memory of a connection",
        options.nodes, options.sockets, options.rooms
    );
    let mut all: Vec<[Vec<Figures>; 2]> = kinds.iter().map(|_| [Vec::new(), Vec::new()]).collect();
    for round in 1..=options.rounds {
        for (kind, of_kind) in kinds.iter().zip(&mut all) {
            let mut rig = Rig::start(bin, &shared, kind, options).await?;
            for (load, burst) in [1, options.burst].into_iter().enumerate() {
                let figures = rig.load(options, burst).await?;
                println!("{round} {:<16}{:<12} {figures}", kind.name(), load_name(load, options));
                of_kind[load].push(figures);
            }
        }
    }
    for load in 0..2 {
        let medians: Vec<Figures> = all.iter().map(|of_kind| median(&of_kind[load])).collect();
        for (kind, figures) in kinds.iter().zip(&medians) {
            println!("median {:<16}{:<12} {figures}", kind.name(), load_name(load, options));
        }
        if let (Some(ours), Some(node), true) = (medians.first(), medians.last(), options.node.is_some()) {
            println!(
                "{}: ours on Redis takes {:.2} of Node's CPU, p99 {:.2} of Node's",
                load_name(load, options),
                ours.cpu / node.cpu,
                ours.p99.as_secs_f64() / node.p99.as_secs_f64()
            );
        }
    }
    Ok(())
}

fn load_name(load: usize, options: &Options) -> String {
    if load == 0 { "one by one".to_owned() } else { format!("bursts of {}", options.burst) }
}

fn median(all: &[Figures]) -> Figures {
    let of = |value: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = all.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        cpu: of(|f| f.cpu),
        message: of(|f| f.message),
        memory: of(|f| f.memory),
        postgres: of(|f| f.postgres),
        redis: of(|f| f.redis),
        p50: Duration::from_secs_f64(of(|f| f.p50.as_secs_f64())),
        p99: Duration::from_secs_f64(of(|f| f.p99.as_secs_f64())),
    }
}

/// p50 and p99 of latencies in nanoseconds.
fn spread(nanos: &mut [u64]) -> (Duration, Duration) {
    nanos.sort_unstable();
    let sorted: Vec<Duration> = nanos.iter().copied().map(Duration::from_nanos).collect();
    (percentile(&sorted, 0.5), percentile(&sorted, 0.99))
}
