//! The feed for other systems: follows the logs of all public rooms and hands every entry on, in the order of its room
//! and at least once. Its place stands in the store, so it goes on where it was, on whichever node.
//!
//! One node is at it at a time, by a lease in the store. The chat never waits for it: a broker that is away only makes
//! the feed late. `docs/feed.md` is the contract with those who read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chat_common::Epoch;
use chat_common::event::Entry;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::cluster::kafka::sink::Sink;
use crate::cluster::tap::Stir;
use crate::service::lead::{Lead, RENEW};
use crate::storage::{FeedRoom, Led, NodeId, RoomId, Store, StoreError, StoreResult};

/// Rooms looked at in one go.
const ROOMS: u32 = 64;
/// Entries of one room sent together, at the most.
const ENTRIES: u32 = 200;
/// The same in bytes; a single entry is smaller than this.
const BYTES: usize = 256 * 1024;
/// The store is asked so often even when nobody says that something is new.
const POLL: Duration = Duration::from_secs(1);
/// What comes together is sent together.
const GATHER: Duration = Duration::from_millis(20);
/// One sending may take so long; with [`RENEW`] it stays well within the lease.
const SEND_TIME: Duration = Duration::from_secs(10);
/// The waits after a failure double from the first to the second.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// A node that has not got through for so long lets another one try.
const GIVE_UP: Duration = Duration::from_secs(30);

/// Where the feed goes.
#[async_trait]
pub trait Out: Send + Sync {
    /// Stores records of one room behind each other; `Ok` when they are safe there.
    async fn send(&mut self, key: &str, values: Vec<Bytes>) -> Result<(), String>;
}

#[async_trait]
impl Out for Sink {
    async fn send(&mut self, key: &str, values: Vec<Bytes>) -> Result<(), String> {
        Self::send(self, key.as_bytes(), values).await.map_err(|why| format!("Kafka: {why}"))
    }
}

/// What the feed hands on.
#[derive(Serialize)]
struct Record<'a> {
    /// Of this format; grows when a reader would have to know.
    v: u32,
    epoch: &'a Epoch,
    room_id: i64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// How the feed is doing; a handle.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    leading: bool,
    lag: u64,
    sent: u64,
    fault: Option<(String, Instant)>,
}

/// What `/metrics` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Whether this node is at it.
    pub leading: bool,
    /// Entries of public rooms that the feed does not have; 0 on nodes that are not at it.
    pub lag: u64,
    /// Entries that this node has handed on since its start.
    pub sent: u64,
}

impl Status {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For `/metrics`.
    pub fn figures(&self) -> Figures {
        let state = self.state();
        Figures { leading: state.leading, lag: if state.leading { state.lag } else { 0 }, sent: state.sent }
    }

    /// For `/readyz`: `ok`, or what is wrong.
    pub fn describe(&self) -> String {
        let state = self.state();
        match (&state.fault, state.leading) {
            (Some((why, since)), _) => {
                format!("{} entries behind for {} s: {why}", state.lag, since.elapsed().as_secs())
            }
            (None, true) => "ok".to_owned(),
            (None, false) => "ok; another node is at it".to_owned(),
        }
    }

    fn fault(&self, why: String) {
        let mut state = self.state();
        match &mut state.fault {
            Some((said, _)) => *said = why,
            None => {
                tracing::warn!(why, "the feed is held up; the chat goes on, the feed catches up later");
                state.fault = Some((why, Instant::now()));
            }
        }
    }

    fn well(&self) {
        if self.state().fault.take().is_some() {
            tracing::info!("the feed goes on");
        }
    }

    fn failing_for(&self) -> Duration {
        self.state().fault.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }
}

/// What the feed works with.
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Where it goes.
    pub out: Box<dyn Out>,
    /// This run of this server; where no other process can have the store, one that never changes.
    pub node: NodeId,
    /// Told when something may be new.
    pub stirs: broadcast::Receiver<Stir>,
    /// When to let go.
    pub drain: CancellationToken,
    /// Where it says how it is doing.
    pub status: Status,
}

/// Why a room was left for now.
enum Halt {
    Store(StoreError),
    Out(String),
    /// Another node is at it.
    Ousted,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

struct Follower {
    store: Arc<dyn Store>,
    epoch: Epoch,
    out: Box<dyn Out>,
    lead: Lead,
    status: Status,
}

/// Follows until `drain`; then gives the lease up and returns.
pub async fn run(parts: Parts) {
    let Parts { store, out, node, mut stirs, drain, status } = parts;
    let epoch = store.epoch();
    let mut follower = Follower { store, epoch, out, lead: Lead::new(Led::Feed, Some(node)), status };
    let mut wait = WAIT.0;
    while !drain.is_cancelled() {
        let pause = match follower.round(&drain).await {
            Ok(()) => {
                follower.status.well();
                wait = WAIT.0;
                None
            }
            Err(Halt::Ousted) => Some(RENEW),
            Err(Halt::Out(why)) => {
                follower.status.fault(why);
                // At most once a second or so, and the lag is part of what is said.
                follower.measure().await;
                if follower.status.failing_for() > GIVE_UP { Some(follower.give_up().await) } else { Some(wait) }
            }
            Err(Halt::Store(error)) => {
                follower.status.fault(error.to_string());
                Some(wait)
            }
        };
        if let Some(pause) = pause {
            wait = (wait * 2).min(WAIT.1);
            sleep(pause, &drain).await;
        } else {
            follower.measure().await;
            stirred(&mut stirs, &drain).await;
        }
    }
    follower.give_up().await;
}

async fn sleep(time: Duration, drain: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = drain.cancelled() => {}
    }
}

/// Waits until something may be new.
async fn stirred(stirs: &mut broadcast::Receiver<Stir>, drain: &CancellationToken) {
    let news = async {
        loop {
            match stirs.recv().await {
                Ok(Stir::Authority) => {}
                // Missed some, or the bus has ended: the poll is enough.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                _ => break,
            }
        }
        tokio::time::sleep(GATHER).await;
        while !matches!(
            stirs.try_recv(),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed)
        ) {}
    };
    tokio::select! {
        () = news => {}
        () = tokio::time::sleep(POLL) => {}
        () = drain.cancelled() => {}
    }
}

impl Follower {
    /// Brings the feed up to date with every room; returns when there is nothing left.
    async fn round(&mut self, drain: &CancellationToken) -> Result<(), Halt> {
        let mut after = RoomId(0);
        let mut found_any = false;
        while !drain.is_cancelled() {
            self.lead().await?;
            let rooms = self.store.feed_pending(after, ROOMS).await?;
            match rooms.last() {
                Some(last) => after = last.room,
                None if found_any => {
                    // Again from the first: meanwhile there may be more.
                    (after, found_any) = (RoomId(0), false);
                    continue;
                }
                None => return Ok(()),
            }
            for room in rooms {
                if drain.is_cancelled() {
                    break;
                }
                self.lead().await?;
                found_any |= self.feed(room).await?;
            }
        }
        Ok(())
    }

    /// Sees that this node is the one that is at it.
    async fn lead(&mut self) -> Result<(), Halt> {
        let leading = self.lead.hold(&*self.store).await?;
        self.status.state().leading = leading;
        if leading { Ok(()) } else { Err(Halt::Ousted) }
    }

    /// Hands the next entries of a room on; false: there was nothing to hand on after all.
    async fn feed(&mut self, room: FeedRoom) -> Result<bool, Halt> {
        let entries = self.store.entries(room.room, room.fed, ENTRIES).await?;
        // Asked after the entries were read: had the room been private in between, its place would be another one.
        if !self.store.feed_holds(room.room, room.fed).await? {
            return Ok(false);
        }
        let mut to = room.head;
        let mut values = Vec::with_capacity(entries.len());
        let mut bytes = 0;
        for entry in &entries {
            let value = self.record(room.room, entry)?;
            bytes += value.len();
            if bytes > BYTES && !values.is_empty() {
                break;
            }
            to = entry.seq;
            values.push(value);
        }
        let count = values.len();
        if let Some(first) = entries.first() {
            match tokio::time::timeout(SEND_TIME, self.out.send(first.room.as_str(), values)).await {
                Ok(sent) => sent.map_err(Halt::Out)?,
                Err(_) => return Err(Halt::Out("no answer".to_owned())),
            }
        }
        // No entries at all: what was there up to the head is gone.
        let moved = self.store.feed_advance(room.room, room.fed, to).await?;
        self.status.state().sent += u64::try_from(count).unwrap_or_default();
        self.status.well();
        Ok(moved)
    }

    fn record(&self, room: RoomId, entry: &Entry) -> StoreResult<Bytes> {
        let record = Record { v: 1, epoch: &self.epoch, room_id: room.0, entry };
        let json = serde_json::to_vec(&record).map_err(|_| StoreError::Internal("an entry is no JSON".to_owned()))?;
        Ok(json.into())
    }

    /// Lets another node have it; gives how long to keep away.
    async fn give_up(&mut self) -> Duration {
        self.lead.give_up(&*self.store).await;
        self.status.state().leading = false;
        RENEW * 2
    }

    async fn measure(&self) {
        // A store that is away has no figure; the one from before stays.
        if let Ok(lag) = self.store.feed_lag().await {
            self.status.state().lag = lag;
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_common::Seq;
    use chat_common::clock::ManualClock;
    use chat_common::model::RoomKind;
    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::storage::contract::{make_room, room, send, start, user};
    use crate::storage::sqlite::{SqliteOptions, SqliteStore};

    type Got = Arc<Mutex<Vec<(String, Value)>>>;

    /// Takes everything unless told to fail; with `repeat` it takes it and fails all the same.
    #[derive(Clone, Default)]
    struct Pot {
        got: Got,
        failing: Arc<Mutex<u32>>,
        repeat: bool,
    }

    #[async_trait]
    impl Out for Pot {
        async fn send(&mut self, key: &str, values: Vec<Bytes>) -> Result<(), String> {
            let fails = {
                let mut left = self.failing.lock().unwrap();
                let fails = *left > 0;
                *left = left.saturating_sub(1);
                fails
            };
            if !fails || self.repeat {
                let read = |v: &Bytes| (key.to_owned(), serde_json::from_slice(v).unwrap());
                self.got.lock().unwrap().extend(values.iter().map(read));
            }
            if fails { Err("away".to_owned()) } else { Ok(()) }
        }
    }

    struct Fed {
        store: Arc<dyn Store>,
        pot: Pot,
        status: Status,
        drain: CancellationToken,
        stirs: broadcast::Sender<Stir>,
        _dir: TempDir,
    }

    impl Fed {
        fn new(pot: Pot) -> Self {
            let dir = TempDir::new().unwrap();
            let options = SqliteOptions::new(dir.path().join("chat.db"));
            let store: Arc<dyn Store> =
                Arc::new(SqliteStore::open(options, Arc::new(ManualClock::at(start()))).unwrap());
            let (stirs, _) = broadcast::channel(8);
            Self { store, pot, status: Status::default(), drain: CancellationToken::new(), stirs, _dir: dir }
        }

        fn follow(&self, node: u64) -> tokio::task::JoinHandle<()> {
            tokio::spawn(run(Parts {
                store: Arc::clone(&self.store),
                out: Box::new(self.pot.clone()),
                node: NodeId(node),
                stirs: self.stirs.subscribe(),
                drain: self.drain.clone(),
                status: self.status.clone(),
            }))
        }

        async fn caught_up(&self) {
            let deadline = Instant::now() + Duration::from_secs(30);
            while self.store.feed_lag().await.unwrap() > 0 {
                assert!(Instant::now() < deadline, "{}", self.status.describe());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }

        fn seqs(&self, of: &str) -> Vec<u64> {
            let got = self.pot.got.lock().unwrap();
            got.iter().filter(|(key, _)| key == of).map(|(_, v)| v["seq"].as_u64().unwrap()).collect()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_entry_of_public_rooms_is_told_in_order_and_nothing_else() {
        let fed = Fed::new(Pot::default());
        let ana = user(&fed.store, "ana").await;
        let secret = make_room(&fed.store, ana, "secret", RoomKind::Private).await;
        for n in 0..450 {
            send(&fed.store, ana, &room("lobby"), &format!("k{n}"), "hello").await;
        }
        send(&fed.store, ana, &secret, "s", "not for others").await;
        fed.store.edit(ana, &room("lobby"), Seq(2), "better".into(), vec![], start()).await.unwrap();
        fed.store.delete(ana, &room("lobby"), Seq(1), start()).await.unwrap();
        let task = fed.follow(1);
        fed.caught_up().await;
        send(&fed.store, ana, &room("lobby"), "late", "late").await;
        fed.stirs.send(Stir::Any).unwrap();
        fed.caught_up().await;
        assert_eq!(fed.seqs("lobby"), (1..=453).collect::<Vec<_>>());
        assert_eq!(fed.seqs("secret"), [0u64; 0]);
        let got = fed.pot.got.lock().unwrap().clone();
        assert_eq!((&got[0].1["text"], &got[0].1["superseded_by"]), (&Value::Null, &452.into()), "the deleted text");
        assert_eq!(got[450].1["event"], "message:edited");
        assert_eq!(got[450].1["text"], "better");
        assert_eq!((&got[0].1["v"], &got[0].1["epoch"]), (&1.into(), &fed.store.epoch().0.into()));
        assert!(got[0].1["room_id"].is_i64());
        fed.drain.cancel();
        task.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_fails_is_sent_again_and_nothing_is_left_out() {
        for repeat in [false, true] {
            let fed = Fed::new(Pot { failing: Arc::new(Mutex::new(3)), repeat, ..Pot::default() });
            let ana = user(&fed.store, "ana").await;
            for n in 0..5 {
                send(&fed.store, ana, &room("lobby"), &format!("k{n}"), "hello").await;
            }
            let task = fed.follow(1);
            fed.caught_up().await;
            let mut told = Vec::new();
            for seq in fed.seqs("lobby") {
                if told.last().is_none_or(|last| seq > *last) {
                    told.push(seq);
                }
            }
            assert_eq!(told, [1, 2, 3, 4, 5], "as a reader sees it that drops repeats");
            assert_eq!(fed.seqs("lobby").len(), if repeat { 20 } else { 5 });
            fed.drain.cancel();
            task.await.unwrap();
            assert_eq!(fed.status.figures().sent, 5);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_node_goes_on_when_one_lets_go() {
        let fed = Fed::new(Pot::default());
        let ana = user(&fed.store, "ana").await;
        assert!(fed.store.lead(Led::Feed, NodeId(7), Duration::from_secs(30)).await.unwrap());
        send(&fed.store, ana, &room("lobby"), "a", "hello").await;
        let task = fed.follow(1);
        let deadline = Instant::now() + Duration::from_secs(10);
        while fed.status.describe() != "ok; another node is at it" {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(fed.seqs("lobby"), [0u64; 0]);
        assert!(fed.store.lead(Led::Feed, NodeId(7), Duration::ZERO).await.unwrap());
        fed.caught_up().await;
        fed.drain.cancel();
        task.await.unwrap();
        assert!(
            fed.store.lead(Led::Feed, NodeId(8), Duration::from_secs(30)).await.unwrap(),
            "it was given up at the end"
        );
    }
}
