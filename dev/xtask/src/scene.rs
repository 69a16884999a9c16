//! `cargo xtask scene`: the large scene of a cluster at length, in release mode, with services of its own.

use std::process::Command;

use anyhow::Result;

use crate::services::Services;
use crate::{setup, sh, test};

/// What to play.
#[derive(clap::Args)]
pub struct Options {
    /// `--bus redis` or `kafka`, `--minutes`, `--clients`, `--rate`; `--help` tells all.
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
    let packages = ["-p", "chat-server", "-p", "chat-tui", "-p", "chat-e2e"];
    sh::run(sh::cargo().args(["build", "--locked", "--release", "--bins"]).args(packages))?;
    // Only Kafka's class path is used: the scene breaks what it stands on, and so has its own.
    let services = Services::start();
    let mut scene = Command::new(sh::target().join("release/chat-scene"));
    scene.args(&options.rest).env("CHAT_E2E_DIR", &place).envs(services.variables.iter().cloned());
    let result = sh::run(&mut scene);
    services.stop();
    result
}
