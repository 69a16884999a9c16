//! `chat-server man`: the manual page of the program or of one command, in roff, made from the same table as `--help`.

use anyhow::Context;
use clap::{Command, CommandFactory};

use super::Cli;

/// The page: `chat-server man | man -l -`. `names` leads to a command, as `user add`.
pub fn run(names: &[String]) -> anyhow::Result<String> {
    let mut command = Cli::command();
    command.build();
    let mut found: &Command = &command;
    for name in names {
        found = found
            .find_subcommand(name)
            .with_context(|| format!("there is no command {}; chat-server --help lists them", names.join(" ")))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone()).render(&mut page)?;
    String::from_utf8(page).context("the page is no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        fn pages(command: &Command, path: &mut Vec<String>) {
            let page = run(path).unwrap();
            assert!(page.contains(".TH") && page.contains("SYNOPSIS"), "{path:?}: {page}");
            for inner in command.get_subcommands() {
                path.push(inner.get_name().to_owned());
                pages(inner, path);
                path.pop();
            }
        }
        pages(&Cli::command(), &mut Vec::new());
        assert!(run(&["no-such".to_owned()]).unwrap_err().to_string().contains("--help"));
    }
}
