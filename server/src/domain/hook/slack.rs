//! Slack's incoming-webhook document: `text`, `blocks`, `attachments`, `username`. Where there are blocks the text is
//! only what a notification would show, as in Slack. `channel` and icons are ignored. Slack's own marks are `markup`'s.

mod markup;

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::markup::{entities, markup};
use super::Draft;
use super::write::{Lines, Some20, Words, bold, italic, labelled, links, or_null};

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
    actions: Some20<Block>,
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
    accessory: Option<Box<Block>>,
    rows: Some20<Some20<Block>>,
    style: Option<Style>,
    indent: Option<u8>,
    alt_text: Words,
    image_url: Words,
    title_url: Words,
    url: Words,
    name: Words,
    unicode: Words,
    fallback: Words,
    value: Words,
    user_id: Words,
    channel_id: Words,
    usergroup_id: Words,
    range: Words,
}

/// How a piece of rich text looks; of lists and buttons it is a word.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Style {
    Marks {
        #[serde(default)]
        bold: bool,
        #[serde(default)]
        italic: bool,
        #[serde(default)]
        code: bool,
    },
    Word(String),
    Other(IgnoredAny),
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
    bar.push(all(&a.actions, "  "));
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
        // Whole Markdown, as it is.
        "markdown" => match &b.text {
            Some(Text::Bare(text) | Text::Object { text, .. }) => links(text),
            None => String::new(),
        },
        "image" | "video" => {
            let words = [shown(b.title.as_ref()), entities(&b.alt_text)];
            let place = if b.title_url.is_empty() { &b.image_url } else { &b.title_url };
            labelled(words.iter().find(|w| !w.trim().is_empty()).map_or("", String::as_str), place)
        }
        "context" | "actions" => all(&b.elements, "  "),
        "table" => {
            let mut lines = Lines::default();
            b.rows.first.iter().for_each(|row| lines.push(all(row, " | ")));
            lines.more(b.rows.more, "rows");
            lines.text()
        }
        "rich_text" => all(&b.elements, "\n"),
        "rich_text_section" => all(&b.elements, ""),
        "rich_text_list" => list(b),
        "rich_text_quote" => super::write::quote(&all(&b.elements, "")),
        "rich_text_preformatted" => format!("```\n{}\n```", all(&b.elements, "").trim_end()),
        "link" => labelled(&shown(b.text.as_ref()), &b.url),
        "user" => format!("[{}]", &*b.user_id),
        "usergroup" => format!("[{}]", &*b.usergroup_id),
        "channel" => format!("#{}", &*b.channel_id),
        "broadcast" => format!("[{}]", &*b.range),
        "emoji" => emoji(&b.unicode).unwrap_or_else(|| format!(":{}:", &*b.name)),
        "date" => entities(&b.fallback),
        "color" => b.value.to_string(),
        _ => other(b),
    }
}

/// A text, with what stands beside it.
fn other(b: &Block) -> String {
    // Within rich text white space counts.
    let text = styled(labelled(&shown(b.text.as_ref()), &b.url), b.style.as_ref());
    if b.fields.is_empty() && b.accessory.is_none() {
        return text;
    }
    let mut lines = Lines::default();
    lines.push(text);
    for field in &b.fields.first {
        lines.push(field.shown());
    }
    lines.more(b.fields.more, "fields");
    lines.push(b.accessory.as_deref().map(block).unwrap_or_default());
    lines.text()
}

fn list(b: &Block) -> String {
    let indent = "  ".repeat(usize::from(b.indent.unwrap_or(0).min(8)));
    let ordered = matches!(&b.style, Some(Style::Word(word)) if word == "ordered");
    let items = b.elements.first.iter().enumerate().map(|(n, item)| {
        let mark = if ordered { format!("{}.", n + 1) } else { "-".to_owned() };
        format!("{indent}{mark} {}", block(item).trim())
    });
    let mut items: Vec<String> = items.collect();
    if b.elements.more > 0 {
        items.push(format!("… and {} more", b.elements.more));
    }
    items.join("\n")
}

/// The marks of a piece of rich text, outside of the white space at its ends.
fn styled(text: String, style: Option<&Style>) -> String {
    let Some(Style::Marks { bold: is_bold, italic: is_italic, code }) = style else { return text };
    let inner = text.trim();
    if inner.is_empty() {
        return text;
    }
    let marked = match (code, is_bold, is_italic) {
        (true, ..) if !inner.contains(['`', '\n']) => format!("`{inner}`"),
        (_, true, _) => bold(inner),
        (_, _, true) => italic(inner),
        _ => return text,
    };
    let start = text.len() - text.trim_start().len();
    format!("{}{marked}{}", &text[..start], &text[start + inner.len()..])
}

/// An emoji by its code points, as `1f469-200d-1f4bb`.
fn emoji(points: &str) -> Option<String> {
    let point = |p: &str| u32::from_str_radix(p, 16).ok().and_then(char::from_u32).filter(|c| *c > '\u{7f}');
    let found: Option<String> = points.split('-').take(12).map(point).collect();
    found.filter(|e| !e.is_empty())
}

fn all(elements: &Some20<Block>, between: &str) -> String {
    let mut texts: Vec<String> = elements.first.iter().map(block).filter(|t| !t.is_empty()).collect();
    if elements.more > 0 {
        texts.push(format!("… and {} more", elements.more));
    }
    texts.join(between)
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

    /// What begins and never ends, and what begins again and again before anything ends: read once, on a small stack.
    #[test]
    fn a_text_of_open_marks_is_read_at_once() {
        for hostile in [
            " *a".repeat(20_000),
            "<".repeat(60_000),
            "`<".repeat(30_000),
            "[a](".repeat(15_000),
            format!("x{}{}", " *a".repeat(15_000), "*".repeat(15_000)),
        ] {
            let begun = std::time::Instant::now();
            let payload = json!({"text": hostile, "blocks": [{"type": "markdown", "text": hostile}], "attachments": [{"text": hostile}]});
            assert!(text(&payload).len() >= hostile.len());
            assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}: {}", begun.elapsed(), &hostile[..9]);
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
        assert_eq!(text(&payload), "**Hi** [U1] see x (https://x.example)\n- one\n- [channel]\n```\nls -l\n```\n> q");
        let payload = json!({"blocks": [{"type": "rich_text", "elements": [
            {"type": "rich_text_list", "style": "ordered", "indent": 1, "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "one", "style": {"code": true}}]},
                {"type": "rich_text_section", "elements": [
                    {"type": "emoji", "name": "wave", "unicode": "1f44b"}, {"type": "emoji", "name": "party", "unicode": "zz"},
                    {"type": "date", "timestamp": 1720710212, "format": "{date_num}", "fallback": " on Thursday"},
                    {"type": "color", "value": "#ff0000"}]}]}]}]});
        assert_eq!(text(&payload), "  1. `one`\n  2. 👋:party: on Thursday#ff0000");
    }

    #[test]
    fn buttons_tables_and_markdown_are_read() {
        let button = json!({"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://x.example", "style": "primary"});
        let payload = json!({"blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "Deploy?"}, "accessory": button},
            {"type": "markdown", "text": "**now** [here](https://y.example)"},
            {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}], [{"type": "rich_text", "elements": []}]]},
            {"type": "video", "title": {"type": "plain_text", "text": "Film"}, "title_url": "https://v.example", "alt_text": "x"}],
            "attachments": [{"text": "Which?", "actions": [{"name": "go", "type": "button", "text": "Go", "url": "https://g.example"}, {"text": "Stay"}]}]});
        assert_eq!(
            text(&payload),
            "Deploy?\nOpen (https://x.example)\n**now** here (https://y.example)\na | b\nFilm (https://v.example)\n\
             > Which?\n> Go (https://g.example)  Stay"
        );
    }

    #[test]
    fn what_has_another_type_is_an_error_that_says_so() {
        for bad in [json!({"text": 5}), json!({"attachments": {}}), json!({"blocks": ["x"]}), json!({"username": []})] {
            assert!(serde_json::from_value::<Payload>(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(text(&json!({"text": null, "attachments": null, "blocks": null})), "");
    }
}
