//! Politeness: which of the alerts that `app` raises may ring. The bell itself is rung by `runtime`.

use std::collections::HashMap;
use std::time::Duration;

use chat_common::{RoomName, Timestamp};

use crate::app::Alert;

/// A room rings at most this often.
pub const QUIET: Duration = Duration::from_secs(10);
/// Rooms remembered; beyond it all are forgotten, at worst a bell rings early.
const MOST: usize = 1_000;

/// Remembers what rang.
#[derive(Debug, Default)]
pub struct Notifier {
    last: HashMap<RoomName, Timestamp>,
}

impl Notifier {
    /// Whether this alert rings now.
    pub fn rings(&mut self, alert: &Alert, now: Timestamp) -> bool {
        if self.last.get(&alert.room).is_some_and(|at| now.since(*at) < QUIET) {
            return false;
        }
        if self.last.len() >= MOST {
            self.last.clear();
        }
        self.last.insert(alert.room.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_rings_once_in_ten_seconds_and_others_are_not_kept_from_it() {
        let mut notifier = Notifier::default();
        let alert = |room: &str| Alert { room: RoomName::parse(room).unwrap(), direct: false };
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        assert!(notifier.rings(&alert("ops"), at(100)));
        assert!(!notifier.rings(&alert("ops"), at(109)));
        assert!(notifier.rings(&alert("dev"), at(109)));
        assert!(notifier.rings(&alert("ops"), at(110)));
    }
}
