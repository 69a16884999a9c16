//! What every wire between nodes must do, whatever the broker: one suite, run over each of them.
//!
//! ```ignore
//! wire_contract!(|needs, test| async move { MyBroker::for_test(needs, test).await });
//! ```
//!
//! The closure gives a broker, or `None` after noting that the test is left out for want of one. A broker of its own
//! ([`Needs::Own`]) is one that the test may kill and freeze; a shared one must not be, and its ends must not meet those
//! of another test (a prefix, a topic of its own).

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chat_common::UserId;
use tokio::sync::mpsc;

use super::envelope::MAX_FRAME;
use super::wire::{Heard, Topic, Wire};
use crate::storage::RoomId;

/// Anything happens within this, or does not happen.
const SOON: Duration = Duration::from_secs(60);
/// What `publish` may take, with a broker that is away, too. Generous: the machine of a test is busy.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What a test does to its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Only uses it.
    Shared,
    /// Kills, freezes and restarts it.
    Own,
    /// As before, and it must not run yet.
    Away,
}

/// A broker in a test's hands.
#[async_trait]
pub trait Broker: Send {
    /// A node's end, connecting by itself.
    fn wire(&self) -> (Arc<dyn Wire>, mpsc::Receiver<Heard>);
    /// How to reach it, for whoever reads a failure.
    fn url(&self) -> String;
    /// Whether a topic's frames come in the order they were sent in while nothing goes wrong.
    fn keeps_order(&self) -> bool {
        true
    }
    /// How long until its end says that a frozen broker is away.
    fn noticed_within(&self) -> Duration;
    /// Starts it again at the same place; it has forgotten nothing that it would not forget in earnest.
    async fn start(&mut self);
    /// Kills it, as a power cut would.
    async fn stop(&mut self);
    /// Stops it from running (SIGSTOP): connections stay open and nothing is answered.
    fn freeze(&self);
    /// Lets it run on.
    fn thaw(&self);
}

/// A node's end in a test.
struct End {
    wire: Arc<dyn Wire>,
    heard: mpsc::Receiver<Heard>,
}

impl End {
    fn of(broker: &dyn Broker) -> Self {
        let (wire, heard) = broker.wire();
        Self { wire, heard }
    }

    async fn next(&mut self, what: &str) -> Heard {
        let next = tokio::time::timeout(SOON, self.heard.recv()).await;
        next.unwrap_or_else(|_| panic!("waited for {what}")).expect("the wire lives")
    }

    /// Follows a topic and waits until that holds. What is told of the connection itself comes before that and must not
    /// be taken for it.
    async fn follow(&mut self, topic: Topic) {
        self.healthy(true, SOON).await;
        while self.heard.try_recv().is_ok() {}
        self.wire.subscribe(topic);
        loop {
            match self.next("the subscription to hold").await {
                Heard::Missed(Some(of)) if of == topic => return,
                Heard::Missed(None) => return,
                _ => {}
            }
        }
    }

    /// Everything of a topic up to the frame `last`; what was missed is passed over.
    async fn until(&mut self, topic: Topic, last: &[u8]) -> Vec<Bytes> {
        let mut all = Vec::new();
        loop {
            if let Heard::Bytes(of, bytes) = self.next("a frame").await {
                assert_eq!(of, topic);
                all.push(bytes);
                if all.last().is_some_and(|bytes| bytes == last) {
                    return all;
                }
            }
        }
    }

    /// Everything comes, on a good day in order and once.
    async fn hears_all(&mut self, broker: &dyn Broker, topic: Topic, expected: Vec<Bytes>) {
        if broker.keeps_order() {
            let all = self.until(topic, expected.last().expect("something")).await;
            assert!(all == expected, "{} of {} came, each once and in order", all.len(), expected.len());
            return;
        }
        let mut missing: std::collections::HashSet<_> = expected.into_iter().collect();
        while !missing.is_empty() {
            if let Heard::Bytes(_, bytes) = self.next("the rest of the frames").await {
                missing.remove(&bytes);
            }
        }
    }

    async fn missed_everything(&mut self) {
        while self.next("to be told that everything may have been missed").await != Heard::Missed(None) {}
    }

    fn publish(&self, topic: Topic, bytes: impl Into<Bytes>) {
        let began = Instant::now();
        self.wire.publish(topic, bytes.into());
        assert!(began.elapsed() < AT_ONCE, "publishing waited");
    }

    async fn healthy(&self, healthy: bool, within: Duration) {
        let wait = async {
            while self.wire.health().is_ok() != healthy {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(within, wait).await.is_ok();
        assert!(in_time, "health is {:?} after {within:?}", self.wire.health());
    }
}

/// What goes out while one of the ends still connects is lost, as it may be.
async fn say_until_heard(from: &End, topic: Topic, to: &mut End, what: &'static [u8]) {
    let said = async {
        loop {
            from.publish(topic, what);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        _ = to.until_any(what) => {}
        () = said => {}
    }
}

fn room(id: i64) -> Topic {
    Topic::Room(RoomId(id))
}

pub async fn followers_hear_and_others_do_not(broker: Box<dyn Broker>) {
    let (mut one, mut two, mut three) = (End::of(&*broker), End::of(&*broker), End::of(&*broker));
    let user = Topic::User(UserId::from_bits(u64::MAX));
    one.follow(Topic::All).await;
    for topic in [Topic::All, room(1), user, Topic::Relay] {
        two.follow(topic).await;
    }
    three.follow(room(-2)).await;
    for topic in [Topic::All, room(1), user, Topic::Relay, room(-2)] {
        one.publish(topic, format!("to {topic:?}"));
        let hears = if topic == room(-2) { &mut three } else { &mut two };
        let last = format!("to {topic:?}");
        assert_eq!(hears.until(topic, last.as_bytes()).await, [last.as_bytes()]);
    }
    // What it did not follow did not come before what it follows now.
    one.publish(room(-2), "end");
    assert_eq!(three.until(room(-2), b"end").await, ["end"]);
    // One's own may come back, and nothing but that.
    one.publish(Topic::All, "last");
    two.until(Topic::All, b"last").await;
    while let Ok(heard) = one.heard.try_recv() {
        assert!(matches!(heard, Heard::Missed(_) | Heard::Bytes(Topic::All, _)), "{heard:?}");
    }
}

pub async fn a_topic_given_up_is_not_heard_any_more(broker: Box<dyn Broker>) {
    let (one, mut two) = (End::of(&*broker), End::of(&*broker));
    two.follow(room(1)).await;
    two.follow(room(2)).await;
    one.healthy(true, SOON).await;
    one.publish(room(1), "heard");
    two.until(room(1), b"heard").await;
    two.wire.unsubscribe(room(1));
    // From about now on: so it is asked again until it holds.
    let mut round = 0;
    loop {
        round += 1;
        one.publish(room(1), format!("unheard {round}"));
        one.publish(room(2), format!("end {round}"));
        let mut leaked = false;
        loop {
            match two.next("the other room").await {
                Heard::Bytes(of, _) if of == room(1) => leaked = true,
                Heard::Bytes(_, bytes) if *bytes == *format!("end {round}").as_bytes() => break,
                _ => {}
            }
        }
        if !leaked {
            break;
        }
        assert!(round < 1_000, "the topic is still heard");
    }
    two.follow(room(1)).await;
    one.publish(room(1), "again");
    assert_eq!(two.until_any(b"again").await, "again");
}

impl End {
    /// The frame, whatever comes before it.
    async fn until_any(&mut self, last: &'static [u8]) -> Bytes {
        loop {
            if let Heard::Bytes(_, bytes) = self.next("a frame").await
                && bytes == last
            {
                return bytes;
            }
        }
    }
}

pub async fn nothing_is_lost_once_a_subscription_holds(broker: Box<dyn Broker>) {
    const FRAMES: u32 = 2_000;
    let (one, mut two) = (End::of(&*broker), End::of(&*broker));
    one.healthy(true, SOON).await;
    two.follow(room(7)).await;
    // With what others would send meanwhile.
    for n in 0..FRAMES {
        one.publish(room(7), n.to_be_bytes().to_vec());
        one.publish(room(8), n.to_be_bytes().to_vec());
        if n % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let expected: Vec<_> = (0..FRAMES).map(|n| Bytes::copy_from_slice(&n.to_be_bytes())).collect();
    two.hears_all(&*broker, room(7), expected).await;
    // A broker hands a frame on before it tells the sender that it has it.
    let began = Instant::now();
    while one.wire.figures().published < u64::from(FRAMES) * 2 && began.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let figures = one.wire.figures();
    assert_eq!((figures.published, figures.dropped), (u64::from(FRAMES) * 2, 0));
}

pub async fn the_largest_frame_arrives_whole(broker: Box<dyn Broker>) {
    let (one, mut two) = (End::of(&*broker), End::of(&*broker));
    one.healthy(true, SOON).await;
    two.follow(room(1)).await;
    let large: Vec<u8> = (0..MAX_FRAME).map(|n| (n % 251) as u8).collect();
    one.publish(room(1), large.clone());
    one.publish(room(1), Bytes::new());
    one.publish(room(1), "end");
    let all = two.until(room(1), b"end").await;
    assert!(all[0] == large, "the largest frame was changed");
    assert_eq!(all[1..], ["", "end"]);
}

pub async fn a_broker_that_was_killed_is_come_back_to(mut broker: Box<dyn Broker>) {
    let (mut one, mut two) = (End::of(&*broker), End::of(&*broker));
    one.follow(Topic::All).await;
    two.follow(room(1)).await;
    for round in 0..2 {
        one.publish(room(1), format!("before {round}"));
        two.until(room(1), format!("before {round}").as_bytes()).await;
        broker.stop().await;
        one.healthy(false, SOON).await;
        let why = one.wire.health().unwrap_err();
        assert!(!why.is_empty() && !why.contains("secret"), "{why}");
        for n in 0..100 {
            one.publish(room(1), format!("lost {n}"));
        }
        // Asked for while it is away.
        two.wire.subscribe(room(2 + round));
        broker.start().await;
        one.missed_everything().await;
        two.missed_everything().await;
        one.healthy(true, SOON).await;
        say_until_heard(&one, room(2 + round), &mut two, b"after").await;
    }
    assert!(one.wire.figures().reconnects >= 2, "{:?} at {}", one.wire.figures(), broker.url());
}

pub async fn a_frozen_broker_is_noticed_and_what_waits_for_it_is_bounded(broker: Box<dyn Broker>) {
    let (mut one, mut two) = (End::of(&*broker), End::of(&*broker));
    one.follow(Topic::All).await;
    two.follow(room(1)).await;
    broker.freeze();
    let frame = Bytes::from(vec![b'x'; 64 * 1024]);
    for _ in 0..4_000 {
        one.publish(room(1), frame.clone());
    }
    one.healthy(false, broker.noticed_within()).await;
    two.healthy(false, SOON).await;
    assert!(one.wire.figures().dropped > 0, "256 MB were taken for a broker that does not move");
    broker.thaw();
    // Who had not given up the connection yet goes on with it and has missed nothing; who had, connects again.
    say_until_heard(&one, room(1), &mut two, b"after").await;
    one.healthy(true, SOON).await;
}

pub async fn a_broker_that_is_away_at_the_start_is_waited_for(mut broker: Box<dyn Broker>) {
    let (one, mut two) = (End::of(&*broker), End::of(&*broker));
    assert!(one.wire.health().is_err());
    two.wire.subscribe(room(1));
    one.publish(room(1), "lost");
    broker.start().await;
    two.missed_everything().await;
    one.healthy(true, SOON).await;
    one.publish(room(1), "heard");
    two.until_any(b"heard").await;
}

pub async fn closing_sends_what_waits(broker: Box<dyn Broker>) {
    let (one, mut two) = (End::of(&*broker), End::of(&*broker));
    one.healthy(true, SOON).await;
    two.follow(room(1)).await;
    for n in 0..500 {
        one.publish(room(1), format!("{n}"));
    }
    tokio::time::timeout(SOON, one.wire.close()).await.expect("closing ends");
    let expected = (0..500).map(|n| Bytes::from(n.to_string())).collect();
    two.hears_all(&*broker, room(1), expected).await;
    one.publish(room(1), "after the end");
}

pub async fn closing_does_not_wait_for_a_broker_that_is_away(broker: Box<dyn Broker>) {
    let (one, _heard) = broker.wire();
    one.publish(room(1), "lost".into());
    tokio::time::timeout(Duration::from_secs(5), one.close()).await.expect("closing ends");
}

/// One test for each property.
macro_rules! wire_contract {
    ($make:expr) => {
        $crate::cluster::contract::wire_contract! { @each $make,
            Shared: followers_hear_and_others_do_not,
            Shared: a_topic_given_up_is_not_heard_any_more,
            Shared: nothing_is_lost_once_a_subscription_holds,
            Shared: the_largest_frame_arrives_whole,
            Own: a_broker_that_was_killed_is_come_back_to,
            Own: a_frozen_broker_is_noticed_and_what_waits_for_it_is_bounded,
            Away: a_broker_that_is_away_at_the_start_is_waited_for,
            Shared: closing_sends_what_waits,
            Away: closing_does_not_wait_for_a_broker_that_is_away,
        }
    };
    (@each $make:expr, $($needs:ident: $test:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let make = $make;
            let broker = make($crate::cluster::contract::Needs::$needs, stringify!($test)).await;
            if let Some(broker) = broker {
                $crate::cluster::contract::$test(Box::new(broker)).await;
            }
        })*
    };
}
pub(crate) use wire_contract;
