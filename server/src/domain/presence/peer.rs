//! What is known of another node's people. It says what changes in numbered steps, and now and then its number and a
//! digest; a step that does not come is noticed, and everything asked for.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chat_common::{Timestamp, UserId};

use super::State;

/// A step that came too early waits so long for the ones before it.
const PATIENCE: Duration = Duration::from_millis(400);
/// After asking for everything, it is asked for again when it has not come for so long.
const AGAIN: Duration = Duration::from_secs(1);
/// Steps held beyond a hole. When there are more, they are forgotten and everything is asked for.
const HELD: usize = 1_024;

/// One step: what changed since the one before. `None`: gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Counts the node's steps from 1.
    pub version: u64,
    /// How they are now.
    pub people: Vec<(UserId, Option<State>)>,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Of its latest step.
    pub version: u64,
    /// Of all its people, as that step leaves them; `None`: a step is being made.
    pub digest: Option<u64>,
}

/// A part of everything, as step `version` leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Of the step.
    pub version: u64,
    /// Counts from 0.
    pub part: u32,
    /// How many there are.
    pub parts: u32,
    /// Those of this part.
    pub people: Vec<(UserId, State)>,
}

/// Everything, as far as it has come.
#[derive(Debug)]
struct Gathering {
    version: u64,
    parts: BTreeMap<u32, Vec<(UserId, State)>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub people: HashMap<UserId, State>,
    /// The step that `people` are at; `None`: nothing is known yet.
    version: Option<u64>,
    /// The same number with other people: the next part-by-part telling is taken whatever its number.
    wrong: bool,
    held: BTreeMap<u64, Delta>,
    gathering: Option<Gathering>,
    /// Since when something is missing.
    missing: Option<Timestamp>,
    asked: Option<Timestamp>,
}

impl Peer {
    /// A step; gives whose state may have changed.
    pub fn delta(&mut self, delta: Delta, now: Timestamp) -> Vec<UserId> {
        let mut changed = Vec::new();
        match self.version {
            // Of a node that is new there is nothing before its first step.
            None if delta.version == 1 => self.version = Some(0),
            Some(version) if delta.version <= version => return changed,
            _ => {}
        }
        self.held.insert(delta.version, delta);
        self.release(&mut changed);
        self.note_missing(now);
        changed
    }

    /// How far it says that it is.
    pub fn beat(&mut self, beat: Beat, now: Timestamp) {
        match self.version {
            Some(version) if version == beat.version => {
                self.wrong = beat.digest.is_some_and(|digest| digest != self::digest(self.people.iter()));
                self.note_missing(now);
            }
            Some(version) if version > beat.version => {}
            None if beat.version == 0 => self.version = Some(0),
            _ => {
                self.missing.get_or_insert(now);
            }
        }
    }

    /// A part of everything; gives whose state may have changed, when it is the last one that was missing.
    pub fn part(&mut self, part: Part, now: Timestamp) -> Vec<UserId> {
        let wanted = self.wrong || self.missing.is_some() || self.version.is_none();
        if !wanted || self.version.is_some_and(|version| part.version < version) || part.part >= part.parts {
            return Vec::new();
        }
        let gathering = match &mut self.gathering {
            Some(gathering) if gathering.version > part.version => return Vec::new(),
            Some(gathering) if gathering.version == part.version => gathering,
            other => other.insert(Gathering { version: part.version, parts: BTreeMap::new() }),
        };
        gathering.parts.insert(part.part, part.people);
        if gathering.parts.len() < usize::try_from(part.parts).unwrap_or(usize::MAX) {
            return Vec::new();
        }
        let people: HashMap<_, _> =
            self.gathering.take().into_iter().flat_map(|g| g.parts.into_values()).flatten().collect();
        let mut changed: Vec<UserId> =
            self.people.iter().filter(|(user, state)| people.get(user) != Some(state)).map(|(user, _)| *user).collect();
        changed.extend(people.keys().filter(|user| !self.people.contains_key(user)));
        self.people = people;
        self.version = Some(part.version);
        self.wrong = false;
        self.missing = None;
        self.asked = None;
        self.held = self.held.split_off(&(part.version + 1));
        self.release(&mut changed);
        self.note_missing(now);
        changed
    }

    /// Whether everything is to be asked for now.
    pub fn asks(&mut self, now: Timestamp) -> bool {
        let over = |since: Timestamp, time| now < since || now.since(since) >= time;
        let wants = self.wrong || self.missing.is_some_and(|since| over(since, PATIENCE));
        let asks = wants && self.asked.is_none_or(|asked| over(asked, AGAIN));
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    /// Applies the held steps that are next.
    fn release(&mut self, changed: &mut Vec<UserId>) {
        while let Some(version) = self.version
            && let Some(delta) = self.held.remove(&(version + 1))
        {
            self.version = Some(delta.version);
            for (user, state) in delta.people {
                changed.push(user);
                match state {
                    Some(state) => self.people.insert(user, state),
                    None => self.people.remove(&user),
                };
            }
        }
        if self.held.len() > HELD {
            self.held.clear();
        }
    }

    fn note_missing(&mut self, now: Timestamp) {
        if self.held.is_empty() && self.version.is_some() {
            self.missing = None;
        } else {
            self.missing.get_or_insert(now);
        }
    }
}

/// The same for the same people, in whatever order.
pub(super) fn digest<'a>(people: impl Iterator<Item = (&'a UserId, &'a State)>) -> u64 {
    people.fold(0, |sum, (user, state)| {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(&user.bits().to_be_bytes());
        add(&[state.status as u8]);
        add(&state.since.as_millis().to_be_bytes());
        add(&state.chosen.as_millis().to_be_bytes());
        add(state.text.as_deref().unwrap_or_default().as_bytes());
        sum ^ hash
    })
}
