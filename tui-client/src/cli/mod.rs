//! The command line: what can be asked for, one sub-command a file. Exit codes follow sysexits; see [`error`].

mod args;
mod completions;
mod config;
mod context;
mod doctor;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod login;
mod logout;
mod man;
mod message;
mod output;
mod password;
mod register;
mod relay;
mod rooms;
mod run;
mod screen;
mod search;
mod send;
mod tail;
mod token;
mod unread;
mod wait;
mod who;
mod whoami;

use std::process::ExitCode;

use chat_common::RoomRef;
use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Cli, Command};
use context::Context;
use error::{CliError, Exit};

use crate::runtime::crash;

/// Runs the program.
pub fn main() -> ExitCode {
    crash::install();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(e) => return unparsed(&e),
    };
    let json = cli.global.json || matches!(cli.command, Some(Command::Listen(_)));
    let to: Vec<RoomRef> = cli.global.room.clone();
    match run(cli) {
        Ok(code) => code,
        Err(e) => e.about(&to).report(json),
    }
}

/// Help that was asked for, or a command line that means nothing; a script that wants JSON gets its object then, too.
fn unparsed(e: &clap::Error) -> ExitCode {
    let fine = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !fine && std::env::args_os().any(|arg| arg == "--json") {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        let error = CliError::usage(first.strip_prefix("error: ").unwrap_or(first));
        return error.hint("chat-tui --help lists commands and options").report(true);
    }
    // Nothing can be done about a closed terminal.
    let _ = e.print();
    if fine { ExitCode::SUCCESS } else { Exit::Usage.into() }
}

/// An empty variable is one that is not set, as `CHAT_SERVER=` in a unit file or a CI job means it.
fn parse() -> Result<Cli, clap::Error> {
    let command = Cli::command().mut_args(|arg| {
        let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if empty { arg.env(Resettable::Reset) } else { arg }
    });
    Cli::from_arg_matches(&command.try_get_matches()?)
}

fn run(cli: Cli) -> Result<ExitCode, CliError> {
    crash::provoke("start");
    output::log_to_stderr(cli.global.verbose, cli.command.is_none());
    let Cli { global, name, plain, command } = cli;
    let Some(command) = command else {
        return screen::run(global, name.as_deref(), plain);
    };
    let name = command.name().cloned().or(name);
    match command {
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Config(args) => config::run(&args, &global),
        Command::Send(args) => send::run(&Context::new(global, name.as_deref())?, &args),
        Command::Tail(args) => tail::run(&Context::new(global, name.as_deref())?, &args),
        Command::Listen(mut args) => {
            args.listen();
            tail::run(&Context::new(args::Global { json: true, ..global }, name.as_deref())?, &args)
        }
        Command::Wait(args) => wait::run(&Context::new(global, name.as_deref())?, args),
        Command::Run(args) => run::run(Context::new(global, name.as_deref())?, &args),
        Command::Unread(args) => block_on(unread::run(Context::new(global, name.as_deref())?, args)),
        Command::Token(args) => block_on(token::run(Context::new(global, name.as_deref())?, args)),
        Command::Doctor(_) => block_on(doctor::run(global, name.as_deref())),
        Command::Relay(command) => relay::run(&Context::new(global, name.as_deref())?, command),
        Command::History(args) => block_on(history::run(Context::new(global, name.as_deref())?, args)),
        Command::Search(args) => block_on(search::run(Context::new(global, name.as_deref())?, args)),
        Command::Rooms(args) => block_on(rooms::run(Context::new(global, name.as_deref())?, args)),
        Command::Who(_) => block_on(who::run(Context::new(global, name.as_deref())?)),
        Command::Register(args) => block_on(register::run(Context::new(global, name.as_deref())?, args)),
        Command::Login(args) => block_on(login::run(Context::new(global, name.as_deref())?, args)),
        Command::Logout(_) => block_on(logout::run(Context::new(global, name.as_deref())?)),
        Command::Whoami(_) => block_on(whoami::run(Context::new(global, name.as_deref())?)),
    }
}

/// One thread is enough for one request, and is there at once.
fn block_on(command: impl Future<Output = Result<ExitCode, CliError>>) -> Result<ExitCode, CliError> {
    runtime()?.block_on(command)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new(Exit::Bug, "internal", format!("no runtime: {e}")))
}
