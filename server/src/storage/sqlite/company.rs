//! Whether a batch is worth waiting for: who sent a moment ago and is not in it yet.
//!
//! A commit costs the same for one message as for many, and so does what follows it: what is committed together is told
//! together. So under load batches begin [`PACE`] apart. Who sends alone never waits, nor does who sends when nothing was
//! committed just before; and a batch in which everybody is who sent lately is complete at once, so that senders who each
//! wait for their answer are not held up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chat_common::UserId;

/// Batches begin so far apart while others may send: the most that a message waits for them.
const PACE: Duration = Duration::from_millis(4);
/// Who sent within this may send again in a moment.
const LATELY: Duration = Duration::from_millis(10);

/// Who sends, as the writer sees it.
#[derive(Debug)]
pub(super) struct Company {
    /// When each one's last message was taken, and in which batch.
    senders: HashMap<UserId, (Instant, u64)>,
    batch: u64,
    begun: Instant,
    /// Until when this batch may wait.
    until: Instant,
    /// Who sent lately and is not in this batch.
    missing: usize,
}

impl Company {
    pub fn new(now: Instant) -> Self {
        Self { senders: HashMap::new(), batch: 0, begun: now, until: now, missing: 0 }
    }

    /// A batch begins.
    pub fn begin(&mut self, now: Instant) {
        self.until = self.begun + PACE;
        self.begun = now;
        self.batch += 1;
        self.senders.retain(|_, (at, _)| now.saturating_duration_since(*at) < LATELY);
        self.missing = self.senders.len();
    }

    /// A message was taken into the batch.
    pub fn took(&mut self, sender: UserId, now: Instant) {
        if let Some((_, batch)) = self.senders.insert(sender, (now, self.batch))
            && batch != self.batch
        {
            self.missing = self.missing.saturating_sub(1);
        }
    }

    /// How many sent lately and are not in this batch.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// How long the batch is to wait for the next message; `None`: it is to be committed.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        if self.missing == 0 { None } else { self.until.checked_duration_since(now).filter(|left| !left.is_zero()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u64) -> UserId {
        UserId::from_bits(n)
    }

    /// Batches of these senders, each begun so many ms after the last; how long the last one is to wait.
    fn after(batches: &[(u64, &[u64])]) -> Option<Duration> {
        let mut now = Instant::now();
        let mut company = Company::new(now);
        for (ms, senders) in batches {
            now += Duration::from_millis(*ms);
            company.begin(now);
            senders.iter().for_each(|n| company.took(user(*n), now));
        }
        company.patience(now)
    }

    #[test]
    fn who_sends_alone_never_waits() {
        assert_eq!(after(&[(0, &[1])]), None);
        assert_eq!(after(&[(0, &[1]), (1, &[1]), (1, &[1]), (1, &[1, 1])]), None);
    }

    #[test]
    fn others_who_sent_lately_are_waited_for() {
        assert_eq!(after(&[(9, &[1]), (1, &[2])]), Some(Duration::from_millis(3)));
        assert_eq!(after(&[(9, &[1, 2, 3]), (1, &[2, 3, 3])]), Some(Duration::from_millis(3)));
        assert_eq!(after(&[(9, &[1, 2]), (1, &[2, 1])]), None, "everybody is there");
    }

    #[test]
    fn nobody_waits_after_a_pause_nor_for_who_has_stopped() {
        assert_eq!(after(&[(9, &[1]), (4, &[2])]), None);
        assert_eq!(after(&[(9, &[1, 2]), (3, &[2]), (3, &[2]), (3, &[2]), (3, &[2])]), None);
    }
}
