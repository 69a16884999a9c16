//! What the file says about the full screen, as it is written; `keymap`, `theme` and `notify` know what it means.

use std::collections::BTreeMap;

use chat_common::RoomRef;
use serde::Deserialize;

use crate::keymap::Binding;

/// The section `[screen]`, and `[keys]` and `[notify]` with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// A built-in theme, or the path of a TOML file; absent: found out.
    pub theme: Option<String>,
    /// `default`, `emacs` or `vim`.
    pub keymap: Option<String>,
    /// Whether the mouse is taken from the terminal.
    pub mouse: Option<bool>,
    /// Append-only, for screen readers and dumb terminals.
    pub plain: Option<bool>,
    /// No characters beyond ASCII in the frame.
    pub ascii: Option<bool>,
    /// The rooms at the left.
    pub sidebar: Option<Shown>,
    /// The members at the right.
    pub members: Option<Shown>,
    /// The section `[keys]`: action → keys.
    #[serde(skip)]
    pub keys: BTreeMap<String, Keys>,
    /// The section `[notify]`.
    #[serde(skip)]
    pub notify: Notify,
}

impl Screen {
    /// The lines of the section `[keys]`.
    pub fn bindings(&self) -> impl Iterator<Item = Binding<'_>> {
        self.keys.iter().map(|(action, k)| Binding { action, keys: &k.keys, place: &k.place })
    }
}

/// Whether a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    /// As the width allows.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Shown {
    /// As the screen's state has it: `None` is as the width allows.
    pub fn choice(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::On => Some(true),
            Self::Off => Some(false),
        }
    }
}

/// The keys of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// As written: `Ctrl+K`.
    pub keys: Vec<String>,
    /// Where: `FILE:LINE:COLUMN`, for messages.
    pub place: String,
}

/// The section `[notify]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// For rooms that are not named.
    pub level: Option<NotifyLevel>,
    /// Whether the terminal's bell rings.
    pub bell: Option<bool>,
    /// Whether the desktop is told (OSC 9 and 777).
    pub desktop: Option<bool>,
    /// `22:00-07:00`, local time.
    pub quiet: Option<String>,
    /// Per room.
    pub rooms: BTreeMap<RoomRef, NotifyLevel>,
}

/// What draws attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyLevel {
    /// Every message.
    All,
    /// Mentions and direct messages.
    Mentions,
    /// Nothing.
    None,
}
