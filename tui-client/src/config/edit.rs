//! Changing one value in the text of a configuration file: everything else stays as it is, byte for byte. A line that
//! stands there as a comment (`# theme = "dark"`) is the place for its value.

use std::ops::Range;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::EXAMPLE;
use super::file::placed;
use crate::settings::{Kind, Setting};

/// A change that this program does not trust itself to make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no TOML.
    #[error("it cannot be read: {0}")]
    Toml(String),
    /// The text is written in a way that has no place for the value.
    #[error("{0} cannot be changed here, the way the file is written; change it there: chat-tui config edit")]
    Place(String),
}

/// The documented file with every setting in it, each as a comment: a beginning that changes nothing.
pub fn template() -> String {
    let mut out = String::with_capacity(EXAMPLE.len() + 64);
    for line in EXAMPLE.lines() {
        if line.trim().is_empty() || line.starts_with(['#', '[']) {
            out.push_str(line);
        } else {
            // What stands behind the values stays in its column.
            out.push_str("# ");
            out.push_str(&line.replacen("   #", " #", 1));
        }
        out.push('\n');
    }
    out
}

/// The text with another value for a setting, at the top or in a profile; `None` takes the value away.
pub fn change(text: &str, setting: &Setting, profile: Option<&str>, value: Option<&str>) -> Result<String, EditError> {
    let mut path: Vec<&str> = setting.path.to_vec();
    if let Some(profile) = profile {
        path.splice(0..0, ["profiles", profile]);
    }
    let document = toml_edit::Document::parse(text).map_err(|e| EditError::Toml(e.message().to_owned()))?;
    let there = find(document.as_table(), &path);
    let after = match (there, value.map(|v| literal(setting, v))) {
        (None, None) => return Ok(text.to_owned()),
        (Some(place), Some(new)) => spliced(text, place.value, &new),
        (Some(Place { key: Some(key), value }), None) => commented(text, key, value.end),
        // The library knows its way within braces.
        (Some(_), None) => removed(text, &path)?,
        (None, Some(new)) => match uncommented(text, &path, &new) {
            Some(after) if holds(&after, setting, profile, value) => after,
            _ => added(text, &path, &new)?,
        },
    };
    if holds(&after, setting, profile, value) { Ok(after) } else { Err(EditError::Place(path.join("."))) }
}

/// The text with what of a room draws attention (`all`, `mentions`, `none`); `None` takes it away.
pub fn change_room(text: &str, room: &str, level: Option<&str>) -> Result<String, EditError> {
    let path = ["notify", "rooms", room];
    let there = {
        let document = toml_edit::Document::parse(text).map_err(|e| EditError::Toml(e.message().to_owned()))?;
        find(document.as_table(), &path)
    };
    match (there, level.map(|level| Value::from(level).to_string())) {
        (None, None) => Ok(text.to_owned()),
        (Some(place), Some(new)) => Ok(spliced(text, place.value, &new)),
        (Some(_), None) => removed(text, &path),
        (None, Some(new)) => added(text, &path, &new),
    }
}

/// Whether the text says so.
fn holds(text: &str, setting: &Setting, profile: Option<&str>, value: Option<&str>) -> bool {
    let profiles: Vec<&str> = profile.into_iter().collect();
    let found = placed(text, setting, &profiles).into_iter().find(|p| p.profile.as_deref() == profile);
    let read = |v: &str| setting.read(v).unwrap_or_else(|_| v.to_owned());
    toml_edit::Document::parse(text).is_ok() && found.map(|p| read(&p.value)) == value.map(read)
}

/// A value as TOML.
fn literal(setting: &Setting, value: &str) -> String {
    let value: Value = match setting.kind {
        Kind::Switch => Value::from(value == "on"),
        Kind::List(_) => Value::from_iter(value.split_whitespace()),
        _ => Value::from(value),
    };
    value.to_string()
}

/// Where a key and its value stand.
struct Place {
    /// `None`: within braces, where no line is the key's own.
    key: Option<usize>,
    value: Range<usize>,
}

fn find(table: &Table, path: &[&str]) -> Option<Place> {
    let [first, rest @ ..] = path else { return None };
    let [.., last] = path else { return None };
    if rest.is_empty() {
        let (key, item) = table.get_key_value(last)?;
        return Some(Place { key: Some(key.span()?.start), value: item.span()? });
    }
    match table.get(first)? {
        Item::Table(inner) => find(inner, rest),
        Item::Value(Value::InlineTable(inner)) => {
            let value = rest.iter().try_fold(None::<&Value>, |at, key| match at {
                None => inner.get(key).map(Some),
                Some(value) => value.as_inline_table()?.get(key).map(Some),
            })??;
            Some(Place { key: None, value: value.span()? })
        }
        _ => None,
    }
}

fn spliced(text: &str, range: Range<usize>, new: &str) -> String {
    let (before, after) = (text.get(..range.start).unwrap_or(text), text.get(range.end..).unwrap_or_default());
    format!("{before}{new}{after}")
}

/// The lines from the key to the end of its value as comments.
fn commented(text: &str, key: usize, end: usize) -> String {
    let start = text.get(..key).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let mut out = text.get(..start).unwrap_or_default().to_owned();
    let mut at = start;
    for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
        if at < end {
            out.push_str("# ");
        }
        at += line.len();
        out.push_str(line);
    }
    out
}

/// The bytes of a section: from behind its header to the next header. At the top: from the start.
fn section(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let [sections @ .., _] = path else { return None };
    let header = format!("[{}]", sections.join("."));
    let mut at = 0;
    let mut start = sections.is_empty().then_some(0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if bare.starts_with('[') {
            if let Some(start) = start {
                return Some(start..at);
            }
            let name = bare.split('#').next().unwrap_or_default().replace(' ', "");
            if name == header {
                start = Some(at + line.len());
            }
        }
        at += line.len();
    }
    start.map(|start| start..at)
}

/// Brings a line that is there as a comment to life.
fn uncommented(text: &str, path: &[&str], new: &str) -> Option<String> {
    let range = section(text, path)?;
    let key = path.last()?;
    let mut at = range.start;
    for line in text.get(range)?.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let Some(bare) = line.trim_start().strip_prefix('#') else { continue };
        let bare = bare.trim_start();
        if !bare.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')) {
            continue;
        }
        // What stands behind the value is a comment of its own, and stays in its column.
        let Ok(old) = toml_edit::Document::parse(bare) else { continue };
        let Some(place) = find(old.as_table(), &[key]) else { continue };
        let (name, rest) = (bare.get(..place.value.start)?, bare.get(place.value.end..)?);
        let behind = rest.trim_start_matches(' ');
        let mut line = format!("{name}{new}");
        if behind.starts_with('#') {
            let column = line_width(line_before(text.get(begin..at)?, behind));
            let gap = column.saturating_sub(line_width(&line)).max(1);
            line.extend(std::iter::repeat_n(' ', gap));
        }
        return Some(spliced(text, begin..at, &format!("{line}{behind}")));
    }
    None
}

/// What stands in a line before its end.
fn line_before<'a>(line: &'a str, end: &str) -> &'a str {
    line.strip_suffix(end).unwrap_or(line)
}

fn line_width(text: &str) -> usize {
    text.chars().count()
}

fn document(text: &str) -> Result<DocumentMut, EditError> {
    text.parse::<DocumentMut>().map_err(|e| EditError::Toml(e.message().to_owned()))
}

/// A line of its own, in a section of its own if need be.
fn added(text: &str, path: &[&str], new: &str) -> Result<String, EditError> {
    let wrong = || EditError::Place(path.join("."));
    let mut document = document(text)?;
    let [sections @ .., key] = path else { return Err(wrong()) };
    let mut item: &mut Item = document.as_item_mut();
    for (i, section) in sections.iter().enumerate() {
        let table = item.as_table_like_mut().ok_or_else(wrong)?;
        if !table.contains_key(section) {
            let mut new = Table::new();
            // One that holds only others needs no line of its own.
            new.set_implicit(i + 1 < sections.len());
            table.insert(section, Item::Table(new));
        }
        item = table.get_mut(section).ok_or_else(wrong)?;
    }
    let value: Value = new.parse().map_err(|_| wrong())?;
    item.as_table_like_mut().ok_or_else(wrong)?.insert(key, Item::Value(value));
    Ok(document.to_string())
}

fn removed(text: &str, path: &[&str]) -> Result<String, EditError> {
    let wrong = || EditError::Place(path.join("."));
    let mut document = document(text)?;
    let [sections @ .., key] = path else { return Err(wrong()) };
    let mut item: &mut Item = document.as_item_mut();
    for section in sections {
        item = item.as_table_like_mut().and_then(|t| t.get_mut(section)).ok_or_else(wrong)?;
    }
    item.as_table_like_mut().ok_or_else(wrong)?.remove(key);
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::read;
    use crate::settings::{TABLE, find};

    #[test]
    fn a_rooms_level_is_written_changed_and_taken_away_and_all_else_stays() {
        let before = "# mine\n[notify]\nbell = true\n\n[notify.rooms]\nops = 'all' # loud\n";
        let silent = change_room(before, "ops", Some("none")).unwrap();
        assert_eq!(silent, before.replace("'all'", "\"none\""));
        let two = change_room(before, "@ana", Some("all")).unwrap();
        let level = |text: &str, room: &str| {
            let rooms = read(std::path::Path::new("c"), text).unwrap().screen.notify.rooms;
            rooms.get(&chat_common::RoomRef::parse(room).unwrap()).copied()
        };
        assert!(two.starts_with(before.trim_end()) && level(&two, "@ana").is_some(), "{two}");
        let gone = change_room(&two, "ops", None).unwrap();
        assert_eq!((level(&gone, "ops"), level(&gone, "@ana").is_some()), (None, true), "{gone}");
        let fresh = change_room(&template(), "ops", Some("mentions")).unwrap();
        assert!(level(&fresh, "ops").is_some(), "{fresh}");
        assert_eq!(change_room("", "ops", Some("all")).unwrap(), "[notify.rooms]\nops = \"all\"\n");
        assert!(change_room("notify = 3\n", "ops", Some("all")).is_err());
    }

    fn set(text: &str, key: &str, value: &str) -> String {
        change(text, find(key).unwrap(), None, Some(value)).unwrap()
    }

    fn reset(text: &str, key: &str) -> String {
        change(text, find(key).unwrap(), None, None).unwrap()
    }

    #[test]
    fn only_the_value_is_another() {
        for (before, key, value, after) in [
            (
                "# mine\n[screen] # look\n  theme  =  'dark' # night\n\nmouse=true\n",
                "theme",
                "sepia",
                "# mine\n[screen] # look\n  theme  =  \"sepia\" # night\n\nmouse=true\n",
            ),
            ("[screen]\r\nmouse = true\r\n", "mouse", "off", "[screen]\r\nmouse = false\r\n"),
            ("screen.theme = \"dark\"\n", "theme", "16", "screen.theme = \"16\"\n"),
            (
                "screen = { theme = \"dark\", mouse = true } # both\n",
                "mouse",
                "off",
                "screen = { theme = \"dark\", mouse = false } # both\n",
            ),
            (
                "rooms = [\n  \"a\", # first\n]\nname = \"x\"\n",
                "rooms",
                "b @c",
                "rooms = [\"b\", \"@c\"]\nname = \"x\"\n",
            ),
        ] {
            assert_eq!(set(before, key, value), after);
        }
    }

    #[test]
    fn a_line_that_waits_as_a_comment_is_the_place() {
        let before = "# about\n# name = \"ana\"   # the guest name\n[screen]\n# theme = \"dark\" # found out\n[notify]\n# theme = 1\n";
        let after = set(&set(before, "theme", "ocean"), "name", "kim");
        assert_eq!(
            after,
            "# about\nname = \"kim\"     # the guest name\n[screen]\ntheme = \"ocean\"  # found out\n[notify]\n# theme = 1\n"
        );
        let back = reset(&after, "theme");
        assert!(back.contains("\n# theme = \"ocean\"  # found out\n"), "{back}");
    }

    #[test]
    fn what_has_no_place_gets_one() {
        for (before, key, value) in [
            ("", "theme", "dark"),
            ("server = \"http://h\"\n", "quiet", "22:00-07:00"),
            ("[notify.rooms]\nops = \"all\"\n", "bell", "off"),
            ("[screen]\nmouse = true\n[keys]\n", "server", "http://h"),
            ("screen = { mouse = true }\n", "theme", "dark"),
        ] {
            let after = set(before, key, value);
            read(std::path::Path::new("c"), &after).unwrap();
            assert_eq!(before.lines().find(|l| !after.contains(*l) && !l.contains('{')), None, "{after}");
        }
        assert_eq!(reset("screen = { mouse = true, ascii = true }\n", "ascii"), "screen = { mouse = true}\n");
    }

    #[test]
    fn the_template_changes_nothing_and_has_a_place_for_every_setting() {
        let file = read(std::path::Path::new("t"), &template()).unwrap();
        assert_eq!(file, crate::config::File::default());
        for setting in TABLE {
            let value =
                setting.step("", 1).unwrap_or(if setting.default.is_empty() { "22:00-07:00" } else { setting.default });
            let value = if setting.key == "name" { "kim" } else { value };
            let after = change(&template(), setting, None, Some(value)).unwrap();
            let changed = template().lines().zip(after.lines()).filter(|(a, b)| a != b).count();
            assert_eq!((changed, after.lines().count()), (1, template().lines().count()), "{}", setting.key);
        }
    }

    proptest! {
        /// Any changes one after another: the last of each setting holds, and comments and order stay.
        #[test]
        fn changes_hold_and_comments_stay(
            picks in proptest::collection::vec((0..TABLE.len(), any::<bool>(), 0..3usize), 1..8), fresh in any::<bool>()
        ) {
            let mut text = if fresh { template() } else { EXAMPLE.to_owned() };
            let comments = |t: &str| t.lines().filter_map(|l| l.rsplit_once("  # ").map(|(_, c)| c.to_owned())).collect::<Vec<_>>();
            let before = comments(&text);
            let mut last = std::collections::BTreeMap::new();
            for (at, on, n) in picks {
                let setting = &TABLE[at];
                let typed = ["http://a", "http://b", "http://c"];
                let value = match setting.key {
                    "name" => ["ana", "kim", "raj"][n],
                    "rooms" => ["ops", "dev ops", "@ana"][n],
                    "timeout" => ["1s", "2m", "3h"][n],
                    "quiet" => ["22:00-07:00", "1:00-2:00", "0:00-23:59"][n],
                    _ => setting.step("", 1).map_or(typed[n], |first| if n > 1 { setting.step(first, 1).unwrap() } else { first }),
                };
                text = change(&text, setting, None, on.then_some(value)).unwrap();
                last.insert(setting.key, (setting, on.then_some(value)));
            }
            for (setting, value) in last.values() {
                prop_assert!(holds(&text, setting, None, *value), "{} in\n{}", setting.key, text);
            }
            prop_assert_eq!(before, comments(&text));
            prop_assert!(read(std::path::Path::new("c"), &text).is_ok(), "{}", text);
        }
    }
}
