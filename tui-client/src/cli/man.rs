//! `man`: the manual page of the program or of one command, in roff, made from the same table as `--help`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::args::{Cli, ManArgs};
use super::error::CliError;

/// Prints it: `chat-tui man | man -l -`.
pub fn run(args: &ManArgs) -> Result<ExitCode, CliError> {
    let mut command = Cli::command();
    command.build();
    let page = match &args.command {
        None => clap_mangen::Man::new(command),
        Some(name) => {
            let found = command.find_subcommand(name).cloned().ok_or_else(|| {
                CliError::usage(format!("there is no command {name}")).hint("chat-tui --help lists them")
            })?;
            clap_mangen::Man::new(found)
        }
    };
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&roff)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
