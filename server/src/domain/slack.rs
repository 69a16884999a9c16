//! Slack's incoming-webhook payload → the text of one message.
//!
//! What Slack's own senders put there: `text`, `blocks`, `attachments`. Who speaks and where is decided by the webhook
//! and never by the payload: `channel`, `username` and icons are ignored.

use serde_json::Value;

use super::Refusal;

/// Attachments and blocks beyond this many are left out, and the text says so.
const MOST_PARTS: usize = 20;
/// Fields of one attachment or block beyond this many are left out.
const MOST_FIELDS: usize = 20;

/// The text of a payload, at most `max` bytes, markup turned into what a terminal shows. `Invalid` where it says nothing.
pub fn text(payload: &Value, max: usize) -> Result<String, Refusal> {
    if !payload.is_object() {
        return Err(invalid("the body is no object: send {\"text\": \"…\"}"));
    }
    let mut parts: Vec<String> = Vec::new();
    push(&mut parts, markup(string(payload, "text")));
    many(payload, "blocks", &mut parts, block);
    many(payload, "attachments", &mut parts, attachment);
    let text: String = parts.join("\n").chars().filter(|c| !chat_common::text::is_forbidden(*c)).collect();
    let text = cut(text.trim(), max);
    if text.is_empty() {
        Err(invalid("nothing to say: `text`, `blocks` or `attachments` must hold a text"))
    } else {
        Ok(text)
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::Invalid { field: "text", message: message.to_owned() }
}

fn many(from: &Value, key: &str, parts: &mut Vec<String>, one: impl Fn(&Value) -> String) {
    let items = from[key].as_array().map(Vec::as_slice).unwrap_or_default();
    for item in items.iter().take(MOST_PARTS) {
        push(parts, one(item));
    }
    if items.len() > MOST_PARTS {
        parts.push(format!("… {} more {key} left out", items.len() - MOST_PARTS));
    }
}

fn push(parts: &mut Vec<String>, text: String) {
    if !text.trim().is_empty() {
        parts.push(text);
    }
}

fn string<'a>(from: &'a Value, key: &str) -> &'a str {
    from[key].as_str().unwrap_or_default()
}

/// One attachment: what stands above it, its author, title with link, text, fields, footer; its fallback if all is empty.
fn attachment(a: &Value) -> String {
    let mut parts = Vec::new();
    push(&mut parts, markup(string(a, "pretext")));
    push(&mut parts, markup(string(a, "author_name")));
    let (title, link) = (markup(string(a, "title")), string(a, "title_link"));
    push(&mut parts, if link.is_empty() { title } else { labelled(&title, link) });
    push(&mut parts, markup(string(a, "text")));
    for field in a["fields"].as_array().map(Vec::as_slice).unwrap_or_default().iter().take(MOST_FIELDS) {
        let (title, value) = (markup(string(field, "title")), markup(string(field, "value")));
        push(&mut parts, if title.is_empty() { value } else { format!("{title}: {value}") });
    }
    many(a, "blocks", &mut parts, block);
    push(&mut parts, markup(string(a, "footer")));
    if parts.is_empty() { markup(string(a, "fallback")) } else { parts.join("\n") }
}

/// One block: header, section (with fields), context, divider, image; others show their `text`.
fn block(b: &Value) -> String {
    match string(b, "type") {
        "divider" => "────".to_owned(),
        "image" => labelled(&markup(string(b, "alt_text")), string(b, "image_url")),
        "context" => {
            let elements = b["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
            let texts: Vec<String> = elements.iter().take(MOST_FIELDS).map(|e| markup(text_of(e))).collect();
            texts.join(" ")
        }
        _ => {
            let mut parts = Vec::new();
            push(&mut parts, markup(text_of(&b["text"])));
            for field in b["fields"].as_array().map(Vec::as_slice).unwrap_or_default().iter().take(MOST_FIELDS) {
                push(&mut parts, markup(text_of(field)));
            }
            parts.join("\n")
        }
    }
}

/// The string of a text object, or of a bare string.
fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| string(value, "text"))
}

fn labelled(label: &str, link: &str) -> String {
    match (label.is_empty(), link.is_empty()) {
        (_, true) => label.to_owned(),
        (true, false) => link.to_owned(),
        (false, false) if label == link => link.to_owned(),
        (false, false) => format!("{label} ({link})"),
    }
}

/// Slack's `<…>` forms and entities; calls to everyone (`<!channel>`) become plain words that call nobody.
fn markup(text: &str) -> String {
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
        Some(b'!') => {
            let word = target[1..].split('^').next().unwrap_or_default();
            if label.is_empty() { format!("[{word}]") } else { format!("[{}]", label.trim_start_matches('@')) }
        }
        Some(b'@') => format!("[{}]", if label.is_empty() { &target[1..] } else { label.trim_start_matches('@') }),
        Some(b'#') => format!("#{}", if label.is_empty() { &target[1..] } else { label.trim_start_matches('#') }),
        _ => labelled(&label, &target),
    }
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// At most `max` bytes, cut between characters, with a mark where something is missing.
fn cut(text: &str, max: usize) -> String {
    const MARK: &str = " …";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_text_stays() {
        assert_eq!(text(&json!({"text": "deploy done", "channel": "#other"}), 8000).unwrap(), "deploy done");
    }

    #[test]
    fn links_and_entities_are_shown() {
        let payload = json!({"text": "see <https://ci.example.org/1|build 1> &amp; <https://x.example> &lt;b&gt;"});
        assert_eq!(text(&payload, 8000).unwrap(), "see build 1 (https://ci.example.org/1) & https://x.example <b>");
    }

    #[test]
    fn calls_to_everyone_are_disarmed() {
        let flood = "<!channel> ".repeat(50) + "<!here|here> <@U1|ana> <!subteam^S1|@ops>";
        let shown = text(&json!({ "text": flood }), 8000).unwrap();
        assert!(!shown.contains('@') && !shown.contains("<!"), "{shown}");
        assert!(shown.ends_with("[here] [ana] [ops]"), "{shown}");
    }

    #[test]
    fn attachments_and_blocks_are_capped() {
        let attachments: Vec<Value> =
            (0..100).map(|i| json!({"title": format!("a{i}"), "title_link": "https://x.example"})).collect();
        let shown = text(&json!({"text": "t", "attachments": attachments}), 8000).unwrap();
        assert!(shown.contains("a19 (https://x.example)") && !shown.contains("a20 "), "{shown}");
        assert!(shown.ends_with("… 80 more attachments left out"));
    }

    #[test]
    fn blocks_are_read() {
        let payload = json!({"blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Head"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*bold*"}, "fields": [{"type": "mrkdwn", "text": "f1"}]},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "by"}, {"type": "mrkdwn", "text": "ci"}]}
        ]});
        assert_eq!(text(&payload, 8000).unwrap(), "Head\n*bold*\nf1\n────\nby ci");
    }

    #[test]
    fn what_says_nothing_is_refused_and_what_is_too_long_is_cut() {
        for nothing in [json!({}), json!({"text": ""}), json!("x"), json!({"text": 5}), json!({"attachments": [{}]})] {
            assert!(text(&nothing, 8000).is_err(), "{nothing}");
        }
        let long = text(&json!({"text": "ü".repeat(8000)}), 8000).unwrap();
        assert!(long.len() <= 8000 && long.ends_with(" …"));
        assert_eq!(text(&json!({"text": "a\u{1b}[2Jb"}), 8000).unwrap(), "a[2Jb");
    }

    #[test]
    fn half_open_markup_stays_text() {
        assert_eq!(text(&json!({"text": "a < b and <c"}), 8000).unwrap(), "a < b and <c");
    }
}
