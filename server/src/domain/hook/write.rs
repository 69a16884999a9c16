//! What the formats share: reading values that senders write in several ways, and writing lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Parts of a document (attachments, embeds, alerts, commits, fields of one) that are shown; the rest is counted.
pub(super) const MOST: usize = 20;

/// A value that is meant to be read: a string, or a number, or yes or no. Null is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub String);

impl Words {
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl std::ops::Deref for Words {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Words, E> {
                Ok(Words(v.to_owned()))
            }
            fn visit_string<E: Error>(self, v: String) -> Result<Words, E> {
                Ok(Words(v))
            }
            fn visit_bool<E: Error>(self, v: bool) -> Result<Words, E> {
                Ok(Words(v.to_string()))
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Words, E> {
                Ok(Words(v.to_string()))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Words, E> {
                Ok(Words(v.to_string()))
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Words, E> {
                Ok(Words(v.to_string()))
            }
            fn visit_unit<E: Error>(self) -> Result<Words, E> {
                Ok(Words::default())
            }
        }
        d.deserialize_any(Any)
    }
}

/// For fields that may be null: the type's default then. Together with `#[serde(default)]`.
pub(super) fn or_null<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// A list of which only the first [`MOST`] are read; the rest is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Some20<T> {
    pub first: Vec<T>,
    pub more: usize,
}

impl<T> Default for Some20<T> {
    fn default() -> Self {
        Self { first: Vec::new(), more: 0 }
    }
}

impl<T> Some20<T> {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    pub fn len(&self) -> usize {
        self.first.len() + self.more
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Some20<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct List<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Some20<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Some20<T>, A::Error> {
                let mut list = Some20::default();
                while list.first.len() < MOST {
                    let Some(item) = seq.next_element()? else { return Ok(list) };
                    list.first.push(item);
                }
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    list.more += 1;
                }
                Ok(list)
            }
            fn visit_unit<E: Error>(self) -> Result<Some20<T>, E> {
                Ok(Some20::default())
            }
        }
        d.deserialize_any(List(std::marker::PhantomData))
    }
}

/// Labels and annotations, by name; values that are no words are left out, null is none at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(pub BTreeMap<String, String>);

impl Labels {
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = Labels::default();
                while let Some((name, value)) = map.next_entry::<String, Words>()? {
                    labels.0.insert(name, value.0);
                }
                Ok(labels)
            }
            fn visit_unit<E: Error>(self) -> Result<Labels, E> {
                Ok(Labels::default())
            }
        }
        d.deserialize_any(Map)
    }
}

/// Lines that grow; empty ones are left out.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    pub fn push(&mut self, line: impl Into<String>) {
        let line = line.into();
        if !line.trim().is_empty() {
            self.0.push(line);
        }
    }

    /// That so many more were there.
    pub fn more(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.0.push(format!("… and {count} more {what}"));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn text(self) -> String {
        self.0.join("\n")
    }

    /// Each line behind a bar; with code between fences as it is, which a quote cannot hold.
    pub fn quoted(self) -> String {
        let text = self.text();
        if text.contains("```") { text } else { quote(&text) }
    }
}

/// Each line behind `>`.
pub(super) fn quote(text: &str) -> String {
    text.lines().map(|l| if l.is_empty() { ">".to_owned() } else { format!("> {l}") }).collect::<Vec<_>>().join("\n")
}

/// White space as single spaces, at most `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(max) {
        Some(_) => {
            let end = line.char_indices().nth(max.saturating_sub(1)).map_or(0, |(at, _)| at);
            format!("{}…", line[..end].trim_end())
        }
        None => line,
    }
}

/// A label with where it leads; one alone where the other is missing.
pub(super) fn labelled(label: &str, link: &str) -> String {
    match (label.trim().is_empty(), link.trim().is_empty()) {
        (_, true) => label.to_owned(),
        (true, false) => link.to_owned(),
        (false, false) if label == link => link.to_owned(),
        (false, false) => format!("{label} ({link})"),
    }
}

/// Bold, unless empty.
pub(super) fn bold(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.contains("**") || text.contains('\n') { text.to_owned() } else { format!("**{text}**") }
}

/// Italic, unless empty or where the marks would stand within it.
pub(super) fn italic(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.contains(['_', '\n']) { text.to_owned() } else { format!("_{text}_") }
}

/// Without the `@` of names: people of another product are not called here.
pub(super) fn uncalled(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '@' || before.is_alphanumeric() {
            out.push(c);
        }
        before = c;
    }
    out
}

/// `[label](address)` of full Markdown as words and address, which is all that the client's reads. Each character is
/// looked at a fixed number of times, whatever stands there.
pub(super) fn links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(middle) = rest.find("](") {
        let found = rest[..middle].rfind('[').and_then(|open| {
            let (label, from) = (&rest[open + 1..middle], &rest[middle + 2..]);
            let end = from.find(|c: char| matches!(c, ')' | '[') || c.is_whitespace())?;
            let plain = from[end..].starts_with(')') && !label.contains('\n') && from[..end].contains("://");
            plain.then(|| (open, labelled(label, &from[..end]), middle + 2 + end + 1))
        });
        match found {
            Some((open, words, after)) => {
                let before = &rest[..open];
                // `![alt](…)` is a picture: its words and its address.
                out.push_str(before.strip_suffix('!').unwrap_or(before));
                out.push_str(&words);
                rest = &rest[after..];
            }
            None => {
                out.push_str(&rest[..middle + 2]);
                rest = &rest[middle + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The beginning of a longer text, quoted: without comments of HTML, a few lines, at most `max` characters.
pub(super) fn excerpt(text: &str, max: usize) -> String {
    const LINES: usize = 6;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        plain.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let plain = uncalled(&links(&plain));
    let mut lines = plain.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.trim_start().starts_with("```"));
    let mut left = max;
    let mut kept = Vec::new();
    for line in lines.by_ref().take(LINES) {
        let short = one_line(line, left.max(1));
        left = left.saturating_sub(short.chars().count());
        kept.push(short);
        if left == 0 {
            break;
        }
    }
    if kept.len() == LINES && lines.next().is_some() {
        kept.push("…".to_owned());
    }
    quote(&kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_beyond_the_first() {
        let list: Some20<Words> = serde_json::from_value(serde_json::json!((0..100).collect::<Vec<_>>())).unwrap();
        assert_eq!((list.first.len(), list.more, list.len()), (20, 80, 100));
        assert_eq!(list.first[3].0, "3");
        assert!(serde_json::from_str::<Some20<Words>>("null").unwrap().is_empty());
        assert!(serde_json::from_str::<Some20<Words>>("{}").unwrap_err().to_string().contains("expected a list"));
    }

    #[test]
    fn links_of_markdown_are_written_out() {
        for (text, shown) in [
            ("see [the run](https://ci.example/1).", "see the run (https://ci.example/1)."),
            ("![graph](https://g.example/x.png)", "graph (https://g.example/x.png)"),
            ("[x] done, [a](b) and a[0](1)", "[x] done, [a](b) and a[0](1)"),
            ("[open", "[open"),
            ("[a [b](https://c.example)", "[a b (https://c.example)"),
            ("[a](b [c](https://d.example)", "[a](b c (https://d.example)"),
            ("[a](https://b.example", "[a](https://b.example"),
        ] {
            assert_eq!(links(text), shown);
        }
    }

    #[test]
    fn a_long_text_is_only_begun() {
        let text = "First @ana line\n\n<!-- a template -->\n```\ncode\n```\n".to_owned() + &"more\n".repeat(20);
        let shown = excerpt(&text, 200);
        assert!(shown.starts_with("> First ana line\n> code\n> more"), "{shown}");
        assert!(shown.ends_with("> …") && shown.lines().count() == 7, "{shown}");
        assert!(excerpt(&"x".repeat(1_000), 100).chars().count() <= 102);
        assert_eq!(excerpt("<!-- only -->", 100), "");
    }

    #[test]
    fn names_of_elsewhere_call_nobody() {
        assert_eq!(
            uncalled("@ana wrote to bob@example.org and (@carl) @@x"),
            "ana wrote to bob@example.org and (carl) x"
        );
    }
}
