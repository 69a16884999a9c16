//! What the commands that ask the services have in common.

use clap::{Args, FromArgMatches, Subcommand};

use super::admin::Request;

/// A family of commands.
pub trait Asks: Subcommand + FromArgMatches {
    /// What to ask; asks for a password where one is needed and a person is there.
    fn request(self) -> anyhow::Result<Request>;
}

/// A command of a family, and how its answer is shown.
#[derive(Debug, Args)]
pub struct Asking<C: Subcommand> {
    /// Which.
    #[command(subcommand)]
    pub command: C,
    /// Print one JSON object instead of lines for people
    #[arg(long, global = true)]
    pub json: bool,
}
