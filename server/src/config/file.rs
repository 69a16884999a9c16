//! The TOML file: the flags' names with `_` for `-`, `[auth]` and `[limits]`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chat_common::Limits;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Auth, BusUrl, Config, ConfigError, Database, Durability, KafkaUrl, Listen, LogFormat, Origin, RedisUrl, Transports,
};
use crate::domain::policy::{Guests, Registration};
use crate::listen::Cidr;

/// A value that is one string in the file and on the command line.
macro_rules! string_value {
    ($t:ty) => {
        impl serde::Serialize for $t {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $t {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use string_value;
string_value!(Cidr);

/// What the file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(super) name: Option<String>,
    pub(super) listen: Option<Listen>,
    pub(super) metrics_listen: Option<Listen>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) database: Option<Database>,
    pub(super) database_connections: Option<u32>,
    pub(super) durability: Option<Durability>,
    pub(super) no_migration_backup: Option<bool>,
    pub(super) bus: Option<BusUrl>,
    pub(super) feed: Option<KafkaUrl>,
    pub(super) relay: Option<bool>,
    pub(super) relay_token: Option<String>,
    pub(super) relay_open: Option<bool>,
    pub(super) relay_redis: Option<RedisUrl>,
    pub(super) guests: Option<Guests>,
    pub(super) registration: Option<Registration>,
    pub(super) transports: Option<Transports>,
    pub(super) allow_origin: Option<Vec<Origin>>,
    pub(super) trusted_proxy: Option<Vec<Cidr>>,
    pub(super) outgoing_allow: Option<Vec<Cidr>>,
    #[serde(default, deserialize_with = "log_filter")]
    pub(super) log: Option<String>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) auth: Option<Auth>,
    pub(super) limits: Option<Limits>,
}

fn log_filter<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    super::log::filter(&String::deserialize(d)?).map(Some).map_err(serde::de::Error::custom)
}

impl File {
    /// The text of a file.
    pub(super) fn text(path: &Path) -> Result<String, ConfigError> {
        let unreadable = |e: std::io::Error| {
            let next = match e.kind() {
                ErrorKind::NotFound => "; name the right one with --config, or write one: chat-server config default",
                ErrorKind::PermissionDenied => "; let the user that runs the server read it (chgrp, chmod 640)",
                ErrorKind::IsADirectory => "; name the file within it",
                _ => "",
            };
            ConfigError::Unreadable { path: path.to_owned(), why: format!("{e}{next}") }
        };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        String::from_utf8(bytes).map_err(|e| {
            let before = String::from_utf8_lossy(e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default());
            let (line, column) = position(&before, before.len());
            let message = "this is no UTF-8; save the file as UTF-8".to_owned();
            ConfigError::Wrong { path: path.to_owned(), line, column, message }
        })
    }

    /// Checks a file's text; `path` is for the message.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |at: usize, message: String| {
            let (line, column) = position(text, at);
            ConfigError::Wrong { path: path.to_owned(), line, column, message }
        };
        let file: Self =
            toml::from_str(text).map_err(|e| wrong(e.span().map_or(0, |s| s.start), plain(e.message())))?;
        if let Some(auth) = &file.auth {
            auth.check().map_err(|(key, message)| wrong(key_at(text, &key).unwrap_or(0), message))?;
        }
        if let Some(limits) = &file.limits {
            super::limits::check(limits).map_err(|(key, message)| wrong(key_at(text, &key).unwrap_or(0), message))?;
        }
        Ok(file)
    }
}

/// The parser's sentence for people: a key that is nearly right is named, numbers are called numbers.
fn plain(message: &str) -> String {
    if let Some((given, known)) = message.strip_prefix("unknown variant `").and_then(|m| m.split_once("`, expected ")) {
        return format!("`{given}` is none of them; write {}", known.trim_start_matches("one of ").replace('`', "\""));
    }
    if message.starts_with("invalid basic string, expected `\"`") {
        return "the closing quote is missing".to_owned();
    }
    if message.starts_with("unclosed table") {
        return "the closing bracket is missing; write a section as [limits]".to_owned();
    }
    if message.starts_with("string values must be quoted") {
        return "the value is missing or stands without quotes; write a text as \"text\"".to_owned();
    }
    if message == "duplicate key" {
        return "this key stands here a second time; leave one of the two out".to_owned();
    }
    if let Some(rest) = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        return wrong_type(found, expected);
    }
    if let Some((key, known)) = message.strip_prefix("unknown field `").and_then(|m| m.split_once("`, expected ")) {
        let known = known.trim_start_matches("one of ");
        let near = known.split(", ").map(|k| k.trim_matches('`')).find(|k| distance(k, key) <= 2);
        return match near {
            Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
            None => format!("unknown key `{key}`; chat-server config default prints all there are, with their meaning"),
        };
    }
    message.to_owned()
}

/// `found` and `expected` in the parser's words, as `string "1 MiB"` and `u32`.
fn wrong_type(found: &str, expected: &str) -> String {
    let found = found.replace("integer `", "the number `").replace("floating point `", "the number `");
    let found = found.replace("string \"", "the text \"").replace("boolean `", "the word `");
    let right = match expected {
        "usize" | "u8" | "u16" | "u32" | "u64" => {
            "a whole number, 0 or more, without quotes and without a unit (sizes are bytes: 1048576)"
        }
        "a boolean" => "true or false, without quotes",
        "a string" | "path string" => "a text in quotes, as \"text\"",
        "a sequence" => "a list in brackets, as [\"one\", \"two\"]",
        other if other.starts_with("struct ") => "a section of its own, as [limits], with its keys below",
        other => other,
    };
    format!("{found} does not fit here; write {right}")
}

/// Letters to change, add or drop to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Where the line of `key` begins; `None` where it does not stand.
pub(super) fn key_at(text: &str, key: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(at + indent);
        }
        at += line.len();
    }
    None
}

/// Line and column, both from 1, of a byte of `text`.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl From<&Config> for File {
    fn from(c: &Config) -> Self {
        Self {
            name: Some(c.name.clone()),
            listen: Some(c.listen.clone()),
            metrics_listen: c.metrics_listen.clone(),
            data_dir: Some(c.data_dir.clone()),
            key_file: c.key_file.clone(),
            tls_cert: c.tls.as_ref().map(|tls| tls.cert.clone()),
            tls_key: c.tls.as_ref().map(|tls| tls.key.clone()),
            database: Some(c.database.clone()),
            database_connections: Some(c.database_connections),
            durability: Some(c.durability),
            no_migration_backup: Some(!c.migration_backup),
            bus: Some(c.bus.clone()),
            feed: c.feed.clone(),
            relay: Some(c.relay.on),
            relay_token: c.relay.token.clone(),
            relay_open: Some(c.relay.open),
            relay_redis: c.relay.redis.clone(),
            guests: Some(c.guests),
            registration: Some(c.registration),
            transports: Some(c.transports),
            allow_origin: Some(c.allow_origin.clone()),
            trusted_proxy: Some(c.trusted_proxy.clone()),
            outgoing_allow: Some(c.outgoing_allow.clone()),
            log: Some(c.log.filter.clone()),
            log_format: Some(c.log.format),
            auth: Some(c.auth.clone()),
            limits: Some(c.limits.clone()),
        }
    }
}
