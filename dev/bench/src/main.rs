//! Figures of the release build, each beside the bare thing it is compared with in the same run.
//!
//! Absolute times depend on the machine; what counts is the ratio, and CPU time instead of wall time where it can be
//! had. `cargo xtask bench` builds both programs in release mode and starts this.

mod client;
mod cluster;
mod fanout;
mod load;
mod postgres;
mod process;
mod screen;
mod sends;
mod startup;
mod store;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Figures and ratios of the release build.
#[derive(Parser)]
struct Cli {
    /// The folder that holds `chat-server` and `chat-tui`.
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Durable sends, 64 senders at once, beside bare batched inserts of the same rows.
    Sends(sends::Options),
    /// Durable sends on PostgreSQL, beside bare inserts by UNNEST of the same rows.
    Postgres(postgres::Options),
    /// Server CPU per delivery to many sockets, beside bare socketioxide.
    Fanout(fanout::Options),
    /// Deliveries over several nodes, beside Node servers on socket.io's Redis adapter.
    Cluster(cluster::Options),
    /// Start on a database of 100,000 messages, and one `chat-tui send`.
    Startup(startup::Options),
    /// `chat-tui` in a terminal: first frame, keys, reading, idleness and memory, beside weechat.
    Screen(screen::Options),
    /// The same load on ours and on what one would use instead: CPU, latency, memory, rates.
    Load(load::Options),
    /// The bare server that `fanout` compares with; started by it.
    #[command(hide = true)]
    Bare {
        /// Write and sync a page before each broadcast.
        #[arg(long)]
        sync: bool,
    },
    /// The bare WebSocket server that `load` compares with; started by it.
    #[command(hide = true)]
    Floor,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.what {
            What::Sends(options) => sends::run(&cli.bin, &options).await,
            What::Postgres(options) => postgres::run(&options).await,
            What::Fanout(options) => fanout::run(&cli.bin, &options).await,
            What::Cluster(options) => cluster::run(&cli.bin, &options).await,
            What::Startup(options) => startup::run(&cli.bin, &options).await,
            What::Screen(options) => screen::run(&cli.bin, &options).await,
            What::Load(options) => load::run(&cli.bin, &options).await,
            What::Bare { sync } => fanout::bare_server(sync).await,
            What::Floor => load::floor_server().await,
        }
    })
}
