//! The wire against a real broker: the shared one of `cargo xtask test`, and private ones that are killed, emptied
//! and frozen. What holds for every wire stands in `cluster/contract`.

use std::time::{Duration, Instant};

use crate::cluster::contract::{self, Needs, wire_contract};
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

/// A broker for the contract: the shared one with a topic of its own, or one of the test's own.
struct InContract {
    address: String,
    topic: String,
    own: Option<Broker>,
}

impl InContract {
    fn for_test(needs: Needs, test: &str) -> Option<Self> {
        let topic = fresh("contract");
        if needs == Needs::Shared {
            return Some(Self { address: service(chat_kafka::SHARED, test)?, topic, own: None });
        }
        let mut own = Broker::start(&service(chat_kafka::CLASSPATH, test)?, &chat_kafka::Options::default()).unwrap();
        if needs == Needs::Away {
            own.kill();
        }
        Some(Self { address: own.address(), topic, own: Some(own) })
    }
}

#[async_trait]
impl contract::Broker for InContract {
    fn wire(&self) -> (Arc<dyn Wire>, Receiver<Heard>) {
        let (wire, heard) = spawn(settings(&self.url()));
        (Arc::new(wire), heard)
    }

    fn url(&self) -> String {
        format!("kafka://{}/{}", self.address, self.topic)
    }

    fn noticed_within(&self) -> Duration {
        // 6 s, on a machine that has time.
        Duration::from_secs(15)
    }

    async fn start(&mut self) {
        self.own.as_mut().unwrap().restart(false).unwrap();
    }

    async fn stop(&mut self) {
        self.own.as_mut().unwrap().kill();
    }

    fn freeze(&self) {
        self.own.as_ref().unwrap().freeze().unwrap();
    }

    fn thaw(&self) {
        self.own.as_ref().unwrap().thaw().unwrap();
    }
}

wire_contract!(|needs, test| async move { InContract::for_test(needs, test) });

#[tokio::test(flavor = "multi_thread")]
async fn one_that_no_broker_takes_is_dropped_and_the_rest_goes_on() {
    let Some(broker) = service(chat_kafka::SHARED, "one_that_no_broker_takes_is_dropped_and_the_rest_goes_on") else {
        return;
    };
    let settings = settings(&format!("kafka://{broker}/{}", fresh("oversize")));
    let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
    b.wire.subscribe(ROOM);
    // The word for the connection, where it comes later, holds for the room as well.
    b.hears("missed", |h| matches!(h, Heard::Missed(None | Some(ROOM))).then_some(())).await;
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
async fn a_broker_that_lost_everything_is_begun_with_again() {
    let Some(classpath) = service(chat_kafka::CLASSPATH, "a_broker_that_lost_everything_is_begun_with_again") else {
        return;
    };
    let mut broker = Broker::start(&classpath, &chat_kafka::Options::default()).unwrap();
    let settings = settings(&format!("kafka://{}/chat", broker.address()));
    let (a, mut b) = (Node::up(&settings).await, Node::up(&settings).await);
    b.wire.subscribe(ROOM);
    delivers(&a, &mut b, "first").await;
    broker.kill();
    until("it is noticed and named", || {
        a.wire.health().is_err() && b.wire.health().is_err_and(|why| why.contains("refused"))
    })
    .await;
    while b.heard.try_recv().is_ok() {}
    // The topic is gone, and with it the places of the readers.
    broker.restart(true).unwrap();
    b.hears_missed(None).await;
    delivers(&a, &mut b, "second").await;
    until("both are up", || a.wire.health().is_ok() && b.wire.health().is_ok()).await;
    topic::forgets_in_time(&settings).await.unwrap();
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
