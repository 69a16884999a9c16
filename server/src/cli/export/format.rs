//! How an exported room looks: JSON lines, Markdown, one page of HTML. Texts are others' words: whatever stands in
//! them, they stay text.

use std::io::{self, Write};

use chat_common::Timestamp;
use chat_common::model::Message;

use super::Format;
use crate::storage::RoomRow;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1b1b1b;\
background:#fff}h2{font-size:1em;border-bottom:1px solid #bbb;margin-top:2em}article{margin:.6em 0}\
header{font-size:.85em;color:#555}header b{color:#1b1b1b}p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}\
i{color:#555}footer{margin-top:2em;color:#555}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}\
header b{color:#ddd}header,i,footer{color:#aaa}h2{border-color:#555}}";

/// Writes one room in one format.
pub(super) struct Writer<'a> {
    format: Format,
    room: &'a RoomRow,
    day: String,
    count: u64,
}

impl<'a> Writer<'a> {
    pub fn new(format: Format, room: &'a RoomRow) -> Self {
        Self { format, room, day: String::new(), count: 0 }
    }

    /// What comes first.
    pub fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let (name, topic) = (self.room.name.as_str(), &self.room.topic);
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Md => {
                writeln!(out, "# {}", markdown(name))?;
                if topic.is_empty() { Ok(()) } else { writeln!(out, "\n{}", markdown(topic)) }
            }
            Format::Html => {
                let (name, topic) = (html(name), html(topic));
                write!(
                    out,
                    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
                     <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
                     <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
                     <style>{STYLE}</style></head>\n<body><h1 dir=\"auto\">{name}</h1>\n<p dir=\"auto\">{topic}</p>\n<main>\n"
                )
            }
        }
    }

    /// One message.
    pub fn message(&mut self, out: &mut dyn Write, message: &Message) -> io::Result<()> {
        self.count += 1;
        match self.format {
            Format::Jsonl => {
                serde_json::to_writer(&mut *out, message)?;
                out.write_all(b"\n")
            }
            Format::Md => self.as_markdown(out, message),
            Format::Html => self.as_html(out, message),
        }
    }

    /// What comes last; without it a page was cut short.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Md => writeln!(out, "\n— {} messages", self.count),
            Format::Html => writeln!(out, "</main><footer>{} messages</footer></body></html>", self.count),
        }
    }

    /// The day, where it is another than the message's before.
    fn new_day(&mut self, at: Timestamp) -> Option<String> {
        let day = at.to_string().get(..10).unwrap_or_default().to_owned();
        if day == self.day {
            return None;
        }
        self.day.clone_from(&day);
        Some(day)
    }

    fn as_markdown(&mut self, out: &mut dyn Write, message: &Message) -> io::Result<()> {
        if let Some(day) = self.new_day(message.at) {
            writeln!(out, "\n## {day}")?;
        }
        writeln!(out, "\n**{}** {}{}  ", markdown(message.from.name.as_str()), clock(message.at), remarks(message))?;
        match &message.text {
            Some(text) => text.lines().try_for_each(|line| writeln!(out, "> {}  ", markdown(line))),
            None => writeln!(out, "> *deleted*"),
        }
    }

    fn as_html(&mut self, out: &mut dyn Write, message: &Message) -> io::Result<()> {
        if let Some(day) = self.new_day(message.at) {
            writeln!(out, "<h2>{day}</h2>")?;
        }
        let (seq, name, at) = (message.seq, html(message.from.name.as_str()), message.at);
        write!(
            out,
            "<article id=\"m{seq}\"><header><b>{name}</b> <time datetime=\"{at}\">{}</time>{}</header>",
            clock(at),
            html(&remarks(message))
        )?;
        match &message.text {
            Some(text) => writeln!(out, "<p dir=\"auto\">{}</p></article>", html(text)),
            None => writeln!(out, "<p><i>deleted</i></p></article>"),
        }
    }
}

/// `14:02` of a time, in UTC.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

fn remarks(message: &Message) -> String {
    let mut out = String::new();
    if let Some(seq) = message.reply_to {
        out.push_str(&format!(" in answer to #{seq}"));
    }
    if message.edited_at.is_some() {
        out.push_str(" (edited)");
    }
    for reaction in &message.reactions {
        out.push_str(&format!(" {} {}", reaction.emoji, reaction.count));
    }
    out
}

/// Text for a place between tags or in an attribute.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text for a line: every sign that Markdown or HTML could take for its own is escaped.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '.' | '!' | '|' | '~'
            | '=' | ':' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use chat_common::model::{RoomKind, User, UserKind};
    use chat_common::{ClientId, RoomName, Seq, UserId, UserName};

    use super::*;
    use crate::storage::RoomId;

    fn written(format: Format, text: Option<&str>) -> String {
        let room = RoomRow {
            id: RoomId(1),
            name: RoomName::parse("ops").unwrap(),
            kind: RoomKind::Public,
            topic: "<b>topic</b>".into(),
            first: Seq(1),
            head: Seq(1),
            members: 1,
            retention_days: None,
        };
        let message = Message {
            room: room.name.clone(),
            seq: Seq(1),
            rev: Seq(1),
            at: Timestamp::from_millis(1_790_000_000_000),
            from: User {
                id: UserId::from_bits(1),
                name: UserName::parse("ana").unwrap(),
                display_name: "Ana".into(),
                kind: UserKind::User,
            },
            text: text.map(str::to_owned),
            client_id: ClientId::parse("k").unwrap(),
            reply_to: None,
            mentions: vec![],
            edited_at: None,
            deleted: text.is_none(),
            reactions: vec![],
        };
        let mut out = Vec::new();
        let mut writer = Writer::new(format, &room);
        writer.begin(&mut out).unwrap();
        writer.message(&mut out, &message).unwrap();
        writer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_holds_no_tag_of_others() {
        let page = written(Format::Html, Some("<script>alert(1)</script> <img src=x onerror='y'> \"&amp;\""));
        for tag in ["<script", "<img", "<b>topic", "onerror='"] {
            assert!(!page.contains(tag), "{tag} in {page}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&quot;&amp;amp;&quot;"));
        assert!(page.ends_with("</html>\n") && page.contains("default-src 'none'"));
        assert!(written(Format::Html, None).contains("<i>deleted</i>"));
    }

    #[test]
    fn markdown_of_others_stays_text() {
        let text = "# no\n> quote\n[x](javascript:1) **b** <i>\n1. one";
        let page = written(Format::Md, Some(text));
        assert!(page.contains("> \\# no  \n> &gt; quote  \n"), "{page}");
        assert!(page.contains("\\[x\\]\\(javascript\\:1\\) \\*\\*b\\*\\* &lt;i&gt;"), "{page}");
        assert!(page.contains("> 1\\. one"), "{page}");
    }

    #[test]
    fn a_line_of_json_is_the_message() {
        let line = written(Format::Jsonl, Some("two\nlines"));
        assert_eq!(line.lines().count(), 1);
        let back: Message = serde_json::from_str(&line).unwrap();
        assert_eq!(back.text.as_deref(), Some("two\nlines"));
    }
}
