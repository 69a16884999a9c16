//! Options and sub-commands, as `--help` shows them.

use std::path::PathBuf;
use std::time::Duration;

use chat_common::{RoomRef, Seq, UserName};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::parse_duration;
use crate::net::TransportChoice;
use crate::server_url::ServerUrl;

/// A chat for the terminal: a full screen without a command, and commands that scripts can trust.
#[derive(Debug, Parser)]
#[command(name = "chat-tui", version, args_conflicts_with_subcommands = false, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// The guest's name
    #[arg(short = 'n', long = "name", env = "CHAT_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// Instead of the full screen: print line by line, for screen readers and simple terminals
    #[arg(long)]
    pub plain: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 stored, or queued as asked · 1 no match · 64 usage · 65 bad data · 66 no input · \
67 no such room, user or message · 68 host unknown · 69 unreachable · 70 a bug · 73, 74 files · 75 safe to repeat with \
the same key · 76 protocol mismatch · 77 not allowed · 78 bad configuration";

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The server, as http://127.0.0.1:6969
    #[arg(short, long, global = true, env = "CHAT_SERVER", value_name = "URL")]
    pub server: Option<ServerUrl>,
    /// A room, or @NAME for a direct conversation; may be repeated for the full screen and tail
    #[arg(short, long = "room", global = true, env = "CHAT_ROOM", value_name = "ROOM", value_delimiter = ',', value_parser = room)]
    pub room: Vec<RoomRef>,
    /// A profile of the configuration; its sessions are kept apart
    #[arg(short = 'P', long, global = true, env = "CHAT_PROFILE")]
    pub profile: Option<String>,
    /// This configuration file instead of the usual ones
    #[arg(short, long, global = true, env = "CHAT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A file with an API token; - is the standard input
    #[arg(long, global = true, env = "CHAT_TOKEN_FILE", value_name = "FILE|-")]
    pub token_file: Option<PathBuf>,
    /// How long an answer may take, as 10s; for tail: how long to follow
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Output for programs: one JSON object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more, to the standard error; -vv still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<Color>,
    /// How packets travel
    #[arg(long, global = true, value_enum, env = "CHAT_TRANSPORT")]
    pub transport: Option<TransportChoice>,
    /// Whom to trust beside the system's authorities
    #[arg(long, global = true, env = "CHAT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, without NO_COLOR.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A room as people write it: a leading `#` is not part of it.
fn room(s: &str) -> Result<RoomRef, String> {
    RoomRef::parse(s.strip_prefix('#').unwrap_or(s)).map_err(|e| e.to_string())
}

/// The sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a message and wait for the server's word that it is stored
    Send(SendArgs),
    /// Print the last messages, then follow
    Tail(TailArgs),
    /// Follow from now on, as JSON: tail -f -n 0 --json
    Listen(TailArgs),
    /// Block until a message matches, print it and end; exit 1 when --timeout is over
    Wait(WaitArgs),
    /// Run a command, post how it ended, and end with its code
    Run(RunArgs),
    /// List the rooms in which something waits
    Unread(UnreadArgs),
    /// Print a page of a room's messages
    History(HistoryArgs),
    /// Search messages, newest first
    Search(SearchArgs),
    /// List public rooms and one's own
    Rooms(RoomsArgs),
    /// List who is present in a room
    Who(PlainArgs),
    /// Make an account and log in
    Register(RegisterArgs),
    /// Log in
    Login(LoginArgs),
    /// End the session on this machine
    Logout(PlainArgs),
    /// Say who one is
    Whoami(PlainArgs),
    /// Make, list and take back API tokens for scripts
    Token(TokenArgs),
    /// Look at everything that has to be right, and say the way out
    Doctor(PlainArgs),
    /// Push to the clients of a relay, or listen as one of them
    #[command(subcommand)]
    Relay(RelayCommand),
    /// Show, check, edit or write the configuration
    Config(ConfigArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page: chat-tui man | man -l -
    Man(ManArgs),
}

impl Command {
    /// The guest's name, where it stands behind the sub-command.
    pub fn name(&self) -> Option<&String> {
        match self {
            Self::Send(a) => a.name.name.as_ref(),
            Self::Tail(a) | Self::Listen(a) => a.name.as_ref(),
            Self::History(a) => a.name.as_ref(),
            Self::Search(a) => a.name.as_ref(),
            Self::Rooms(a) => a.name.name.as_ref(),
            Self::Wait(a) => a.name.name.as_ref(),
            Self::Run(a) => a.name.name.as_ref(),
            Self::Unread(a) => a.name.name.as_ref(),
            Self::Who(a) | Self::Logout(a) | Self::Whoami(a) | Self::Doctor(a) => a.name.name.as_ref(),
            Self::Register(_) | Self::Login(_) | Self::Token(_) => None,
            Self::Relay(_) | Self::Config(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }
}

/// `--name` where `-n` is free.
#[derive(Debug, Default, Args)]
pub struct NameArg {
    /// The guest's name
    #[arg(short = 'n', long = "name", value_name = "NAME")]
    pub name: Option<String>,
}

/// Nothing of its own.
#[derive(Debug, Args)]
pub struct PlainArgs {
    #[command(flatten)]
    pub name: NameArg,
}

/// `send`
#[derive(Debug, Default, Args)]
pub struct SendArgs {
    /// The message; its words are joined by spaces
    #[arg(value_name = "MESSAGE")]
    pub words: Vec<String>,
    /// The message
    #[arg(short, long, conflicts_with_all = ["words", "file"], value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// A file with the message; - is the standard input
    #[arg(short, long, conflicts_with = "words", value_name = "FILE|-")]
    pub file: Option<PathBuf>,
    /// Each line is a message
    #[arg(long)]
    pub lines: bool,
    /// With --lines: lines that come within this time are one message
    #[arg(long, requires = "lines", value_name = "DURATION", value_parser = parse_duration)]
    pub batch: Option<Duration>,
    /// As a block of code, in a language
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "", value_name = "LANG")]
    pub code: Option<String>,
    /// The message this one answers
    #[arg(long, value_name = "SEQ")]
    pub reply_to: Option<Seq>,
    /// The message's own key: repeated with the same one, it is stored once
    #[arg(long, value_name = "KEY")]
    pub key: Option<chat_common::ClientId>,
    /// How often to try again where that is safe
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub retry: u32,
    /// If the server cannot be reached, keep the message in the outbox and succeed
    #[arg(long, conflicts_with = "via")]
    pub queue: bool,
    /// Split a text that is too long into several messages
    #[arg(long)]
    pub split: bool,
    /// What an empty text means
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_empty: OnEmpty,
    /// Say what would be sent; send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Copy the text to the standard output
    #[arg(long, conflicts_with = "json")]
    pub tee: bool,
    /// Over REST, one round trip, or over the socket
    #[arg(long, value_enum, default_value_t)]
    pub via: Via,
    #[command(flatten)]
    pub name: NameArg,
}

/// What an empty text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnEmpty {
    /// A mistake: exit 65.
    #[default]
    Fail,
    /// Nothing to do: exit 0.
    Skip,
}

/// How a message goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// One request.
    #[default]
    Rest,
    /// A connection.
    Socket,
}

/// `tail`
#[derive(Debug, Default, Args)]
pub struct TailArgs {
    /// So many messages first
    #[arg(short = 'n', long = "number", value_name = "N")]
    pub number: Option<usize>,
    /// Go on with what comes; the default on a terminal
    #[arg(short, long, overrides_with = "no_follow")]
    pub follow: bool,
    /// Stop after what is there
    #[arg(long, overrides_with = "follow")]
    pub no_follow: bool,
    /// Not earlier: a time as 2026-11-22T16:00:00Z, or a duration as 2h ago
    #[arg(long, value_name = "TIME", value_parser = super::message::time)]
    pub since: Option<chat_common::Timestamp>,
    /// Earlier than this
    #[arg(long, value_name = "TIME", value_parser = super::message::time)]
    pub until: Option<chat_common::Timestamp>,
    /// Only by this user; may be repeated
    #[arg(long, value_name = "NAME")]
    pub from: Vec<UserName>,
    /// Only messages whose text matches
    #[arg(long, value_name = "REGEX", value_parser = super::message::pattern)]
    pub grep: Option<super::message::Pattern>,
    /// Only messages that mention me
    #[arg(long)]
    pub mentions: bool,
    /// Only these types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_enum)]
    pub types: Vec<super::message::Type>,
    /// Not what I wrote
    #[arg(long)]
    pub no_self: bool,
    /// Stop after so many
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Go on exactly after the last line printed, across restarts; the place is kept in this file
    #[arg(long, value_name = "FILE")]
    pub cursor: Option<PathBuf>,
    /// A line's form: {time} {at} {room} {seq} {from} {type} {text}
    #[arg(long, conflicts_with = "json", value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Run this for each line, with its JSON on the standard input; no shell
    #[arg(long, value_name = "COMMAND", value_parser = super::message::words)]
    pub exec: Option<super::message::Words>,
    /// Count lines, and print none.
    #[arg(skip)]
    pub silent: bool,
    /// The guest's name
    #[arg(long = "name", value_name = "NAME")]
    pub name: Option<String>,
}

impl TailArgs {
    /// `listen`
    pub fn listen(&mut self) {
        self.follow = !self.no_follow;
        self.number = self.number.or(Some(0));
    }
}

/// `wait`
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Only a message whose text matches
    #[arg(long, value_name = "REGEX", value_parser = super::message::pattern)]
    pub grep: Option<super::message::Pattern>,
    /// Only by this user; may be repeated
    #[arg(long, value_name = "NAME")]
    pub from: Vec<UserName>,
    /// Only one that mentions me
    #[arg(long)]
    pub mentions: bool,
    /// Not what I wrote
    #[arg(long)]
    pub no_self: bool,
    /// What was said since then counts too: a time, or a duration as 1m ago
    #[arg(long, value_name = "TIME", value_parser = super::message::time)]
    pub since: Option<chat_common::Timestamp>,
    #[command(flatten)]
    pub name: NameArg,
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND", num_args = 1..)]
    pub command: Vec<String>,
    /// When the result is posted
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub on: When,
    /// Post so many of the last lines of its output [default: 20 when it failed, else none]
    #[arg(long, value_name = "LINES")]
    pub output: Option<usize>,
    /// What to call it, instead of its command line
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The message's own key: repeated with the same one, it is stored once
    #[arg(long, value_name = "KEY")]
    pub key: Option<chat_common::ClientId>,
    #[command(flatten)]
    pub name: NameArg,
}

/// When `run` posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// However it ended.
    #[default]
    Always,
    /// Only when it failed.
    Failure,
    /// Only when all went well.
    Success,
}

/// `unread`
#[derive(Debug, Args)]
pub struct UnreadArgs {
    /// Only rooms in which one is mentioned; with --total the mentions are counted
    #[arg(long)]
    pub mentions: bool,
    /// One number for all rooms, for a status bar
    #[arg(long)]
    pub total: bool,
    #[command(flatten)]
    pub name: NameArg,
}

/// `token`
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do
    #[command(subcommand)]
    pub what: TokenWhat,
}

/// What `token` does.
#[derive(Debug, Subcommand)]
pub enum TokenWhat {
    /// List one's tokens
    List,
    /// Make a token and print it, once; with --room it holds for these rooms alone
    #[command(alias = "add")]
    Create {
        /// The name of its bot, which its messages are by
        #[arg(value_name = "NAME")]
        bot: UserName,
        /// What it allows, several with commas: read,send
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = [TokenScope::Send], value_name = "SCOPE")]
        scope: Vec<TokenScope>,
        /// How long it holds, as 90d [default: until it is revoked]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        expires: Option<Duration>,
    },
    /// Take a token back
    Revoke {
        /// As listed
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenScope {
    /// Reading what its owner may read.
    Read,
    /// Sending, editing, deleting, reacting.
    Send,
    /// The admin routes, if its owner is an admin.
    Admin,
}

/// `man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The page of this command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// `history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// So many messages
    #[arg(short = 'n', long = "number", default_value_t = 50, value_name = "N")]
    pub number: usize,
    /// Older than this message
    #[arg(long, value_name = "SEQ", conflicts_with_all = ["after", "around"])]
    pub before: Option<Seq>,
    /// Newer than this message
    #[arg(long, value_name = "SEQ", conflicts_with = "around")]
    pub after: Option<Seq>,
    /// This message in the middle
    #[arg(long, value_name = "SEQ")]
    pub around: Option<Seq>,
    /// The guest's name
    #[arg(long = "name", value_name = "NAME")]
    pub name: Option<String>,
}

/// `search`
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Words, all of which must be in the text; without regard to case and accents
    #[arg(value_name = "WORDS")]
    pub words: Vec<String>,
    /// Only by this user
    #[arg(long, value_name = "NAME")]
    pub from: Option<UserName>,
    /// Not earlier
    #[arg(long, value_name = "TIME", value_parser = super::message::time)]
    pub since: Option<chat_common::Timestamp>,
    /// Earlier than this
    #[arg(long, value_name = "TIME", value_parser = super::message::time)]
    pub until: Option<chat_common::Timestamp>,
    /// Only messages with a link
    #[arg(long)]
    pub links: bool,
    /// Only messages that mention me
    #[arg(long)]
    pub mentions: bool,
    /// At most so many
    #[arg(short = 'n', long = "number", default_value_t = 20, value_name = "N")]
    pub number: usize,
    /// The guest's name
    #[arg(long = "name", value_name = "NAME")]
    pub name: Option<String>,
}

/// `rooms`
#[derive(Debug, Args)]
pub struct RoomsArgs {
    /// Part of a name or a topic
    pub query: Option<String>,
    #[command(flatten)]
    pub name: NameArg,
}

/// `register`
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The account's name
    #[arg(value_name = "NAME")]
    pub account: String,
    /// An invitation code, where the server asks for one
    #[arg(long, value_name = "CODE")]
    pub invite: Option<String>,
    /// A file with the password; - is the standard input
    #[arg(long, value_name = "FILE|-")]
    pub password_file: Option<PathBuf>,
}

/// `login`
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The account's name
    #[arg(value_name = "NAME")]
    pub account: String,
    /// A file with the password; - is the standard input
    #[arg(long, value_name = "FILE|-")]
    pub password_file: Option<PathBuf>,
}

/// `config`
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do
    #[arg(value_enum)]
    pub what: ConfigWhat,
}

/// What `config` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigWhat {
    /// Where the file lies
    Path,
    /// What holds, after all files, the environment and the flags
    Show,
    /// Whether the files are right
    Check,
    /// A file with every setting and what it means
    Default,
    /// Open the file in $VISUAL or $EDITOR, and check it
    Edit,
}

/// `relay`
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Tell everybody who listens; prints ok when the server has taken it
    Push(RelayPushArgs),
    /// Print what is pushed, a line each, and connect again when the connection is lost
    Listen(RelayListenArgs),
}

/// `relay push`
#[derive(Debug, Args)]
pub struct RelayPushArgs {
    /// The message
    #[arg(value_name = "MESSAGE", allow_hyphen_values = true)]
    pub message: String,
    /// MESSAGE is JSON and is told as such, not as a text
    #[arg(long)]
    pub as_json: bool,
    /// The relay's token, as chat-server --relay-token; better given by the variable, since others see command lines
    #[arg(long, env = "CHAT_RELAY_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// `relay listen`
#[derive(Debug, Args)]
pub struct RelayListenArgs {
    /// Stop after so many
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_name_and_a_number_do_not_get_in_each_others_way() {
        let cli = Cli::try_parse_from(["chat-tui", "-n", "ana", "tail", "-n", "5", "-r", "#ops", "-r", "dev"]).unwrap();
        assert_eq!(cli.name.as_deref(), Some("ana"));
        assert_eq!(cli.global.room.len(), 2);
        let Some(Command::Tail(args)) = cli.command else { panic!("tail") };
        assert_eq!(args.number, Some(5));
        let cli = Cli::try_parse_from(["chat-tui", "send", "-n", "bob", "--code", "hello", "-v"]).unwrap();
        let Some(Command::Send(args)) = cli.command else { panic!("send") };
        assert_eq!((args.name.name.as_deref(), args.code.as_deref(), args.words.len()), (Some("bob"), Some(""), 1));
    }
}
