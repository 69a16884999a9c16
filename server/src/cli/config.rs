//! `chat-server config …`

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use super::doctor;
use crate::config::{Config, ConfigError, DEFAULT_FILE};
use crate::listen::{date, load_tls};

/// `config …`
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Say whether the configuration is right; exit code 78 if it is not
    Check,
    /// Print what is in force (flags, environment and file together) as a file, with *** in place of secrets
    Show,
    /// Print a commented file with the defaults
    Default,
}

impl Command {
    /// The text to print.
    pub fn run(self, config: impl FnOnce() -> Result<Config, ConfigError>) -> Result<String, ConfigError> {
        match self {
            Self::Default => Ok(DEFAULT_FILE.to_owned()),
            Self::Show => config()?.masked().to_toml(),
            Self::Check => check(&config()?),
        }
    }
}

/// What a start would look at beside the words themselves.
fn check(config: &Config) -> Result<String, ConfigError> {
    let mut said = match &config.source {
        Some(file) => format!("{} is right\n", file.display()),
        None => "there is no configuration file; flags and environment are right\n".to_owned(),
    };
    if let Some(files) = &config.tls {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let loaded = load_tls(files, now).map_err(|error| ConfigError::Value(error.to_string()))?;
        let names = loaded.own.names.join(", ");
        said.push_str(&format!("the TLS certificate is for {names}, until {}\n", date(loaded.good_until)));
    }
    // Root, who asks, can read what the server's user cannot.
    match doctor::unreadable(config).into_iter().next() {
        Some(file) => Err(ConfigError::Value(format!("{}; {}", file.said, file.hint))),
        None => Ok(said),
    }
}
