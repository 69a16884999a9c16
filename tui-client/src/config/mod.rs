//! What the user has set: flags over environment over profile over the user's file over `/etc/xdg` over what is built in.
//!
//! One mistake in a file stops the program with file, line and column (exit 78): a setting that is silently not obeyed
//! costs more than one that must be mended. Flags and environment are read by `cli`; what single values may be stands in
//! the table of `settings`.

mod edit;
mod file;
pub mod paths;
mod screen;
mod source;
mod write;

use std::path::PathBuf;

pub use edit::{EditError, change, template};
pub use file::{ConfigError, File, ProfileFile, locate, read};
pub use paths::Paths;
pub use screen::{Keys, Notify, NotifyLevel, Screen, Shown};
pub use source::{Given, Loaded, Source};
pub use write::{create, replace};

pub use crate::settings::parse_duration;

/// The files that apply, weakest first: `/etc/xdg`, the user's; or the one that was named.
pub fn files(paths: &Paths, named: Option<PathBuf>) -> Vec<(PathBuf, bool)> {
    match named {
        // A file that was named must be there.
        Some(path) => vec![(path, true)],
        None => {
            let mut all: Vec<_> = paths.system_configs.iter().map(|p| (p.clone(), false)).collect();
            all.push((paths.config_file(), false));
            all
        }
    }
}

/// A file with every setting and what it means, for `config default`.
pub const EXAMPLE: &str = include_str!("example.toml");
