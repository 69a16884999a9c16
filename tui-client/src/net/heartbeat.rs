//! Is the line alive: a `ping` each 10 s, and how long its answer took.
//!
//! The transport notices a frozen server after 45 s and a graceful end not at all on every path; this does within 15 s.

use std::time::Duration;

/// A ping each.
pub const EVERY: Duration = Duration::from_secs(10);
/// Silence after a ping that means the line is dead.
const SILENCE: Duration = Duration::from_secs(5);
/// A ping unanswered for so long means the line is dead, whatever else arrives.
const LONGEST: Duration = Duration::from_secs(20);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Wait,
    /// Send a ping.
    Ping,
    /// Give the line up.
    Dead,
}

/// The heartbeat of one connection. Times are the machine's monotonic ones.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    next: Duration,
    asked: Option<Duration>,
    heard: Duration,
    rtt: Option<Duration>,
}

impl Heartbeat {
    /// A connection that has just come up; the first ping goes at once, for the round trip.
    pub fn new(now: Duration) -> Self {
        Self { next: now, asked: None, heard: now, rtt: None }
    }

    /// Something arrived.
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// The ping was answered.
    pub fn answered(&mut self, now: Duration) {
        if let Some(asked) = self.asked.take() {
            self.rtt = Some(now.saturating_sub(asked));
        }
    }

    /// The last round trip, milliseconds.
    pub fn rtt_ms(&self) -> Option<u32> {
        self.rtt.map(|d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX))
    }

    /// What to do now; a ping counts as sent.
    pub fn beat(&mut self, now: Duration) -> Beat {
        match self.asked {
            Some(_) if now >= self.deadline() => Beat::Dead,
            None if now >= self.next => {
                self.asked = Some(now);
                self.next = now + EVERY;
                Beat::Ping
            }
            _ => Beat::Wait,
        }
    }

    /// When to look again.
    pub fn wake_at(&self) -> Duration {
        if self.asked.is_some() { self.deadline() } else { self.next }
    }

    fn deadline(&self) -> Duration {
        let asked = self.asked.unwrap_or(self.next);
        (asked.max(self.heard) + SILENCE).min(asked + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_ping_each_ten_seconds_and_its_round_trip() {
        let mut h = Heartbeat::new(s(100));
        assert_eq!(h.beat(s(100)), Beat::Ping);
        h.answered(s(100) + Duration::from_millis(18));
        assert_eq!(h.rtt_ms(), Some(18));
        assert_eq!(h.beat(s(109)), Beat::Wait);
        assert_eq!(h.wake_at(), s(110));
        assert_eq!(h.beat(s(110)), Beat::Ping);
    }

    #[test]
    fn silence_after_a_ping_is_death_and_chatter_only_delays_it() {
        let mut h = Heartbeat::new(s(0));
        assert_eq!(h.beat(s(0)), Beat::Ping);
        assert_eq!(h.beat(s(4)), Beat::Wait);
        assert_eq!(h.beat(s(5)), Beat::Dead);
        let mut h = Heartbeat::new(s(0));
        h.beat(s(0));
        for t in 1..20 {
            h.heard(s(t));
            assert_eq!(h.beat(s(t)), Beat::Wait, "{t}");
        }
        assert_eq!(h.beat(s(20)), Beat::Dead);
    }
}
