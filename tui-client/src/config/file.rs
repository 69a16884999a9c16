//! Reading the TOML files and laying one over the other.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use chat_common::RoomRef;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::screen::{Keys, Notify, Screen};
use crate::keymap::{Keymap, Misbound};
use crate::server_url::ServerUrl;
use crate::settings::{Setting, TABLE};

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
    /// It cannot be changed by this program.
    #[error("{path}: {source}")]
    Edit {
        /// Which file.
        path: String,
        /// Why.
        source: super::EditError,
    },
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A key binding that cannot be.
    #[error(transparent)]
    Keys(#[from] Misbound),
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
    timeout: Option<String>,
    transport: Option<String>,
    ca_file: Option<String>,
    color: Option<String>,
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
    let named: Vec<&str> = raw.profiles.keys().map(String::as_str).collect();
    for setting in TABLE {
        for found in placed(text, setting, &named) {
            let read = setting.read(&found.value);
            read.map_err(|m| bad(path, text, Some(found.span), &format!("{}: {m}", setting.key)))?;
        }
    }
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
    Ok(File {
        top: ProfileFile {
            server: raw.server,
            rooms: raw.rooms,
            name: raw.name,
            token_command: raw.token_command,
            token_file: raw.token_file,
            timeout: raw.timeout,
            transport: raw.transport,
            ca_file: raw.ca_file,
            color: raw.color,
        },
        profile: raw.profile,
        profiles: raw.profiles,
        screen,
    })
}

/// A value of the file, where it stands.
pub(super) struct Placed {
    /// The profile that it is of; `None`: not of one.
    pub(super) profile: Option<String>,
    /// As text.
    pub(super) value: String,
    /// The bytes of the value.
    pub(super) span: Range<usize>,
}

/// What a text that is TOML says of a setting: by itself, and in the profiles of these names.
pub(super) fn placed(text: &str, setting: &Setting, profiles: &[&str]) -> Vec<Placed> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let table = table.get_ref();
    let one = |profile: Option<&str>, path: &[&str]| {
        let [first, rest @ ..] = path else { return None };
        let found = rest.iter().try_fold(table.get(*first)?, |value, key| value.get_ref().get(*key))?;
        Some(Placed { profile: profile.map(str::to_owned), value: as_text(found.get_ref())?, span: found.span() })
    };
    let of_profiles = profiles
        .iter()
        .filter(|_| setting.in_profiles())
        .filter_map(|name| one(Some(name), &["profiles", name, setting.key]));
    one(None, setting.path).into_iter().chain(of_profiles).collect()
}

/// A value as `/set` writes it.
fn as_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(s) => Some(s.to_string()),
        DeValue::Boolean(b) => Some(if *b { "on" } else { "off" }.to_owned()),
        DeValue::Array(all) => {
            let words = all.iter().map(|v| as_text(v.get_ref())).collect::<Option<Vec<_>>>()?;
            Some(words.join(" "))
        }
        _ => None,
    }
}

/// Takes from `over` what it says.
macro_rules! over {
    ($into:expr, $over:expr; $($field:ident),+ $(,)?) => { $(if $over.$field.is_some() { $into.$field = $over.$field; })+ };
}

impl ProfileFile {
    /// The names of what is another in `other`.
    pub fn differs(&self, other: &Self) -> Vec<&'static str> {
        macro_rules! differing {
            ($($field:ident),+) => { [$((self.$field != other.$field).then_some(stringify!($field))),+] };
        }
        let all = differing!(server, rooms, name, token_command, token_file, timeout, transport, ca_file, color);
        all.into_iter().flatten().collect()
    }

    pub(super) fn lay_over(&mut self, over: Self) {
        over!(self, over; server, rooms, name, token_command, token_file, timeout, transport, ca_file, color);
    }
}

impl Screen {
    /// The keys that hold; a mistake is told with its place.
    pub fn live_keymap(&self) -> Result<Keymap, ConfigError> {
        // The map's name was looked at where it was read.
        let mut keymap = Keymap::named(self.keymap.as_deref().unwrap_or("default")).unwrap_or_default();
        keymap.rebind_all(self.bindings())?;
        Ok(keymap)
    }
}

impl File {
    pub(super) fn lay_over(&mut self, over: Self) {
        self.top.lay_over(over.top);
        over!(self, over; profile);
        for (name, profile) in over.profiles {
            self.profiles.entry(name).or_default().lay_over(profile);
        }
        over!(self.screen, over.screen; theme, keymap, mouse, plain, ascii, sidebar, members);
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
            ("color = \"blue\"", "c.toml:1:9:", "color: \"blue\" is none of auto, always, never"),
            ("[screen]\ntheme = \"pink\"\n", "c.toml:2:9:", "theme: \"pink\" is none of dark, light"),
            ("[screen]\nkeymap = \"nano\"\n", "c.toml:2:10:", "keymap: \"nano\" is none of default, emacs, vim"),
            ("[notify]\nquiet = \"10pm\"\n", "c.toml:2:9:", "quiet: \"10pm\" is no span of hours"),
            ("[profiles.w]\n\ntimeout = \"soon\"\n", "c.toml:3:11:", "timeout: \"soon\" is not a duration"),
        ] {
            let told = error(text);
            assert!(told.starts_with(begins) && told.contains(says), "{text:?} gave {told}");
        }
    }

    #[test]
    fn later_files_and_profiles_win() {
        let mut all =
            read(Path::new("a"), "server = \"http://a\"\ntimeout = \"1s\"\n[profiles.w]\nname = \"xi\"").unwrap();
        all.lay_over(read(Path::new("b"), "server = \"http://b\"\n[profiles.w]\nserver = \"http://c\"").unwrap());
        assert_eq!(all.top.server.as_ref().unwrap().to_string(), "http://b");
        let (name, w) = all.with_profile(Some("w")).unwrap();
        assert_eq!((name.as_str(), w.server.unwrap().to_string().as_str()), ("w", "http://c"));
        assert_eq!((w.name.as_deref(), w.timeout.as_deref()), (Some("xi"), Some("1s")));
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
