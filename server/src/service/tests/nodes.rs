//! Two nodes in one process: one store, a wire between them that can be cut.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chat_common::event::presence::{Get, Set};
use chat_common::model::{Presence as Present, Status};
use tokio::sync::mpsc::UnboundedSender;

use super::*;
use crate::cluster::local::LocalBus;
use crate::cluster::{Bus, Lane};
use crate::service::{accounts, presence, rooms};

/// A bus that hands what other nodes are to hear to the wire.
struct Pipe {
    local: Arc<LocalBus>,
    wire: UnboundedSender<(usize, Signal)>,
    index: usize,
}

#[async_trait]
impl Bus for Pipe {
    async fn publish(&self, signal: Signal) {
        if signal.topic().is_some() {
            self.wire.send((self.index, signal.clone())).unwrap();
        }
        self.local.publish(signal).await;
    }

    async fn tell_here(&self, signal: Signal) {
        self.local.tell_here(signal).await;
    }

    fn health(&self) -> std::result::Result<(), String> {
        Ok(())
    }
}

/// Two of them, `w` beside them for its users and its clock.
struct Two {
    w: World,
    s: [Arc<Services>; 2],
    signals: [Receiver<Signal>; 2],
    cut: Arc<AtomicBool>,
}

async fn two(limits: Limits) -> Two {
    let w = world_with(limits.clone()).await;
    let (wire, mut carried) = tokio::sync::mpsc::unbounded_channel();
    let cut = Arc::new(AtomicBool::new(false));
    let (mut locals, mut nodes, mut signals) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..2 {
        let (local, edge) = LocalBus::new();
        let local = Arc::new(local);
        let listener = local.listen(Lane::Presence).unwrap();
        let s = Services::start(Parts {
            store: Arc::clone(&w.s.store),
            bus: Arc::new(Pipe { local: Arc::clone(&local), wire: wire.clone(), index }),
            clock: Arc::clone(&w.clock) as Arc<dyn Clock>,
            limits: limits.clone(),
            server: (*w.s.server).clone(),
            node: NodeId(index as u64 + 10),
            auth: w.s.auth.clone(),
            outbound: crate::outbound::Outbound::public(),
        });
        presence::listen(&s, listener);
        locals.push(local);
        nodes.push(s);
        signals.push(edge);
    }
    let of_wire = Arc::clone(&cut);
    tokio::spawn(async move {
        while let Some((from, signal)) = carried.recv().await {
            if !of_wire.load(Ordering::Relaxed) {
                locals[1 - from].tell_here(signal).await;
            }
        }
    });
    Two { w, s: nodes.try_into().ok().unwrap(), signals: signals.try_into().ok().unwrap(), cut }
}

impl Two {
    async fn seen(&self, node: usize, asker: &Caller, room: &str) -> Vec<Present> {
        let get = Get { room: Some(at(room)), users: None };
        presence::get(&self.s[node], asker, get).await.unwrap().present
    }

    /// Waits until both nodes say that these are there, and how.
    async fn until(&self, asker: &Caller, room: &str, there: &[(&str, Status)]) {
        let soon = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let mut seen = Vec::new();
            for node in 0..2 {
                seen.push(self.seen(node, asker, room).await);
            }
            let names: Vec<_> = seen[0].iter().map(|p| (p.user.name.as_str(), p.status)).collect();
            if seen[0] == seen[1] && names == there {
                return;
            }
            assert!(tokio::time::Instant::now() < soon, "{seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the followers at a node are told of presence, until `last`.
    async fn told(&mut self, node: usize, last: Status) -> Vec<(String, Status)> {
        let mut told = Vec::new();
        let told_last = |told: &Vec<(String, Status)>| told.last().is_some_and(|(_, status)| *status == last);
        while !told_last(&told) {
            let signal =
                tokio::time::timeout(Duration::from_secs(5), self.signals[node].recv()).await.unwrap().unwrap();
            if let Signal::Room { hint: Hint::PresenceChanged { user, status, .. }, .. } = signal {
                told.push((user.name.to_string(), status));
            }
        }
        told
    }
}

#[tokio::test]
async fn both_nodes_give_the_same_answer_and_each_tells_its_own_followers_once() {
    let mut t = two(Limits::default()).await;
    let (ana, bob) = (t.w.user("ana").await, t.w.user("bob").await);
    t.w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    presence::connected(&t.s[0], ana.user.id, ConnId(1)).await;
    t.until(&ana, "ops", &[("ana", Status::Online)]).await;
    presence::connected(&t.s[1], bob.user.id, ConnId(1)).await;
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Online)]).await;
    let set = Set { status: Status::Dnd, text: Some("deep work".into()) };
    presence::set(&t.s[1], &bob, set).await.unwrap();
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Dnd)]).await;
    assert_eq!(t.seen(0, &ana, "ops").await[1].text.as_deref(), Some("deep work"));
    for node in 0..2 {
        let bobs: Vec<_> = t.told(node, Status::Dnd).await.into_iter().filter(|(who, _)| who == "bob").collect();
        assert_eq!(bobs, [("bob".to_owned(), Status::Online), ("bob".to_owned(), Status::Dnd)], "node {node}");
    }
    // The same numbers wherever one asks.
    for node in 0..2 {
        let entered = rooms::enter(&t.s[node], &ana, &RoomName::parse("ops").unwrap(), None, None).await.unwrap();
        assert_eq!(entered.room.present, 2);
    }
}

#[tokio::test]
async fn who_comes_back_at_another_node_never_went() {
    let mut t = two(Limits::default()).await;
    let (ana, bob) = (t.w.user("ana").await, t.w.user("bob").await);
    t.w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    presence::connected(&t.s[1], ana.user.id, ConnId(1)).await;
    presence::connected(&t.s[0], bob.user.id, ConnId(1)).await;
    let set = Set { status: Status::Away, text: None };
    presence::set(&t.s[0], &bob, set).await.unwrap();
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Away)]).await;
    presence::disconnected(&t.s[0], bob.user.id, ConnId(1));
    t.w.pass(9);
    presence::connected(&t.s[1], bob.user.id, ConnId(2)).await;
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Away)]).await;
    t.w.pass(11);
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Away)]).await;
    presence::disconnected(&t.s[1], bob.user.id, ConnId(2));
    t.w.pass(10);
    t.until(&ana, "ops", &[("ana", Status::Online)]).await;
    let bobs: Vec<_> = t.told(1, Status::Offline).await.into_iter().filter(|(who, _)| who == "bob").collect();
    let statuses: Vec<_> = bobs.iter().map(|(_, status)| *status).collect();
    assert!(
        matches!(statuses[..], [Status::Online, Status::Away, Status::Offline] | [Status::Away, Status::Offline]),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn what_a_cut_wire_lost_is_made_good() {
    let t = two(Limits::default()).await;
    let (ana, bob, carl) = (t.w.user("ana").await, t.w.user("bob").await, t.w.user("carl").await);
    t.w.room(&ana, "ops", RoomKind::Public, &[&bob, &carl]).await;
    presence::connected(&t.s[0], ana.user.id, ConnId(1)).await;
    presence::connected(&t.s[1], bob.user.id, ConnId(1)).await;
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Online)]).await;
    t.cut.store(true, Ordering::Relaxed);
    presence::connected(&t.s[0], carl.user.id, ConnId(2)).await;
    presence::disconnected(&t.s[1], bob.user.id, ConnId(1));
    t.w.pass(10);
    let alone = |node: usize| t.seen(node, &ana, "ops");
    while alone(1).await.len() != 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(alone(0).await.len(), 3, "each goes on with what it knows");
    t.cut.store(false, Ordering::Relaxed);
    // The next beat shows it; what is then asked for comes after half a second.
    let clock = Arc::clone(&t.w.clock);
    tokio::spawn(async move {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.advance(Duration::from_millis(500));
        }
    });
    t.until(&ana, "ops", &[("ana", Status::Online), ("carl", Status::Online)]).await;
}

#[tokio::test]
async fn a_dead_nodes_people_are_offline_unless_they_are_elsewhere() {
    let mut t = two(Limits::default()).await;
    let (ana, bob) = (t.w.user("ana").await, t.w.user("bob").await);
    t.w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    presence::connected(&t.s[0], ana.user.id, ConnId(1)).await;
    presence::connected(&t.s[1], ana.user.id, ConnId(1)).await;
    presence::connected(&t.s[1], bob.user.id, ConnId(2)).await;
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Online)]).await;
    t.cut.store(true, Ordering::Relaxed);
    presence::died(&t.s[0], NodeId(11)).await;
    let left = t.seen(0, &ana, "ops").await;
    assert_eq!(left.iter().map(|p| p.user.name.as_str()).collect::<Vec<_>>(), ["ana"]);
    let told = t.told(0, Status::Offline).await;
    assert_eq!(told.last().unwrap().0, "bob");
    assert!(!told.contains(&("ana".to_owned(), Status::Offline)));
}

#[tokio::test]
async fn a_fenced_node_is_another_without_people() {
    let t = two(Limits::default()).await;
    let (ana, bob) = (t.w.user("ana").await, t.w.user("bob").await);
    t.w.room(&ana, "ops", RoomKind::Public, &[&bob]).await;
    presence::connected(&t.s[0], ana.user.id, ConnId(1)).await;
    presence::connected(&t.s[1], bob.user.id, ConnId(1)).await;
    t.until(&ana, "ops", &[("ana", Status::Online), ("bob", Status::Online)]).await;
    presence::died(&t.s[0], NodeId(11)).await;
    presence::reborn(&t.s[1], NodeId(12)).await;
    let clock = Arc::clone(&t.w.clock);
    tokio::spawn(async move {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.advance(Duration::from_millis(500));
        }
    });
    t.until(&ana, "ops", &[("ana", Status::Online)]).await;
}

#[tokio::test]
async fn both_nodes_tell_a_large_rooms_numbers() {
    let mut t = two(Limits { presence_room: 2, ..Limits::default() }).await;
    let people = [t.w.user("ana").await, t.w.user("bob").await, t.w.user("carl").await, t.w.user("dan").await];
    t.w.room(&people[0], "all", RoomKind::Public, &[&people[1], &people[2]]).await;
    presence::connected(&t.s[0], people[0].user.id, ConnId(1)).await;
    let numbers = async |signals: &mut Receiver<Signal>, wanted: (u32, u32)| loop {
        let signal = tokio::time::timeout(Duration::from_secs(5), signals.recv()).await.unwrap().unwrap();
        match signal {
            Signal::Room { hint: Hint::PresenceCount { members, present, .. }, .. } if (members, present) == wanted => {
                break;
            }
            Signal::Room { hint: Hint::PresenceChanged { .. }, .. } => panic!("names in a large room"),
            _ => {}
        }
    };
    for signals in &mut t.signals {
        numbers(signals, (3, 1)).await;
    }
    // One more member, by the one node's doing, is told by the other too.
    t.w.pass(6);
    rooms::join(&t.s[1], &people[3], &at("all")).await.unwrap();
    for signals in &mut t.signals {
        numbers(signals, (4, 1)).await;
    }
}

#[tokio::test]
async fn wrong_passwords_are_counted_over_all_nodes() {
    let t = two(Limits::default()).await;
    t.w.user("ana").await;
    let here = t.w.anonymous("192.0.2.1");
    let login = async |node: usize, origin: &Origin, password: &str| {
        let req = rest::Login { name: "ana".into(), password: password.into() };
        accounts::login(&t.s[node], origin, req).await
    };
    for guess in 0..5 {
        assert_eq!(code(login(guess % 2, &here, "wrong horse").await), ErrorCode::Unauthorized);
    }
    for node in 0..2 {
        let refused = login(node, &here, PASSWORD).await.unwrap_err().body();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(refused.retry_after_ms.is_some_and(|ms| ms > 50_000));
    }
    login(1, &t.w.anonymous("192.0.2.2"), PASSWORD).await.unwrap();
    t.w.pass(60);
    login(0, &here, PASSWORD).await.unwrap();
}
