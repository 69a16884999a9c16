//! Settings that do not fit together: said with the line of the file that says one of them, where the file does.

use std::path::Path;

use super::ConfigError;
use super::file::{key_at, position};

/// What does not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    /// The keys that are part of it, the one to change first; true: a flag or a variable says it, not the file.
    keys: Vec<(&'static str, bool)>,
    why: String,
}

impl Clash {
    /// Of these keys; true beside one: a flag or a variable says it.
    pub(super) fn of<const N: usize>(keys: [(&'static str, bool); N]) -> impl Fn(String) -> Self {
        move |why| Self { keys: keys.to_vec(), why }
    }

    /// With its place in the file that was read, if the file has a part in it.
    pub(super) fn located(self, file: Option<(&Path, &str)>) -> ConfigError {
        let Some((path, text)) = file else { return ConfigError::Value(self.why) };
        let stands = self.keys.iter().filter(|(_, flag)| !flag).find_map(|(key, _)| key_at(text, key));
        let Some(at) = stands else { return ConfigError::Value(self.why) };
        let (line, column) = position(text, at);
        ConfigError::Wrong { path: path.to_owned(), line, column, message: self.why }
    }
}
