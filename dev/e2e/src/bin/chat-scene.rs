//! The large scene at length, by hand: `cargo xtask scene`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness: a panic is its answer")]

use std::process::ExitCode;
use std::time::Duration;

use chat_e2e::scene::{Break, Broker, Script, Stage, play};

/// Three nodes on PostgreSQL behind nginx, hundreds of clients, one part after another killed.
#[derive(clap::Parser)]
struct Options {
    /// The bus: redis or kafka.
    #[arg(long, default_value = "redis")]
    bus: String,
    /// How long messages are sent.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Our own clients, half by WebSocket, half by polling.
    #[arg(long, default_value_t = 294)]
    clients: usize,
    /// Official `socket.io-client`s besides.
    #[arg(long, default_value_t = 6)]
    officials: usize,
    /// Messages a second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options: Options = clap::Parser::parse();
    let (broker, breaks) = match options.bus.as_str() {
        "kafka" => (Broker::Kafka, vec![Break::Bus]),
        _ => (Broker::Redis, vec![Break::Node(0), Break::Node(1), Break::Node(2), Break::Bus, Break::Database]),
    };
    let Some(mut stage) = Stage::set(3, broker, "the scene").await else { return ExitCode::FAILURE };
    let script = Script {
        clients: options.clients,
        officials: options.officials,
        rooms: 10,
        rate: options.rate,
        time: Duration::from_secs_f64(options.minutes * 60.0),
        breaks,
    };
    let report = play(&mut stage, &script, "the scene").await;
    println!("{report}");
    if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
