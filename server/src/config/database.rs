//! Where the truth is, and what a commit waits for.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use url::Url;

use super::cluster::MASK;
use super::file::string_value;

/// The SQLite file in the data folder.
pub const FILE_NAME: &str = "chat.db";

/// `--database`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file, owned by one process.
    Sqlite(PathBuf),
    /// A server; the whole URL.
    Postgres(String),
}
string_value!(Database);

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // In errors, too: the URL may hold a password.
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl Database {
    /// Whether the address can be one. Not when it is parsed, since what is wrong with a flag is told with its value,
    /// and that may hold a password.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Postgres(url) => Url::parse(url).map(drop).map_err(|e| {
                format!(
                    "the address of the database cannot be read ({e}); write postgres://USER:PASSWORD@HOST/DATABASE, and in \
                     a password %40 for @, %2F for /, %23 for #, %25 for %"
                )
            }),
            Self::Sqlite(_) => Ok(()),
        }
    }

    pub fn masked(self) -> Self {
        match self {
            Self::Postgres(url) => Self::Postgres(masked(&url)),
            sqlite => sqlite,
        }
    }
}

/// The URL with `***` in place of passwords.
fn masked(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "postgres://…".to_owned() };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return "postgres://…".to_owned();
    }
    let query = url.query().map(|query| {
        let hidden = |pair: &str| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}={MASK}"),
            _ => pair.to_owned(),
        };
        query.split('&').map(hidden).collect::<Vec<_>>().join("&")
    });
    url.set_query(query.as_deref());
    url.to_string()
}

impl FromStr for Database {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        if s.starts_with("postgres://") || s.starts_with("postgresql://") {
            return Ok(Self::Postgres(s.to_owned()));
        }
        match s.strip_prefix("sqlite:").map(|p| p.strip_prefix("//").unwrap_or(p)) {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err("not a database; write sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()),
        }
    }
}

/// `--durability`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// An acknowledged message survives a power cut.
    #[default]
    Full,
    /// Faster on slow disks; a power cut may lose the last moments, a crash of the process does not.
    Normal,
}
