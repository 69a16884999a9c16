//! `cargo xtask soak`: mixed load on one server for half an hour, in release mode; its memory, files and tasks must be
//! flat.

use std::process::Command;

use anyhow::Result;

use crate::{chaos, setup, sh, test};

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// Programs that are not optimised: built in a third of the time. Before all other options.
    #[arg(long)]
    dev: bool,
    /// `--minutes`, `--csv`, `--svg`, `--judge` …; `--help` after `--` tells all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds and runs.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    let place = test::place()?;
    let folder = chaos::programs(options.dev)?;
    sh::run(Command::new(folder.join("chat-soak")).args(&options.rest).env("CHAT_E2E_DIR", &place))
}
