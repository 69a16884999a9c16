//! What is logged, and how.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// What is logged where nothing else is said.
pub const DEFAULT_FILTER: &str = "info";

/// Logs go to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// As in `info` or `warn,chat_server::rest=debug`.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// `--log-format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: DEFAULT_FILTER.to_owned(), format: LogFormat::Text }
    }
}

/// For the flag and the file: a filter that can be read.
pub fn filter(s: &str) -> Result<String, String> {
    match s.parse::<EnvFilter>() {
        Ok(_) => Ok(s.to_owned()),
        Err(why) => Err(format!("`{s}` is no log filter ({why}); write it as info or warn,chat_server=debug")),
    }
}
