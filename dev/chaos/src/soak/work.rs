//! What the load did, counted by kind, and what was refused, by reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A connection up to `ready`.
    Connects,
    /// Gone with a goodbye.
    Goodbyes,
    /// Gone without one.
    Drops,
    /// A guest that was not there before.
    Guests,
    /// Cut by the server for not reading.
    Cuts,
    /// A message, acknowledged.
    Sends,
    /// An edit, a reaction, a read mark, typing, presence.
    Touches,
    /// A page of history, over the socket or REST.
    Pages,
    /// A search, over the socket or REST.
    Searches,
    /// Lists over REST: rooms, members, presence.
    Lists,
    /// A message by a webhook.
    Posts,
    /// An event heard by server-sent events.
    Events,
    /// A log-in with a password, a refresh and a log-out.
    Logins,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Connects,
        Self::Goodbyes,
        Self::Drops,
        Self::Guests,
        Self::Cuts,
        Self::Sends,
        Self::Touches,
        Self::Pages,
        Self::Searches,
        Self::Lists,
        Self::Posts,
        Self::Events,
        Self::Logins,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connects => "connects",
            Self::Goodbyes => "goodbyes",
            Self::Drops => "drops without a goodbye",
            Self::Guests => "new guests",
            Self::Cuts => "slow readers cut",
            Self::Sends => "sends",
            Self::Touches => "edits, reactions, marks, typing",
            Self::Pages => "pages of history",
            Self::Searches => "searches",
            Self::Lists => "lists",
            Self::Posts => "webhook posts",
            Self::Events => "server-sent events",
            Self::Logins => "logins",
        })
    }
}

/// The counters.
#[derive(Debug, Default)]
pub struct Work {
    done: [AtomicU64; Kind::ALL.len()],
    refused: Mutex<BTreeMap<String, u64>>,
}

impl Work {
    /// One more.
    pub fn did(&self, kind: Kind) {
        self.done[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One that failed, and why.
    pub fn failed(&self, kind: Kind, why: &str) {
        // Few kinds of reasons: what differs each time stands behind the first sentence.
        let why: String = why.chars().take(60).collect();
        *self.refused.lock().expect("nobody panics while counting").entry(format!("{kind}: {why}")).or_default() += 1;
    }

    /// Counts what came of something, and gives it on.
    pub fn note<T>(&self, kind: Kind, outcome: Result<T, String>) -> Result<T, String> {
        match &outcome {
            Ok(_) => self.did(kind),
            Err(why) => self.failed(kind, why),
        }
        outcome
    }

    /// How often it was done.
    pub fn done(&self, kind: Kind) -> u64 {
        self.done[kind as usize].load(Ordering::Relaxed)
    }

    /// Everything that was tried.
    pub fn all(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.done(*kind)).sum::<u64>() + self.refused()
    }

    /// What failed.
    pub fn refused(&self) -> u64 {
        self.refused.lock().expect("nobody panics while counting").values().sum()
    }

    /// Why, and how often.
    pub fn reasons(&self) -> String {
        let refused = self.refused.lock().expect("nobody panics while counting");
        let all: Vec<String> = refused.iter().map(|(why, n)| format!("{n} × {why}")).collect();
        all.join("; ")
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done: Vec<String> = Kind::ALL.iter().map(|kind| format!("{kind} {}", self.done(*kind))).collect();
        write!(f, "{}; refused {}", done.join(", "), self.refused())?;
        if self.refused() > 0 { write!(f, " ({})", self.reasons()) } else { Ok(()) }
    }
}
