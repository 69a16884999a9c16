//! `chat-server config …`

use clap::Subcommand;

use crate::config::{Config, ConfigError, DEFAULT_FILE};

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
            Self::Check => Ok(match config()?.source {
                Some(file) => format!("{} is right\n", file.display()),
                None => "there is no configuration file; flags and environment are right\n".to_owned(),
            }),
        }
    }
}
