//! What is typed into the search: words, and filters as `from:ana in:#ops before:2026-10-01 after:2d has:link
//! is:mention`. Pure; the request is `update::overlay`'s to send.

use chat_common::event::history::{Has, Search};
use chat_common::{RoomRef, Timestamp, UserName};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan, Unit};

/// Said while nothing is typed.
pub const HELP: &str = "words, and from:NAME in:ROOM before:DAY after:DAY on:DAY has:link is:mention";

/// Results asked for at once.
const PAGE: u32 = 50;

/// What relative words are measured from.
#[derive(Clone, Debug)]
pub struct Around<'a> {
    /// The room in view, which `in:here` means.
    pub room: Option<&'a RoomRef>,
    /// Now.
    pub now: Timestamp,
    /// Days are this zone's.
    pub tz: &'a TimeZone,
}

/// Reads a query; the error says what is missing, for the line below the list. `None`: nothing is asked for yet.
pub fn read(query: &str, around: &Around<'_>) -> Result<Option<Search>, String> {
    let mut search = Search { limit: Some(PAGE), ..Search::default() };
    let mut words: Vec<&str> = Vec::new();
    let mut filtered = false;
    for word in query.split_whitespace() {
        let Some((filter, value)) = word.split_once(':').filter(|(f, v)| is_filter(f) && !v.starts_with("//")) else {
            words.push(word);
            continue;
        };
        set(&mut search, &filter.to_ascii_lowercase(), value, around)?;
        filtered = true;
    }
    search.query = words.join(" ");
    Ok((filtered || !search.query.is_empty()).then_some(search))
}

/// Another word before a colon is a word like any other.
fn is_filter(word: &str) -> bool {
    ["from", "in", "before", "after", "on", "has", "is"].iter().any(|f| f.eq_ignore_ascii_case(word))
}

fn set(search: &mut Search, filter: &str, value: &str, around: &Around<'_>) -> Result<(), String> {
    match (filter, value) {
        ("from", name) => {
            let name = name.trim_start_matches('@');
            search.from = Some(UserName::parse(name).map_err(|_| "from: whom? as from:ana".to_owned())?);
        }
        ("in", "here") => search.room = around.room.cloned(),
        ("in", room) => {
            let room = room.strip_prefix('#').unwrap_or(room);
            search.room =
                Some(RoomRef::parse(room).map_err(|_| "in: which room? as in:ops, in:@ana or in:here".to_owned())?);
        }
        ("has", "link" | "links" | "url") => search.has = Some(Has::Link),
        ("has", _) => return Err("has: what? there is has:link".to_owned()),
        ("is", "mention" | "mentioned" | "me") => search.mention = Some(true),
        ("is", _) => return Err("is: what? there is is:mention".to_owned()),
        (when, value) => {
            let (start, end) = stretch(value, around).ok_or_else(|| {
                format!("{when}: which day? as {when}:2026-10-01, {when}:yesterday or {when}:3d (three days ago)")
            })?;
            match when {
                "before" => search.until = Some(start),
                "after" => search.since = Some(end),
                _ => (search.since, search.until) = (Some(start), Some(end)),
            }
        }
    }
    Ok(())
}

/// Start and end of a day, or a moment so long ago.
fn stretch(value: &str, around: &Around<'_>) -> Option<(Timestamp, Timestamp)> {
    let now = jiff::Timestamp::from_millisecond(around.now.as_millis()).ok()?.to_zoned(around.tz.clone());
    let day = match value.to_ascii_lowercase().as_str() {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        _ => match value.parse::<Date>() {
            Ok(day) => day,
            Err(_) => {
                let at = now.checked_sub(ago(value)?).ok()?;
                let at = Timestamp::from_millis(at.timestamp().as_millisecond());
                return Some((at, at));
            }
        },
    };
    let edge = |day: Date| {
        let at = day.to_zoned(around.tz.clone()).ok()?;
        Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
    };
    Some((edge(day)?, edge(day.tomorrow().ok()?)?))
}

/// `3d`, `2w`, `5h`, `30m`
fn ago(value: &str) -> Option<Span> {
    let unit = match value.chars().last()? {
        'm' => Unit::Minute,
        'h' => Unit::Hour,
        'd' => Unit::Day,
        'w' => Unit::Week,
        _ => return None,
    };
    let number: i64 = value[..value.len() - 1].parse().ok().filter(|n| (0..=10_000).contains(n))?;
    Some(match unit {
        Unit::Minute => number.minutes(),
        Unit::Hour => number.hours(),
        Unit::Day => number.days(),
        _ => number.weeks(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Option<Search>, String> {
        let here = RoomRef::parse("ops").unwrap();
        // 2026-11-22 16:00 in Hanoi.
        let tz = TimeZone::fixed(jiff::tz::offset(7));
        let now = Timestamp::from_millis(1_795_338_000_000);
        read(query, &Around { room: Some(&here), now, tz: &tz })
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn words_and_filters_are_told_apart() {
        let found = ask("deploy from:@ana in:#ops has:link is:mention failed").unwrap().unwrap();
        assert_eq!((found.query.as_str(), found.limit), ("deploy failed", Some(PAGE)));
        assert_eq!(found.from, Some(UserName::parse("ana").unwrap()));
        assert_eq!(found.room, Some(RoomRef::parse("ops").unwrap()));
        assert_eq!((found.has, found.mention), (Some(Has::Link), Some(true)));
        assert_eq!(ask("in:here").unwrap().unwrap().room, Some(RoomRef::parse("ops").unwrap()));
        assert_eq!(ask("  ").unwrap(), None);
        // Neither an address nor a time of day is a filter.
        assert_eq!(ask("https://a.example note:x 10:05").unwrap().unwrap().query, "https://a.example note:x 10:05");
    }

    #[test]
    fn days_are_those_of_the_readers_zone() {
        let found = ask("on:2026-10-01").unwrap().unwrap();
        assert_eq!(found.since, at("2026-09-30T17:00:00Z"));
        assert_eq!(found.until, at("2026-10-01T17:00:00Z"));
        let found = ask("after:yesterday before:today").unwrap().unwrap();
        assert_eq!((found.since, found.until), (at("2026-11-21T17:00:00Z"), at("2026-11-21T17:00:00Z")));
        assert_eq!(ask("after:2d").unwrap().unwrap().since, at("2026-11-20T09:00:00Z"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (query, said) in [
            ("from:", "whom"),
            ("in:a/b", "which room"),
            ("has:cats", "has:link"),
            ("is:x", "is:mention"),
            ("before:soon", "which day"),
            ("after:99999999d", "which day"),
        ] {
            assert!(ask(query).unwrap_err().contains(said), "{query}");
        }
    }
}
