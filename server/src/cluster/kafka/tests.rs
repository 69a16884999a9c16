//! The wire against a real broker: the shared one of `cargo xtask test`, and private ones that are killed, emptied
//! and frozen.

use std::time::{Duration, Instant};

use chat_kafka::Broker;
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::storage::RoomId;
use crate::testing::service;

const PATIENCE: Duration = Duration::from_secs(60);

fn settings(url: &str) -> Settings {
    Settings::read(&url.parse().unwrap(), 3).unwrap()
}

/// A topic of this test alone.
fn fresh(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A node: its wire and what it hears.
struct Node {
    wire: KafkaWire,
    heard: Receiver<Heard>,
}

impl Node {
    fn new(settings: &Settings) -> Self {
        let (wire, heard) = spawn(settings.clone());
        Self { wire, heard }
    }

    async fn up(settings: &Settings) -> Self {
        let node = Self::new(settings);
        until("the wire is up", || node.wire.health().is_ok()).await;
        node
    }

    /// The next of what fits; the others are dropped.
    async fn hears<T>(&mut self, what: &str, mut fits: impl FnMut(Heard) -> Option<T>) -> T {
        let look = async {
            loop {
                let heard = self.heard.recv().await.expect("the wire runs");
                if let Some(found) = fits(heard) {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(found) => found,
            Err(_) => panic!("not heard: {what}; health: {:?}", self.wire.health()),
        }
    }

    async fn hears_bytes(&mut self) -> (Topic, Bytes) {
        self.hears("bytes", |h| if let Heard::Bytes(t, b) = h { Some((t, b)) } else { None }).await
    }

    async fn hears_missed(&mut self, of: Option<Topic>) {
        self.hears("missed", |h| (h == Heard::Missed(of)).then_some(())).await;
    }
}

const ROOM: Topic = Topic::Room(RoomId(7));

fn said(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_what_it_follows_and_nothing_else() {
    let Some(broker) = service(chat_kafka::SHARED, "a_node_hears_what_it_follows_and_nothing_else") else { return };
    let settings = settings(&format!("kafka://{broker}/{}", fresh("interest")));
    let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
    b.wire.subscribe(ROOM);
    b.hears_missed(Some(ROOM)).await;
    a.wire.publish(Topic::Room(RoomId(8)), said("not followed"));
    a.wire.publish(Topic::Relay, said("nor this"));
    a.wire.publish(ROOM, said("one"));
    a.wire.publish(Topic::All, said("two"));
    let mut heard = vec![b.hears_bytes().await, b.hears_bytes().await];
    heard.sort();
    assert_eq!(heard, [(Topic::All, said("two")), (ROOM, said("one"))]);
    b.wire.unsubscribe(ROOM);
    a.wire.publish(ROOM, said("three"));
    b.wire.subscribe(Topic::Relay);
    b.hears_missed(Some(Topic::Relay)).await;
    a.wire.publish(Topic::Relay, said("four"));
    assert_eq!(b.hears_bytes().await, (Topic::Relay, said("four")));
    a.wire.close().await;
    b.wire.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_arrives_whole_and_in_order() {
    let Some(broker) = service(chat_kafka::SHARED, "a_burst_arrives_whole_and_in_order") else { return };
    let settings = settings(&format!("kafka://{broker}/{}", fresh("burst")));
    let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
    b.wire.subscribe(ROOM);
    b.hears_missed(Some(ROOM)).await;
    let wanted: Vec<Bytes> = (0..3_000).map(|n| Bytes::from(format!("{n:0300}"))).collect();
    for bytes in &wanted {
        a.wire.publish(ROOM, bytes.clone());
    }
    let mut heard = Vec::new();
    while heard.len() < wanted.len() {
        heard.push(b.hears_bytes().await.1);
    }
    assert_eq!(heard, wanted);
    // What is queued at the end is sent, too.
    for _ in 0..20 {
        a.wire.publish(ROOM, said("last"));
    }
    a.wire.close().await;
    for _ in 0..20 {
        assert_eq!(b.hears_bytes().await.1, said("last"));
    }
    assert_eq!(a.wire.figures().dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_no_broker_takes_is_dropped_and_the_rest_goes_on() {
    let Some(broker) = service(chat_kafka::SHARED, "one_that_no_broker_takes_is_dropped_and_the_rest_goes_on") else {
        return;
    };
    let settings = settings(&format!("kafka://{broker}/{}", fresh("oversize")));
    let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
    b.wire.subscribe(ROOM);
    b.hears_missed(Some(ROOM)).await;
    let large = Bytes::from(vec![b'x'; 800 * 1024]);
    a.wire.publish(ROOM, Bytes::from(vec![0; 2 * 1024 * 1024]));
    a.wire.publish(ROOM, large.clone());
    a.wire.publish(ROOM, said("after"));
    assert_eq!(b.hears_bytes().await.1, large);
    assert_eq!(b.hears_bytes().await.1, said("after"));
    assert_eq!(a.wire.figures().dropped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_forgets_within_the_hour_and_another_is_found_out() {
    let Some(broker) =
        service(chat_kafka::SHARED, "a_topic_that_is_made_forgets_within_the_hour_and_another_is_found_out")
    else {
        return;
    };
    let ours = settings(&format!("kafka://{broker}/{}", fresh("forget")));
    let _node = Node::up(&ours).await;
    let deadline = Instant::now() + PATIENCE;
    while let Err(why) = topic::forgets_in_time(&ours).await {
        assert!(Instant::now() < deadline, "{why}");
    }
    let others = settings(&format!("kafka://{broker}/{}", fresh("keeps")));
    assert!(topic::make(&others.client("test").await.unwrap(), &others).await.unwrap());
    let why = topic::forgets_in_time(&others).await.unwrap_err();
    assert!(why.contains("retention.ms is 604800000"), "{why}");
    assert!(topic::advice(&others).contains(&format!("--entity-name {}", others.topic)));
}

/// Publishes until the other node hears it: what a broker lost meanwhile is not the point.
async fn delivers(from: &Node, to: &mut Node, text: &'static str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        from.wire.publish(ROOM, said(text));
        let soon =
            tokio::time::timeout(Duration::from_millis(500), async { while to.hears_bytes().await.1 != said(text) {} });
        if soon.await.is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "{text}: {:?} {:?}", from.wire.health(), to.wire.health());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_frozen_or_new_stops_nothing_and_is_told_as_missed() {
    let Some(classpath) =
        service(chat_kafka::CLASSPATH, "a_broker_that_is_away_frozen_or_new_stops_nothing_and_is_told_as_missed")
    else {
        return;
    };
    let mut broker = Broker::start(&classpath, &chat_kafka::Options::default()).unwrap();
    broker.kill();
    let settings = settings(&format!("kafka://{}/chat", broker.address()));

    // Away at the start.
    let (a, mut b) = (Node::new(&settings), Node::new(&settings));
    b.wire.subscribe(ROOM);
    b.hears_missed(Some(ROOM)).await;
    a.wire.publish(ROOM, said("nobody takes it"));
    assert_eq!(a.wire.figures().dropped, 1);
    until("the fault is named", || a.wire.health().is_err_and(|why| why.contains("refused"))).await;
    broker.restart(false).unwrap();
    b.hears_missed(None).await;
    until("both are up", || a.wire.health().is_ok() && b.wire.health().is_ok()).await;
    delivers(&a, &mut b, "first").await;

    // Killed and back with what it had; then with nothing.
    for (empty, text) in [(false, "second"), (true, "third")] {
        broker.kill();
        until("it is noticed", || a.wire.health().is_err() && b.wire.health().is_err()).await;
        let before = Instant::now();
        for _ in 0..20_000 {
            a.wire.publish(ROOM, said("while it is away"));
        }
        assert!(before.elapsed() < Duration::from_secs(2), "publishing waits for nobody");
        while b.heard.try_recv().is_ok() {}
        broker.restart(empty).unwrap();
        b.hears_missed(None).await;
        delivers(&a, &mut b, text).await;
        until("both are up", || a.wire.health().is_ok() && b.wire.health().is_ok()).await;
    }

    // Frozen: connections stay open and nothing is answered.
    let before = Instant::now();
    broker.freeze().unwrap();
    until("it is noticed", || b.wire.health().is_err()).await;
    assert!(before.elapsed() < Duration::from_secs(15));
    while b.heard.try_recv().is_ok() {}
    broker.thaw().unwrap();
    b.hears_missed(None).await;
    delivers(&a, &mut b, "fourth").await;
    a.wire.close().await;
    b.wire.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_tls_work_and_a_wrong_password_is_named_but_not_shown() {
    let Some(classpath) =
        service(chat_kafka::CLASSPATH, "logins_and_tls_work_and_a_wrong_password_is_named_but_not_shown")
    else {
        return;
    };
    let options = chat_kafka::Options { login: true, tls: true, ..Default::default() };
    let broker = Broker::start(&classpath, &options).unwrap();
    let url = |password: &str, mechanism: &str| {
        let (at, ca) = (broker.secure_address(), broker.certificate());
        let user = chat_kafka::broker::USER;
        format!("kafka://{user}:{password}@{at}/{mechanism}?tls=true&ca={}&sasl={mechanism}", ca.display())
    };
    for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
        let settings = settings(&url("Pass%20w%40rd", mechanism));
        let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
        b.wire.subscribe(ROOM);
        delivers(&a, &mut b, "hello").await;
        topic::forgets_in_time(&settings).await.unwrap();
    }
    let wrong = Node::new(&settings(&url("guessed", "scram-sha-256")));
    until("it is refused", || wrong.wire.health().is_err_and(|why| why.contains("asl"))).await;
    assert!(!format!("{:?}", wrong.wire.health()).contains("guessed"));
    let strangers = settings(&format!("kafka://{}/plain?tls=true", broker.secure_address()));
    let distrusted = Node::new(&strangers);
    until("it is not trusted", || distrusted.wire.health().is_err_and(|why| why.contains("ertificate"))).await;
}
