//! Slack's marks within a text: `*bold*`, code, quotes, `<…>` and entities, as the client reads them. Linear in the text,
//! whatever stands there, and without recursion: who has an address may post anything.

use super::super::write::{MOST, labelled};

/// Slack's markup as the client's: `<…>` forms and entities, `*bold*`, code and quotes. Calls to everyone
/// (`<!channel>`) become plain words that call nobody.
pub(super) fn markup(text: &str) -> String {
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
    written(line, true, &mut out);
    out
}

/// The same, within bold without `bold`. What is not closed is looked for once: whatever stands there, each character is
/// looked at a fixed number of times, and nothing goes deeper than this.
fn written(line: &str, bold: bool, out: &mut String) {
    let (mut rest, mut before) = (line, ' ');
    let (mut bolds, mut links, mut codes) = (bold, true, true);
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '`' if codes => {
                let end = rest[1..].find('`');
                codes = end.is_some();
                end.map(|end| {
                    out.push('`');
                    out.push_str(&angles(&rest[1..=end]));
                    out.push('`');
                    end + 2
                })
            }
            '<' if links => {
                let end = rest.find('>');
                links = end.is_some();
                end.map(|end| {
                    out.push_str(&link(&rest[1..end]));
                    end + 1
                })
            }
            '*' if bolds && opens(rest, before) => {
                let end = bold_end(rest);
                bolds = end.is_some();
                end.map(|end| {
                    out.push_str("**");
                    written(&rest[1..end], false, out);
                    out.push_str("**");
                    end + 1
                })
            }
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
}

/// Whether bold may begin with the `*` that stands here.
fn opens(rest: &str, before: char) -> bool {
    !before.is_alphanumeric() && before != '*' && !rest[1..].starts_with(|c: char| c.is_whitespace() || c == '*')
}

/// Where the bold that begins here ends. Whether a `*` may end it does not depend on where it begins.
fn bold_end(rest: &str) -> Option<usize> {
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

pub(super) fn entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
