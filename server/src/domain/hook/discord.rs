//! Discord's webhook document: `content`, `embeds`, `username`.

use serde::Deserialize;

use super::Draft;
use super::write::{Lines, Some20, Words, bold, italic, labelled, links, or_null};

/// What is posted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    #[serde(deserialize_with = "or_null")]
    content: String,
    #[serde(deserialize_with = "or_null")]
    username: String,
    embeds: Some20<Embed>,
    components: Some20<Component>,
}

/// A button, a text, or what holds such.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Component {
    content: Words,
    label: Words,
    url: Words,
    components: Some20<Component>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Embed {
    title: Words,
    url: Words,
    description: Words,
    fields: Some20<Field>,
    #[serde(deserialize_with = "or_null")]
    author: Author,
    #[serde(deserialize_with = "or_null")]
    footer: Footer,
    #[serde(deserialize_with = "or_null")]
    image: Image,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    name: Words,
    value: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Author {
    name: Words,
    url: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Footer {
    text: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Image {
    url: Words,
}

/// The message of a document.
pub fn draft(payload: &Payload) -> Draft {
    let mut lines = Lines::default();
    lines.push(markup(&payload.content));
    for one in &payload.embeds.first {
        lines.push(embed(one));
    }
    lines.more(payload.embeds.more, "embeds");
    components(&payload.components, &mut lines);
    Draft { text: lines.text(), says: Some(payload.username.clone()).filter(|n| !n.is_empty()) }
}

/// Buttons that lead nowhere are for Discord's own programs.
fn components(all: &Some20<Component>, lines: &mut Lines) {
    for one in &all.first {
        lines.push(markup(&one.content));
        lines.push(if one.url.is_empty() { String::new() } else { labelled(&markup(&one.label), &one.url) });
        components(&one.components, lines);
    }
    lines.more(all.more, "components");
}

fn embed(e: &Embed) -> String {
    let mut bar = Lines::default();
    bar.push(labelled(&markup(&e.author.name), &e.author.url));
    bar.push(labelled(&bold(&markup(&e.title)), &e.url));
    bar.push(markup(&e.description));
    for field in &e.fields.first {
        let value = markup(&field.value);
        bar.push(if field.name.is_empty() {
            value
        } else {
            format!("{} {value}", bold(&format!("{}:", markup(&field.name).trim_end_matches(':'))))
        });
    }
    bar.more(e.fields.more, "fields");
    if !e.image.url.is_empty() {
        bar.push(labelled("image", &e.image.url));
    }
    bar.push(italic(&markup(&e.footer.text)));
    bar.quoted()
}

/// Discord's markup is Markdown already; its own marks in angles become words, and nobody is called.
fn markup(text: &str) -> String {
    let text = links(text).replace("@everyone", "[everyone]").replace("@here", "[here]").replace("||", "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    // From the end of a mark to its beginning: each character is looked at a fixed number of times.
    while let Some(close) = rest.find('>') {
        let found = rest[..close].rfind('<').and_then(|open| Some((open, mark(&rest[open + 1..close])?)));
        match found {
            Some((open, words)) => {
                out.push_str(&rest[..open]);
                out.push_str(&words);
            }
            None => out.push_str(&rest[..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

/// What stands between angles, if it is one of Discord's marks.
fn mark(inner: &str) -> Option<String> {
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if inner.starts_with("http://") || inner.starts_with("https://") {
        return Some(inner.to_owned());
    }
    if let Some(id) = inner.strip_prefix('@') {
        let id = id.trim_start_matches(['!', '&']);
        return number(id).then(|| format!("[{id}]"));
    }
    if let Some(id) = inner.strip_prefix('#') {
        return number(id).then(|| format!("#{id}"));
    }
    let mut parts = inner.trim_start_matches('a').strip_prefix(':')?.split(':');
    let (name, id) = (parts.next()?, parts.next()?);
    (number(id) && !name.is_empty() && parts.next().is_none()).then(|| format!(":{name}:"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(payload: Value) -> String {
        draft(&serde_json::from_value(payload).unwrap()).text
    }

    #[test]
    fn content_and_embeds_are_shown() {
        let payload = json!({
            "content": "**Deploy** <@123> <@&4> <#5> <:party:6> <https://x.example>", "username": "Spidey",
            "embeds": [{
                "author": {"name": "Ana", "url": "https://a.example"}, "title": "Title", "url": "https://t.example",
                "description": "Text with a [link](https://l.example)", "color": 15258703,
                "fields": [{"name": "Env", "value": "prod", "inline": true}, {"name": "N", "value": 3}],
                "image": {"url": "https://i.example/x.png"}, "footer": {"text": "the end"}
            }]
        });
        assert_eq!(
            text(payload),
            "**Deploy** [123] [4] #5 :party: https://x.example\n> Ana (https://a.example)\n> **Title** (https://t.example)\n\
             > Text with a link (https://l.example)\n> **Env:** prod\n> **N:** 3\n> image (https://i.example/x.png)\n> _the end_"
        );
    }

    #[test]
    fn nobody_is_called_and_much_is_counted() {
        let shown = text(json!({"content": "@everyone @here", "embeds": vec![json!({"title": "t"}); 100]}));
        assert!(shown.starts_with("[everyone] [here]\n") && shown.ends_with("… and 80 more embeds"), "{shown}");
        assert_eq!(text(json!({"content": "a <b> < c, <t:1:R> ||spoiler||"})), "a <b> < c, <t:1:R> spoiler");
        assert_eq!(text(json!({"content": null, "embeds": null, "username": null})), "");
    }

    #[test]
    fn buttons_and_texts_of_components_are_shown() {
        let row = json!({"type": 1, "components": [{"type": 2, "style": 5, "label": "Open", "url": "https://o.example"},
            {"type": 2, "style": 1, "label": "Press", "custom_id": "x"}]});
        let payload =
            json!({"components": [{"type": 17, "components": [{"type": 10, "content": "# Done @here"}, row]}]});
        assert_eq!(text(payload), "# Done [here]\nOpen (https://o.example)");
    }

    #[test]
    fn a_text_of_open_marks_is_read_at_once() {
        for hostile in
            ["[".repeat(60_000), "<".repeat(60_000), "[a](b".repeat(12_000), "<@".repeat(30_000), "](".repeat(30_000)]
        {
            let begun = std::time::Instant::now();
            assert!(text(json!({"content": format!("{hostile}>)")})).len() >= hostile.len());
            assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}: {}", begun.elapsed(), &hostile[..4]);
        }
    }

    #[test]
    fn what_has_another_type_is_an_error() {
        for bad in [json!({"content": 5}), json!({"embeds": {}}), json!({"embeds": [{"author": "x"}]})] {
            assert!(serde_json::from_value::<Payload>(bad.clone()).is_err(), "{bad}");
        }
    }
}
