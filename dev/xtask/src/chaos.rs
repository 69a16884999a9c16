//! `cargo xtask chaos`: the plan of faults at length, in release mode, with services of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use chat_kafka::jars;

use crate::{setup, sh, test};

/// What to play.
#[derive(clap::Args)]
pub struct Options {
    /// Programs that are not optimised: built in a third of the time. Before all other options.
    #[arg(long)]
    dev: bool,
    /// `--minutes`, `--seed`, `--nodes`, `--bus`, `--faults` …; `--help` after `--` tells all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds and plays.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    for missing in setup::tests() {
        println!("LEFT OUT: no {missing}");
    }
    let place = test::place()?;
    for (what, made) in test::clients(&place) {
        made.unwrap_or_else(|e| println!("LEFT OUT: {what}: {e:#}"));
    }
    let folder = programs(options.dev)?;
    // Chaos breaks what it stands on, and so starts services of its own; Kafka's jars must be there.
    let mut chaos = Command::new(folder.join("chat-chaos"));
    if options.rest.iter().any(|word| word.contains("kafka")) {
        chaos.env(chat_kafka::CLASSPATH, jars::install(&place.join("kafka"))?);
    }
    sh::run(chaos.args(&options.rest).env("CHAT_E2E_DIR", &place))
}

/// Builds the programs under test and those that test them; gives the folder in which they are.
pub fn programs(dev: bool) -> Result<PathBuf> {
    let packages = ["-p", "chat-server", "-p", "chat-tui", "-p", "chat-chaos"];
    let (profile, folder) = if dev { (None, "debug") } else { (Some("--release"), "release") };
    sh::run(sh::cargo().args(["build", "--locked", "--bins"]).args(profile).args(packages))?;
    Ok(sh::target().join(folder))
}
