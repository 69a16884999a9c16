//! `chat-chaos`, by hand through `cargo xtask chaos`: plays a plan, prints the verdict, ends with 1 if a promise was
//! broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness: a panic is its answer")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chat_chaos::event;
use chat_chaos::run::{Script, play};
use chat_chaos::schedule::{self, KINDS};
use chat_chaos::stage::{Backing, Stage};
use chat_chaos::summary::Summary;

/// Breaks nodes, services, networks, disks and clocks by a plan that one number makes, while clients of three kinds
/// talk, and checks what was promised.
#[derive(clap::Parser)]
#[command(name = "chat-chaos")]
struct Options {
    /// Reads the history of an earlier run and judges it again, instead of a run.
    #[arg(long, value_name = "FILE", exclusive = true)]
    check: Option<PathBuf>,
    /// The number that makes the plan; one by the clock if it is not said.
    #[arg(long)]
    seed: Option<u64>,
    /// How long the plan is.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Nodes; 1: on SQLite, more: on PostgreSQL with a bus.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// The bus of several nodes.
    #[arg(long, default_value = "redis", value_parser = ["redis", "kafka"])]
    bus: String,
    /// Only these kinds of faults, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = KINDS.to_vec())]
    faults: Vec<String>,
    /// Our own clients, half by WebSocket, half by polling.
    #[arg(long, default_value_t = 48)]
    clients: usize,
    /// Official socket.io-clients besides.
    #[arg(long, default_value_t = 6)]
    node_clients: usize,
    /// Official python-socketio clients besides.
    #[arg(long, default_value_t = 6)]
    python_clients: usize,
    /// Rooms beside the hall, where everybody is, and a private one.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
    rooms: u16,
    /// Messages a second.
    #[arg(long, default_value_t = 25)]
    rate: u32,
    /// Where the history goes, and stays; without it, it is kept only if a promise was broken.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options: Options = clap::Parser::parse();
    if let Some(file) = &options.check {
        return again(file);
    }
    let by_the_clock = || std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_secs());
    let seed = options.seed.unwrap_or_else(by_the_clock);
    println!("seed {seed} (the same plan again: --seed {seed} with the same options)");
    let backing = match (options.nodes, options.bus.as_str()) {
        (1, _) => Backing::Sqlite,
        (_, "kafka") => Backing::Kafka,
        _ => Backing::Redis,
    };
    let Some(mut stage) = Stage::set(options.nodes.into(), backing, "chaos").await else { return ExitCode::FAILURE };
    let mut breakable = stage.breakable();
    if !options.faults.is_empty() {
        breakable.kinds.retain(|kind| options.faults.iter().any(|f| f == kind));
    }
    let plan = schedule::plan(seed, &breakable, Duration::from_secs_f64(options.minutes * 60.0));
    for (n, step) in plan.iter().enumerate() {
        println!("  {:>3}. after {:.1?}: {} for {:.1?}", n + 1, step.calm, step.fault, step.lasts);
    }
    let script = Script {
        seed,
        ours: options.clients,
        node: options.node_clients,
        python: options.python_clients,
        rooms: options.rooms.into(),
        rate: options.rate,
        plan,
    };
    let path = options.history.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("chat-chaos-{seed}.jsonl")));
    let summary = play(&mut stage, &script, &path, "chaos").await;
    println!("{summary}");
    if !summary.violations.is_empty() || options.history.is_some() {
        println!("history: {}", path.display());
    } else if let Err(error) = std::fs::remove_file(&path) {
        println!("the history {} cannot be removed: {error}", path.display());
    }
    verdict(&summary)
}

/// Judges a history that is there.
fn again(file: &Path) -> ExitCode {
    let lines = std::fs::read_to_string(file).map_err(|e| e.to_string()).and_then(|text| event::read(&text));
    match lines {
        Ok(lines) => {
            let summary = Summary::of(&lines);
            println!("{summary}");
            verdict(&summary)
        }
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}

fn verdict(summary: &Summary) -> ExitCode {
    if summary.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
