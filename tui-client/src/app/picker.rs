//! Lists on top of the screen: type to narrow, arrows to choose, Enter to take. One kind of list serves jumping,
//! commands, help, search, members, rooms and reactions; what taking an entry does stands in `update::overlay`.

use chat_common::{RoomName, RoomRef, Seq, UserName};

use super::room::RoomId;
use crate::keymap::Action;

/// What a list is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickerKind {
    /// Rooms and people.
    Jump,
    /// Actions and slash commands.
    Commands,
    /// Keys and commands, to read.
    Help,
    /// Messages found by the server for what is typed.
    Search,
    /// Who is in the room.
    Who,
    /// Rooms that can be entered.
    Rooms,
    /// The links of this text.
    Links(String),
    /// A reaction for this message.
    React(RoomId, Seq),
    /// The room's webhooks, to read.
    Hooks,
}

/// What an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A room of this run.
    Room(RoomId),
    /// A room or a person to open.
    Open(RoomRef),
    /// A message.
    Message(RoomName, Seq),
    /// A conversation with this one.
    User(UserName),
    /// An action.
    Action(Action),
    /// The beginning of a slash command.
    Slash(&'static str),
    /// A reaction.
    Emoji(String),
    /// An address.
    Link(String),
    /// Nothing; to read.
    Nothing,
}

/// One entry; texts are unfiltered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickItem {
    /// The heading under which it stands; empty: none.
    pub group: &'static str,
    /// What it is called.
    pub label: String,
    /// More about it.
    pub detail: String,
    /// What it stands for.
    pub pick: Pick,
}

impl PickItem {
    /// An entry without heading.
    pub fn new(label: impl Into<String>, detail: impl Into<String>, pick: Pick) -> Self {
        Self { group: "", label: label.into(), detail: detail.into(), pick }
    }
}

/// A list.
#[derive(Clone, Debug)]
pub struct Picker {
    /// What for.
    pub kind: PickerKind,
    /// What is typed.
    pub query: String,
    /// All entries, the best first where nothing is typed.
    pub items: Vec<PickItem>,
    /// Indexes into `items` that match, the best first.
    pub shown: Vec<usize>,
    /// Index into `shown`.
    pub selected: usize,
    /// Said below the list.
    pub note: String,
}

/// The longest query, characters.
const MAX_QUERY: usize = 200;

impl Picker {
    /// A list with its entries.
    pub fn new(kind: PickerKind, items: Vec<PickItem>) -> Self {
        let mut picker =
            Self { kind, query: String::new(), items, shown: Vec::new(), selected: 0, note: String::new() };
        picker.narrow();
        picker
    }

    /// The heading.
    pub fn title(&self) -> &'static str {
        match self.kind {
            PickerKind::Jump => "Jump to",
            PickerKind::Commands => "Commands",
            PickerKind::Help => "Help",
            PickerKind::Search => "Search messages",
            PickerKind::Who => "Who is here",
            PickerKind::Rooms => "Rooms",
            PickerKind::React(..) => "React",
            PickerKind::Links(_) => "Open a link",
            PickerKind::Hooks => "Webhooks",
        }
    }

    /// Other entries; the choice stays where it can.
    pub fn put(&mut self, items: Vec<PickItem>) {
        let before = self.chosen().map(|i| i.pick.clone());
        self.items = items;
        self.narrow();
        if let Some(i) = before.and_then(|b| self.shown.iter().position(|i| self.items[*i].pick == b)) {
            self.selected = i;
        }
    }

    /// Types into the query.
    pub fn insert(&mut self, text: &str) {
        let room = MAX_QUERY.saturating_sub(self.query.chars().count());
        self.query.extend(text.chars().filter(|c| !c.is_control()).take(room));
        self.narrow();
    }

    /// Takes the last character of the query away.
    pub fn backspace(&mut self) {
        self.query.pop();
        self.narrow();
    }

    /// Empties the query.
    pub fn clear(&mut self) {
        self.query.clear();
        self.narrow();
    }

    /// Moves the choice; it stops at both ends.
    pub fn step(&mut self, by: i32) {
        let last = self.shown.len().saturating_sub(1);
        let to = i64::try_from(self.selected).unwrap_or(0) + i64::from(by);
        self.selected = usize::try_from(to.max(0)).unwrap_or(0).min(last);
    }

    /// The chosen entry.
    pub fn chosen(&self) -> Option<&PickItem> {
        self.items.get(*self.shown.get(self.selected)?)
    }

    fn narrow(&mut self) {
        self.selected = 0;
        // The server has done the matching of a search; help keeps its order.
        if self.query.is_empty() || self.kind == PickerKind::Search {
            self.shown = (0..self.items.len()).collect();
            return;
        }
        let query = chat_common::text::fold(self.query.trim_start_matches(['#', '/']));
        let mut scored: Vec<(i32, usize)> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| {
                let label = fuzzy(&query, &chat_common::text::fold(&item.label));
                let detail = chat_common::text::fold(&item.detail).contains(&query).then_some(-50);
                label.max(detail).map(|s| (s, i))
            })
            .collect();
        if self.kind != PickerKind::Help {
            scored.sort_by_key(|(score, i)| (-score, *i));
        }
        self.shown = scored.into_iter().map(|(_, i)| i).collect();
    }
}

/// How well the letters of `query` are found in order in `text`: more for beginnings and neighbours, `None` if not.
pub fn fuzzy(query: &str, text: &str) -> Option<i32> {
    if text.contains(query) {
        let at = text.find(query).unwrap_or(0);
        let begins = at == 0 || text[..at].ends_with(|c: char| !c.is_alphanumeric());
        return Some(if begins { 200 } else { 100 } - i32::try_from(text.len().min(90)).unwrap_or(90));
    }
    let mut score = 0;
    let mut last: Option<usize> = None;
    let mut chars = text.char_indices();
    for q in query.chars().filter(|c| !c.is_whitespace()) {
        let (i, _) = chars.find(|(_, c)| *c == q)?;
        score += if last.is_some_and(|l| l + 1 == i) { 5 } else { -1 };
        last = Some(i);
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(labels: &[&str]) -> Picker {
        let items = labels.iter().map(|l| PickItem::new(*l, "", Pick::Nothing)).collect();
        Picker::new(PickerKind::Jump, items)
    }

    #[test]
    fn beginnings_come_before_insides_before_scattered_letters() {
        let mut p = list(&["shadops", "o-p-s", "ops", "lobby", "dev-ops"]);
        p.insert("ops");
        let shown: Vec<&str> = p.shown.iter().map(|i| p.items[*i].label.as_str()).collect();
        assert_eq!(shown, ["ops", "dev-ops", "shadops", "o-p-s"]);
    }

    #[test]
    fn the_choice_stays_within_the_list() {
        let mut p = list(&["a", "b"]);
        p.step(10);
        assert_eq!(p.chosen().unwrap().label, "b");
        p.step(-10);
        assert_eq!(p.chosen().unwrap().label, "a");
        p.insert("zzz");
        assert!(p.chosen().is_none());
        p.clear();
        assert_eq!(p.shown.len(), 2);
    }
}
