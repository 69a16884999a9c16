use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn ana() -> UserId {
    UserId::from_bits(1)
}

fn status(everyone: &Everyone, user: UserId) -> Option<Status> {
    everyone.get(user).map(|state| state.status)
}

/// Everything that has changed, as one step.
fn step(everyone: &mut Everyone) -> Option<Delta> {
    let changed = everyone.take_changed(usize::MAX);
    everyone.step(changed)
}

/// Tells `to` what changed at `from`.
fn tell(from: &mut Everyone, name: u64, to: &mut Everyone, now: Timestamp) {
    if let Some(delta) = step(from) {
        to.hear_delta(name, delta, now);
    }
}

#[test]
fn online_at_once_and_offline_ten_seconds_after_the_last_connection() {
    let mut e = Everyone::default();
    e.connect(ana(), 1, at(0));
    assert_eq!(status(&e, ana()), Some(Status::Online));
    assert_eq!(e.take_changed(9), [ana()]);
    e.step([ana()]);
    e.connect(ana(), 2, at(1));
    e.disconnect(ana(), 1, at(2));
    e.expire(at(60));
    assert!(e.take_changed(9).is_empty(), "one connection is left");
    e.disconnect(ana(), 2, at(60));
    e.expire(at(69));
    assert!(e.is_present(ana()));
    e.expire(at(70));
    assert!(!e.is_present(ana()) && e.is_empty());
    assert_eq!(e.take_changed(9), [ana()]);
}

#[test]
fn a_clock_that_was_set_back_keeps_nobody_present_for_long() {
    let mut e = Everyone::default();
    e.connect(ana(), 1, at(1_000));
    e.disconnect(ana(), 1, at(1_000));
    e.expire(at(100));
    assert!(e.is_present(ana()), "the grace begins again");
    e.expire(at(109));
    assert!(e.is_present(ana()));
    e.expire(at(110));
    assert!(!e.is_present(ana()), "and does not last until the clock has caught up");
}

#[test]
fn a_quick_reconnect_changes_nothing() {
    let mut e = Everyone::default();
    e.connect(ana(), 1, at(0));
    e.set(ana(), Status::Dnd, Some("deep work".into()), at(1));
    step(&mut e);
    e.disconnect(ana(), 1, at(2));
    e.connect(ana(), 2, at(9));
    e.expire(at(30));
    e.set(ana(), Status::Dnd, Some("deep work".into()), at(31));
    assert!(e.take_changed(9).is_empty());
    assert_eq!(status(&e, ana()), Some(Status::Dnd));
}

#[test]
fn an_unknown_or_repeated_end_counts_once() {
    let mut e = Everyone::default();
    e.disconnect(ana(), 9, at(0));
    e.set(ana(), Status::Away, None, at(0));
    assert!(!e.is_present(ana()), "nobody sets who is not here");
    e.connect(ana(), 1, at(0));
    e.disconnect(ana(), 9, at(0));
    e.expire(at(100));
    assert!(e.is_present(ana()));
    e.disconnect(ana(), 1, at(100));
    e.disconnect(ana(), 1, at(109));
    e.expire(at(110));
    assert!(!e.is_present(ana()), "the second end did not prolong it");
}

#[test]
fn a_chosen_status_goes_along_to_another_node() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    a.connect(ana(), 1, at(0));
    a.set(ana(), Status::Dnd, Some("deep work".into()), at(1));
    tell(&mut a, 1, &mut b, at(1));
    assert_eq!(status(&b, ana()), Some(Status::Dnd));
    a.disconnect(ana(), 1, at(2));
    b.connect(ana(), 7, at(5));
    assert_eq!(status(&b, ana()), Some(Status::Dnd), "not online for a moment");
    a.expire(at(12));
    tell(&mut b, 2, &mut a, at(12));
    tell(&mut a, 1, &mut b, at(12));
    assert_eq!((status(&a, ana()), status(&b, ana())), (Some(Status::Dnd), Some(Status::Dnd)));
    assert_eq!(b.get(ana()).unwrap().since, at(1));
    b.drop_node(1);
    assert_eq!(status(&b, ana()), Some(Status::Dnd), "the node that was told is not needed any more");
}

#[test]
fn what_was_chosen_last_holds_on_every_node_whatever_their_clocks() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    a.connect(ana(), 1, at(100));
    a.set(ana(), Status::Dnd, None, at(101));
    tell(&mut a, 1, &mut b, at(1));
    b.connect(ana(), 1, at(2));
    b.set(ana(), Status::Away, None, at(3));
    tell(&mut b, 2, &mut a, at(102));
    assert_eq!((status(&a, ana()), status(&b, ana())), (Some(Status::Away), Some(Status::Away)));
}

#[test]
fn online_on_any_node_is_online() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    a.connect(ana(), 1, at(0));
    tell(&mut a, 1, &mut b, at(0));
    b.connect(ana(), 1, at(1));
    tell(&mut b, 2, &mut a, at(1));
    a.disconnect(ana(), 1, at(2));
    a.expire(at(12));
    assert!(a.take_changed(9).iter().all(|_| a.is_present(ana())), "still there by the other node");
    tell(&mut a, 1, &mut b, at(12));
    assert!(a.is_present(ana()) && b.is_present(ana()));
    b.disconnect(ana(), 1, at(13));
    b.expire(at(23));
    tell(&mut b, 2, &mut a, at(23));
    assert!(!a.is_present(ana()) && !b.is_present(ana()));
}

#[test]
fn a_lost_step_is_noticed_and_everything_asked_for_once_a_second() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    a.connect(ana(), 1, at(0));
    step(&mut a);
    assert!(b.hear_beat(1, a.beat(), at(10)), "a new node");
    assert!(!b.hear_beat(1, a.beat(), at(10)));
    assert!(b.asks(at(10)).is_empty(), "it may be on its way");
    assert_eq!(b.asks(at(11)), [1]);
    assert!(b.asks(at(11)).is_empty());
    assert_eq!(b.asks(at(12)), [1], "neither came");
    for part in a.parts(at(12)).unwrap() {
        b.hear_part(1, part, at(12));
    }
    assert!(a.parts(at(12)).is_none(), "who else asked has heard it");
    assert!(b.is_present(ana()));
    assert!(b.asks(at(20)).is_empty());
    b.hear_beat(1, a.beat(), at(20));
    assert!(b.asks(at(30)).is_empty());
}

#[test]
fn the_same_number_with_other_people_is_noticed_too() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    a.connect(ana(), 1, at(0));
    let mut delta = step(&mut a).unwrap();
    delta.people[0].0 = UserId::from_bits(2);
    b.hear_delta(1, delta, at(0));
    b.hear_beat(1, a.beat(), at(1));
    assert_eq!(b.asks(at(1)), [1]);
    for part in a.parts(at(1)).unwrap() {
        b.hear_part(1, part, at(1));
    }
    assert!(b.is_present(ana()) && !b.is_present(UserId::from_bits(2)));
}

#[test]
fn everything_comes_in_parts_of_bounded_size() {
    let (mut a, mut b) = (Everyone::default(), Everyone::default());
    for user in 0..1_201 {
        a.connect(UserId::from_bits(user), user, at(0));
    }
    step(&mut a);
    let mut parts = a.parts(at(0)).unwrap();
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part.people.len() <= 500));
    parts.reverse();
    for part in parts {
        assert!(b.is_empty(), "all or nothing");
        b.hear_part(1, part, at(0));
    }
    assert_eq!(b.len(), 1_201);
}

/// Something that happens to one of three nodes and four users, and whether the step that tells it is lost, late,
/// or told twice.
#[derive(Clone, Debug)]
enum Happens {
    Connect(usize, u64, u64),
    Disconnect(usize, u64, u64),
    Set(usize, u64, bool),
    Pass(u8),
    Crash(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..3usize, 0..4u64, 0..2u64).prop_map(|(n, u, c)| Happens::Connect(n, u, c)),
        3 => (0..3usize, 0..4u64, 0..2u64).prop_map(|(n, u, c)| Happens::Disconnect(n, u, c)),
        2 => (0..3usize, 0..4u64, any::<bool>()).prop_map(|(n, u, away)| Happens::Set(n, u, away)),
        2 => (0..12u8).prop_map(Happens::Pass),
        1 => (0..3usize).prop_map(Happens::Crash),
    ]
}

/// Three nodes and what is on its way between them.
struct Nodes {
    nodes: Vec<(u64, Everyone)>,
    wire: Vec<(u64, Delta)>,
    now: Timestamp,
    next: u64,
}

impl Nodes {
    fn happen(&mut self, what: &Happens) {
        let now = self.now;
        match *what {
            Happens::Connect(n, u, c) => self.nodes[n].1.connect(UserId::from_bits(u), c, now),
            Happens::Disconnect(n, u, c) => self.nodes[n].1.disconnect(UserId::from_bits(u), c, now),
            Happens::Set(n, u, away) => {
                let status = if away { Status::Away } else { Status::Online };
                self.nodes[n].1.set(UserId::from_bits(u), status, None, now);
            }
            Happens::Pass(seconds) => self.now = now.plus(Duration::from_secs(seconds.into())),
            Happens::Crash(n) => {
                let dead = self.nodes[n].0;
                self.nodes[n] = (self.next, Everyone::default());
                self.next += 1;
                self.wire.retain(|(from, _)| *from != dead);
                for (_, node) in &mut self.nodes {
                    node.drop_node(dead);
                }
            }
        }
        for (name, node) in &mut self.nodes {
            node.expire(self.now);
            if let Some(delta) = step(node) {
                self.wire.push((*name, delta));
            }
        }
    }

    fn deliver(&mut self, to: usize, index: usize, keep: bool) {
        let index = index % self.wire.len();
        let (from, delta) = if keep { self.wire[index].clone() } else { self.wire.remove(index) };
        if self.nodes[to].0 != from {
            let now = self.now;
            self.nodes[to].1.hear_delta(from, delta, now);
        }
    }

    /// Beats, asks and answers, as the nodes do them every second.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.now = self.now.plus(Duration::from_secs(2));
            for (_, node) in &mut self.nodes {
                // What it tells now is lost, too.
                step(node);
            }
            let beats: Vec<_> = self.nodes.iter().map(|(name, node)| (*name, node.beat())).collect();
            let mut asked = HashSet::new();
            for (to, node) in &mut self.nodes {
                for (name, beat) in beats.iter().filter(|(name, _)| name != to) {
                    node.hear_beat(*name, *beat, self.now);
                }
                asked.extend(node.asks(self.now.plus(Duration::from_secs(1))));
            }
            for from in 0..self.nodes.len() {
                let name = self.nodes[from].0;
                let Some(parts) = asked.contains(&name).then(|| self.nodes[from].1.parts(self.now)).flatten() else {
                    continue;
                };
                for (_, node) in self.nodes.iter_mut().filter(|(to, _)| *to != name) {
                    parts.iter().for_each(|part| node.hear_part(name, part.clone(), self.now));
                }
            }
        }
    }
}

proptest! {
    /// Whatever is lost, late or told twice: after some beats all nodes give the same answer, and it is the right one.
    #[test]
    fn all_nodes_come_to_the_same(
        story in prop::collection::vec((happens(), prop::collection::vec((0..3usize, any::<u8>(), any::<bool>()), 0..4)), 0..60),
    ) {
        let mut nodes = Nodes {
            nodes: (1..=3).map(|name| (name, Everyone::default())).collect(),
            wire: Vec::new(),
            now: at(1_000),
            next: 4,
        };
        for (what, deliveries) in story {
            nodes.happen(&what);
            for (to, index, keep) in deliveries {
                if !nodes.wire.is_empty() {
                    nodes.deliver(to, index.into(), keep);
                }
            }
        }
        nodes.settle();
        for user in (0..4).map(UserId::from_bits) {
            let there = nodes.nodes.iter().any(|(_, node)| node.is_own(user));
            for (name, node) in &nodes.nodes {
                prop_assert_eq!(node.get(user), nodes.nodes[0].1.get(user), "node {} of {:?}", name, user);
                prop_assert_eq!(node.is_present(user), there);
            }
        }
    }
}
