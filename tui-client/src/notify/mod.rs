//! Politeness: which of the alerts that `app` raises may ring, when, and how. What comes while a room has just rung is
//! gathered and rings once afterwards. The sequences are sent by `runtime`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chat_common::text::visible_line;
use chat_common::{RoomName, RoomRef, Timestamp};

use crate::app::Alert;
use crate::config::{Notify, NotifyLevel};
use crate::settings::parse_hours;

/// A room rings at most this often.
pub const QUIET: Duration = Duration::from_secs(10);
/// Rooms remembered; beyond it all are forgotten, at worst a bell rings early.
const MOST: usize = 1_000;

/// What rings, when, and how.
#[derive(Clone, Debug)]
pub struct Rules {
    level: NotifyLevel,
    rooms: BTreeMap<RoomRef, NotifyLevel>,
    /// Minutes of the day, local time: from, to; over midnight where `from > to`.
    quiet: Option<(u16, u16)>,
    bell: bool,
    desktop: bool,
}

/// The quiet hours are not written as they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("notify.quiet: {0:?} is no span of hours; write it as \"22:00-07:00\"")]
pub struct BadHours(String);

impl Rules {
    /// From the settings.
    pub fn read(settings: &Notify) -> Result<Self, BadHours> {
        let quiet =
            settings.quiet.as_deref().map(|q| parse_hours(q).ok_or_else(|| BadHours(q.to_owned()))).transpose()?;
        Ok(Self {
            level: settings.level.unwrap_or(NotifyLevel::Mentions),
            rooms: settings.rooms.clone(),
            quiet,
            bell: settings.bell.unwrap_or(true),
            desktop: settings.desktop.unwrap_or(true),
        })
    }

    /// No sequences, for terminals that would show them.
    pub fn bell_alone(&mut self) {
        self.desktop = false;
    }

    fn wants(&self, alert: &Alert) -> bool {
        match self.rooms.get(&alert.target).copied().unwrap_or(self.level) {
            NotifyLevel::All => true,
            NotifyLevel::Mentions => alert.named || alert.direct,
            NotifyLevel::None => false,
        }
    }

    fn is_quiet(&self, minute: u16) -> bool {
        self.quiet.is_some_and(
            |(from, to)| {
                if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
            },
        )
    }
}

/// When a room rang last, and what came since.
#[derive(Debug)]
struct Rang {
    at: Timestamp,
    /// How many came, and the newest of them.
    since: Option<(u32, Alert)>,
}

/// Remembers what rang.
#[derive(Debug)]
pub struct Notifier {
    rules: Rules,
    last: HashMap<RoomName, Rang>,
    /// The terminal knows OSC 777 (urxvt, foot) and not OSC 9.
    osc777: bool,
}

impl Notifier {
    /// With these rules, on a terminal of this name (`TERM`).
    pub fn new(rules: Rules, term: &str) -> Self {
        Self { rules, last: HashMap::new(), osc777: term.contains("rxvt") || term.starts_with("foot") }
    }

    /// With other rules; what rang is remembered.
    pub fn obey(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// What to send to the terminal for this alert, if anything; `minute` of the local day.
    pub fn ring(&mut self, alert: &Alert, now: Timestamp, minute: u16) -> Option<String> {
        if !self.rules.wants(alert) || self.rules.is_quiet(minute) {
            return None;
        }
        if let Some(rang) = self.last.get_mut(&alert.room).filter(|r| now.since(r.at) < QUIET) {
            let n = rang.since.as_ref().map_or(0, |(n, _)| *n).saturating_add(1);
            rang.since = Some((n, alert.clone()));
            return None;
        }
        if self.last.len() >= MOST {
            self.last.clear();
        }
        self.last.insert(alert.room.clone(), Rang { at: now, since: None });
        self.sequence(&alert.text)
    }

    /// When [`Notifier::due`] has something to say; `None`: nothing waits.
    pub fn wake(&self) -> Option<Timestamp> {
        self.last.values().filter(|r| r.since.is_some()).map(|r| r.at.plus(QUIET)).min()
    }

    /// What to send for rooms that rang and had more since, one sequence a room; what was read meanwhile is let go.
    pub fn due(&mut self, now: Timestamp, minute: u16, unread: impl Fn(&RoomName) -> bool) -> Vec<String> {
        let mut texts = Vec::new();
        for (room, rang) in self.last.iter_mut().filter(|(_, r)| now.since(r.at) >= QUIET) {
            let Some((n, alert)) = rang.since.take().filter(|_| unread(room)) else { continue };
            if self.rules.is_quiet(minute) {
                continue;
            }
            rang.at = now;
            texts.push(if n > 1 { format!("{n} messages, the last: {}", alert.text) } else { alert.text });
        }
        texts.iter().filter_map(|text| self.sequence(text)).collect()
    }

    fn sequence(&self, text: &str) -> Option<String> {
        let mut sequence = String::new();
        if self.rules.desktop {
            // Nothing in it can end the sequence: control characters are marks, and `;` would end a field.
            let text = visible_line(text).replace(';', ",");
            let kind = if self.osc777 { "777;notify;chat-tui;" } else { "9;" };
            sequence.push_str(&format!("\u{1b}]{kind}{text}\u{7}"));
        }
        if self.rules.bell {
            sequence.push('\u{7}');
        }
        (!sequence.is_empty()).then_some(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(room: &str, named: bool) -> Alert {
        let name = RoomName::parse(room).unwrap();
        let text = "eve in #ops: \u{1b}]0;x\u{7}".to_owned();
        Alert { target: RoomRef::Room(name.clone()), room: name, direct: false, named, text }
    }

    fn notifier(settings: &Notify) -> Notifier {
        Notifier::new(Rules::read(settings).unwrap(), "xterm")
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1000)
    }

    #[test]
    fn a_room_rings_once_in_ten_seconds_and_others_are_not_kept_from_it() {
        let mut n = notifier(&Notify::default());
        assert!(n.ring(&alert("ops", true), at(100), 0).is_some());
        assert!(n.ring(&alert("ops", true), at(109), 0).is_none());
        assert!(n.ring(&alert("dev", true), at(109), 0).is_some());
        assert!(n.ring(&alert("ops", true), at(110), 0).is_some());
    }

    #[test]
    fn what_comes_while_a_room_has_just_rung_rings_once_afterwards_unless_it_was_read() {
        let mut n = notifier(&Notify::default());
        for s in 100..105 {
            n.ring(&alert("ops", true), at(s), 0);
        }
        n.ring(&alert("dev", true), at(104), 0);
        assert_eq!(n.wake(), Some(at(110)));
        assert!(n.due(at(109), 0, |_| true).is_empty());
        let told = n.due(at(110), 0, |_| true);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("4 messages, the last: eve in #ops"), "{told:?}");
        assert_eq!(n.wake(), None, "nothing waits any more");
        assert!(n.ring(&alert("ops", true), at(115), 0).is_none(), "it has rung a moment ago");
        assert!(n.due(at(120), 0, |_| false).is_empty(), "it was read");
        assert!(n.due(at(130), 0, |_| true).is_empty());
    }

    #[test]
    fn the_level_of_a_room_goes_before_the_common_one() {
        let mut settings = Notify::default();
        settings.rooms.insert(RoomRef::parse("dev").unwrap(), NotifyLevel::All);
        settings.rooms.insert(RoomRef::parse("noise").unwrap(), NotifyLevel::None);
        let mut n = notifier(&settings);
        let mut rings = |room, named| n.ring(&alert(room, named), at(0), 0).is_some();
        assert!(!rings("ops", false));
        assert!(rings("dev", false));
        assert!(!rings("noise", true));
    }

    #[test]
    fn quiet_hours_go_over_midnight() {
        let settings = Notify { quiet: Some("22:00-07:00".to_owned()), ..Notify::default() };
        let rings = |minute| notifier(&settings).ring(&alert("ops", true), at(0), minute).is_some();
        assert_eq!([21 * 60 + 59, 22 * 60, 3 * 60, 7 * 60].map(rings), [true, false, false, true]);
        let bad = Notify { quiet: Some("10pm".to_owned()), ..Notify::default() };
        assert!(Rules::read(&bad).unwrap_err().to_string().contains("22:00-07:00"));
    }

    #[test]
    fn a_hostile_text_cannot_end_the_sequence() {
        let sequence = notifier(&Notify::default()).ring(&alert("ops", true), at(0), 0).unwrap();
        assert_eq!(sequence.matches('\u{1b}').count(), 1);
        // The end of the sequence, and the bell.
        assert_eq!(sequence.matches('\u{7}').count(), 2);
    }
}
