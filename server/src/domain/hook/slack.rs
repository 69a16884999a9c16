//! Slack's incoming-webhook document: `text`, `blocks`, `attachments`, `username`. Where there are blocks the text is
//! only what a notification would show, as in Slack. `channel` and icons are ignored.

use serde::Deserialize;

use super::Draft;
use super::write::{Lines, MOST, Some20, Words, bold, italic, labelled, or_null};

/// What is posted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    #[serde(deserialize_with = "or_null")]
    text: String,
    #[serde(deserialize_with = "or_null")]
    username: String,
    mrkdwn: Option<bool>,
    blocks: Some20<Block>,
    attachments: Some20<Attachment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    fallback: Words,
    pretext: Words,
    author_name: Words,
    author_link: Words,
    title: Words,
    title_link: Words,
    text: Words,
    fields: Some20<Field>,
    blocks: Some20<Block>,
    image_url: Words,
    footer: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    title: Words,
    value: Words,
}

/// A block, and what stands within blocks: their kinds are told apart by the fields that they have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: Words,
    text: Option<Text>,
    fields: Some20<Text>,
    elements: Some20<Block>,
    title: Option<Text>,
    alt_text: Words,
    image_url: Words,
    url: Words,
    name: Words,
    user_id: Words,
    channel_id: Words,
    usergroup_id: Words,
    range: Words,
}

/// A text object, or a bare string in its place.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Bare(String),
    Object {
        #[serde(rename = "type", default)]
        kind: String,
        text: String,
    },
}

impl Text {
    fn shown(&self) -> String {
        match self {
            Self::Object { kind, text } if kind == "plain_text" => entities(text),
            Self::Object { text, .. } | Self::Bare(text) => markup(text),
        }
    }
}

fn shown(text: Option<&Text>) -> String {
    text.map(Text::shown).unwrap_or_default()
}

/// The message of a document.
pub fn draft(payload: &Payload) -> Draft {
    let mut lines = Lines::default();
    blocks(&payload.blocks, &mut lines);
    if lines.is_empty() {
        lines.push(if payload.mrkdwn == Some(false) { entities(&payload.text) } else { markup(&payload.text) });
    }
    for one in &payload.attachments.first {
        lines.push(attachment(one));
    }
    lines.more(payload.attachments.more, "attachments");
    Draft { text: lines.text(), says: Some(payload.username.clone()).filter(|n| !n.is_empty()) }
}

fn blocks(all: &Some20<Block>, lines: &mut Lines) {
    for one in &all.first {
        lines.push(block(one));
    }
    lines.more(all.more, "blocks");
}

/// What stands above, then behind a bar: author, title with link, text, fields, footer. The fallback if all is empty.
fn attachment(a: &Attachment) -> String {
    let mut bar = Lines::default();
    bar.push(labelled(&markup(&a.author_name), &a.author_link));
    bar.push(labelled(&bold(&markup(&a.title)), &a.title_link));
    bar.push(markup(&a.text));
    for field in &a.fields.first {
        let (title, value) = (markup(&field.title), markup(&field.value));
        bar.push(if title.trim().is_empty() { value } else { format!("{} {value}", bold(&format!("{title}:"))) });
    }
    bar.more(a.fields.more, "fields");
    blocks(&a.blocks, &mut bar);
    bar.push(&*a.image_url);
    bar.push(italic(&markup(&a.footer)));
    let mut lines = Lines::default();
    lines.push(markup(&a.pretext));
    if bar.is_empty() && lines.is_empty() {
        bar.push(markup(&a.fallback));
    }
    lines.push(bar.quoted());
    lines.text()
}

/// One block; of a kind that is not known here, whatever text it has.
fn block(b: &Block) -> String {
    match &*b.kind {
        "divider" => "────".to_owned(),
        "header" => bold(&shown(b.text.as_ref())),
        "image" => {
            let words = [shown(b.title.as_ref()), entities(&b.alt_text)];
            labelled(words.iter().find(|w| !w.trim().is_empty()).map_or("", String::as_str), &b.image_url)
        }
        "context" | "actions" => all(&b.elements, "  "),
        "rich_text" => all(&b.elements, "\n"),
        "rich_text_section" => all(&b.elements, ""),
        "rich_text_list" => {
            let items = b.elements.first.iter().map(|e| format!("- {}", block(e).trim()));
            items.collect::<Vec<_>>().join("\n")
        }
        "rich_text_quote" => super::write::quote(&all(&b.elements, "")),
        "rich_text_preformatted" => format!("```\n{}\n```", all(&b.elements, "").trim_end()),
        "link" => labelled(&shown(b.text.as_ref()), &b.url),
        "user" => format!("[{}]", &*b.user_id),
        "usergroup" => format!("[{}]", &*b.usergroup_id),
        "channel" => format!("#{}", &*b.channel_id),
        "broadcast" => format!("[{}]", &*b.range),
        "emoji" => format!(":{}:", &*b.name),
        _ => {
            let mut lines = Lines::default();
            // Within rich text white space counts.
            let text = labelled(&shown(b.text.as_ref()), &b.url);
            if b.fields.is_empty() {
                return text;
            }
            lines.push(text);
            for field in &b.fields.first {
                lines.push(field.shown());
            }
            lines.more(b.fields.more, "fields");
            lines.text()
        }
    }
}

fn all(elements: &Some20<Block>, between: &str) -> String {
    let mut texts: Vec<String> = elements.first.iter().map(block).filter(|t| !t.is_empty()).collect();
    if elements.more > 0 {
        texts.push(format!("… and {} more", elements.more));
    }
    texts.join(between)
}

/// Slack's markup as the client's: `<…>` forms and entities, `*bold*`, code and quotes. Calls to everyone
/// (`<!channel>`) become plain words that call nobody.
fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(open) = rest.find("```") {
        let Some(length) = rest[open + 3..].find("```") else { break };
        running(&rest[..open], &mut out);
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        let code = angles(&rest[open + 3..open + 3 + length]);
        out.push_str(&format!("```\n{}\n```", code.trim_matches('\n')));
        rest = &rest[open + 6 + length..];
        if !rest.is_empty() && !rest.starts_with('\n') {
            out.push('\n');
        }
    }
    running(rest, &mut out);
    out
}

/// Text without fences, line by line.
fn running(text: &str, out: &mut String) {
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let quote = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        match quote {
            Some(rest) => {
                out.push_str("> ");
                out.push_str(&emphasis(rest.strip_prefix(' ').unwrap_or(rest)));
            }
            None => out.push_str(&emphasis(line)),
        }
    }
}

/// `*bold*` of one line becomes `**bold**`; what stands in code or between angles is left alone.
fn emphasis(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '`' => rest[1..].find('`').map(|end| {
                out.push('`');
                out.push_str(&angles(&rest[1..=end]));
                out.push('`');
                end + 2
            }),
            '<' => rest.find('>').map(|end| {
                out.push_str(&link(&rest[1..end]));
                end + 1
            }),
            '*' if !before.is_alphanumeric() && before != '*' => bold_end(rest).map(|end| {
                out.push_str(&format!("**{}**", emphasis(&rest[1..end])));
                end + 1
            }),
            '&' => ["&lt;", "&gt;", "&amp;"].iter().find(|e| rest.starts_with(**e)).map(|e| {
                out.push_str(&entities(e));
                e.len()
            }),
            _ => None,
        };
        let used = used.unwrap_or_else(|| {
            out.push(c);
            c.len_utf8()
        });
        before = rest[..used].chars().next_back().unwrap_or(' ');
        rest = &rest[used..];
    }
    out
}

/// Where the bold that begins here ends.
fn bold_end(rest: &str) -> Option<usize> {
    if rest[1..].starts_with(|c: char| c.is_whitespace() || c == '*') {
        return None;
    }
    rest.match_indices('*').skip(1).map(|(at, _)| at).find(|at| {
        let after = rest[at + 1..].chars().next();
        !rest[..*at].ends_with(char::is_whitespace) && after.is_none_or(|c| !c.is_alphanumeric() && c != '*')
    })
}

/// `<…>` forms and entities where nothing else is markup.
fn angles(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&entities(&rest[..open]));
        let inner = &rest[open + 1..];
        let Some(close) = inner.find('>') else {
            out.push_str(&entities(&rest[open..]));
            return out;
        };
        out.push_str(&link(&inner[..close]));
        rest = &inner[close + 1..];
    }
    out.push_str(&entities(rest));
    out
}

fn link(inner: &str) -> String {
    let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
    let (target, label) = (entities(target), entities(label));
    match target.as_bytes().first() {
        Some(b'!') if target.starts_with("!date^") => label,
        Some(b'!') => {
            let word = target[1..].split('^').next().unwrap_or_default();
            if label.is_empty() { format!("[{word}]") } else { format!("[{}]", label.trim_start_matches('@')) }
        }
        Some(b'@') => format!("[{}]", if label.is_empty() { &target[1..] } else { label.trim_start_matches('@') }),
        Some(b'#') => format!("#{}", if label.is_empty() { &target[1..] } else { label.trim_start_matches('#') }),
        // `a <- b and c -> d` is no link.
        _ if target.is_empty() || target.starts_with(char::is_whitespace) || target.len() > MOST * 200 => {
            format!("<{}>", entities(inner))
        }
        _ => labelled(&label, &target),
    }
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(payload: &Value) -> String {
        draft(&serde_json::from_value(payload.clone()).unwrap()).text
    }

    fn plain(body: &str) -> String {
        text(&json!({ "text": body }))
    }

    #[test]
    fn links_and_entities_are_shown() {
        assert_eq!(plain("deploy done"), "deploy done");
        assert_eq!(
            plain("see <https://ci.example.org/1|build 1> &amp; <https://x.example> &lt;b&gt;"),
            "see build 1 (https://ci.example.org/1) & https://x.example <b>"
        );
        assert_eq!(
            plain("<#C024BE7LR|general> by <@U024BE7LH> <mailto:a@b.example|a@b.example>"),
            "#general by [U024BE7LH] a@b.example (mailto:a@b.example)"
        );
        assert_eq!(plain("due <!date^1392734382^{date}|18 Feb 2014>"), "due 18 Feb 2014");
        assert_eq!(plain("&amp;lt;"), "&lt;", "decoded once");
    }

    #[test]
    fn calls_to_everyone_are_disarmed() {
        let flood = "<!channel> ".repeat(50) + "<!here|here> <@U1|ana> <!subteam^S1|@ops> <!everyone>";
        let shown = plain(&flood);
        assert!(!shown.contains('@') && !shown.contains("<!"), "{shown}");
        assert!(shown.ends_with("[here] [ana] [ops] [everyone]"), "{shown}");
    }

    #[test]
    fn marks_become_the_clients() {
        for (slack, ours) in [
            ("*bold* and _italic_ and `co*d*e`", "**bold** and _italic_ and `co*d*e`"),
            ("2 * 3 * 4 and a*b*c", "2 * 3 * 4 and a*b*c"),
            ("**already** *open", "**already** *open"),
            ("*<https://x.example|x>*", "**x (https://x.example)**"),
            ("&gt;quoted\n&gt; more", "> quoted\n> more"),
            ("log:```a &lt; b\nc```end", "log:\n```\na < b\nc\n```\nend"),
            ("```open", "```open"),
            ("a < b and <c", "a < b and <c"),
        ] {
            assert_eq!(plain(slack), ours);
        }
    }

    #[test]
    fn attachments_are_shown_behind_a_bar_and_counted() {
        let one = json!({
            "fallback": "no", "pretext": "New ticket", "author_name": "Stanley", "title": "T-1", "title_link": "https://t.example/1",
            "text": "Hello\nthere", "fields": [{"title": "Priority", "value": "High", "short": true}, {"title": "Load", "value": 7.5}],
            "footer": "Trackbot",
        });
        assert_eq!(
            text(&json!({"attachments": [one]})),
            "New ticket\n> Stanley\n> **T-1** (https://t.example/1)\n> Hello\n> there\n> **Priority:** High\n\
             > **Load:** 7.5\n> _Trackbot_"
        );
        let many: Vec<Value> = (0..100).map(|i| json!({"title": format!("a{i}")})).collect();
        let shown = text(&json!({"text": "t", "attachments": many}));
        assert!(shown.contains("**a19**") && !shown.contains("a20"), "{shown}");
        assert!(shown.ends_with("… and 80 more attachments"), "{shown}");
        assert_eq!(text(&json!({"attachments": [{"fallback": "only this"}]})), "> only this");
    }

    #[test]
    fn blocks_take_the_place_of_the_text() {
        let payload = json!({"text": "for the notification", "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Head *1*"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*bold*"}, "fields": [{"type": "mrkdwn", "text": "f1"}]},
            {"type": "divider"},
            {"type": "image", "image_url": "https://i.example/x.png", "alt_text": "a graph"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "by"}, {"type": "image", "alt_text": "cat"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://x.example"}]}
        ]});
        assert_eq!(
            text(&payload),
            "**Head *1***\n**bold**\nf1\n────\na graph (https://i.example/x.png)\nby  cat\nOpen (https://x.example)"
        );
    }

    #[test]
    fn rich_text_is_read() {
        let payload = json!({"blocks": [{"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [
                {"type": "text", "text": "Hi ", "style": {"bold": true}}, {"type": "user", "user_id": "U1"},
                {"type": "text", "text": " see "}, {"type": "link", "url": "https://x.example", "text": "x"}]},
            {"type": "rich_text_list", "style": "bullet", "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                {"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "channel"}]}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "ls -l\n"}]},
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "q"}]}
        ]}]});
        assert_eq!(text(&payload), "Hi [U1] see x (https://x.example)\n- one\n- [channel]\n```\nls -l\n```\n> q");
    }

    #[test]
    fn what_has_another_type_is_an_error_that_says_so() {
        for bad in [json!({"text": 5}), json!({"attachments": {}}), json!({"blocks": ["x"]}), json!({"username": []})] {
            assert!(serde_json::from_value::<Payload>(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(text(&json!({"text": null, "attachments": null, "blocks": null})), "");
    }
}
