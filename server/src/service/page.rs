//! Lists that end early: limits, cursors, and what fits into a reply.

use std::str::FromStr;

use chat_common::Cursor;
use chat_common::model::Message;
use chat_common::page::{fitting, json_len};
use chat_common::text::is_forbidden;
use serde::Serialize;

use super::{Error, Result};

/// Bytes of a reply that are not its list: `ok`, an escaped `req_id`, the packet around it, the names of the fields.
pub(super) const ENVELOPE: usize = 1_024;
/// Items of a page that nobody gave a limit for.
pub(super) const DEFAULT: u32 = 50;
/// Emoji told under one message; a message with more is still whole in the store.
const REACTIONS: usize = 64;

/// The limit asked for, brought into 1 to `max`.
pub(super) fn limit(asked: Option<u32>, max: u32) -> u32 {
    asked.unwrap_or(DEFAULT).clamp(1, max.max(1))
}

/// Refuses what nobody can look for: more than `max` bytes, or a character that no stored text holds. The databases
/// have no word for some of those, and would fail.
pub(super) fn looked_for(query: &str, max: usize) -> Result<()> {
    if query.len() > max {
        return Err(Error::invalid("query", format!("look for at most {max} bytes")));
    }
    match query.chars().find(|c| is_forbidden(*c) && !c.is_whitespace()) {
        Some(c) => {
            let said = format!("no text holds U+{:04X}, a control character; leave it out", u32::from(c));
            Err(Error::invalid("query", said))
        }
        None => Ok(()),
    }
}

/// Reads a cursor as what it holds.
pub(super) fn read<T: FromStr>(cursor: Option<&Cursor>) -> Result<Option<T>> {
    cursor
        .map(|c| c.0.parse().map_err(|_| Error::invalid("after", "not a cursor: pass what a reply gave as `next`")))
        .transpose()
}

/// Cuts a list that was read with one item more than `limit` to what the limit and `budget` allow; true: there is
/// more behind it.
pub(super) fn cut<T: Serialize>(items: &mut Vec<T>, limit: u32, budget: usize) -> bool {
    let all = items.len();
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    items.truncate(fitting(items, budget));
    items.len() < all
}

/// The cursor behind the last of `items`, if there is more.
pub(super) fn next<T, K: ToString>(items: &[T], more: bool, key: impl Fn(&T) -> K) -> Option<Cursor> {
    if more { items.last().map(|item| Cursor(key(item).to_string())) } else { None }
}

/// Which end of a page stays when it is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The first ones.
    Oldest,
    /// The last ones.
    Newest,
    /// Those around this index.
    Around(usize),
}

/// Cuts ascending messages to `budget` bytes. Gives whether older ones and whether newer ones were left out.
pub(super) fn fit_messages(messages: &mut Vec<Message>, keep: Keep, budget: usize) -> (bool, bool) {
    for message in messages.iter_mut() {
        message.reactions.truncate(REACTIONS);
    }
    if messages.is_empty() {
        return (false, false);
    }
    let sizes: Vec<usize> = messages.iter().map(|m| json_len(m) + 1).collect();
    let last = messages.len() - 1;
    let start = match keep {
        Keep::Oldest => 0,
        Keep::Newest => last,
        Keep::Around(i) => i.min(last),
    };
    let (mut low, mut high, mut used) = (start, start, sizes[start]);
    // Grows to both sides in turn; a side that does not fit any more stays as it is.
    let (mut down, mut up) = (true, true);
    while down || up {
        down = down && low > 0 && used + sizes[low - 1] <= budget;
        if down {
            low -= 1;
            used += sizes[low];
        }
        up = up && high < last && used + sizes[high + 1] <= budget;
        if up {
            high += 1;
            used += sizes[high];
        }
    }
    messages.truncate(high + 1);
    messages.drain(..low);
    (low > 0, high < last)
}

#[cfg(test)]
mod tests {
    use chat_common::model::{User, UserKind};
    use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId, UserName};

    use super::*;
    use crate::domain::Refusal;

    #[test]
    fn what_no_text_can_hold_is_not_looked_for() {
        assert!(looked_for("Điện thoại \t\r\n %_\"", 500).is_ok());
        for (query, max) in [("ho\0et", 500), ("\u{1b}[2J", 500), ("a\u{202e}", 500), ("abc", 2)] {
            assert!(matches!(looked_for(query, max), Err(Error::Refused(Refusal::Invalid { field: "query", .. }))));
        }
    }

    fn messages(n: u64) -> Vec<Message> {
        (1..=n)
            .map(|seq| Message {
                room: RoomName::parse("ops").unwrap(),
                seq: Seq(seq),
                rev: Seq(seq),
                at: Timestamp::default(),
                from: User {
                    id: UserId::from_bits(7),
                    name: UserName::parse("ana").unwrap(),
                    display_name: "Ana".into(),
                    kind: UserKind::User,
                },
                text: Some("x".repeat(100)),
                client_id: ClientId::parse("c").unwrap(),
                reply_to: None,
                mentions: vec![],
                edited_at: None,
                deleted: false,
                reactions: vec![],
            })
            .collect()
    }

    fn seqs(keep: Keep, budget: usize) -> (Vec<u64>, (bool, bool)) {
        let mut page = messages(9);
        let left = fit_messages(&mut page, keep, budget);
        (page.iter().map(|m| m.seq.0).collect(), left)
    }

    #[test]
    fn a_page_keeps_the_end_that_was_asked_for() {
        let one = json_len(&messages(1)[0]) + 1;
        assert_eq!(seqs(Keep::Oldest, one * 3), (vec![1, 2, 3], (false, true)));
        assert_eq!(seqs(Keep::Newest, one * 3), (vec![7, 8, 9], (true, false)));
        assert_eq!(seqs(Keep::Around(4), one * 3), (vec![4, 5, 6], (true, true)));
        assert_eq!(seqs(Keep::Around(0), one * 3), (vec![1, 2, 3], (false, true)));
        assert_eq!(seqs(Keep::Newest, one * 100).1, (false, false));
        assert_eq!(seqs(Keep::Newest, 1).0, vec![9], "a list always moves on");
    }

    #[test]
    fn lists_tell_whether_there_is_more() {
        let mut items = vec!["a".repeat(10); 4];
        assert!(cut(&mut items, 3, 1000));
        assert_eq!(items.len(), 3);
        assert!(!cut(&mut items, 3, 1000));
        assert!(cut(&mut items, 3, 20));
        assert_eq!(items.len(), 1);
        assert_eq!(next(&["x", "y"], true, |s| *s), Some(Cursor("y".into())));
        assert_eq!(limit(Some(0), 200), 1);
        assert_eq!(limit(Some(9_999), 200), 200);
    }
}
