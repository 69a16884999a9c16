//! The settings: one table of what can be set, what its values may be, and what it does. The file's reader, `/set` and
//! the settings view all go by it. Reading files is left to `config`, making a value hold to `runtime`.

mod duration;
mod hours;
mod values;

use crate::keymap::MAPS;
use crate::server_url::ServerUrl;
use crate::theme::NAMES as THEMES;

pub use duration::parse_duration;
pub use hours::parse_hours;
pub use values::{Held, Origin, Values};

/// What a value may be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `on` or `off`; a boolean in the file.
    Switch,
    /// One of these; a string in the file.
    Choice(&'static [&'static str]),
    /// One of these, or anything else that the check takes.
    Open(&'static [&'static str], fn(&str) -> Result<(), String>),
    /// Anything that the check takes; a string in the file.
    Text(fn(&str) -> Result<(), String>),
    /// Words, each of which the check takes; an array of strings in the file.
    List(fn(&str) -> Result<(), String>),
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Setting {
    /// As `/set` names it.
    pub key: &'static str,
    /// Where it stands in the file: the sections, then the key.
    pub path: &'static [&'static str],
    /// The heading under which the view shows it.
    pub group: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// The built-in value; empty where there is none.
    pub default: &'static str,
    /// What holds where there is no value.
    pub unset: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Whether a change holds at once; else from the next start.
    pub live: bool,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

impl Eq for Setting {}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// What holds at once, and from the next start.
const NOW: bool = true;
const LATER: bool = false;

const fn setting(
    (group, path, live): (&'static str, &'static [&'static str], bool),
    key: &'static str,
    kind: Kind,
    (default, unset): (&'static str, &'static str),
    what: &'static str,
) -> Setting {
    Setting { key, path, group, kind, default, unset, what, live }
}

const LOOK: &str = "look";
const INPUT: &str = "keys and mouse";
const ATTENTION: &str = "notifications";
const SERVER: &str = "connection";
const SHOWN: &[&str] = &["auto", "on", "off"];

use Kind::{Choice, List, Open, Switch, Text};

/// Every setting, in the order of the view.
pub const TABLE: &[Setting] = &[
    setting(
        (LOOK, &["screen", "theme"], NOW),
        "theme",
        Open(THEMES, theme),
        ("", "as suits the terminal"),
        "the colours: a built-in look, or the path of a look of yours (.toml)",
    ),
    setting(
        (LOOK, &["screen", "sidebar"], NOW),
        "sidebar",
        Choice(SHOWN),
        ("auto", ""),
        "the rooms at the left; auto: from 100 columns on",
    ),
    setting(
        (LOOK, &["screen", "members"], NOW),
        "members",
        Choice(SHOWN),
        ("auto", ""),
        "the members at the right; auto: from 130 columns on",
    ),
    setting(
        (LOOK, &["screen", "ascii"], NOW),
        "ascii",
        Switch,
        ("", "as the terminal needs"),
        "frames and marks in ASCII alone",
    ),
    setting(
        (LOOK, &["screen", "plain"], LATER),
        "plain",
        Switch,
        ("", "as the terminal needs"),
        "line by line instead of the full screen, for screen readers",
    ),
    setting(
        (LOOK, &["color"], LATER),
        "color",
        Choice(&["auto", "always", "never"]),
        ("auto", ""),
        "colours of the commands' output",
    ),
    setting(
        (INPUT, &["screen", "keymap"], NOW),
        "keymap",
        Choice(MAPS),
        ("default", ""),
        "the keys; F1 lists them, [keys] in the file changes single ones",
    ),
    setting(
        (INPUT, &["screen", "mouse"], NOW),
        "mouse",
        Switch,
        ("on", ""),
        "clicks and the wheel; off leaves the mouse to the terminal, for selecting",
    ),
    setting(
        (ATTENTION, &["notify", "level"], NOW),
        "notify",
        Choice(&["mentions", "all", "none"]),
        ("mentions", ""),
        "what draws attention; [notify.rooms] in the file sets it for single rooms",
    ),
    setting((ATTENTION, &["notify", "bell"], NOW), "bell", Switch, ("on", ""), "rings the terminal's bell"),
    setting(
        (ATTENTION, &["notify", "desktop"], NOW),
        "desktop",
        Switch,
        ("on", ""),
        "asks the terminal for a notification on the desktop",
    ),
    setting(
        (ATTENTION, &["notify", "quiet"], NOW),
        "quiet",
        Text(quiet),
        ("", "never"),
        "hours without bell and notification, as 22:00-07:00",
    ),
    setting((SERVER, &["server"], LATER), "server", Text(server), (ServerUrl::LOCAL, ""), "where to"),
    setting((SERVER, &["name"], LATER), "name", Text(name), ("", "your login's name"), "the name of a guest"),
    setting(
        (SERVER, &["rooms"], LATER),
        "rooms",
        List(room),
        ("lobby", ""),
        "opened at the start; the last has the focus",
    ),
    setting(
        (SERVER, &["timeout"], LATER),
        "timeout",
        Text(timeout),
        ("10s", ""),
        "how long an answer may take, as 10s",
    ),
    setting(
        (SERVER, &["transport"], LATER),
        "transport",
        Choice(&["auto", "websocket", "polling"]),
        ("auto", ""),
        "how packets travel",
    ),
    setting(
        (SERVER, &["ca_file"], LATER),
        "ca_file",
        Text(|_| Ok(())),
        ("", "the system's authorities alone"),
        "a PEM file with authorities to trust beside the system's",
    ),
];

fn theme(text: &str) -> Result<(), String> {
    if text.ends_with(".toml") { Ok(()) } else { Err("and no path of a .toml file".to_owned()) }
}

fn server(text: &str) -> Result<(), String> {
    ServerUrl::parse(text).map(drop).map_err(|e| e.to_string())
}

fn name(text: &str) -> Result<(), String> {
    // A guest's `~` is the server's to add.
    chat_common::UserName::account(text.trim_start_matches('~')).map(drop).map_err(|e| e.to_string())
}

fn room(text: &str) -> Result<(), String> {
    chat_common::RoomRef::parse(text).map(drop).map_err(|e| e.to_string())
}

fn timeout(text: &str) -> Result<(), String> {
    parse_duration(text).map(drop)
}

fn quiet(text: &str) -> Result<(), String> {
    match parse_hours(text) {
        Some(_) => Ok(()),
        None => Err(format!("{text:?} is no span of hours: write it as 22:00-07:00")),
    }
}

/// The setting of this name: its key, or its path as `notify.level`.
pub fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|s| s.key == name).or_else(|| TABLE.iter().find(|s| s.path.join(".") == name))
}

impl Setting {
    /// Whether a profile may set it too.
    pub fn in_profiles(&self) -> bool {
        self.path.len() == 1
    }

    /// A value in its one spelling, or what is wrong with it; the sentence does not name the setting.
    pub fn read(&self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let none_of = |all: &[&str]| format!("{text:?} is none of {}", all.join(", "));
        match self.kind {
            Switch => match text.to_lowercase().as_str() {
                "on" | "yes" | "true" => Ok("on".to_owned()),
                "off" | "no" | "false" => Ok("off".to_owned()),
                _ => Err(format!("{text:?} is neither on nor off")),
            },
            Choice(all) => match all.iter().find(|a| a.eq_ignore_ascii_case(text)) {
                Some(found) => Ok((*found).to_owned()),
                None => Err(none_of(all)),
            },
            Open(all, check) => match all.iter().find(|a| a.eq_ignore_ascii_case(text)) {
                Some(found) => Ok((*found).to_owned()),
                None => check(text).map(|()| text.to_owned()).map_err(|e| format!("{} {e}", none_of(all))),
            },
            Text(_) if text.is_empty() => Err("there is nothing; Del brings the default back".to_owned()),
            Text(check) => check(text).map(|()| text.to_owned()),
            List(check) => {
                let words: Vec<&str> =
                    text.split([' ', ',']).map(|w| w.trim_start_matches('#')).filter(|w| !w.is_empty()).collect();
                words.iter().try_for_each(|w| check(w).map_err(|e| format!("{w:?}: {e}")))?;
                if words.is_empty() {
                    Err("there is nothing; name at least one".to_owned())
                } else {
                    Ok(words.join(" "))
                }
            }
        }
    }

    /// The value after (`1`) or before (`-1`) this one, for those that can be stepped through.
    pub fn step(&self, from: &str, by: isize) -> Option<&'static str> {
        let all: &'static [&'static str] = match self.kind {
            Switch => &["on", "off"],
            Choice(all) | Open(all, _) => all,
            Text(_) | List(_) => return None,
        };
        let n = all.len();
        let to = match all.iter().position(|a| *a == from) {
            Some(at) => at.saturating_add(n).saturating_add_signed(by) % n,
            None if by < 0 => n.saturating_sub(1),
            None => 0,
        };
        all.get(to).copied()
    }

    /// Whether its values are typed.
    pub fn is_typed(&self) -> bool {
        matches!(self.kind, Text(_) | List(_))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_places_are_single_and_every_default_is_a_value() {
        let mut seen = std::collections::HashSet::new();
        for s in TABLE {
            assert!(seen.insert(s.key.to_owned()), "{} stands twice", s.key);
            assert!(s.path == [s.key] || seen.insert(s.path.join(".")), "{} stands twice", s.path.join("."));
            assert_eq!(find(&s.path.join(".")).map(|f| f.key), Some(s.key));
            if s.default.is_empty() {
                assert!(!s.unset.is_empty(), "{}: nothing says what holds", s.key);
            } else {
                assert_eq!(s.read(s.default).as_deref(), Ok(s.default), "{}", s.key);
            }
        }
    }

    #[test]
    fn the_document_has_every_setting() {
        let document = include_str!("../../../docs/configuration.md");
        for s in TABLE {
            for name in [s.key.to_owned(), s.path.join(".")] {
                assert!(document.contains(&format!("`{name}`")), "docs/configuration.md says nothing of {name}");
            }
        }
    }

    #[test]
    fn values_are_read_as_people_write_them_and_slips_say_what_there_is() {
        let read = |key: &str, text: &str| find(key).unwrap().read(text);
        for (key, text, is) in [
            ("mouse", "True", "on"),
            ("bell", "no", "off"),
            ("theme", "Ocean", "ocean"),
            ("theme", "~/my.toml", "~/my.toml"),
            ("rooms", "#dev, ops @ana", "dev ops @ana"),
            ("quiet", "22:00-07:00", "22:00-07:00"),
            ("notify", "ALL", "all"),
        ] {
            assert_eq!(read(key, text).as_deref(), Ok(is), "{key} {text}");
        }
        for (key, text, says) in [
            ("mouse", "maybe", "neither on nor off"),
            ("theme", "pink", "none of dark, light"),
            ("keymap", "nano", "default, emacs, vim"),
            ("quiet", "10pm", "22:00-07:00"),
            ("server", "ftp://x", "http://127.0.0.1:6969"),
            ("rooms", "a/b", "a/b"),
            ("rooms", " ", "nothing"),
            ("timeout", "soon", "500ms"),
        ] {
            let told = read(key, text).unwrap_err();
            assert!(told.contains(says), "{key} {text:?} gave {told}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_reads_as_itself_and_stepping_comes_around(
            at in 0..TABLE.len(), text in "[a-zA-Z0-9:#@/. -]{0,20}", by in prop_oneof![Just(1isize), Just(-1)]
        ) {
            let s = &TABLE[at];
            if let Ok(value) = s.read(&text) {
                prop_assert_eq!(s.read(&value), Ok(value));
            }
            let Some(first) = s.step("nothing of the kind", by) else { return Ok(()) };
            prop_assert_eq!(s.read(first), Ok(first.to_owned()));
            let mut value = first;
            for _ in 0..20 {
                let next = s.step(value, by).unwrap();
                prop_assert_eq!(s.step(next, -by), Some(value));
                value = next;
                if value == first {
                    return Ok(());
                }
            }
            prop_assert!(false, "{} never comes around", s.key);
        }
    }
}
