//! Where files lie, after the XDG base directories.

use std::path::{Path, PathBuf};

/// The program's folder below each base directory.
const NAME: &str = "chat-tui";

/// The folders of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `~/.config/chat-tui`
    pub config: PathBuf,
    /// `~/.local/state/chat-tui`: outbox, drafts, the last view.
    pub state: PathBuf,
    /// `~/.local/share/chat-tui`: credentials.
    pub data: PathBuf,
    /// `/etc/xdg/chat-tui/config.toml`, weakest first.
    pub system_configs: Vec<PathBuf>,
}

impl Paths {
    /// From the environment; `None` where there is neither a home nor the variables that replace it. Relative paths in
    /// the variables are ignored, as the standard says.
    pub fn from_env(env: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<Self> {
        let absolute = |name: &str| env(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = absolute("HOME");
        let base = |name: &str, below: &str| {
            absolute(name).or_else(|| home.as_deref().map(|h| h.join(below))).map(|p: PathBuf| p.join(NAME))
        };
        let system = env("XDG_CONFIG_DIRS").filter(|s| !s.is_empty()).unwrap_or_else(|| "/etc/xdg".into());
        let mut system_configs: Vec<PathBuf> = std::env::split_paths(&system)
            .filter(|p| p.is_absolute())
            .map(|p| p.join(NAME).join("config.toml"))
            .collect();
        system_configs.reverse();
        Some(Self {
            config: base("XDG_CONFIG_HOME", ".config")?,
            state: base("XDG_STATE_HOME", ".local/state")?,
            data: base("XDG_DATA_HOME", ".local/share")?,
            system_configs,
        })
    }

    /// The user's configuration.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Outbox, drafts, the last view.
    pub fn cache_file(&self) -> PathBuf {
        self.state.join("state.sqlite3")
    }

    /// Sessions.
    pub fn credentials_file(&self) -> PathBuf {
        self.data.join("credentials.json")
    }
}

/// A path of the configuration: `~/` is the home.
pub fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// A path as people write it: `~/` for their home.
pub fn shown(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_directories_are_honoured() {
        let env = |name: &str| match name {
            "HOME" => Some("/home/ana".into()),
            "XDG_STATE_HOME" => Some("/var/state".into()),
            "XDG_DATA_HOME" => Some("relative".into()),
            "XDG_CONFIG_DIRS" => Some("/a:/b".into()),
            _ => None,
        };
        let paths = Paths::from_env(env).unwrap();
        assert_eq!(paths.config_file(), Path::new("/home/ana/.config/chat-tui/config.toml"));
        assert_eq!(paths.state, Path::new("/var/state/chat-tui"));
        assert_eq!(paths.data, Path::new("/home/ana/.local/share/chat-tui"));
        assert_eq!(paths.system_configs[1], Path::new("/a/chat-tui/config.toml"));
        assert_eq!(Paths::from_env(|_| None), None);
        assert_eq!(expand("~/x", Some(Path::new("/h"))), Path::new("/h/x"));
        assert_eq!(shown(Path::new("/h/x"), Some(Path::new("/h"))), "~/x");
        assert_eq!(shown(Path::new("/k/x"), Some(Path::new("/h"))), "/k/x");
    }
}
