//! What holds now, and where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use super::Setting;

/// Where a value comes from, the weakest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Built in.
    #[default]
    Default,
    /// A file for all users of the machine: its path.
    System(String),
    /// The user's file.
    File,
    /// A profile of the file: its name.
    Profile(String),
    /// The environment: the variable.
    Environment(&'static str),
    /// The command line: the flag.
    Flag(&'static str),
    /// Set here, and not in the file, since that cannot be written.
    Session,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::System(path) => f.write_str(path),
            Self::File => f.write_str("file"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Session => f.write_str("until you quit"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// In its one spelling; `None`: nothing is set and nothing built in.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// What holds, for all settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    set: BTreeMap<&'static str, Held>,
}

impl Values {
    /// Lays a value over what is there.
    pub fn put(&mut self, setting: &Setting, value: String, origin: Origin) {
        self.set.insert(setting.key, Held { value: Some(value), origin });
    }

    /// Takes a value away: the default holds.
    pub fn reset(&mut self, setting: &Setting) {
        self.set.remove(setting.key);
    }

    /// What holds.
    pub fn get(&self, setting: &Setting) -> Held {
        self.set.get(setting.key).cloned().unwrap_or_else(|| Held {
            value: (!setting.default.is_empty()).then(|| setting.default.to_owned()),
            origin: Origin::Default,
        })
    }

    /// The value that holds; empty where there is none.
    pub fn value(&self, setting: &Setting) -> String {
        self.get(setting).value.unwrap_or_default()
    }
}
