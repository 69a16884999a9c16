//! A small part of CommonMark: bold, italic, code, fenced code, quotes, lists, links, and names that are called.
//! Pure text in, styled blocks out; anything not understood stays as it was written.

use ratatui::style::{Modifier, Style};

use super::text::{Piece, block, line};
use crate::app::link;
use crate::theme::Theme;

/// A part of a message that is wrapped on its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Running text.
    Text(Vec<Piece>),
    /// Lines behind `>`.
    Quote(Vec<Piece>),
    /// Lines between fences.
    Code {
        /// As named after the fence, may be empty.
        lang: String,
        /// As written.
        lines: Vec<String>,
    },
}

/// Styles in reach while a line is read.
#[derive(Clone, Copy)]
struct Styles<'a> {
    theme: &'a Theme,
    me: Option<&'a str>,
}

/// Reads a message; `me` is one's own name, which stands out where it is called.
pub fn parse(text: &str, theme: &Theme, me: Option<&str>) -> Vec<Block> {
    let text = block(text);
    let styles = Styles { theme, me };
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let lang = trimmed.trim_start_matches('`');
        let fence = &trimmed[..trimmed.len() - lang.len()];
        if fence.len() >= 3 {
            // A longer fence holds shorter ones. Without an end it is text: a message is never swallowed by it.
            let ends = |l: &str| l.trim_start().starts_with(fence);
            if !lang.contains('`') && lines.clone().any(ends) {
                let code = lines.by_ref().take_while(|l| !ends(l)).map(str::to_owned);
                blocks.push(Block::Code { lang: lang.trim().chars().take(20).collect(), lines: code.collect() });
                continue;
            }
        }
        if let Some(rest) = trimmed.strip_prefix("> ").or_else(|| (trimmed == ">").then_some("")) {
            let pieces = inline(rest, theme.quote.into(), styles);
            match blocks.last_mut() {
                Some(Block::Quote(all)) => append(all, pieces, theme.quote.into()),
                _ => blocks.push(Block::Quote(pieces)),
            }
            continue;
        }
        let base: Style = theme.text.into();
        let pieces = match list_item(line) {
            Some((mark, rest)) => {
                let mut pieces = vec![Piece::new(mark, theme.accent)];
                pieces.extend(inline(rest, base, styles));
                pieces
            }
            None => match heading(trimmed) {
                Some(rest) => inline(rest, Style::from(theme.title).add_modifier(Modifier::BOLD), styles),
                None => inline(line, base, styles),
            },
        };
        match blocks.last_mut() {
            Some(Block::Text(all)) => append(all, pieces, base),
            _ => blocks.push(Block::Text(pieces)),
        }
    }
    blocks
}

fn append(all: &mut Vec<Piece>, more: Vec<Piece>, style: Style) {
    all.push(Piece::new("\n", style));
    all.extend(more);
}

fn list_item(line: &str) -> Option<(String, &str)> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    let item = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("* "))?;
    Some((format!("{}• ", &line[..indent]), item))
}

fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    ((1..=6).contains(&level)).then(|| rest.strip_prefix(' ')).flatten()
}

/// Emphasis within emphasis that is read; what stands deeper stays as it was written.
const DEPTH: u8 = 4;

/// The marks of emphasis, and what each does.
const MARKS: [(&str, Modifier); 4] =
    [("**", Modifier::BOLD), ("__", Modifier::BOLD), ("*", Modifier::ITALIC), ("_", Modifier::ITALIC)];

/// Reads one line.
fn inline(line: &str, base: Style, styles: Styles<'_>) -> Vec<Piece> {
    nested(line, base, styles, DEPTH)
}

/// Reads a line, or what stands between two marks. Others write it: each character is looked at a bounded number of
/// times, and nothing goes deeper than `depth`.
fn nested(line: &str, base: Style, styles: Styles<'_>, depth: u8) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    let mut before = ' ';
    // Marks that nothing from here on closes need no second look, nor do runs of more backticks than any that follows.
    let mut open = [depth > 0; MARKS.len()];
    let mut longest = usize::MAX;
    while let Some(c) = rest.chars().next() {
        let found = match c {
            '`' => match code(rest, &mut longest, styles) {
                Ok(found) => Some(found),
                Err(open) => {
                    plain.push_str(&rest[..open]);
                    before = c;
                    rest = &rest[open..];
                    continue;
                }
            },
            '*' | '_' => emphasis(rest, before, base, styles, (&mut open, depth)),
            'h' if !before.is_alphanumeric() => address(rest, styles),
            '@' if !before.is_alphanumeric() => called(rest, styles),
            '\\' => rest[1..]
                .chars()
                .next()
                .filter(char::is_ascii_punctuation)
                .map(|p| (vec![Piece::new(p, base)], 1 + p.len_utf8())),
            _ => None,
        };
        match found {
            Some((pieces, used)) => {
                if !plain.is_empty() {
                    out.push(Piece::new(std::mem::take(&mut plain), base));
                }
                out.extend(pieces);
                before = rest[..used].chars().next_back().unwrap_or(' ');
                rest = &rest[used..];
            }
            None => {
                plain.push(c);
                before = c;
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    if !plain.is_empty() || out.is_empty() {
        out.push(Piece::new(plain, base));
    }
    out
}

type Found = Option<(Vec<Piece>, usize)>;

/// `longest`: the longest run of backticks that may still follow. `Err`: so many of these close nowhere.
fn code(rest: &str, longest: &mut usize, styles: Styles<'_>) -> Result<(Vec<Piece>, usize), usize> {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    if ticks <= *longest
        && let Some(end) = rest[ticks..].find(&rest[..ticks])
    {
        return Ok((vec![Piece::new(&rest[ticks..ticks + end], styles.theme.code)], ticks * 2 + end));
    }
    if ticks <= *longest {
        *longest = rest[ticks..].split(|c| c != '`').map(str::len).max().unwrap_or(0);
    }
    // What is left of the run may close.
    Err(ticks - (*longest).min(ticks - 1))
}

/// `open`: which of [`MARKS`] may still be closed. Whether one closes does not depend on where it was opened.
fn emphasis(
    rest: &str,
    before: char,
    base: Style,
    styles: Styles<'_>,
    (open, depth): (&mut [bool; MARKS.len()], u8),
) -> Found {
    for ((mark, modifier), open) in MARKS.into_iter().zip(open).filter(|(_, open)| **open) {
        let Some(inner) = rest.strip_prefix(mark) else { continue };
        // snake_case and 2 * 3 are no emphasis.
        if before.is_alphanumeric() || !inner.starts_with(|c: char| !c.is_whitespace() && !mark.contains(c)) {
            continue;
        }
        let closed = inner.match_indices(mark).find(|(i, _)| {
            let after = inner[i + mark.len()..].chars().next();
            !inner[..*i].ends_with(char::is_whitespace)
                && after.is_none_or(|c| !c.is_alphanumeric() && !mark.contains(c))
        });
        match closed {
            Some((end, _)) => {
                let style = base.add_modifier(modifier);
                return Some((nested(&inner[..end], style, styles, depth - 1), mark.len() * 2 + end));
            }
            None => *open = false,
        }
    }
    None
}

fn address(rest: &str, styles: Styles<'_>) -> Found {
    if !rest.starts_with("http://") && !rest.starts_with("https://") {
        return None;
    }
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
    let url = rest[..end].trim_end_matches(['.', ',', ')', ';', ':', '!', '?', '*']);
    let host = link::real_host(url).map(|host| Piece::new(format!(" (to {})", line(&host)), styles.theme.warn));
    (url.len() > 8).then(|| (std::iter::once(Piece::new(url, styles.theme.link)).chain(host).collect(), url.len()))
}

fn called(rest: &str, styles: Styles<'_>) -> Found {
    let name = rest[1..].split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '~'))).next()?;
    let name = name.trim_end_matches(['.', '-']);
    if name.len() < 2 {
        return None;
    }
    let mine =
        styles.me.is_some_and(|me| me.trim_start_matches('~').eq_ignore_ascii_case(name.trim_start_matches('~')));
    let style: Style = if mine { styles.theme.mention.into() } else { styles.theme.accent.into() };
    Some((vec![Piece::new(&rest[..=name.len()], style)], name.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme() -> Theme {
        Theme::named("dark").unwrap()
    }

    fn pieces(text: &str) -> Vec<(String, bool, bool)> {
        match parse(text, &theme(), Some("ana")).remove(0) {
            Block::Text(p) | Block::Quote(p) => p
                .into_iter()
                .map(|p| {
                    let has = |m| p.style.add_modifier.contains(m);
                    (p.text.clone(), has(Modifier::BOLD), has(Modifier::ITALIC))
                })
                .collect(),
            Block::Code { .. } => Vec::new(),
        }
    }

    #[test]
    fn emphasis_is_found_and_snakes_are_left_alone() {
        let plain = |t: &str| vec![(t.to_owned(), false, false)];
        assert_eq!(pieces("a **b** c")[1], ("b".to_owned(), true, false));
        assert_eq!(pieces("*b*")[0], ("b".to_owned(), false, true));
        for text in ["snake_case_name", "2 * 3 * 4", "**open", "a*b*c", "** x **"] {
            assert_eq!(pieces(text), plain(text), "{text}");
        }
    }

    #[test]
    fn a_text_of_open_marks_is_read_at_once_and_on_a_small_stack() {
        let t = theme();
        let n = 20_000;
        for hostile in [
            format!("x{}{}", " *a".repeat(n), "*".repeat(n)),
            format!("x{}{}", " _a".repeat(n), "_".repeat(n)),
            " *a".repeat(n),
            " **a __b _c".repeat(n),
            format!("{}a", "`".repeat(n * 3)),
            (0..300).rev().map(|n| format!("{} ", "`".repeat(n))).collect(),
        ] {
            let begun = std::time::Instant::now();
            let (t, text) = (t.clone(), hostile.clone());
            let read = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || parse(&text, &t, None));
            let Block::Text(pieces) = &read.unwrap().join().unwrap()[0] else { panic!("text") };
            assert!(!pieces.is_empty());
            assert!(begun.elapsed().as_secs() < 2, "{:?}: {}", begun.elapsed(), &hostile[..9]);
        }
        let deep = pieces("**a *b __c _d_ c__ b* a**");
        assert_eq!(deep.iter().map(|p| p.0.as_str()).collect::<String>(), "a b c d c b a");
    }

    #[test]
    fn blocks_are_told_apart_and_an_open_fence_swallows_nothing() {
        let t = theme();
        let blocks = parse("see\n```rust\nfn a() {}\n```\n> quoted\n> more\nend", &t, None);
        assert_eq!(blocks.len(), 4);
        assert_eq!(blocks[1], Block::Code { lang: "rust".to_owned(), lines: vec!["fn a() {}".to_owned()] });
        let longer = parse("````\n```\ninner\n```\n````\nend", &t, None);
        let lines = ["```", "inner", "```"].map(str::to_owned).to_vec();
        assert_eq!(longer[0], Block::Code { lang: String::new(), lines }, "a longer fence holds shorter ones");
        let open = parse("```\nnot closed", &t, None);
        assert_eq!(open.len(), 1);
        assert!(matches!(&open[0], Block::Text(p) if p.iter().any(|p| p.text == "not closed")));
    }

    #[test]
    fn links_end_before_the_punctuation() {
        let t = theme();
        let Block::Text(p) = &parse("(https://a.example/x).", &t, None)[0] else { panic!("text") };
        assert_eq!(p[1].text, "https://a.example/x");
        assert_eq!(p[1].style, t.link.0);
    }

    #[test]
    fn a_link_that_could_be_mistaken_shows_where_it_leads() {
        let t = theme();
        for (text, host) in [
            ("https://bank.example@evil.example/login", Some(" (to evil.example)")),
            ("https://b\u{430}nk.example", Some(" (to xn--bnk-6cd.example)")),
            ("https://bank.example/@ana?x=@", None),
        ] {
            let Block::Text(p) = &parse(text, &t, None)[0] else { panic!("text") };
            assert_eq!((p[0].text.as_str(), p.get(1).map(|p| p.text.as_str())), (text, host));
        }
    }

    #[test]
    fn ones_own_name_stands_out() {
        let t = theme();
        let Block::Text(p) = &parse("hi @Ana, see @bob", &t, Some("~ana"))[0] else { panic!("text") };
        assert_eq!((p[1].text.as_str(), p[1].style), ("@Ana", t.mention.0));
        assert_eq!((p[3].text.as_str(), p[3].style), ("@bob", t.accent.0));
    }
}
