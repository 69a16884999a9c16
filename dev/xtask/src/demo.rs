//! `cargo xtask demo`: the README's pictures, recorded anew from the real programs.

use std::process::Command;

use anyhow::Result;

use crate::{setup, sh};

/// What to make.
#[derive(clap::Args)]
pub struct Options {
    /// `--redraw` draws the recording again, `--into DIR` writes elsewhere; `--help` tells all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds, plays and draws.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    let packages = ["-p", "chat-server", "-p", "chat-tui", "-p", "chat-demo"];
    sh::run(sh::cargo().args(["build", "--locked", "--bins"]).args(packages))?;
    // Just built: the harness need not build again.
    let mut demo = Command::new(sh::target().join("debug/chat-demo"));
    sh::run(demo.args(&options.rest).env("CHAT_E2E_DIR", sh::target()))
}
