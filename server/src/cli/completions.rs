//! `chat-server completions`: for the shells that clap knows.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

/// The script.
pub fn run(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chat-server", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
