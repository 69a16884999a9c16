use chat_common::Timestamp;

use super::*;
use crate::storage::NewNode;

const ME: NodeId = NodeId(1);

/// A machine, and the time that it is told.
struct Clock {
    life: Life,
    start: Instant,
    now: Instant,
}

fn row(id: u64, left: Duration, bus: &str) -> NodeRow {
    let node = NewNode { id: NodeId(id), address: String::new(), version: String::new(), bus: bus.into() };
    NodeRow { node, since: Timestamp::from_millis(0), left }
}

impl Clock {
    fn new() -> Self {
        let start = Instant::now();
        Self { life: Life::new(ME, start), start, now: start }
    }

    fn tick(&mut self) -> Vec<Action> {
        self.life.step(Event::Tick, self.now)
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.life.step(event, self.now)
    }

    /// Goes on until `seconds`, with a store that answers as `store` says: who lives then.
    fn run(&mut self, seconds: f64, store: impl Fn(f64) -> Option<Vec<NodeRow>>) -> Vec<(f64, Action)> {
        let mut told = Vec::new();
        while self.at() < seconds {
            self.now += Duration::from_millis(250);
            let at = self.at();
            let mut todo = self.tick();
            while let Some(action) = todo.pop() {
                let up = store(at);
                todo.extend(match action {
                    Action::Register => self.tell(Event::Registered(up.is_some())),
                    Action::Renew => {
                        let id = self.life.id();
                        self.tell(Event::Renewed(id, up.map(|_| true)))
                    }
                    Action::Look => self.tell(Event::Live(up)),
                    Action::Dead(_) | Action::Fence(_) | Action::Reclaim => {
                        told.push((at, action));
                        Vec::new()
                    }
                });
            }
        }
        told
    }

    fn at(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }
}

/// What is left at `at` of a lease that is renewed every two seconds until `dies`.
fn lease(at: f64, dies: f64) -> Duration {
    let renewed = (at.min(dies) / 2.0).floor() * 2.0;
    Duration::from_secs_f64((renewed + 10.0 - at).max(0.0))
}

fn others(at: f64, dies: f64) -> Vec<NodeRow> {
    let left = lease(at, dies);
    if left.is_zero() { Vec::new() } else { vec![row(2, left, "local")] }
}

#[test]
fn a_node_registers_renews_and_looks() {
    let mut c = Clock::new();
    assert_eq!(c.tick(), [Action::Register, Action::Look]);
    assert_eq!(c.tick(), [], "both are under way");
    c.tell(Event::Registered(false));
    c.tell(Event::Live(None));
    c.now += Duration::from_secs(1);
    assert_eq!(c.tick(), [Action::Register, Action::Look], "again after a second");
    c.tell(Event::Registered(true));
    c.now += Duration::from_secs(2);
    assert_eq!(c.tick(), [Action::Renew]);
    assert_eq!(c.life.lease_age(c.now), Some(Duration::from_secs(2)));
    c.tell(Event::Renewed(ME, Some(true)));
    assert_eq!(c.life.lease_age(c.now), Some(Duration::ZERO));
}

#[test]
fn a_dead_node_is_counted_as_dead_ten_to_fifteen_seconds_after_its_death() {
    for dies in [30.0, 30.5, 31.0, 31.9] {
        let mut c = Clock::new();
        assert_eq!(c.run(dies, |at| Some(others(at, dies))), []);
        assert_eq!(c.life.others(c.now), 1);
        let told = c.run(dies + 20.0, |at| Some(others(at, dies)));
        let deaths: Vec<f64> =
            told.iter().filter(|(_, a)| *a == Action::Dead(NodeId(2))).map(|(at, _)| *at - dies).collect();
        assert_eq!(deaths.len(), 1, "{told:?}");
        assert!(deaths[0] >= 9.9 && deaths[0] <= 14.0, "{deaths:?}");
        assert!(told.iter().any(|(_, a)| *a == Action::Reclaim));
        assert!(!c.life.heard(NodeId(2), c.now), "what it says now is not to be listened to");
        assert_eq!(c.life.others(c.now), 0);
    }
}

#[test]
fn an_outage_of_the_store_throws_nobody_out() {
    let mut c = Clock::new();
    let away = 20.0..80.0;
    let store = |at: f64| (!away.contains(&at)).then(|| if at < 82.0 { others(at, 20.0) } else { others(at, 900.0) });
    assert_eq!(c.run(120.0, store), [], "all leases had run out; the others came back after two seconds");
    assert_eq!(c.life.others(c.now), 1);
}

#[test]
fn who_died_while_the_store_was_away_is_found_after_its_return() {
    let mut c = Clock::new();
    let store = |at: f64| (!(20.0..50.0).contains(&at)).then(|| others(at, 22.0));
    let told = c.run(80.0, store);
    let died = told.iter().find(|(_, a)| *a == Action::Dead(NodeId(2))).unwrap().0;
    assert!((60.0..=65.0).contains(&died), "{died}");
}

#[test]
fn a_node_that_was_stopped_fences_itself_before_anything_else() {
    let mut c = Clock::new();
    c.run(20.0, |at| Some(others(at, 900.0)));
    c.now += Duration::from_secs(9);
    assert!(c.tick().iter().all(|a| !matches!(a, Action::Fence(_))), "nine seconds are no reason");
    c.now += Duration::from_secs(30);
    assert_eq!(c.life.silent(c.now), Duration::from_secs(30));
    assert_eq!(c.tick(), [Action::Fence(Why::Stopped(Duration::from_secs(30)))]);
    c.life.reborn(NodeId(7), c.now);
    assert_eq!(c.life.id(), NodeId(7));
    assert_eq!(c.tell(Event::Renewed(ME, Some(false))), [], "the answer to who it was");
    c.now += Duration::from_millis(250);
    assert!(c.tick().contains(&Action::Register));
}

#[test]
fn a_node_that_others_have_reclaimed_fences_itself() {
    let mut c = Clock::new();
    c.run(5.0, |_| Some(Vec::new()));
    assert_eq!(c.tell(Event::Renewed(ME, None)), [], "not when the renewal merely failed");
    assert_eq!(c.tell(Event::Renewed(ME, Some(false))), [Action::Fence(Why::Reclaimed)]);
}

#[test]
fn a_node_that_is_heard_before_it_is_seen_gets_its_time() {
    let mut c = Clock::new();
    c.run(20.0, |_| Some(Vec::new()));
    assert!(c.life.heard(NodeId(3), c.now));
    let told = c.run(40.0, |_| Some(Vec::new()));
    let died = told.iter().find(|(_, a)| *a == Action::Dead(NodeId(3))).unwrap().0;
    assert!((32.0..33.5).contains(&died), "{died}");
    // It was only late: the store shows it again.
    c.tell(Event::Live(Some(vec![row(3, LEASE, "local")])));
    assert!(c.life.heard(NodeId(3), c.now));
}

#[test]
fn the_remains_of_a_node_that_has_just_died_are_no_neighbour() {
    let mut c = Clock::new();
    c.run(9.0, |at| Some(others(at, 0.5)));
    assert_eq!((c.life.others(c.now), c.life.wires(c.now).count()), (0, 0));
    let mut c = Clock::new();
    c.run(9.0, |at| Some(others(at, 900.0)));
    assert_eq!(c.life.wires(c.now).collect::<Vec<_>>(), ["local"]);
}
