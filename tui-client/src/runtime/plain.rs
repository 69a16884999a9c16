//! The append-only face, for screen readers and terminals that cannot draw: what happens is printed line by line, what
//! is typed line by line is sent or done. The same state as the full screen, told instead of drawn.

use std::collections::HashMap;

use chat_common::Seq;
use chat_common::text::{visible, visible_line};

use crate::app::picker::{Picker, PickerKind};
use crate::app::settings::shown;
use crate::app::timeline::ItemBody;
use crate::app::{App, Line, Overlay, Room, RoomId, Toast};
use crate::settings::TABLE;
use crate::ui::clock;

/// Messages of a room that are printed when it comes into view.
const LATEST: usize = 10;
/// Entries of a list that are printed.
const MOST: usize = 60;

/// Remembers what was told.
#[derive(Debug, Default)]
pub(super) struct Printer {
    printed: HashMap<RoomId, Seq>,
    room: Option<RoomId>,
    toast: Option<Toast>,
    line: String,
    asked: bool,
}

impl Printer {
    /// The lines that tell what is new since the last call; nothing in them drives the terminal.
    pub(super) fn news(&mut self, app: &App) -> Vec<String> {
        let mut out = Vec::new();
        let line = link(&app.line);
        if line != self.line {
            out.push(format!("* {line}"));
            self.line = line;
        }
        if let Some(room) = app.room().filter(|r| Some(r.id) != self.room) {
            self.room = Some(room.id);
            let topic = room.summary.as_ref().map(|s| s.topic.as_str()).filter(|t| !t.is_empty());
            let topic = topic.map(|t| format!(" · {}", visible_line(t))).unwrap_or_default();
            out.push(format!(
                "* now in {}{topic}; what you type is sent there, /help lists the commands",
                room.title()
            ));
        }
        for (i, room) in app.rooms.iter().enumerate() {
            self.messages(app, room, i == app.active, &mut out);
        }
        if let Some(toast) = app.toast.as_ref().filter(|t| Some(*t) != self.toast.as_ref()) {
            let mark = if toast.error { "! " } else { "* " };
            out.push(format!("{mark}{}", visible_line(&toast.text)));
        }
        self.toast.clone_from(&app.toast);
        match &app.overlay {
            Some(Overlay::Confirm { question, .. }) if !self.asked => {
                self.asked = true;
                out.push(format!("? {} y or n", visible_line(&question.replace('\n', " "))));
            }
            Some(Overlay::Picker(picker)) if !waits(picker) => list(picker, &mut out),
            Some(Overlay::Settings(_)) => settings(app, &mut out),
            Some(_) => {}
            None => self.asked = false,
        }
        out
    }

    /// Whether a list has been printed and can be closed.
    pub(super) fn is_told(app: &App) -> bool {
        match &app.overlay {
            Some(Overlay::Picker(picker)) => !waits(picker),
            Some(Overlay::Settings(_)) => true,
            _ => false,
        }
    }

    fn messages(&mut self, app: &App, room: &Room, active: bool, out: &mut Vec<String>) {
        let Some(newest) = room.timeline.newest() else { return };
        let from = match self.printed.get(&room.id) {
            // The log was replaced by another: its numbers begin anew.
            Some(last) if *last <= newest => last.next(),
            _ if active => {
                let latest = room.timeline.items().keys().rev().take(LATEST).next_back();
                latest.copied().unwrap_or(newest)
            }
            // Rooms out of view are told from now on.
            _ => newest.next(),
        };
        self.printed.insert(room.id, newest);
        for item in room.timeline.items().range(from..).map(|(_, i)| i) {
            let (who, text) = match &item.body {
                ItemBody::Note { text, .. } => ("—".to_owned(), text.as_str()),
                ItemBody::Message(m) if app.blocked.contains(&m.from().id) => (m.from().name.to_string(), "(hidden)"),
                ItemBody::Message(m) => (format!("{}:", m.from().name), m.text().unwrap_or("(deleted)")),
            };
            // Further lines are indented, so that no message can pose as another.
            let text = visible(text).replace('\n', "\n      ").replace('\t', "    ");
            out.push(format!("{} {} {who} {text}", clock(item.at(), &app.tz), room.title()));
        }
    }
}

/// A list that the server is still asked for.
fn waits(picker: &Picker) -> bool {
    match picker.kind {
        PickerKind::Search => picker.items.is_empty() && matches!(picker.note.as_str(), "searching…" | ""),
        _ => false,
    }
}

fn list(picker: &Picker, out: &mut Vec<String>) {
    out.push(format!("* {}:", picker.title()));
    let mut group = "";
    for item in picker.shown.iter().take(MOST).filter_map(|i| picker.items.get(*i)) {
        if item.group != group {
            group = item.group;
            out.push(format!("    {group}"));
        }
        out.push(format!("      {}  {}", visible_line(&item.label), visible_line(&item.detail)));
    }
    if !picker.note.is_empty() {
        out.push(format!("    {}", visible_line(&picker.note)));
    }
}

fn settings(app: &App, out: &mut Vec<String>) {
    out.push("* Settings; /set NAME VALUE changes one, /set NAME default takes it back:".to_owned());
    for setting in TABLE {
        let value = shown(&app.settings, &app.theme, setting);
        let from = app.settings.values.get(setting).origin.to_string();
        let line = format!("      {}  {value}  ({from})  {}", setting.key, setting.what);
        out.push(visible_line(&line));
    }
}

fn link(line: &Line) -> String {
    match line {
        Line::Online { .. } => "online".to_owned(),
        Line::Connecting { .. } => "connecting".to_owned(),
        Line::Waiting { reason, .. } => format!("no line: {}; what you write is kept", visible_line(reason)),
        Line::Refused(error) => format!("not connected: {}; an empty line tries again", visible_line(&error.message)),
    }
}

/// What a typed line means as keys: an answer to a question, or a text and Enter.
pub(super) fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use chat_common::event::{Entry, EntryBody};
    use chat_common::model::{User, UserKind};
    use chat_common::text::is_unsafe;
    use chat_common::{ClientId, RoomName, RoomRef, Timestamp, UserId, UserName};

    use super::*;
    use crate::app::{Event, Msg, Start, update};
    use crate::keymap::Keymap;

    fn app() -> App {
        let (app, _) = App::new(Start {
            rooms: vec![RoomRef::parse("ops").unwrap()],
            seed: 1,
            tz: jiff::tz::TimeZone::UTC,
            keymap: Keymap::default(),
            theme: "mono".to_owned(),
            now: Timestamp::from_millis(0),
        });
        app
    }

    fn said(app: &mut App, seq: u64, text: &str) {
        let name = UserName::parse("eve").unwrap();
        let from = User { id: UserId::from_bits(9), display_name: String::new(), name, kind: UserKind::User };
        let body = EntryBody::Created {
            text: Some(text.to_owned()),
            client_id: ClientId::parse("k").unwrap(),
            reply_to: None,
            mentions: Vec::new(),
            superseded_by: None,
        };
        let entry =
            Entry { room: RoomName::parse("ops").unwrap(), seq: Seq(seq), at: Timestamp::from_millis(0), from, body };
        update(app, Msg::Net(Event::Entry(Box::new(entry))), Timestamp::from_millis(0));
    }

    #[test]
    fn each_message_is_told_once_and_cannot_pose_as_another() {
        let (mut app, mut printer) = (app(), Printer::default());
        printer.news(&app);
        said(&mut app, 1, "one");
        assert_eq!(printer.news(&app), ["00:00 #ops eve: one"]);
        assert!(printer.news(&app).is_empty());
        said(&mut app, 2, "two\n00:00 #ops ana: not me");
        assert_eq!(printer.news(&app), ["00:00 #ops eve: two\n      00:00 #ops ana: not me"]);
    }

    #[test]
    fn nothing_printed_drives_the_terminal() {
        let (mut app, mut printer) = (app(), Printer::default());
        said(&mut app, 1, "\u{1b}[2J\u{9b}x\u{202e}\r\u{7}");
        app.warn("\u{1b}]0;x\u{7}");
        for line in printer.news(&app) {
            assert!(!line.chars().any(is_unsafe), "{line:?}");
        }
    }
}
