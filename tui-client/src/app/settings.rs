//! The settings view: a list of everything that can be set, stepped through or typed. What there is stands in
//! `settings`; reading, writing and making it hold is `runtime`'s, which answers with [`Configured`].

use super::field::Field;
use super::update::quit;
use super::{App, Effect, Overlay};
use crate::keymap::{Action, Context, Key, KeyCode, Keymap};
use crate::settings::{Held, Origin, Setting, TABLE, Values, find};

/// What holds from now on.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Every setting, with its origin.
    pub values: Values,
    /// The keys.
    pub keymap: Keymap,
    /// The name of the look in use.
    pub theme: String,
    /// Frames and marks in ASCII alone.
    pub ascii: bool,
    /// The left column, as the file has it.
    pub sidebar: Option<bool>,
    /// The right column, likewise.
    pub members: Option<bool>,
    /// What is another in the file than at the start, and holds from the next one.
    pub restart: Vec<&'static str>,
    /// The file that is followed, as shown.
    pub file: String,
    /// Who changed something.
    pub by: By,
}

/// Who changed what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Nobody: the start.
    Start,
    /// This screen.
    Here,
    /// Somebody else wrote the file.
    File,
}

/// What is known of the settings.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Every setting, with its origin.
    pub values: Values,
    /// The file that is followed and written, as shown.
    pub file: String,
    /// Why the file is not obeyed; the settings before hold.
    pub error: Option<String>,
    /// What holds from the next start.
    pub restart: Vec<&'static str>,
    sidebar: Option<bool>,
    members: Option<bool>,
}

/// The open view.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Index into the table.
    pub selected: usize,
    /// The value being typed.
    pub typing: Option<Field>,
    /// What was wrong with the last value, unfiltered.
    pub wrong: Option<String>,
}

impl View {
    /// The chosen setting.
    pub fn setting(&self) -> Option<&'static Setting> {
        TABLE.get(self.selected)
    }

    /// Moves the choice; it stops at both ends.
    pub fn step(&mut self, by: i32) {
        let last = i64::try_from(TABLE.len()).unwrap_or(i64::MAX) - 1;
        let to = (i64::try_from(self.selected).unwrap_or(0) + i64::from(by)).clamp(0, last.max(0));
        self.selected = usize::try_from(to).unwrap_or(0);
        self.wrong = None;
    }
}

/// A value as shown: what is set, or what holds without it.
pub fn shown(known: &Known, theme: &str, setting: &Setting) -> String {
    match known.values.get(setting).value {
        Some(value) => value,
        None if setting.key == "theme" && !theme.is_empty() => format!("{theme}, {}", setting.unset),
        None => setting.unset.to_owned(),
    }
}

/// Opens the view, at a setting.
pub(super) fn open(app: &mut App, at: Option<&Setting>) {
    let selected = at.and_then(|s| TABLE.iter().position(|t| t == s)).unwrap_or(0);
    app.popup = None;
    app.overlay = Some(Overlay::Settings(Box::new(View { selected, ..View::default() })));
}

/// What a key in the view leads to.
enum Then {
    Stay,
    Close,
    Quit,
    Set(&'static Setting, Option<String>),
}

/// A key, while the view is open.
pub(super) fn press(app: &mut App, key: Key, fx: &mut Vec<Effect>) {
    let list = app.keymap.action(Context::List, key);
    let write = app.keymap.action(Context::Compose, key);
    let settings = app.keymap.action(Context::Global, key) == Some(Action::Settings);
    let Some(Overlay::Settings(view)) = &mut app.overlay else { return };
    let then = match &mut view.typing {
        Some(field) => typing(field, view.selected, key, list, write),
        None if settings => Ok(Then::Close),
        None => Ok(choosing(view, &app.settings.values, key, list)),
    };
    match then {
        Ok(Then::Stay) => {}
        Ok(Then::Close) if view.typing.take().is_some() => view.wrong = None,
        Ok(Then::Close) => app.overlay = None,
        Ok(Then::Quit) => quit(app, fx),
        Ok(Then::Set(setting, value)) => {
            (view.typing, view.wrong) = (None, None);
            set(app, setting, value, fx);
        }
        Err(wrong) => view.wrong = Some(wrong),
    }
}

fn choosing(view: &mut View, values: &Values, key: Key, list: Option<Action>) -> Then {
    let Some(setting) = view.setting() else { return Then::Close };
    let value = values.value(setting);
    let step = |by| setting.step(&value, by).map_or(Then::Stay, |to| Then::Set(setting, Some(to.to_owned())));
    match (list, key.code) {
        (Some(Action::Close), _) => return Then::Close,
        (Some(Action::Quit), _) => return Then::Quit,
        (Some(Action::Up), _) => view.step(-1),
        (Some(Action::Down), _) => view.step(1),
        (Some(Action::PageUp), _) => view.step(-8),
        (Some(Action::PageDown), _) => view.step(8),
        (_, KeyCode::Home) => view.step(i32::MIN),
        (_, KeyCode::End) => view.step(i32::MAX),
        (Some(Action::Accept), _) if setting.is_typed() => view.typing = Some(Field::new(&value)),
        (Some(Action::Accept), _) => return step(1),
        (_, KeyCode::Right | KeyCode::Char(' ')) => return step(1),
        (_, KeyCode::Left) => return step(-1),
        (_, KeyCode::Delete | KeyCode::Backspace) => return Then::Set(setting, None),
        _ => {}
    }
    Then::Stay
}

fn typing(field: &mut Field, at: usize, key: Key, list: Option<Action>, write: Option<Action>) -> Result<Then, String> {
    let Some(setting) = TABLE.get(at) else { return Ok(Then::Close) };
    match (list, key.code) {
        (_, KeyCode::Esc) => return Ok(Then::Close),
        (Some(Action::Quit), _) => return Ok(Then::Quit),
        (_, KeyCode::Enter) => {
            let value = setting.read(field.text()).map_err(|e| format!("{}: {e}", setting.key))?;
            return Ok(Then::Set(setting, Some(value)));
        }
        _ => {}
    }
    field.press(key, write);
    Ok(Then::Stay)
}

/// Text pasted while the view is open; false if nothing is typed there.
pub(super) fn paste(view: &mut View, text: &str) -> bool {
    let Some(field) = &mut view.typing else { return false };
    field.insert(text);
    true
}

/// A press of the mouse on a row: chooses it, and once more goes on to the next value.
pub(super) fn click(app: &mut App, index: usize, fx: &mut Vec<Effect>) {
    let Some(Overlay::Settings(view)) = &mut app.overlay else { return };
    if view.selected == index && view.typing.is_none() {
        press(app, Key::plain(KeyCode::Enter), fx);
    } else if index < TABLE.len() {
        **view = View { selected: index, ..View::default() };
    }
}

/// `/set NAME VALUE`; `default` takes the value away.
pub(super) fn command(app: &mut App, name: &str, value: Option<&str>, fx: &mut Vec<Effect>) {
    let Some(setting) = find(name) else {
        let all: Vec<&str> = TABLE.iter().map(|s| s.key).collect();
        return app.complain(format!("no setting {name:?}; there are {}", all.join(", ")));
    };
    match value {
        None => open(app, Some(setting)),
        // What is a value of its own goes before the word for all.
        Some(value) => match setting.read(value) {
            Ok(value) => set(app, setting, Some(value), fx),
            Err(_) if value == "default" => set(app, setting, None, fx),
            Err(wrong) => app.complain(format!("{}: {wrong}", setting.key)),
        },
    }
}

fn set(app: &mut App, setting: &'static Setting, value: Option<String>, fx: &mut Vec<Effect>) {
    let held = app.settings.values.get(setting);
    // What stands in front of the file stays in front of it.
    if !matches!(held.origin, Origin::Flag(_) | Origin::Environment(_)) {
        match &value {
            Some(value) => app.settings.values.put(setting, value.clone(), Origin::File),
            None => app.settings.values.reset(setting),
        }
    }
    if app.overlay.is_none() {
        let what = value.as_deref().unwrap_or("the default");
        let when = if setting.live { "" } else { ", from the next start on" };
        app.say(format!("{}: {what}{when}{}", setting.key, in_front(&held)));
    }
    fx.push(Effect::Set(setting, value));
}

/// Where something goes before the file, it is said.
pub fn in_front(held: &Held) -> String {
    match &held.origin {
        Origin::Flag(name) | Origin::Environment(name) => format!("; while {name} is given, that holds"),
        _ => String::new(),
    }
}

/// Takes over what holds now.
pub(super) fn configured(app: &mut App, now: Configured) {
    let Configured { values, keymap, theme, ascii, sidebar, members, restart, file, by } = now;
    (app.keymap, app.theme, app.ascii) = (keymap, theme, ascii);
    let known = &mut app.settings;
    // A column that was shown or hidden by its key stays so until the file says something else.
    if by == By::Start || known.sidebar != sidebar {
        app.sidebar = sidebar;
    }
    if by == By::Start || known.members != members {
        app.pane = members;
    }
    let news: Vec<&str> = restart.iter().copied().filter(|r| !known.restart.contains(r)).collect();
    let mended = known.error.is_some();
    *known = Known { values, file, error: None, restart, sidebar, members };
    if by == By::File {
        let later = match news.as_slice() {
            [] => String::new(),
            names => format!("; from the next start on: {}", names.join(", ")),
        };
        let what =
            if mended { "the configuration is right again and holds" } else { "the configuration was read anew" };
        app.say(format!("{what}{later}"));
    }
}

/// A mistake of a file with the name of the file alone.
pub fn short(error: &str) -> String {
    match error.split_once(": ") {
        Some((place, what)) => format!("{}: {what}", place.rsplit('/').next().unwrap_or(place)),
        None => error.to_owned(),
    }
}

/// The file cannot be obeyed: what held before holds on.
pub(super) fn damaged(app: &mut App, error: String) {
    let key = app.keymap.hint(Context::Global, Action::Settings);
    // The row is short, and the view has the whole path.
    let short = short(&error);
    app.complain(format!("{short} · what held before holds; {key} shows all"));
    app.settings.error = Some(error);
}

/// A value holds here, and could not be written.
pub(super) fn unwritten(app: &mut App, error: &str) {
    app.complain(format!("not written, it holds until you quit: {error}"));
}
