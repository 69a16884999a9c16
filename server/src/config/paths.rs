//! Where things lie when nobody says: the XDG base directories.

use std::path::{Path, PathBuf};

use super::FILE_NAME;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `$XDG_DATA_HOME/chat-server`, `~/.local/share/chat-server`, or `./chat-data` where there is no home.
pub fn data_dir(env: Env<'_>) -> PathBuf {
    base(env, "XDG_DATA_HOME", ".local/share").map_or_else(|| PathBuf::from("chat-data"), |b| b.join("chat-server"))
}

/// The first that is there: the data folder's file, the user's, the system's.
pub fn find(data_dir: &Path, env: Env<'_>) -> Option<PathBuf> {
    let user = base(env, "XDG_CONFIG_HOME", ".config").map(|b| b.join("chat-server").join(FILE_NAME));
    let system = Some(PathBuf::from("/etc/chat-server").join(FILE_NAME));
    [Some(data_dir.join(FILE_NAME)), user, system].into_iter().flatten().find(|p| p.is_file())
}

/// An XDG folder; relative values are void by that specification.
fn base(env: Env<'_>, variable: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |s: String| Some(PathBuf::from(s)).filter(|p| p.is_absolute());
    env(variable).and_then(absolute).or_else(|| env("HOME").and_then(absolute).map(|h| h.join(under_home)))
}
