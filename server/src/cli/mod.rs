//! The command line: what can be said, and how answers are shown. What a command does is the services' work; it goes
//! through the running server's admin socket, or straight to the database where none runs.

pub mod admin;
mod asking;
mod audit;
mod backup;
mod ban;
mod completions;
mod config;
mod db;
mod doctor;
mod export;
mod healthcheck;
mod hook;
mod invite;
mod man;
mod outgoing;
mod password;
mod progress;
mod room;
mod show;
mod token;
mod top;
mod user;
mod verify;

use clap::{Parser, Subcommand};

pub use asking::{Asking, Asks};
pub use audit::Command as AuditCommand;
pub use backup::{Backup, Restore};
pub use config::Command as ConfigCommand;
pub use db::Command as DbCommand;
pub use doctor::{Options as DoctorOptions, run as doctor};
pub use export::Export;
pub use healthcheck::run as healthcheck;
pub use show::show;
pub use top::Command as TopCommand;
pub use verify::Verify;

use crate::config::Flags;
use admin::Request;

/// A self-hosted chat: one command, one binary, one data folder.
///
/// Without a command it serves. The first admin is made by `chat-server user add NAME --admin`.
#[derive(Debug, Parser)]
#[command(name = "chat-server", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Configuration.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve (the same as no command)
    Serve,
    /// Accounts: add, list, show, role, ban, unban, password, sessions, revoke, erase
    User(Asking<user::Command>),
    /// Invitations to register: create, list, delete
    Invite(Asking<invite::Command>),
    /// Webhooks that post into a room: add, list, rotate, delete
    Hook(Asking<hook::Command>),
    /// Webhooks that tell what happens in a room: add, list, rotate, enable, dead, resend, delete
    Outgoing(Asking<outgoing::Command>),
    /// Rooms: list, show, create, set, retention, transfer, delete
    Room(Asking<room::Command>),
    /// API tokens: list, revoke
    Token(Asking<token::Command>),
    /// Who is kept out of the server or of a room: list, add, remove
    Ban(Asking<ban::Command>),
    /// Who did what
    Audit(AuditCommand),
    /// Watch the server at work: rates, queues, rooms, nodes, who did what
    Top(TopCommand),
    /// The configuration: check it, show what is in force, print the defaults
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The database: copy a server to PostgreSQL
    #[command(subcommand)]
    Db(DbCommand),
    /// Look at everything that has to be right, and say the way out where something is not; exit code 1 if so
    Doctor(doctor::Options),
    /// Ask the running server on this machine whether it is ready; exit code 1 if it is not
    Healthcheck,
    /// Print the OpenAPI document of the REST interface
    Openapi,
    /// Print the manual page of the program, or of a command
    Man {
        /// As in `man user add`
        command: Vec<String>,
    },
    /// Print completions for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
    /// Write a copy of the database to FILE, whether the server runs or not; the key file is not in it
    Backup(Backup),
    /// Put a backup in the place of a stopped server's database, which is kept aside
    Restore(Restore),
    /// Look whether everything is there and fits together, whether the server runs or not; exit code 1 if not
    Verify(Verify),
    /// Write out all messages of a room as JSON lines, Markdown or a page, whether the server runs or not
    Export(Export),
}

/// What a command comes down to.
#[derive(Debug)]
pub enum Job {
    /// Run the server.
    Serve,
    /// Ask the services; the answer is printed for people, or as JSON.
    Ask {
        /// What.
        request: Request,
        /// As JSON.
        json: bool,
    },
    /// Follow the audit of the running server.
    Follow(AuditCommand),
    /// Watch a server.
    Top(TopCommand),
    /// On databases that no server uses.
    Db(DbCommand),
    /// About the configuration alone.
    Config(ConfigCommand),
    /// Print the document.
    Openapi,
    /// Print this text.
    Print(String),
    /// Ask whether the server is ready.
    Healthcheck,
    /// Copy the database.
    Backup(Backup),
    /// Bring a copy back.
    Restore(Restore),
    /// Look through the database.
    Verify(Verify),
    /// Write a room out.
    Export(Export),
    /// Look at everything.
    Doctor(DoctorOptions),
}

impl Command {
    /// The command as a job; asks for a password where one is needed and a person is there.
    pub fn job(self) -> anyhow::Result<Job> {
        Ok(match self {
            Self::Serve => Job::Serve,
            Self::User(asking) => ask(asking)?,
            Self::Invite(asking) => ask(asking)?,
            Self::Hook(asking) => ask(asking)?,
            Self::Outgoing(asking) => ask(asking)?,
            Self::Room(asking) => ask(asking)?,
            Self::Token(asking) => ask(asking)?,
            Self::Ban(asking) => ask(asking)?,
            Self::Top(top) => Job::Top(top),
            Self::Audit(audit) if audit.follow => Job::Follow(audit),
            Self::Audit(audit) => Job::Ask { request: audit.request(), json: audit.json },
            Self::Config(command) => Job::Config(command),
            Self::Db(command) => Job::Db(command),
            Self::Openapi => Job::Openapi,
            Self::Healthcheck => Job::Healthcheck,
            Self::Doctor(options) => Job::Doctor(options),
            Self::Man { command } => Job::Print(man::run(&command)?),
            Self::Completions { shell } => Job::Print(completions::run(shell)),
            Self::Backup(backup) => Job::Backup(backup),
            Self::Restore(restore) => Job::Restore(restore),
            Self::Verify(verify) => Job::Verify(verify),
            Self::Export(export) => Job::Export(export),
        })
    }
}

fn ask<C: Asks>(asking: Asking<C>) -> anyhow::Result<Job> {
    Ok(Job::Ask { request: asking.command.request()?, json: asking.json })
}
