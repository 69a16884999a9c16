//! `cargo xtask bench`: builds in release mode and runs `chat-bench`, which measures and prints. Nothing is judged:
//! a figure depends on the machine, so each stands beside the bare thing it is compared with.

use std::process::Command;

use anyhow::Result;

use crate::{setup, sh};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// `sends`, `fanout` or `startup`, with its own options; nothing: all three.
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
        sh::run(Command::new(bin.join("chat-bench")).arg("--bin").arg(&bin).args(args))?;
    }
    Ok(())
}
