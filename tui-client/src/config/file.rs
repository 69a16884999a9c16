//! Reading the TOML files and laying one over the other.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use chat_common::RoomRef;
use serde::Deserialize;

use super::screen::{Keys, Notify, Screen};
use crate::server_url::ServerUrl;

/// A file that cannot be obeyed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, a key nobody knows, or a value of the wrong kind.
    #[error("{path}:{line}:{column}: {message}")]
    Bad {
        /// Which file.
        path: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// `-P` or `profile` names none that is there.
    #[error("there is no profile {name:?}; {known}")]
    NoProfile {
        /// As asked for.
        name: String,
        /// The ones there are.
        known: String,
    },
}

/// What a profile, and a file at its top, can set. Everything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// Where to.
    pub server: Option<ServerUrl>,
    /// Opened at the start; the last has the focus, and commands mean it.
    pub rooms: Option<Vec<RoomRef>>,
    /// The guest name.
    pub name: Option<String>,
    /// A program that prints an API token: its arguments, no shell.
    pub token_command: Option<Vec<String>>,
    /// A file with an API token.
    pub token_file: Option<String>,
    /// How long an answer may take.
    pub timeout: Option<String>,
    /// `auto`, `websocket`, `polling`.
    pub transport: Option<String>,
    /// Whom to trust beside the system's authorities.
    pub ca_file: Option<String>,
    /// `auto`, `always`, `never`.
    pub color: Option<String>,
}

/// One file, or several laid over each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The top.
    pub top: ProfileFile,
    /// The profile without `-P`.
    pub profile: Option<String>,
    /// `[profiles.NAME]`
    pub profiles: BTreeMap<String, ProfileFile>,
    /// `[screen]`, `[keys]`, `[notify]`
    pub screen: Screen,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    server: Option<ServerUrl>,
    rooms: Option<Vec<RoomRef>>,
    name: Option<String>,
    token_command: Option<Vec<String>>,
    token_file: Option<String>,
    timeout: Option<toml::Spanned<String>>,
    transport: Option<toml::Spanned<String>>,
    ca_file: Option<String>,
    color: Option<toml::Spanned<String>>,
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, ProfileFile>,
    #[serde(default)]
    screen: Screen,
    #[serde(default)]
    notify: Notify,
    #[serde(default)]
    keys: BTreeMap<toml::Spanned<String>, OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a key as \"Ctrl+K\" or a list of keys")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Line and column, from 1, of a byte.
pub fn locate(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}

fn bad(path: &Path, text: &str, span: Option<Range<usize>>, message: &str) -> ConfigError {
    let (line, column) = locate(text, span.map_or(0, |s| s.start));
    ConfigError::Bad {
        path: path.display().to_string(),
        line,
        column,
        message: chat_common::text::visible_line(message.trim()),
    }
}

/// Reads one file's text.
pub fn read(path: &Path, text: &str) -> Result<File, ConfigError> {
    let raw: Raw = toml::from_str(text).map_err(|e| bad(path, text, e.span(), e.message()))?;
    let check = |value: &Option<toml::Spanned<String>>, test: &dyn Fn(&str) -> Result<(), String>| match value {
        Some(v) => test(v.get_ref()).map_err(|m| bad(path, text, Some(v.span()), &m)),
        None => Ok(()),
    };
    check(&raw.timeout, &|s| super::parse_duration(s).map(drop))?;
    check(&raw.transport, &|s| one_of(s, &["auto", "websocket", "polling"]))?;
    check(&raw.color, &|s| one_of(s, &["auto", "always", "never"]))?;
    let mut screen = raw.screen;
    screen.notify = raw.notify;
    for (action, keys) in raw.keys {
        let (line, column) = locate(text, action.span().start);
        let keys = match keys {
            OneOrMany::One(key) => vec![key],
            OneOrMany::Many(keys) => keys,
        };
        let place = format!("{}:{line}:{column}", path.display());
        screen.keys.insert(action.into_inner(), Keys { keys, place });
    }
    let plain = |v: Option<toml::Spanned<String>>| v.map(toml::Spanned::into_inner);
    Ok(File {
        top: ProfileFile {
            server: raw.server,
            rooms: raw.rooms,
            name: raw.name,
            token_command: raw.token_command,
            token_file: raw.token_file,
            timeout: plain(raw.timeout),
            transport: plain(raw.transport),
            ca_file: raw.ca_file,
            color: plain(raw.color),
        },
        profile: raw.profile,
        profiles: raw.profiles,
        screen,
    })
}

fn one_of(s: &str, all: &[&str]) -> Result<(), String> {
    if all.contains(&s) { Ok(()) } else { Err(format!("{s:?} is none of {}", all.join(", "))) }
}

/// Reads files, weakest first; one that need not be there may be missing.
pub fn load(files: &[(PathBuf, bool)]) -> Result<File, ConfigError> {
    let mut all = File::default();
    for (path, must) in files {
        match std::fs::read_to_string(path) {
            Ok(text) => all.lay_over(read(path, &text)?),
            Err(e) if !must && matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            }
            Err(source) => return Err(ConfigError::Io { path: path.display().to_string(), source }),
        }
    }
    Ok(all)
}

/// Takes from `over` what it says.
macro_rules! over {
    ($into:expr, $over:expr; $($field:ident),+ $(,)?) => { $(if $over.$field.is_some() { $into.$field = $over.$field; })+ };
}

impl ProfileFile {
    fn lay_over(&mut self, over: Self) {
        over!(self, over; server, rooms, name, token_command, token_file, timeout, transport, ca_file, color);
    }
}

impl File {
    fn lay_over(&mut self, over: Self) {
        self.top.lay_over(over.top);
        over!(self, over; profile);
        for (name, profile) in over.profiles {
            self.profiles.entry(name).or_default().lay_over(profile);
        }
        over!(self.screen, over.screen; theme, keymap, mouse, plain, ascii);
        over!(self.screen.notify, over.screen.notify; level, bell, desktop, quiet);
        self.screen.notify.rooms.extend(over.screen.notify.rooms);
        self.screen.keys.extend(over.screen.keys);
    }

    /// The settings with a profile laid over the top; without a name the file's own profile, or `default`, which need
    /// not be written down.
    pub fn with_profile(&self, asked: Option<&str>) -> Result<(String, ProfileFile), ConfigError> {
        let name = asked.or(self.profile.as_deref()).unwrap_or("default").to_owned();
        let mut all = self.top.clone();
        match self.profiles.get(&name) {
            Some(profile) => all.lay_over(profile.clone()),
            // A profile that only keeps sessions apart needs no section, but a typing error must not pass for one.
            None if self.profiles.is_empty() || name == "default" => {}
            None => {
                let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                return Err(ConfigError::NoProfile { name, known: format!("there are: {}", known.join(", ")) });
            }
        }
        Ok((name, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(Path::new("c.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (text, begins, says) in [
            ("server = \"http://h\"\nsevrer = 1\n", "c.toml:2:1:", "unknown field `sevrer`"),
            ("server = 7\n", "c.toml:1:10:", "invalid type"),
            ("server = \"ftp://h\"\n", "c.toml:1:10:", "not a server's address"),
            ("rooms = [\"a/b\"]\n", "c.toml:1:9:", "a room has"),
            ("timeout = \"soon\"\n", "c.toml:1:11:", "not a duration"),
            ("[screen]\n  thema = \"x\"\n", "c.toml:2:3:", "unknown field `thema`"),
            ("[notify]\nlevel = \"some\"\n", "c.toml:2:9:", "unknown variant"),
            ("[keys]\njump = 3\n", "c.toml:2:8:", "a key as"),
            ("a = \n", "c.toml:1:", ""),
            ("color = \"blue\"", "c.toml:1:9:", "none of auto, always, never"),
        ] {
            let told = error(text);
            assert!(told.starts_with(begins) && told.contains(says), "{text:?} gave {told}");
        }
    }

    #[test]
    fn later_files_and_profiles_win() {
        let mut all =
            read(Path::new("a"), "server = \"http://a\"\ntimeout = \"1s\"\n[profiles.w]\nname = \"x\"").unwrap();
        all.lay_over(read(Path::new("b"), "server = \"http://b\"\n[profiles.w]\nserver = \"http://c\"").unwrap());
        assert_eq!(all.top.server.as_ref().unwrap().to_string(), "http://b");
        let (name, w) = all.with_profile(Some("w")).unwrap();
        assert_eq!((name.as_str(), w.server.unwrap().to_string().as_str()), ("w", "http://c"));
        assert_eq!((w.name.as_deref(), w.timeout.as_deref()), (Some("x"), Some("1s")));
        let none = all.with_profile(Some("v")).unwrap_err().to_string();
        assert_eq!(none, "there is no profile \"v\"; there are: w");
        assert!(all.with_profile(None).is_ok());
    }

    #[test]
    fn the_example_is_a_valid_file() {
        let file = read(Path::new("example.toml"), crate::config::EXAMPLE).unwrap();
        assert_eq!(file.top.server.unwrap().to_string(), ServerUrl::LOCAL);
    }
}
