//! A text that is too long for one message, as several; and a text as a code block. Pure: who sends them is `update`
//! and `cli::send`.

/// A fence longer than any within, so that the text cannot end it.
pub fn code(text: &str, lang: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{lang}\n{text}\n{fence}")
}

/// Pieces of at most `room` bytes, cut after a line, else after a space, else after a character.
pub fn split(text: &str, room: usize) -> Vec<String> {
    let (mut all, mut rest) = (vec![], text);
    while rest.len() > room {
        let mut end = room;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let head = &rest[..end];
        let cut = head.rfind('\n').or_else(|| head.rfind(' ')).filter(|at| *at > 0).map_or(end.max(1), |at| at + 1);
        let cut = (cut..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        all.push(rest[..cut].trim_end_matches('\n').to_owned());
        rest = &rest[cut..];
    }
    all.push(rest.to_owned());
    all
}

/// As [`split`], but a text that is one code block stays one in each piece; empty pieces are left out.
pub fn messages(text: &str, room: usize) -> Vec<String> {
    let text = text.trim_end();
    let pieces = match fenced(text) {
        Some((fence, lang, inner)) => {
            let inside = room.saturating_sub(2 * fence.len() + lang.len() + 2).max(1);
            let pieces = split(inner, inside).into_iter().filter(|p| !p.trim().is_empty());
            pieces.map(|piece| format!("{fence}{lang}\n{piece}\n{fence}")).collect()
        }
        None => split(text, room),
    };
    pieces.into_iter().filter(|p| !p.trim().is_empty()).collect()
}

/// Fence, language and inside of a text that is nothing but one code block.
fn fenced(text: &str) -> Option<(&str, &str, &str)> {
    let (first, rest) = text.split_once('\n')?;
    let ticks = first.len() - first.trim_start_matches('`').len();
    let (fence, lang) = first.split_at(ticks);
    let inner = rest.strip_suffix(fence)?.strip_suffix('\n')?;
    (ticks >= 3 && !inner.contains(fence)).then_some((fence, lang, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_lines_words_or_characters() {
        assert_eq!(split("ab\ncd\nef", 6), vec!["ab\ncd", "ef"]);
        assert_eq!(split("ab cd ef", 5), vec!["ab ", "cd ef"]);
        assert_eq!(split("ééé", 4), vec!["éé", "é"]);
        for room in 4..20 {
            let text = "wörd wörd\nlîne ".repeat(20);
            let parts = split(&text, room);
            assert!(parts.iter().all(|p| p.len() <= room), "{room}");
            let glued: String = parts.concat();
            assert_eq!(glued.replace('\n', ""), text.replace('\n', ""), "{room}");
        }
    }

    #[test]
    fn code_cannot_leave_its_fence() {
        assert_eq!(code("a", "rs"), "```rs\na\n```");
        assert_eq!(code("```\nx", ""), "````\n```\nx\n````");
    }

    #[test]
    fn a_code_block_stays_one_in_each_message() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let parts = messages(&code(&lines.join("\n"), "sh"), 120);
        assert!(parts.len() > 5);
        let mut inner = Vec::new();
        for part in &parts {
            assert!(part.len() <= 120, "{part}");
            let body = part.strip_prefix("```sh\n").and_then(|p| p.strip_suffix("\n```")).unwrap();
            inner.extend(body.lines().map(str::to_owned));
        }
        assert_eq!(inner, lines);
        assert_eq!(messages("ab\n\n\n\n\ncd", 4), ["ab", "cd"]);
    }
}
