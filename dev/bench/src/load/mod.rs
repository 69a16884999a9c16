//! `chat-bench load`: the same load on ours and on what one would use instead, each on one core, the generator on another.

mod about;
mod floor;
mod frame;
mod generator;
mod histogram;
mod machine;
mod outcome;
mod packet;
mod peer;
mod people;
mod record;
mod report;
mod results;
mod rig;
mod scene;
mod socket;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

pub use floor::serve as floor_server;
use machine::Cores;
use peer::{Peer, Setup};
use record::{Record, medians};
use results::Results;
use scene::{Effort, Scene};

/// What to measure, on what.
#[derive(Args)]
pub struct Options {
    /// Kinds of load; none: all.
    #[arg(long, value_delimiter = ',')]
    scene: Vec<Scene>,
    /// Servers; none: all that can be had.
    #[arg(long, value_delimiter = ',')]
    peer: Vec<Peer>,
    /// Rounds; none: each scene's own number. The medians count.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of a measured stretch.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections of the scenes with thousands.
    #[arg(long, default_value_t = 5_000)]
    many: usize,
    /// Messages stored at the most.
    #[arg(long, default_value_t = 1_000_000)]
    stored: usize,
    /// Writes the tables, plots and goals of docs/performance.md anew; kinds of load that are not measured now stay as they were.
    #[arg(long)]
    docs: bool,
    /// The same from the results that are there; measures nothing.
    #[arg(long, conflicts_with = "docs")]
    render: bool,
    /// Where the results go as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Further arguments for chat-server.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Measures and prints.
pub async fn run(bin: &Path, options: &Options) -> Result<()> {
    // Cargo starts programs where it is called; the docs are the repository's.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no repository")?;
    if options.render {
        return report::write(&Results::read(&root.join(report::RESULTS))?, root);
    }
    let begun = Instant::now();
    let cores = Cores::choose()?;
    let descriptors = machine::descriptors();
    if !cores.apart {
        println!("one core alone: server and generator share it, so that only CPU figures mean something");
    }
    println!("server on one core, generator on another; {descriptors} file descriptors each");
    let node = std::env::var_os("CHAT_BENCH_NODE").map(PathBuf::from);
    let setup = Setup { bin: bin.to_owned(), node, cores, more: options.more.clone() };
    let span = Duration::from_secs(options.seconds);
    let effort = Effort { span, many: options.many, stored: options.stored };
    let scenes = if options.scene.is_empty() { Scene::value_variants() } else { &options.scene };
    let peers = if options.peer.is_empty() { Peer::value_variants() } else { &options.peer };
    let mut results = Results { about: about::about(&setup), ..Results::default() };
    let kept = root.join(report::RESULTS);
    let earlier = if options.docs { Results::read(&kept)? } else { Results::default() };
    for scene in scenes {
        results.records.extend(measure(*scene, peers, &setup, effort, options.rounds).await);
        // After each, so that a run which somebody ends is not lost.
        if let Some(path) = &options.json {
            results.write(path)?;
        }
        if options.docs {
            let mut all = results.clone();
            all.keep(earlier.clone());
            report::write(&all, root)?;
            all.write(&kept)?;
        }
    }
    println!("took {} s", begun.elapsed().as_secs());
    Ok(())
}

/// All rounds of a scene, the servers in turn.
async fn measure(scene: Scene, peers: &[Peer], setup: &Setup, effort: Effort, rounds: Option<usize>) -> Vec<Record> {
    let mut records = Vec::new();
    for round in 0..rounds.unwrap_or(scene.rounds()) {
        for peer in peers.iter().filter(|peer| scene.is_for(**peer)) {
            if let Some(why) = peer.missing(setup) {
                if round == 0 {
                    println!("LEFT OUT: {}: {why}", peer.name());
                }
                continue;
            }
            match scene.run(setup, *peer, effort).await {
                Ok(measured) => {
                    measured.iter().for_each(|record| println!("{}", record.line()));
                    records.extend(measured);
                }
                // A server that fails under a load is a result, and no reason to stop.
                Err(error) => println!("FAILED: {scene:?} on {}: {error:#}", peer.name()),
            }
        }
    }
    medians(records)
}
