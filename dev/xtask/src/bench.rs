//! `cargo xtask bench`: builds in release mode and runs `chat-bench`, which measures and prints. Nothing is judged:
//! a figure depends on the machine, so each stands beside the bare thing it is compared with.

use std::process::Command;

use anyhow::Result;

use crate::{kafka, setup, sh, test};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// `sends`, `fanout`, `startup`, `load`, `screen` or `cluster`, with its own options; nothing: the first three.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds and measures.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    let packages = ["-p", "chat-server", "-p", "chat-tui", "-p", "chat-bench"];
    sh::run(sh::cargo().args(["build", "--locked", "--release"]).args(packages))?;
    let all = ["sends", "fanout", "startup"].map(|what| vec![what.to_owned()]);
    let wanted = if options.rest.is_empty() { all.to_vec() } else { vec![options.rest.clone()] };
    let bin = sh::target().join("release");
    for args in wanted {
        println!("--- {}", args.join(" "));
        let mut bench = Command::new(bin.join("chat-bench"));
        bench.arg("--bin").arg(&bin).args(&args);
        // Kept until the bench has ended.
        let _broker = match args.first().map(String::as_str) {
            Some("cluster") => {
                node(&mut bench)?;
                broker(&mut bench)?
            }
            Some("load") => {
                node(&mut bench)?;
                None
            }
            _ => None,
        };
        sh::run(&mut bench)?;
    }
    Ok(())
}

/// The Node servers that `cluster` and `load` compare with.
fn node(bench: &mut Command) -> Result<()> {
    let node = sh::target().join("bench/node");
    test::npm("dev/bench/node", &node)?;
    for file in ["server.mjs", "load.mjs", "nest.mjs"] {
        std::fs::copy(sh::root().join("dev/bench/node").join(file), node.join(file))?;
    }
    bench.env("CHAT_BENCH_NODE", &node);
    Ok(())
}

/// A Kafka broker for `cluster`, where Kafka can be had.
fn broker(bench: &mut Command) -> Result<Option<kafka::Service>> {
    if std::env::var_os(chat_kafka::SHARED).is_some() {
        return Ok(None);
    }
    match kafka::start() {
        Ok(broker) => {
            bench.envs(broker.environment());
            Ok(Some(broker))
        }
        Err(error) => {
            println!("LEFT OUT: Apache Kafka: {error:#}");
            Ok(None)
        }
    }
}
