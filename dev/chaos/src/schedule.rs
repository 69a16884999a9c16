//! The plan: what is broken, where, how badly and for how long. Pure; one number always makes the same plan.

use std::fmt;
use std::time::Duration;

/// Where a connection is ill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between one group of clients and everything else.
    Clients(usize),
    /// Between one node and the bus.
    Bus(usize),
    /// Between one node and its database.
    Database(usize),
}

/// How a connection is ill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// Each piece comes so many milliseconds late.
    Delay(u64),
    /// Those that stand are reset; new ones are fine.
    Cut,
    /// Accepted, and nothing passes.
    Hole,
    /// Nothing passes from the one who called to the one who was called.
    HalfUp,
    /// Nothing passes the other way.
    HalfDown,
    /// The caller reads so many bytes a second.
    Slow(u64),
}

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node by SIGKILL; started again at the end.
    Kill(usize),
    /// A node by SIGSTOP; let go on at the end.
    Freeze(usize),
    /// The bus by SIGKILL; started again at the end, with what it had forgotten (Redis) or kept (Kafka).
    BusKill,
    /// The bus by SIGSTOP; let go on at the end.
    BusFreeze,
    /// The database as in a crash; started again at the end.
    DatabaseCrash,
    /// The disk takes no more until the end.
    DiskFull,
    /// A node's clock (and no other's) is off by so many seconds until the end.
    Clock(usize, i64),
    /// A connection is ill until the end.
    Line(Place, Ill),
    /// Every 5 s one group of clients, 10 % of all, loses its connections.
    Drops,
}

/// The faults' names in `--faults`, in the history and in the counts.
pub const KINDS: &[&str] = &[
    "kill",
    "freeze",
    "bus-kill",
    "bus-freeze",
    "database-crash",
    "disk-full",
    "clock",
    "delay",
    "cut",
    "hole",
    "half-open",
    "slow",
    "bus-line",
    "database-line",
    "drops",
];

/// So many groups of clients, each behind a proxy of its own: one is 10 % of all.
pub const LANES: usize = 10;

impl Fault {
    /// Its name in [`KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Freeze(_) => "freeze",
            Self::BusKill => "bus-kill",
            Self::BusFreeze => "bus-freeze",
            Self::DatabaseCrash => "database-crash",
            Self::DiskFull => "disk-full",
            Self::Clock(..) => "clock",
            Self::Line(Place::Bus(_), _) => "bus-line",
            Self::Line(Place::Database(_), _) => "database-line",
            Self::Line(Place::Clients(_), ill) => match ill {
                Ill::Delay(_) => "delay",
                Ill::Cut => "cut",
                Ill::Hole => "hole",
                Ill::HalfUp | Ill::HalfDown => "half-open",
                Ill::Slow(_) => "slow",
            },
            Self::Drops => "drops",
        }
    }

    /// For how long one must look before presence that seems right is right: others notice the death of a node, and a
    /// person's absence, only after 10 s.
    pub fn watch(&self) -> Duration {
        match self {
            Self::Kill(_) | Self::Freeze(_) | Self::Line(Place::Database(_), _) => Duration::from_secs(12),
            _ => Duration::from_secs(4),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node) => write!(f, "node {node} killed (SIGKILL) and started again"),
            Self::Freeze(node) => write!(f, "node {node} stopped (SIGSTOP) and let go on"),
            Self::BusKill => write!(f, "the bus killed (SIGKILL) and started again"),
            Self::BusFreeze => write!(f, "the bus stopped (SIGSTOP) and let go on"),
            Self::DatabaseCrash => write!(f, "PostgreSQL crashed and started again"),
            Self::DiskFull => write!(f, "the disk full"),
            Self::Clock(node, by) => write!(f, "the clock of node {node} off by {by:+} s"),
            Self::Drops => write!(f, "10 % of the clients dropped every 5 s"),
            Self::Line(place, ill) => {
                match ill {
                    Ill::Delay(ms) => write!(f, "delay of {ms} ms")?,
                    Ill::Cut => write!(f, "cut")?,
                    Ill::Hole => write!(f, "black hole")?,
                    Ill::HalfUp => write!(f, "half-open (nothing upward)")?,
                    Ill::HalfDown => write!(f, "half-open (nothing downward)")?,
                    Ill::Slow(rate) => write!(f, "slow reading ({rate} bytes/s)")?,
                }
                match place {
                    Place::Clients(lane) => write!(f, " between the clients of group {lane} and the nodes"),
                    Place::Bus(node) => write!(f, " between node {node} and the bus"),
                    Place::Database(node) => write!(f, " between node {node} and PostgreSQL"),
                }
            }
        }
    }
}

/// What there is to break.
#[derive(Clone, Debug)]
pub struct Breakable {
    /// How many nodes.
    pub nodes: usize,
    /// The kinds of faults that this stage can play, of [`KINDS`].
    pub kinds: Vec<&'static str>,
}

/// One entry of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Messages are sent for so long before.
    pub calm: Duration,
    /// What is broken.
    pub fault: Fault,
    /// From its beginning to its end.
    pub lasts: Duration,
}

/// A generator of numbers (SplitMix64): small, and the same on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed always gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.any() % end.max(1) as u64).unwrap_or(0)
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.any() % (to - from + 1)
    }
}

/// The plan for at least `time`: every kind once in a shuffled order, then again in another, until the time is full.
pub fn plan(seed: u64, breakable: &Breakable, time: Duration) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let (mut plan, mut length, mut deck) = (Vec::new(), Duration::ZERO, Vec::new());
    while length < time && !breakable.kinds.is_empty() {
        if deck.is_empty() {
            deck.clone_from(&breakable.kinds);
            for n in (1..deck.len()).rev() {
                deck.swap(n, dice.below(n + 1));
            }
        }
        let kind = deck.pop().unwrap_or_default();
        let (fault, lasts) = one(&mut dice, kind, breakable.nodes);
        let step = Step { calm: Duration::from_millis(dice.between(500, 2_000)), fault, lasts };
        length += step.calm + lasts + fault.watch();
        plan.push(step);
    }
    plan
}

fn one(dice: &mut Dice, kind: &str, nodes: usize) -> (Fault, Duration) {
    let node = dice.below(nodes);
    let lane = Place::Clients(dice.below(LANES));
    // A silent line is given up by clients after 16 s: some last longer, some end before.
    let silent = Duration::from_millis(dice.between(4_000, 20_000));
    let short = Duration::from_millis(dice.between(2_000, 8_000));
    match kind {
        "freeze" => (Fault::Freeze(node), Duration::from_millis(dice.between(3_000, 14_000))),
        "bus-kill" => (Fault::BusKill, short),
        "bus-freeze" => (Fault::BusFreeze, silent),
        "database-crash" => (Fault::DatabaseCrash, short),
        "disk-full" => (Fault::DiskFull, short),
        "clock" => {
            let by = i64::try_from(dice.between(5, 90)).unwrap_or(5);
            (Fault::Clock(node, if dice.below(2) == 0 { by } else { -by }), short * 2)
        }
        "delay" => (Fault::Line(lane, Ill::Delay(dice.between(50, 1_500))), silent),
        "cut" => (Fault::Line(lane, Ill::Cut), Duration::from_millis(500)),
        "hole" => (Fault::Line(lane, Ill::Hole), silent),
        "half-open" => {
            let ill = if dice.below(2) == 0 { Ill::HalfUp } else { Ill::HalfDown };
            (Fault::Line(lane, ill), silent)
        }
        "slow" => (Fault::Line(lane, Ill::Slow(dice.between(100, 2_000))), silent),
        "bus-line" => (Fault::Line(Place::Bus(node), any(dice)), silent),
        "database-line" => (Fault::Line(Place::Database(node), any(dice)), silent),
        "drops" => (Fault::Drops, Duration::from_secs(20)),
        _ => (Fault::Kill(node), short),
    }
}

fn any(dice: &mut Dice) -> Ill {
    match dice.below(5) {
        0 => Ill::Delay(dice.between(20, 500)),
        1 => Ill::Cut,
        2 => Ill::HalfUp,
        3 => Ill::HalfDown,
        _ => Ill::Hole,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> Breakable {
        Breakable { nodes: 3, kinds: KINDS.to_vec() }
    }

    #[test]
    fn one_number_makes_one_plan_and_another_number_another() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(plan(7, &all(), hour), plan(7, &all(), hour));
        assert_ne!(plan(7, &all(), hour), plan(8, &all(), hour));
        // Written down: a seed of an old report must still make its plan.
        let first = plan(7, &all(), Duration::from_secs(1))[0];
        assert_eq!(
            (first.fault.to_string(), first.lasts.as_millis()),
            ("half-open (nothing upward) between node 0 and the bus".to_owned(), 13_026)
        );
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_twice() {
        for seed in 0..50 {
            let plan = plan(seed, &all(), Duration::from_secs(3_600));
            for round in plan.chunks_exact(KINDS.len()) {
                let kinds: BTreeSet<_> = round.iter().map(|s| s.fault.kind()).collect();
                assert_eq!(kinds.len(), KINDS.len(), "seed {seed}");
            }
        }
    }

    #[test]
    fn only_what_is_there_is_broken_and_the_time_is_filled() {
        let few = Breakable { nodes: 1, kinds: vec!["kill", "clock", "hole"] };
        for seed in 0..50 {
            let plan = plan(seed, &few, Duration::from_secs(600));
            let length: Duration = plan.iter().map(|s| s.calm + s.lasts + s.fault.watch()).sum();
            assert!(length >= Duration::from_secs(600));
            for step in plan {
                let fits = match step.fault {
                    Fault::Kill(0) | Fault::Clock(0, _) => true,
                    Fault::Line(Place::Clients(lane), Ill::Hole) => lane < LANES,
                    _ => false,
                };
                assert!(fits, "{}", step.fault);
            }
        }
    }
}
