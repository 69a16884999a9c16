//! The README's own screen: the text between two marks.

use std::path::Path;

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- screen: made by cargo xtask demo -->\n```text\n";
const END: &str = "```\n<!-- /screen -->";

/// Puts the screen into the file; one without the marks stays as it is.
pub fn put(file: &Path, screen: &str) -> Result<()> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    match between(&text, screen) {
        Some(changed) => std::fs::write(file, changed).with_context(|| format!("cannot write {name}")),
        None => {
            println!("{name} has no place for the screen; it stays as it is");
            Ok(())
        }
    }
}

fn between(text: &str, screen: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text[begin..].find(END)?;
    Some(format!("{}{}\n{}", &text[..begin], screen.trim_end(), &text[end..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}old\nscreen\n{END}\nb");
        assert_eq!(between(&text, "new\n\n"), Some(format!("a\n{BEGIN}new\n{END}\nb")));
        assert_eq!(between("none", "new"), None);
    }

    #[test]
    fn the_readme_shows_the_screen_that_was_made() {
        let root = chat_e2e::program::root();
        let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
        let screen = std::fs::read_to_string(root.join("docs/screen-80x24.txt")).unwrap();
        assert_eq!(between(&readme, &screen), Some(readme.clone()), "cargo xtask demo makes both anew");
    }
}
