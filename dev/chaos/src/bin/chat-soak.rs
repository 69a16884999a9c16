//! `chat-soak`, by hand through `cargo xtask soak`: mixed load on a server of its own, and whether the server held no more
//! in the end than before; ends with 1 if it did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness: a panic is its answer")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chat_chaos::soak::{Report, Script, play, plot, sample};

/// Sends, edits, searches, reads, posts, comes and goes for half an hour, and looks once a second at what the server
/// holds.
#[derive(clap::Parser)]
#[command(name = "chat-soak")]
struct Options {
    /// Judges and draws the samples of an earlier run again, instead of a run.
    #[arg(long, value_name = "FILE")]
    judge: Option<PathBuf>,
    /// How long the load is on; the last 15 minutes are judged.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Messages that are there before.
    #[arg(long, default_value_t = 80_000)]
    before: usize,
    /// The number that makes all choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Connections that stay.
    #[arg(long, default_value_t = 300)]
    talkers: usize,
    /// Connections that come and go.
    #[arg(long, default_value_t = 12)]
    visitors: usize,
    /// Connections that do not read.
    #[arg(long, default_value_t = 3)]
    slow: usize,
    /// Where the samples go, one a second; a temporary folder if it is not said.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Where the curve is drawn.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options: Options = clap::Parser::parse();
    let (report, samples) = if let Some(file) = &options.judge {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let samples = sample::read(&text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?;
        (Report::of(&samples), samples)
    } else {
        let script = Script {
            length: Duration::from_secs_f64(options.minutes * 60.0),
            before: options.before,
            seed: options.seed,
            talkers: options.talkers,
            visitors: options.visitors,
            slow: options.slow,
        };
        let csv = options.csv.clone().unwrap_or_else(|| std::env::temp_dir().join("chat-soak.csv"));
        println!("samples: {}", csv.display());
        play(script, &csv).await.with_context(|| format!("cannot write {}", csv.display()))?
    };
    if let Some(svg) = &options.svg {
        plot::draw(&samples, svg)?;
    }
    println!("{report}");
    Ok(if report.is_flat() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
