//! What every command needs: the settings that hold, and the ways to the server that follow from them.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_common::{RoomName, RoomRef};
use clap::ValueEnum as _;

use super::args::{Color, Global};
use super::error::{CliError, Exit};
use crate::api::{Api, Client, Session, Source, guest_name};
use crate::cache::Cache;
use crate::config::{self, Given, Loaded, Paths, ProfileFile};
use crate::credentials::Credentials;
use crate::net::{NetOptions, TransportChoice};
use crate::server_url::ServerUrl;
use crate::settings::{Origin, find};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A file with a token is a line.
const TOKEN_BYTES: u64 = 64 * 1024;

/// Settings that hold, after flags, environment, profile and files.
#[derive(Debug)]
pub struct Context {
    /// Where to.
    pub server: ServerUrl,
    /// As asked for; at least one.
    pub rooms: Vec<RoomRef>,
    /// Whether rooms were named by flag or environment.
    pub rooms_given: bool,
    /// The profile's name.
    pub profile: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// `--timeout` itself.
    pub timeout_given: Option<Duration>,
    /// How packets travel.
    pub transport: TransportChoice,
    /// JSON instead of text.
    pub json: bool,
    /// Only results and errors.
    pub quiet: bool,
    /// Colours as asked for.
    pub color: Color,
    /// What the files say, and where each setting comes from.
    pub loaded: Loaded,
    /// The files themselves, to be followed.
    pub config: config::Source,
    /// Where files lie.
    pub paths: Paths,
    source: Source,
    ca_pem: Option<Arc<[u8]>>,
}

/// A variable of the environment that says something.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// Where files lie.
pub fn paths() -> Result<Paths, CliError> {
    Paths::from_env(|name| std::env::var_os(name)).ok_or_else(|| {
        CliError::new(Exit::Config, "config", "HOME is not set, so there is no place for sessions and drafts")
            .hint("set HOME, or XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_DATA_HOME")
    })
}

impl Context {
    /// Reads files and environment.
    pub fn new(global: Global, name: Option<&str>) -> Result<Self, CliError> {
        let paths = paths()?;
        let config = config::Source {
            files: config::files(&paths, global.config.clone()),
            profile: global.profile.clone(),
            given: given(&global, name),
            session: Vec::new(),
        };
        let loaded = config.load()?;
        let (profile, set) = (loaded.profile.clone(), loaded.set.clone());
        let server = match global.server.clone().or_else(|| set.server.clone()) {
            Some(server) => server,
            None => ServerUrl::parse(ServerUrl::LOCAL).map_err(|e| CliError::usage(e.to_string()))?,
        };
        let rooms_given = !global.room.is_empty();
        let mut rooms = if rooms_given { global.room.clone() } else { set.rooms.clone().unwrap_or_default() };
        if rooms.is_empty() {
            rooms.extend(RoomName::parse("lobby").map(RoomRef::from));
        }
        let source = source(&global, &set, &paths, &profile, name)?;
        let configured = |s: &Option<String>| s.as_deref().map(config::parse_duration).transpose();
        let timeout = match global.timeout {
            Some(timeout) => timeout,
            None => configured(&set.timeout).map_err(wrong)?.unwrap_or(TIMEOUT),
        };
        let transport = match (global.transport, &set.transport) {
            (Some(transport), _) => transport,
            (None, Some(s)) => TransportChoice::from_str(s, true).map_err(wrong)?,
            (None, None) => TransportChoice::Auto,
        };
        let color = match (global.color, &set.color) {
            (Some(color), _) => color,
            (None, Some(s)) => Color::from_str(s, true).map_err(wrong)?,
            (None, None) => Color::Auto,
        };
        let home = env("HOME").map(PathBuf::from);
        let ca = global.ca_file.or_else(|| set.ca_file.map(|p| config::paths::expand(&p, home.as_deref())));
        let ca_pem = ca.map(|p| std::fs::read(&p).map_err(|e| CliError::io(p.display(), &e))).transpose()?;
        Ok(Self {
            server,
            rooms,
            rooms_given,
            profile,
            timeout: timeout.max(Duration::from_millis(1)),
            timeout_given: global.timeout,
            transport,
            json: global.json,
            quiet: global.quiet,
            color,
            loaded,
            config,
            paths,
            source,
            ca_pem: ca_pem.map(Arc::from),
        })
    }

    /// The room that a command means.
    pub fn room(&self) -> Result<&RoomRef, CliError> {
        match (self.rooms.as_slice(), self.rooms_given) {
            ([.., last], false) | ([last], true) => Ok(last),
            _ => Err(CliError::usage("this command takes one --room")),
        }
    }

    /// REST, with tokens; nothing is sent yet.
    pub fn client(&self) -> Result<Client, CliError> {
        let api = self.api()?;
        let session = Arc::new(Session::new(api.clone(), self.source.clone()));
        Ok(Client::new(api, session))
    }

    /// REST without tokens.
    pub fn api(&self) -> Result<Api, CliError> {
        Ok(Api::new(self.server.clone(), self.timeout, self.ca_pem.as_deref())?)
    }

    /// How the line is made, with the same tokens.
    pub fn net(&self, client: &Client) -> NetOptions {
        NetOptions {
            server: self.server.clone(),
            tokens: Arc::<Session>::clone(client.session()),
            transport: self.transport,
            ca_pem: self.ca_pem.clone(),
        }
    }

    /// Outbox, drafts and views, for the user as far as it is known.
    pub fn cache(&self, client: &Client) -> Result<Arc<Cache>, CliError> {
        let server = self.server.to_string();
        let owner = match client.session().user() {
            Some(user) => Cache::owner(&server, user.id),
            None => Cache::provisional(&server, &self.profile),
        };
        Ok(Arc::new(Cache::open(&self.paths.cache_file(), &owner)?))
    }

    /// Whom to trust beside the system's authorities.
    pub fn ca_pem(&self) -> Option<Arc<[u8]>> {
        self.ca_pem.clone()
    }

    /// Whether text output is coloured.
    pub fn colored(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stdout().is_terminal() && env("NO_COLOR").is_none() && env("TERM").is_none_or(|t| t != "dumb")
            }
        }
    }
}

/// What flags and environment say of the settings.
fn given(global: &Global, name: Option<&str>) -> Vec<Given> {
    let of = |key: &str, value: Option<String>, flag: &'static str, variable: &'static str| {
        let (setting, value) = (find(key)?, value?);
        let value = setting.read(&value).unwrap_or(value);
        // The command line goes first, so a variable is the origin only where it says the same.
        let same = env(variable).is_some_and(|v| setting.read(&v).unwrap_or(v) == value);
        let origin = if same { Origin::Environment(variable) } else { Origin::Flag(flag) };
        Some(Given { setting, value, origin })
    };
    let rooms: Vec<String> = global.room.iter().map(ToString::to_string).collect();
    let all = [
        of("server", global.server.as_ref().map(ToString::to_string), "--server", "CHAT_SERVER"),
        of("rooms", (!rooms.is_empty()).then(|| rooms.join(" ")), "--room", "CHAT_ROOM"),
        of("name", name.map(str::to_owned), "--name", "CHAT_NAME"),
        of("timeout", global.timeout.map(|t| format!("{}ms", t.as_millis())), "--timeout", ""),
        of("transport", spelled(global.transport), "--transport", "CHAT_TRANSPORT"),
        of("color", spelled(global.color), "--color", ""),
        of("ca_file", global.ca_file.as_ref().map(|p| p.display().to_string()), "--ca-file", "CHAT_CA_FILE"),
    ];
    all.into_iter().flatten().collect()
}

/// A choice as the command line writes it.
fn spelled(choice: Option<impl clap::ValueEnum>) -> Option<String> {
    choice?.to_possible_value().map(|v| v.get_name().to_owned())
}

fn wrong(message: String) -> CliError {
    CliError::new(Exit::Config, "config", message)
}

/// Where tokens come from: a given one before a command before the sessions on disk.
fn source(
    global: &Global,
    set: &ProfileFile,
    paths: &Paths,
    profile: &str,
    name: Option<&str>,
) -> Result<Source, CliError> {
    let home = env("HOME").map(PathBuf::from);
    let fixed = match (&global.token_file, env("CHAT_TOKEN")) {
        (Some(path), _) => Some(read_token(path)?),
        (None, Some(token)) => Some(token.trim().to_owned()),
        (None, None) => match &set.token_file {
            Some(path) => Some(read_token(&config::paths::expand(path, home.as_deref()))?),
            None => systemd_credential()?,
        },
    };
    if let Some(token) = fixed {
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("the token that was given is empty or holds characters that no token has".to_owned()));
        }
        return Ok(Source::Fixed(token));
    }
    if let (Some(command), None) = (&set.token_command, name) {
        return Ok(Source::Command(command.clone()));
    }
    let forced = name.is_some();
    let wish = match name.or(set.name.as_deref()) {
        // A guest's `~` is the server's to add.
        Some(name) => chat_common::UserName::account(name.trim_start_matches('~'))
            .map_err(|e| CliError::usage(format!("{name:?}: {e}")))?
            .as_str()
            .to_owned(),
        None => guest_name(env("USER").or_else(|| env("LOGNAME")).as_deref()),
    };
    Ok(Source::Stored {
        credentials: Credentials::at(paths.credentials_file()),
        profile: profile.to_owned(),
        guest: wish,
        forced,
    })
}

/// The first line of a file; `-` is the standard input.
fn read_token(path: &Path) -> Result<String, CliError> {
    read_line(path, "token")
}

/// The first line of a file, for secrets; `-` is the standard input.
pub fn read_line(path: &Path, what: &str) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(TOKEN_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(TOKEN_BYTES).read_to_string(&mut text))
    };
    read.map_err(|e| CliError::io(path.display(), &e))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(CliError::new(Exit::NoInput, "no_input", format!("{}: there is no {what} in it", path.display())));
    }
    Ok(line.to_owned())
}

/// `LoadCredential=chat-token:…` of a systemd unit.
fn systemd_credential() -> Result<Option<String>, CliError> {
    let Some(folder) = env("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    let path = Path::new(&folder).join("chat-token");
    if path.exists() { read_token(&path).map(Some) } else { Ok(None) }
}
