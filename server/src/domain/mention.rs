//! Whom a text names: `@name`, at the beginning of a word.

use chat_common::UserName;

/// Names told of in one message; more are not looked at.
const MAX: usize = 50;

/// The names after `@` in a text, each once, in the order of the text.
pub fn names(text: &str) -> Vec<UserName> {
    let mut names: Vec<UserName> = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let begins = c == '@' && !before.is_alphanumeric() && !matches!(before, '@' | '.' | '_' | '-' | '/');
        before = c;
        if !begins {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '~')))
            .unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches(['.', '-']);
        if let Ok(name) = UserName::parse(word)
            && !names.contains(&name)
        {
            names.push(name);
            if names.len() == MAX {
                break;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        names(text).into_iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn names_begin_a_word_and_end_before_punctuation() {
        assert_eq!(found("@ana: see @Bob, and (@raj.k)."), ["ana", "bob", "raj.k"]);
        assert_eq!(found("ana@example.org @@x @ana @ana"), ["ana"]);
        assert_eq!(found("@~guest hi"), ["~guest"]);
        assert!(found("nobody @ @! @a").is_empty());
    }

    #[test]
    fn a_flood_of_names_is_cut() {
        let text: String = (0..1_000).map(|i| format!("@user{i} ")).collect();
        assert_eq!(names(&text).len(), MAX);
    }
}
