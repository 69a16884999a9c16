//! Named actions and the keys that cause them. One table, [`DEFAULT`]; help and hints are made from the live map.
//! What an action does stands in `app::update`.

mod key;

use std::collections::HashMap;

pub use key::{BadKey, Key, KeyCode};

/// Where a binding holds. A place is asked first, then [`Context::Global`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Everywhere but in lists.
    Global,
    /// While writing.
    Compose,
    /// While a message is selected.
    Browse,
    /// In a list or a question on top of the screen.
    List,
}

impl Context {
    /// The heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Compose => "Writing",
            Self::Browse => "Browsing messages (Esc)",
            Self::List => "Lists",
        }
    }
}

/// Makes the action type with its names, so that a name stands in one place.
macro_rules! actions {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// What a key can cause.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }
        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name in a configuration file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

actions! {
    Help = "help", Sidebar = "sidebar", Pane = "pane", Bare = "bare", Settings = "settings", Jump = "jump", Commands = "commands",
    Search = "search", NextUnread = "next-unread", NextRoom = "next-room", PrevRoom = "prev-room", Clear = "clear",
    Quit = "quit", Redraw = "redraw", Suspend = "suspend",
    Room1 = "room-1", Room2 = "room-2", Room3 = "room-3", Room4 = "room-4", Room5 = "room-5", Room6 = "room-6",
    Room7 = "room-7", Room8 = "room-8", Room9 = "room-9",
    Send = "send", Newline = "newline", Browse = "browse", Complete = "complete", HistoryPrev = "history-prev",
    HistoryNext = "history-next", Editor = "editor", Undo = "undo", Redo = "redo", LineStart = "line-start",
    LineEnd = "line-end", Left = "left", Right = "right", Up = "up", Down = "down", WordLeft = "word-left",
    WordRight = "word-right", DeleteLeft = "delete-left", DeleteRight = "delete-right", KillStart = "kill-start",
    KillEnd = "kill-end", KillWordLeft = "kill-word-left", KillWordRight = "kill-word-right", Yank = "yank",
    PageUp = "page-up", PageDown = "page-down", Oldest = "oldest", Newest = "newest", Reply = "reply", Edit = "edit",
    EditLast = "edit-last", Transpose = "transpose", Focus = "focus",
    Delete = "delete", React = "react", Thread = "thread", Copy = "copy", Open = "open-link", MarkUnread = "mark-unread", Back = "back",
    Accept = "accept", Close = "close",
}

impl Action {
    /// The action of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|a| a.name() == name)
    }

    /// For `room-1` to `room-9`: 0 to 8.
    pub fn room_index(self) -> Option<usize> {
        self.name().strip_prefix("room-")?.parse::<usize>().ok()?.checked_sub(1)
    }
}

/// One row of the table: where, what, which keys, and the words of the help.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where it holds.
    pub context: Context,
    /// What it causes.
    pub action: Action,
    /// The keys, the one to show first.
    pub keys: &'static [&'static str],
    /// For the help; empty: not listed there.
    pub what: &'static str,
}

const fn row(context: Context, action: Action, keys: &'static [&'static str], what: &'static str) -> Row {
    Row { context, action, keys, what }
}

use Action as A;
use Context::{Browse, Compose, Global, List};

/// The default keys. Each Alt key has a second one, for terminals that keep Alt to themselves.
pub const DEFAULT: &[Row] = &[
    row(Global, A::Jump, &["ctrl+k", "alt+k"], "jump to a room or a person, unread first"),
    row(Global, A::Commands, &["ctrl+p"], "all commands with their keys"),
    row(Global, A::Search, &["ctrl+f"], "search messages"),
    row(Global, A::NextUnread, &["alt+a", "f4"], "next unread room, and back"),
    row(Global, A::Room1, &["alt+1"], "the room with that number (Alt+1…9)"),
    row(Global, A::Room2, &["alt+2"], ""),
    row(Global, A::Room3, &["alt+3"], ""),
    row(Global, A::Room4, &["alt+4"], ""),
    row(Global, A::Room5, &["alt+5"], ""),
    row(Global, A::Room6, &["alt+6"], ""),
    row(Global, A::Room7, &["alt+7"], ""),
    row(Global, A::Room8, &["alt+8"], ""),
    row(Global, A::Room9, &["alt+9"], ""),
    row(Global, A::NextRoom, &["alt+down", "ctrl+pagedown", "f6"], "next room"),
    row(Global, A::PrevRoom, &["alt+up", "ctrl+pageup", "f5"], "previous room"),
    row(Global, A::Help, &["f1"], "this help"),
    row(Global, A::Sidebar, &["f2"], "show or hide the rooms at the left"),
    row(Global, A::Pane, &["f3"], "show or hide the members at the right"),
    row(Global, A::Focus, &["alt+w"], "with a thread open: to the other side and back"),
    row(Global, A::Bare, &["f9"], "bare view, for copying with the mouse"),
    row(Global, A::Settings, &["f12"], "everything that can be set"),
    row(Global, A::Redraw, &["ctrl+l"], "draw the screen anew"),
    row(Global, A::Suspend, &["ctrl+z"], "suspend (fg brings it back)"),
    row(Global, A::Clear, &["ctrl+c"], "clear the line; twice on an empty one: quit"),
    row(Global, A::Quit, &["ctrl+q"], "quit"),
    row(Compose, A::Send, &["enter"], "send"),
    row(Compose, A::Newline, &["alt+enter", "ctrl+j"], "new line"),
    // Few terminals tell it from Enter; those that do mean this.
    row(Compose, A::Newline, &["shift+enter"], ""),
    row(Compose, A::Complete, &["tab"], "complete @name #room :emoji: /command"),
    row(Compose, A::Browse, &["esc"], "browse the messages (or ↑ in an empty line)"),
    row(Compose, A::PageUp, &["pageup"], "scroll back"),
    row(Compose, A::PageDown, &["pagedown"], "scroll on"),
    row(Compose, A::Newest, &["ctrl+end"], "to the newest message (End in an empty line)"),
    row(Compose, A::HistoryPrev, &["ctrl+up", "alt+p"], "earlier texts of yours"),
    row(Compose, A::HistoryNext, &["ctrl+down", "alt+n"], "later texts of yours"),
    row(Compose, A::EditLast, &["shift+up", "alt+e"], "edit your last message"),
    row(Compose, A::Undo, &["ctrl+_", "ctrl+7", "ctrl+/"], "undo"),
    row(Compose, A::Redo, &["alt+_", "ctrl+6", "ctrl+^"], "redo"),
    row(Compose, A::Editor, &["ctrl+x"], "Ctrl+X Ctrl+E: write in $EDITOR"),
    row(Compose, A::LineStart, &["ctrl+a", "home"], "start of the line"),
    row(Compose, A::LineEnd, &["ctrl+e", "end"], "end of the line"),
    row(Compose, A::WordLeft, &["alt+b", "ctrl+left", "alt+left"], "a word to the left"),
    row(Compose, A::WordRight, &["alt+f", "ctrl+right", "alt+right"], "a word to the right"),
    row(Compose, A::KillStart, &["ctrl+u"], "cut to the start of the line"),
    row(Compose, A::KillEnd, &["shift+delete", "shift+end"], "cut to the end of the line"),
    row(Compose, A::KillWordLeft, &["ctrl+w", "alt+backspace", "ctrl+backspace"], "cut the word to the left"),
    row(Compose, A::KillWordRight, &["alt+d", "ctrl+delete"], "cut the word to the right"),
    row(Compose, A::Yank, &["ctrl+y"], "put back what was cut"),
    row(Compose, A::Transpose, &["ctrl+t"], "swap the two characters at the cursor"),
    row(Compose, A::Left, &["left", "ctrl+b"], ""),
    row(Compose, A::Right, &["right"], ""),
    row(Compose, A::Up, &["up"], ""),
    row(Compose, A::Down, &["down"], ""),
    row(Compose, A::DeleteLeft, &["backspace", "ctrl+h"], ""),
    row(Compose, A::DeleteRight, &["delete", "ctrl+d"], ""),
    row(Browse, A::Up, &["up", "k"], "the message above"),
    row(Browse, A::Down, &["down", "j"], "the message below"),
    row(Browse, A::PageUp, &["pageup", "ctrl+u"], "a page up"),
    row(Browse, A::PageDown, &["pagedown", "ctrl+d", "space"], "a page down"),
    row(Browse, A::Oldest, &["g", "home"], "the oldest message"),
    row(Browse, A::Newest, &["G", "end"], "the newest message"),
    row(Browse, A::Reply, &["r"], "reply; on a refused message of yours: retry"),
    row(Browse, A::Edit, &["e"], "edit your message"),
    row(Browse, A::Delete, &["d"], "delete the message"),
    row(Browse, A::Thread, &["t"], "the replies to it, to read and answer"),
    row(Browse, A::React, &["+"], "react"),
    row(Browse, A::Copy, &["y"], "copy the text"),
    row(Browse, A::Open, &["o"], "open the link in it, or copy it where nothing can be opened"),
    row(Browse, A::MarkUnread, &["u"], "mark unread from here"),
    row(Browse, A::Focus, &["tab"], "with a thread open: to the other side and back"),
    row(Browse, A::Search, &["/"], "search messages"),
    row(Browse, A::Back, &["esc", "i", "enter"], "back to writing"),
    row(Browse, A::Room1, &["1"], "the room with that number (1…9)"),
    row(Browse, A::Room2, &["2"], ""),
    row(Browse, A::Room3, &["3"], ""),
    row(Browse, A::Room4, &["4"], ""),
    row(Browse, A::Room5, &["5"], ""),
    row(Browse, A::Room6, &["6"], ""),
    row(Browse, A::Room7, &["7"], ""),
    row(Browse, A::Room8, &["8"], ""),
    row(Browse, A::Room9, &["9"], ""),
    row(List, A::Up, &["up", "ctrl+p", "backtab"], "the entry above"),
    row(List, A::Down, &["down", "ctrl+n", "tab"], "the entry below"),
    row(List, A::PageUp, &["pageup"], "a page up"),
    row(List, A::PageDown, &["pagedown"], "a page down"),
    row(List, A::Accept, &["enter"], "take it"),
    row(List, A::DeleteLeft, &["backspace", "ctrl+h"], ""),
    row(List, A::KillStart, &["ctrl+u", "ctrl+w"], ""),
    row(List, A::Close, &["esc", "ctrl+c", "f1", "ctrl+k"], "close"),
    row(List, A::Quit, &["ctrl+q"], ""),
];

/// What one of the other maps has otherwise: the keys of an action in a place.
type Change = (Context, Action, &'static [&'static str]);

/// Emacs' keys in the line; what they push away moves to Alt and the function keys.
const EMACS: &[Change] = &[
    (Global, A::Jump, &["alt+k", "f10"]),
    (Global, A::Commands, &["alt+x", "f8"]),
    (Global, A::Search, &["alt+s", "f7"]),
    (Compose, A::KillEnd, &["ctrl+k"]),
    (Compose, A::Right, &["right", "ctrl+f"]),
    (Compose, A::Up, &["up", "ctrl+p"]),
    (Compose, A::Down, &["down", "ctrl+n"]),
    (Browse, A::Up, &["up", "k", "ctrl+p"]),
    (Browse, A::Down, &["down", "j", "ctrl+n"]),
    (Browse, A::Search, &["/", "ctrl+s"]),
    (List, A::Close, &["esc", "ctrl+g", "ctrl+c", "f1"]),
];

/// Vim's keys among the messages; the line is as ever.
const VIM: &[Change] = &[
    (Browse, A::PageUp, &["pageup", "ctrl+b", "ctrl+u"]),
    (Browse, A::PageDown, &["pagedown", "ctrl+f", "ctrl+d", "space"]),
    (Browse, A::Back, &["i", "esc", "a", "enter"]),
    (Browse, A::MarkUnread, &["u", "m"]),
    (List, A::Up, &["up", "ctrl+k", "ctrl+p", "backtab"]),
    (List, A::Down, &["down", "ctrl+j", "ctrl+n", "tab"]),
    (List, A::Close, &["esc", "ctrl+c", "f1"]),
];

/// The maps to choose from.
pub const MAPS: &[&str] = &["default", "emacs", "vim"];

/// A change of the map that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBinding {
    /// No such map.
    #[error("there is no keymap {0:?}; there are {list}", list = MAPS.join(", "))]
    Map(String),
    /// No such action.
    #[error("there is no action {0:?}; `chat-tui` lists them under F1")]
    Action(String),
    /// Not a key.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Two actions want the key where both hold.
    #[error("{key} is bound to both {one} and {other}; give {one} another key, too: {one} = \"…\"")]
    Conflict {
        /// The key as shown.
        key: String,
        /// The first action.
        one: &'static str,
        /// The second action.
        other: &'static str,
    },
}

/// A line of the configuration that gives an action its keys.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The action's name.
    pub action: &'a str,
    /// As written.
    pub keys: &'a [String],
    /// `FILE:LINE:COLUMN`
    pub place: &'a str,
}

/// A line of the configuration that cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {error}")]
pub struct Misbound {
    /// `FILE:LINE:COLUMN`
    pub place: String,
    /// Why.
    pub error: BadBinding,
}

/// Whether a key that means one thing in `a` and another in `b` leaves one of them without it.
fn meet(a: Context, b: Context) -> bool {
    // A list keeps all keys for itself.
    a == b || (a != Context::List && b != Context::List && (a == Context::Global || b == Context::Global))
}

/// The live map.
#[derive(Clone, Debug)]
pub struct Keymap {
    keys: HashMap<(Context, Key), Action>,
    shown: Vec<(Context, Action, Vec<Key>, &'static str)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let shown = DEFAULT
            .iter()
            .map(|r| (r.context, r.action, r.keys.iter().filter_map(|k| k.parse().ok()).collect(), r.what))
            .collect();
        let mut map = Self { keys: HashMap::new(), shown };
        map.index();
        map
    }
}

impl Keymap {
    /// One of [`MAPS`].
    pub fn named(name: &str) -> Result<Self, BadBinding> {
        let changes = match name {
            "default" => &[],
            "emacs" => EMACS,
            "vim" => VIM,
            _ => return Err(BadBinding::Map(name.to_owned())),
        };
        let mut map = Self::default();
        for (context, action, keys) in changes {
            for (c, a, list, _) in &mut map.shown {
                if c == context && a == action {
                    *list = keys.iter().filter_map(|k| k.parse().ok()).collect();
                }
            }
        }
        map.index();
        Ok(map)
    }

    fn index(&mut self) {
        self.keys = self
            .shown
            .iter()
            .flat_map(|(context, action, keys, _)| keys.iter().map(|k| ((*context, *k), *action)))
            .collect();
    }

    /// Gives an action other keys, wherever it is bound; an empty list takes its keys away.
    pub fn rebind(&mut self, action: &str, keys: &[String]) -> Result<(), BadBinding> {
        self.rebind_all([Binding { action, keys, place: "" }]).map_err(|e| e.error)
    }

    /// Gives several actions other keys, all at once, so that two may change places. Nothing changes if one of them
    /// cannot be; of two that want the same key the later one is told.
    pub fn rebind_all<'a>(&mut self, bindings: impl IntoIterator<Item = Binding<'a>>) -> Result<(), Misbound> {
        let mut wanted: Vec<(Action, Vec<Key>, &str)> = Vec::new();
        for Binding { action, keys, place } in bindings {
            let wrong = |error| Misbound { place: place.to_owned(), error };
            let action = Action::parse(action).ok_or_else(|| wrong(BadBinding::Action(action.to_owned())))?;
            let keys = keys.iter().map(|k| k.parse::<Key>()).collect::<Result<Vec<_>, _>>();
            wanted.push((action, keys.map_err(|e| wrong(e.into()))?, place));
        }
        let mut shown = self.shown.clone();
        for (_, action, list, _) in &mut shown {
            if let Some((_, keys, _)) = wanted.iter().find(|(a, ..)| a == action) {
                list.clone_from(keys);
            }
        }
        for (action, keys, place) in &wanted {
            let mine: Vec<Context> = shown.iter().filter(|(_, a, ..)| a == action).map(|(c, ..)| *c).collect();
            for (context, other, taken, _) in shown.iter().filter(|(_, a, ..)| a != action) {
                let clash = keys.iter().find(|k| taken.contains(k) && mine.iter().any(|c| meet(*c, *context)));
                if let Some(key) = clash {
                    let error = BadBinding::Conflict { key: key.to_string(), one: other.name(), other: action.name() };
                    return Err(Misbound { place: (*place).to_owned(), error });
                }
            }
        }
        self.shown = shown;
        self.index();
        Ok(())
    }

    /// What the key causes here.
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        let key = key.normal();
        let here = self.keys.get(&(context, key)).copied();
        // A list keeps every other key for itself, so that nothing moves behind it.
        if context == Context::List { here } else { here.or_else(|| self.keys.get(&(Context::Global, key)).copied()) }
    }

    /// The first key of an action in a place (or everywhere), as shown in hints.
    pub fn hint(&self, context: Context, action: Action) -> String {
        let find = |c| self.shown.iter().find(|(x, a, k, _)| *x == c && *a == action && !k.is_empty());
        find(context)
            .or_else(|| find(Context::Global))
            .and_then(|(_, _, keys, _)| keys.first())
            .map_or_else(String::new, Key::to_string)
    }

    /// The rows of the help: place, action, keys as shown, words.
    pub fn rows(&self) -> impl Iterator<Item = (Context, Action, String, &'static str)> + '_ {
        self.shown.iter().filter(|(_, _, _, what)| !what.is_empty()).map(|(context, action, keys, what)| {
            let keys = keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" · ");
            (*context, *action, keys, *what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_read_and_bound_once_in_its_place() {
        let mut seen = HashMap::new();
        for row in DEFAULT {
            for key in row.keys {
                let parsed: Key = key.parse().unwrap();
                let before = seen.insert((row.context, parsed), row.action);
                assert_eq!(before, None, "{key} is bound twice in {:?}", row.context);
            }
        }
    }

    #[test]
    fn the_other_maps_bind_each_key_once_in_its_place_and_lose_no_action() {
        for name in MAPS {
            let map = Keymap::named(name).unwrap();
            let mut seen = HashMap::new();
            for (context, action, keys, _) in &map.shown {
                assert!(!keys.is_empty(), "{name}: {} has no key", action.name());
                for key in keys {
                    let before = seen.insert((*context, *key), *action);
                    assert_eq!(before, None, "{name}: {key} is bound twice in {context:?}");
                }
            }
            for change in EMACS.iter().chain(VIM) {
                let there = DEFAULT.iter().any(|r| (r.context, r.action) == (change.0, change.1));
                assert!(there, "{} is no row of the table", change.1.name());
                assert!(change.2.iter().all(|k| k.parse::<Key>().is_ok()));
            }
        }
        assert!(Keymap::named("nano").unwrap_err().to_string().contains("default, emacs, vim"));
    }

    #[test]
    fn every_alt_key_has_a_second_way() {
        for row in DEFAULT {
            let alt = |k: &&str| k.contains("alt+");
            let elsewhere = |a: Action| DEFAULT.iter().any(|r| r.action == a && r.keys.iter().any(|k| !alt(k)));
            if row.keys.iter().any(alt) {
                assert!(elsewhere(row.action), "{}", row.action.name());
            }
        }
    }

    #[test]
    fn actions_are_found_by_name() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.name()), Some(*action));
        }
        assert_eq!(Action::Room3.room_index(), Some(2));
        assert_eq!(Action::Help.room_index(), None);
    }

    #[test]
    fn a_rebinding_takes_the_old_keys_away_and_a_conflict_is_said() {
        let mut map = Keymap::default();
        map.rebind("jump", &["f8".to_owned()]).unwrap();
        assert_eq!(map.action(Context::Compose, "f8".parse().unwrap()), Some(Action::Jump));
        assert_eq!(map.action(Context::Compose, "ctrl+k".parse().unwrap()), None);
        let conflict = map.rebind("jump", &["f1".to_owned()]).unwrap_err();
        assert!(conflict.to_string().starts_with("F1 is bound to both help and jump; "), "{conflict}");
        assert!(map.rebind("fly", &[]).is_err());
    }

    fn rebound(lines: &[(&str, &str)]) -> Result<Keymap, Misbound> {
        let lines: Vec<_> =
            lines.iter().zip(1..).map(|((a, k), n)| (*a, [(*k).to_owned()], format!("c:{n}:1"))).collect();
        let mut map = Keymap::default();
        map.rebind_all(lines.iter().map(|(action, keys, place)| Binding { action, keys, place }))?;
        Ok(map)
    }

    #[test]
    fn two_actions_may_change_places_and_a_conflict_is_told_with_its_line() {
        let key = |map: &Keymap, k: &str| map.action(Context::Compose, k.parse().unwrap());
        let map = rebound(&[("commands", "ctrl+k"), ("jump", "ctrl+p")]).unwrap();
        assert_eq!((key(&map, "ctrl+k"), key(&map, "ctrl+p")), (Some(Action::Commands), Some(Action::Jump)));
        let told = rebound(&[("jump", "f8"), ("sidebar", "f8")]).unwrap_err().to_string();
        assert!(told.starts_with("c:1:1: F8 is bound to both sidebar and jump"), "{told}");
    }

    #[test]
    fn a_key_that_a_place_would_take_from_everywhere_is_a_conflict() {
        for (line, says) in [(("kill-end", "ctrl+k"), "jump and kill-end"), (("jump", "ctrl+e"), "line-end and jump")] {
            let told = rebound(&[line]).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
        let map = rebound(&[("kill-end", "ctrl+k"), ("jump", "alt+k")]).unwrap();
        assert_eq!(map.action(Context::Compose, "ctrl+k".parse().unwrap()), Some(Action::KillEnd));
        // A list and the line do not meet.
        assert!(rebound(&[("line-start", "tab"), ("complete", "ctrl+a")]).is_ok());
    }

    proptest::proptest! {
        /// Whatever is rebound: either every key means one thing where it holds and every action has its new keys, or
        /// the conflict is told of a line that was written.
        #[test]
        fn rebinding_ends_in_one_meaning_a_key_or_in_a_conflict(
            picks in proptest::collection::vec((0..Action::ALL.len(), 0..Action::ALL.len(), 0..3usize), 1..5)
        ) {
            let before = Keymap::default();
            let first = |at: usize| before.shown.iter().find(|(_, a, k, _)| *a == Action::ALL[at] && !k.is_empty());
            // A fresh key, no key, or another action's.
            let lines: Vec<(&str, Vec<String>, String)> = picks.iter().enumerate().map(|(n, (to, from, kind))| {
                let fresh = format!("ctrl+alt+{}", char::from(b'a' + u8::try_from(to % 26).unwrap()));
                let keys = match (kind, first(*from)) {
                    (0, _) => vec![fresh],
                    (1, Some((_, _, keys, _))) => vec![keys[0].to_string()],
                    _ => Vec::new(),
                };
                let keys = keys.into_iter().filter(|k| k.parse::<Key>().is_ok()).collect();
                (Action::ALL[*to].name(), keys, format!("c:{n}:1"))
            }).collect();
            let mut map = before.clone();
            let bindings = lines.iter().map(|(action, keys, place)| Binding { action, keys, place });
            match map.rebind_all(bindings) {
                Ok(()) => for (context, action, keys, _) in &map.shown {
                    for key in keys {
                        proptest::prop_assert_eq!(map.action(*context, *key), Some(*action));
                    }
                },
                Err(Misbound { place, error: BadBinding::Conflict { one, other, .. } }) => {
                    proptest::prop_assert!(one != other);
                    proptest::prop_assert!(lines.iter().any(|(action, _, p)| *p == place && *action == other));
                    proptest::prop_assert_eq!(map.keys, before.keys, "nothing changes where one cannot be");
                }
                Err(other) => proptest::prop_assert!(false, "{}", other),
            }
        }
    }
}
