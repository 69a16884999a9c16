//! Whom a text names: `@name`. Which of the names are members of the room is the store's to find out.

use chat_common::UserName;

/// Names taken from one text; more are left out.
pub const MENTIONS: usize = 50;

/// The names that stand after `@` in a text, each once, in order, at most [`MENTIONS`]. An `@` within a word (an
/// e-mail address) names nobody; a full stop or hyphen at the end belongs to the sentence.
pub fn names(text: &str) -> Vec<UserName> {
    let mut found: Vec<UserName> = Vec::new();
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let word_before = before.is_some_and(|b| b.is_alphanumeric() || matches!(b, '_' | '@'));
        before = Some(c);
        if c != '@' || word_before {
            continue;
        }
        let rest = &text[at + 1..];
        let tilde = usize::from(rest.starts_with('~'));
        let length =
            rest[tilde..].bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
        let name = rest[..tilde + length].trim_end_matches(['.', '-']);
        if let Ok(name) = UserName::parse(name)
            && !found.contains(&name)
        {
            found.push(name);
            if found.len() == MENTIONS {
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        names(text).into_iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn names_are_found_where_people_write_them() {
        assert_eq!(named("@Ana: see @bob.smith, (@carl) and @~guest."), ["ana", "bob.smith", "carl", "~guest"]);
        assert_eq!(named("chào @ana, lại là @ana"), ["ana"]);
        assert_eq!(named("@ana-"), ["ana"]);
    }

    #[test]
    fn what_is_no_name_names_nobody() {
        for text in
            ["mail ana@example.org", "@", "@@ana", "@a", "a @ b", "@~", "@-ana", &format!("@{}", "a".repeat(40))]
        {
            assert!(names(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_text_full_of_names_is_cut() {
        let text: String = (0..200).map(|i| format!("@user{i} ")).collect();
        assert_eq!(names(&text).len(), MENTIONS);
    }
}
