//! Who waits for which answer: `req_id` → purpose, with a time limit. Socket.IO's own acknowledgements are not used.

use std::collections::BTreeMap;
use std::time::Duration;

/// The server answers within 8 s; what takes longer is lost.
pub const LIMIT: Duration = Duration::from_secs(10);

/// The answers of one connection that are still out. At most [`Waiters::MOST`]; beyond, a request is refused at once.
#[derive(Debug)]
pub struct Waiters<P> {
    next: u64,
    waiting: BTreeMap<u64, (Duration, P)>,
}

impl<P> Default for Waiters<P> {
    fn default() -> Self {
        Self { next: 1, waiting: BTreeMap::new() }
    }
}

impl<P> Waiters<P> {
    /// Answers that may be out at once.
    pub const MOST: usize = 1_024;

    /// Whether no more may be asked.
    pub fn full(&self) -> bool {
        self.waiting.len() >= Self::MOST
    }

    /// A `req_id` for a purpose.
    pub fn ask(&mut self, purpose: P, now: Duration) -> String {
        let id = self.next;
        self.next += 1;
        self.waiting.insert(id, (now + LIMIT, purpose));
        id.to_string()
    }

    /// The purpose that an answer belongs to; an answer nobody waits for (a late one, a made-up one) is none.
    pub fn answered(&mut self, req_id: &str) -> Option<P> {
        self.waiting.remove(&req_id.parse().ok()?).map(|(_, p)| p)
    }

    /// Those whose time is over, in the order of asking.
    pub fn expired(&mut self, now: Duration) -> Vec<P> {
        let late: Vec<u64> = self.waiting.iter().take_while(|(_, (end, _))| *end <= now).map(|(id, _)| *id).collect();
        late.into_iter().filter_map(|id| self.waiting.remove(&id)).map(|(_, p)| p).collect()
    }

    /// All of them, since the connection ended.
    pub fn drain(&mut self) -> Vec<P> {
        std::mem::take(&mut self.waiting).into_values().map(|(_, p)| p).collect()
    }

    /// When the first time limit ends.
    pub fn wake_at(&self) -> Option<Duration> {
        self.waiting.values().next().map(|(end, _)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_its_purpose_once() {
        let mut w = Waiters::default();
        let a = w.ask("a", Duration::ZERO);
        let b = w.ask("b", Duration::from_secs(1));
        assert_eq!(w.answered(&b), Some("b"));
        assert_eq!(w.answered(&b), None);
        assert_eq!(w.answered("nonsense"), None);
        assert_eq!(w.wake_at(), Some(LIMIT));
        assert_eq!(w.expired(LIMIT - Duration::from_millis(1)), Vec::<&str>::new());
        assert_eq!(w.expired(LIMIT), vec!["a"]);
        assert_eq!(w.answered(&a), None);
    }
}
