//! From what a server says to what the terminal gets. The input is a script: the first byte is the size of the screen
//! and how often it is drawn, then a line each:
//!
//! ```text
//! EVENT JSON      the server sends an event
//! #TEXT           it refuses the connection
//! ~TEXT           the connection ends
//! $TEXT  %TEXT    no token can be had, for now or for good
//! !KEY            a key, as `!Ctrl+K`
//! >TEXT  <TEXT    is typed and sent; is pasted
//! .NUMBER         so many milliseconds pass
//! =               the screen is drawn, as it is every few lines and at the end
//! ```

use std::time::Duration;

use chat_tui::runtime::fuzzing::Viewer;
use serde_json::Value;

use crate::texts::foreign;

/// Cells across and down.
const SIZES: [(u16, u16); 4] = [(80, 24), (140, 40), (24, 7), (61, 13)];
/// Steps of a script that are played.
const STEPS: usize = 40;
/// Steps between two pictures: drawing costs ten times what a step does.
const STRIDE: usize = 8;
/// Set in the first byte: each step is drawn.
const EACH: u8 = 0b1000;

/// Whatever the server says: of what reaches the terminal, every control byte belongs to a sequence of our own.
pub(crate) fn screen(data: &[u8]) {
    let Some((first, script)) = data.split_first() else { return };
    let (width, height) = SIZES[usize::from(*first) % SIZES.len()];
    let mut viewer = Viewer::new(width, height).expect("a screen in memory");
    let mut lines = script.split(|b| *b == b'\n').take(STEPS).enumerate().peekable();
    while let Some((n, line)) = lines.next() {
        let line = String::from_utf8_lossy(line);
        step(&mut viewer, &line);
        let last = lines.peek().is_none();
        if !last && line != "=" && first & EACH == 0 && n % STRIDE != STRIDE - 1 {
            continue;
        }
        let frame = viewer.frame().expect("a frame in memory");
        if let Err(why) = check(&frame) {
            panic!("{why} after {line:?}: {:?}", String::from_utf8_lossy(&frame));
        }
    }
    for line in &viewer.lines {
        assert!(foreign(line).is_none() && !line.contains('\t'), "printed: {line:?}");
    }
    for sequence in &viewer.sequences {
        assert!(is_ours(sequence), "sent beside the frames: {sequence:?}");
    }
}

fn step(viewer: &mut Viewer, line: &str) {
    let mut rest = line.chars();
    match rest.next() {
        None | Some('=') => {}
        Some('#') => viewer.refused(rest.as_str()),
        Some('~') => viewer.closed(rest.as_str()),
        Some('$') => viewer.no_token(rest.as_str(), false),
        Some('%') => viewer.no_token(rest.as_str(), true),
        Some('!') => viewer.key(rest.as_str()),
        Some('>') => viewer.types(rest.as_str()),
        Some('<') => viewer.pastes(rest.as_str()),
        Some('.') => viewer.later(Duration::from_millis(rest.as_str().parse().unwrap_or(1_000))),
        Some(_) => {
            let (name, json) = line.split_once(' ').unwrap_or((line, ""));
            let data = serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()));
            for printed in chat_tui::cli::fuzzing::printed(name, data.clone()) {
                assert_eq!(foreign(&printed), None, "printed: {printed:?}");
            }
            viewer.packet(name, data);
        }
    }
}

/// A bell, a notification or a copied text, and nothing else.
fn is_ours(sequence: &str) -> bool {
    let rest = sequence
        .strip_prefix('\u{1b}')
        .map_or(sequence, |osc| ["]9;", "]52;c;"].iter().find_map(|kind| osc.strip_prefix(kind)).unwrap_or(sequence));
    let Some((text, bell)) = rest.split_once('\u{7}') else { return false };
    foreign(text).is_none() && !text.contains('\n') && matches!(bell, "" | "\u{7}")
}

/// The whole grammar of what a frame may be: letters that are safe; CSI with a colour, a place or the cursor's switch;
/// OSC 8 with printable ASCII.
pub(crate) fn check(frame: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(frame).map_err(|e| format!("no UTF-8: {e}"))?;
    let mut letters = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '\u{1b}' => sequence(rest)
                .ok_or_else(|| format!("a foreign sequence: {:?}", rest.chars().take(20).collect::<String>()))?,
            '\n' | '\t' => return Err(format!("a foreign U+{:04X}", u32::from(c))),
            c => {
                letters.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[len..];
    }
    if let Some(c) = foreign(&letters) {
        return Err(format!("a foreign U+{:04X}", u32::from(c)));
    }
    Ok(())
}

/// The length of the sequence of ours at the beginning.
fn sequence(text: &str) -> Option<usize> {
    if let Some(csi) = text.strip_prefix("\u{1b}[") {
        let parameters = csi.find(|c: char| !matches!(c, '0'..='9' | ';' | ':' | '?'))?;
        let (given, end) = (&csi[..parameters], csi[parameters..].chars().next()?);
        let known = match end {
            'm' | 'H' => !given.contains('?'),
            'h' | 'l' => given == "?25",
            _ => false,
        };
        return known.then_some(2 + parameters + 1);
    }
    let osc = text.strip_prefix("\u{1b}]8;;")?;
    let address = osc.find(|c: char| !c.is_ascii_graphic())?;
    osc[address..].starts_with("\u{1b}\\").then_some(5 + address + 2)
}

#[cfg(test)]
mod tests {
    use super::{check, is_ours};

    #[test]
    fn the_grammar_knows_ours_and_nothing_else() {
        assert_eq!(
            check("a\u{1b}[1;1H\u{1b}[38;5;7m日\u{1b}[?25l\u{1b}]8;;https://x/\u{1b}\\y\u{1b}]8;;\u{1b}\\".as_bytes()),
            Ok(())
        );
        for bad in [
            "\u{1b}[2J",
            "\u{1b}]52;c;x\u{7}",
            "\u{1b}]8;;a\u{7}",
            "\u{9b}2J",
            "a\u{202e}",
            "a\nb",
            "\u{1b}",
            "\u{1b}[?1049l",
            "\u{1b}]8;;é\u{1b}\\",
            "\u{1b}]0;t\u{1b}\\",
            "\u{7}",
            "\u{7f}",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(check(b"\xff").is_err());
        assert!(is_ours("\u{7}") && is_ours("\u{1b}]9;hello\u{7}\u{7}") && is_ours("\u{1b}]52;c;eA==\u{7}"));
        assert!(!is_ours("\u{1b}]9;a\u{1b}[2J\u{7}") && !is_ours("\u{1b}]0;t\u{7}") && !is_ours("x"));
    }
}
