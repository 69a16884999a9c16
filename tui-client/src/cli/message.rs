//! One line of output: a message or another event, as text, by a template, or as JSON; and what filters it.

use std::fmt;
use std::str::FromStr;

use chat_common::event::server::Hint;
use chat_common::event::{Entry, EntryBody};
use chat_common::model::{Message, User};
use chat_common::text::visible_line;
use chat_common::{Clock, SystemClock, Timestamp, UserId, UserName};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::output;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Type {
    /// A message.
    Message,
    /// A message has another text.
    Edit,
    /// A message is gone.
    Delete,
    /// A reaction was set or taken back.
    Reaction,
    /// Topic, kind or owner changed.
    Room,
    /// A member was removed, or has another standing.
    Member,
    /// Somebody joined.
    Join,
    /// Somebody left.
    Leave,
    /// Lines are missing here for good.
    Gap,
    /// How the line to the server is.
    Connection,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Reaction => "reaction",
            Self::Room => "room",
            Self::Member => "member",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Gap => "gap",
            Self::Connection => "connection",
        }
    }
}

/// One line, before it is written.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it tells.
    pub kind: Type,
    /// In which room, as the user calls it.
    pub room: Option<String>,
    /// Its position, if it is an entry.
    pub seq: Option<u64>,
    /// When.
    pub at: Option<Timestamp>,
    /// Who.
    pub from: Option<User>,
    /// The text of a message or an edit; null once deleted.
    pub text: Option<String>,
    /// Whom it mentions.
    pub mentions: Vec<UserId>,
    /// What is said where there is no text.
    pub note: String,
    /// Further fields of the JSON.
    pub more: Map<String, Value>,
}

/// The object of `--json`, in the documented order.
#[derive(Serialize)]
struct LineObject<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a UserName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Null once deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_id: Option<UserId>,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Line {
    /// A message as it stands.
    pub fn message(m: &Message, room: String) -> Self {
        let mut more = object(json!({ "client_id": m.client_id, "mentions": m.mentions, "rev": m.rev }));
        if let Some(to) = m.reply_to {
            more.insert("reply_to".to_owned(), json!(to));
        }
        if let Some(at) = m.edited_at {
            more.insert("edited_at".to_owned(), json!(at));
        }
        if m.deleted {
            more.insert("deleted".to_owned(), json!(true));
        }
        if !m.reactions.is_empty() {
            more.insert("reactions".to_owned(), json!(m.reactions));
        }
        Self {
            kind: Type::Message,
            room: Some(room),
            seq: Some(m.seq.0),
            at: Some(m.at),
            from: Some(m.from.clone()),
            text: m.text.clone(),
            mentions: m.mentions.clone(),
            note: "(deleted)".to_owned(),
            more,
        }
    }

    /// An entry of a log.
    pub fn entry(e: &Entry, room: String) -> Self {
        let mut line = Self {
            kind: Type::Message,
            room: Some(room),
            seq: Some(e.seq.0),
            at: Some(e.at),
            from: Some(e.from.clone()),
            text: None,
            mentions: vec![],
            note: String::new(),
            more: Map::new(),
        };
        match &e.body {
            EntryBody::Created { text, client_id, reply_to, mentions, superseded_by } => {
                line.more = object(json!({ "client_id": client_id, "mentions": mentions }));
                if let Some(to) = reply_to {
                    line.more.insert("reply_to".to_owned(), json!(to));
                }
                if let Some(seq) = superseded_by {
                    line.more.insert("superseded_by".to_owned(), json!(seq));
                }
                line.text.clone_from(text);
                line.mentions.clone_from(mentions);
                "(edited or deleted since)".clone_into(&mut line.note);
            }
            EntryBody::Edited { target, text, mentions, .. } => {
                line.kind = Type::Edit;
                line.more = object(json!({ "target": target, "mentions": mentions }));
                line.text.clone_from(text);
                line.mentions.clone_from(mentions);
                line.note = format!("edited {target}");
            }
            EntryBody::Deleted { target } => {
                line.kind = Type::Delete;
                line.more = object(json!({ "target": target }));
                line.note = format!("deleted {target}");
            }
            EntryBody::Blanked { through, user } => {
                line.kind = Type::Delete;
                line.more = object(json!({ "through": through, "user": user }));
                line.more.retain(|_, v| !v.is_null());
                line.note = match user {
                    Some(_) => format!("deleted everything of one user up to {through}"),
                    None => format!("deleted everything up to {through}: it is older than this room keeps"),
                };
            }
            EntryBody::Reacted { target, emoji, on } => {
                line.kind = Type::Reaction;
                line.more = object(json!({ "target": target, "emoji": emoji, "on": on }));
                line.note = format!("{} {emoji} on {target}", if *on { "set" } else { "took back" });
            }
            EntryBody::RoomUpdated { topic, kind, owner, retention_days } => {
                line.kind = Type::Room;
                line.more =
                    object(json!({ "topic": topic, "kind": kind, "owner": owner, "retention_days": retention_days }));
                line.more.retain(|_, v| !v.is_null());
                line.note = match (topic, kind, owner) {
                    (Some(topic), ..) => format!("set the topic: {topic}"),
                    (_, _, Some(owner)) => format!("gave the room to {}", owner.name),
                    (_, Some(kind), _) => format!("made the room {}", json!(kind).as_str().unwrap_or_default()),
                    _ => match retention_days {
                        Some(0) => "keeps messages for ever".to_owned(),
                        Some(days) => format!("deletes messages after {days} days"),
                        None => "changed the room".to_owned(),
                    },
                };
            }
            EntryBody::MemberRemoved { user, how, reason } => {
                line.kind = Type::Member;
                line.more = object(json!({ "user": user.name, "how": how, "reason": reason }));
                line.more.retain(|_, v| !v.is_null());
                let how = json!(how);
                line.note = format!("removed {} ({})", user.name, how.as_str().unwrap_or_default());
                if let Some(reason) = reason {
                    line.note.push_str(&format!(": {reason}"));
                }
            }
            EntryBody::MemberUpdated { user, role, muted_until } => {
                line.kind = Type::Member;
                line.more = object(json!({ "user": user.name, "role": role, "muted_until": muted_until }));
                line.more.retain(|_, v| !v.is_null());
                line.note = match (role, muted_until) {
                    (Some(role), _) => format!("made {} {}", user.name, json!(role).as_str().unwrap_or_default()),
                    (_, Some(until)) => format!("muted {} until {until}", user.name),
                    _ => format!("changed {}", user.name),
                };
            }
            EntryBody::Unknown => {
                line.kind = Type::Room;
                "did something that this version does not know".clone_into(&mut line.note);
            }
        }
        line
    }

    /// A hint that is worth a line.
    pub fn hint(hint: &Hint, room: impl FnOnce(&chat_common::RoomName) -> String) -> Option<Self> {
        let (kind, name, user, note) = match hint {
            Hint::MemberJoined { room, user } => (Type::Join, room, user, "joined"),
            Hint::MemberLeft { room, user } => (Type::Leave, room, user, "left"),
            _ => return None,
        };
        Some(Self {
            room: Some(room(name)),
            from: Some(user.clone()),
            note: note.to_owned(),
            at: Some(SystemClock.now()),
            ..Self::bare(kind)
        })
    }

    /// A line with nothing in it yet.
    pub fn bare(kind: Type) -> Self {
        Self {
            kind,
            room: None,
            seq: None,
            at: None,
            from: None,
            text: None,
            mentions: vec![],
            note: String::new(),
            more: Map::new(),
        }
    }

    /// The object of `--json`: fields are only ever added.
    pub fn json(&self) -> impl Serialize + '_ {
        LineObject {
            kind: self.kind.name(),
            room: self.room.as_deref(),
            seq: self.seq,
            from: self.from.as_ref().map(|u| &u.name),
            at: self.at,
            text: matches!(self.kind, Type::Message | Type::Edit).then_some(self.text.as_deref()),
            from_id: self.from.as_ref().map(|u| u.id),
            more: &self.more,
        }
    }

    /// The line as people read it.
    pub fn text(&self, with_room: bool, colored: bool) -> String {
        let (dim, bold, off) = if colored { ("\u{1b}[2m", "\u{1b}[1m", "\u{1b}[0m") } else { ("", "", "") };
        let mut out = String::new();
        if let Some(at) = self.at {
            out.push_str(&format!("{dim}{}{off} ", local(at, "%Y-%m-%d %H:%M:%S")));
        }
        if let (Some(room), true) = (&self.room, with_room) {
            let mark = if room.starts_with('@') { "" } else { "#" };
            out.push_str(&format!("{mark}{room} "));
        }
        let from = self.from.as_ref().map(|u| u.name.as_str()).unwrap_or_default();
        match (&self.text, self.kind) {
            (Some(text), Type::Message) => out.push_str(&format!("{bold}{from}{off}: {}", output::indented(text))),
            (Some(text), _) => out.push_str(&format!("* {from} {}: {}", self.note, output::indented(text))),
            (None, Type::Message) => out.push_str(&format!("{bold}{from}{off}: {}", self.note)),
            (None, Type::Gap | Type::Connection) => out.push_str(&format!("-- {}", visible_line(&self.note))),
            (None, _) => out.push_str(&format!("* {from} {}", visible_line(&self.note))),
        }
        out
    }

    /// The line by a template.
    pub fn format(&self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(start) = rest.find(['{', '\\']) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let (taken, value) = self.field(rest);
            out.push_str(&value);
            rest = &rest[taken..];
        }
        out + rest
    }

    /// What stands for the beginning of a template, and how much of it that was.
    fn field(&self, rest: &str) -> (usize, String) {
        for (escape, is) in [("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")] {
            if rest.starts_with(escape) {
                return (2, is.to_owned());
            }
        }
        let Some(end) = rest.find('}').filter(|_| rest.starts_with('{')) else {
            let first = rest.chars().next().unwrap_or_default();
            return (first.len_utf8(), first.to_string());
        };
        let value = match &rest[1..end] {
            "time" => self.at.map(|t| local(t, "%H:%M:%S")).unwrap_or_default(),
            "at" => self.at.map(|t| t.to_string()).unwrap_or_default(),
            "room" => self.room.clone().unwrap_or_default(),
            "seq" => self.seq.map(|s| s.to_string()).unwrap_or_default(),
            "from" => self.from.as_ref().map(|u| u.name.to_string()).unwrap_or_default(),
            "type" => self.kind.name().to_owned(),
            "text" => match &self.text {
                Some(text) => output::indented(text),
                None => visible_line(&self.note),
            },
            // Not a field: it stays as it is written.
            _ => rest[..=end].to_owned(),
        };
        (end + 1, value)
    }
}

/// A time in the local zone.
fn local(at: Timestamp, form: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(t) => t.to_zoned(jiff::tz::TimeZone::system()).strftime(form).to_string(),
        Err(_) => at.to_string(),
    }
}

/// A point in time: RFC 3339, or how long ago.
pub fn time(s: &str) -> Result<Timestamp, String> {
    if let Ok(at) = Timestamp::from_str(s) {
        return Ok(at);
    }
    match crate::config::parse_duration(s) {
        Ok(ago) => {
            let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
            Ok(Timestamp::from_millis(SystemClock.now().as_millis().saturating_sub(ms)))
        }
        Err(_) => Err("write it as 2026-11-22T16:00:00Z, or how long ago as 2h".to_owned()),
    }
}

/// A regular expression, compiled once.
#[derive(Clone, Debug)]
pub struct Pattern(pub regex_lite::Regex);

/// Compiles `--grep`.
pub fn pattern(s: &str) -> Result<Pattern, String> {
    regex_lite::Regex::new(s).map(Pattern).map_err(|e| e.to_string())
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// Splits a command into words: white space separates, quotes and `\` keep together. Nothing else of a shell.
pub fn words(s: &str) -> Result<Words, String> {
    let (mut all, mut word) = (vec![], None::<String>);
    let mut chars = s.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => into.extend(chars.next()),
                        Some(other) => into.push(other),
                        None => return Err(format!("a {c} is not closed")),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    if all.is_empty() { Err("there is no command in it".to_owned()) } else { Ok(Words(all)) }
}

#[cfg(test)]
mod tests {
    use chat_common::model::UserKind;
    use chat_common::{ClientId, RoomName, Seq};

    use super::*;

    fn line(text: &str) -> Line {
        let m = Message {
            room: RoomName::parse("ops").unwrap(),
            seq: Seq(7),
            rev: Seq(7),
            at: Timestamp::from_millis(1_763_827_920_000),
            from: User {
                id: UserId::from_bits(5),
                name: UserName::parse("ana").unwrap(),
                display_name: "\u{1b}[31mA".to_owned(),
                kind: UserKind::User,
            },
            text: Some(text.to_owned()),
            client_id: ClientId::parse("k").unwrap(),
            reply_to: None,
            mentions: vec![],
            edited_at: None,
            deleted: false,
            reactions: vec![],
        };
        Line::message(&m, "ops".to_owned())
    }

    #[test]
    fn a_message_as_json() {
        let expected = r#"{"v":1,"type":"message","room":"ops","seq":7,"from":"ana","at":"2025-11-22T16:12:00.000Z","text":"hi","from_id":"0000000000005","client_id":"k","mentions":[],"rev":7}"#;
        assert_eq!(output::json_text(&line("hi").json()).unwrap(), expected);
    }

    #[test]
    fn a_message_as_text_is_one_entry_and_harmless() {
        let text = line("one\n2025-11-22 16:12:01 #ops bob: two\u{1b}[2J").text(true, false);
        let mut lines = text.lines();
        assert!(lines.next().unwrap().ends_with("#ops ana: one"));
        assert_eq!(lines.next(), Some("    2025-11-22 16:12:01 #ops bob: two␛[2J"));
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn templates_know_fields_and_leave_the_rest() {
        let l = line("hi\nthere");
        assert_eq!(l.format("{room}/{seq}\\t{from}: {text} {other} {"), "ops/7\tana: hi\n    there {other} {");
        assert_eq!(l.format("\\\\ \\x é"), "\\ \\x é");
    }

    #[test]
    fn commands_are_split_without_a_shell() {
        let split = |s: &str| words(s).unwrap().0;
        assert_eq!(split("a 'b c' \"d \\\" e\" f\\ g ''"), vec!["a", "b c", "d \" e", "f g", ""]);
        assert_eq!(split("echo $HOME; `id`"), vec!["echo", "$HOME;", "`id`"]);
        assert!(words(" ").is_err());
        assert!(words("'a").is_err());
    }

    #[test]
    fn times_are_absolute_or_ago() {
        assert_eq!(time("2025-11-22T16:12:00Z").unwrap().as_millis(), 1_763_827_920_000);
        let ago = time("2h").unwrap();
        assert!(SystemClock.now().since(ago).as_secs() - 7_200 < 60);
        assert!(time("tomorrow").is_err());
    }
}
