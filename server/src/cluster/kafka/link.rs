//! What all partitions of a wire share: the client, who follows what, what was missed, what is wrong. It starts a
//! reader and a writer for each partition and starts them again should they ever end.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rskafka::client::Client;
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::options::Settings;
use super::writer::{Outbox, Writer};
use super::{key, reader, topic};
use crate::cluster::Figures;
use crate::cluster::wire::{Heard, Topic};

/// No request may take longer; a broker that is frozen is found by it.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(5);
/// The first wait after a failure; it doubles up to [`MAX_WAIT`].
const MIN_WAIT: Duration = Duration::from_millis(100);
/// The longest wait after a failure: a broker that is back is found so soon.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How often the topic is looked at: whether it is there, and its number of partitions.
const LOOK: Duration = Duration::from_secs(60);
/// The same while something is wrong.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What was missed is gathered for so long, then told at once.
const GATHER: Duration = Duration::from_millis(50);
/// That anything may have been missed is told when all partitions are heard again, or after so long when some are not:
/// those that are must not wait for a broker that stays away.
const PARTLY: Duration = Duration::from_secs(10);
/// More topics than this, missed together, are told as one "of any".
const MANY: usize = 64;
/// Another node has made the topic and gives it its settings: it has so long.
const SETTLE: Duration = Duration::from_secs(3);

/// See the module.
pub(super) struct Link {
    pub settings: Settings,
    told: mpsc::Sender<Heard>,
    interest: RwLock<HashSet<Topic>>,
    /// Made when the number of partitions is known; one for each.
    outboxes: RwLock<Vec<Arc<Outbox>>>,
    client: tokio::sync::Mutex<(u64, Option<Arc<Client>>)>,
    missed: Mutex<Missed>,
    missed_some: Notify,
    faults: Mutex<Faults>,
    sent: AtomicU64,
    lost: AtomicU64,
    /// Clients made since the start.
    clients: AtomicU64,
    waiting: Arc<AtomicU64>,
}

#[derive(Default)]
struct Missed {
    /// Since when anything may have been.
    any: Option<Instant>,
    topics: HashSet<Topic>,
}

/// What finds faults, for [`Link::fault`] and [`Link::well`]: the link itself.
const LINK: usize = 0;

/// The reader of a partition.
fn reader_of(partition: usize) -> usize {
    1 + 2 * partition
}

/// The writer of a partition.
fn writer_of(partition: usize) -> usize {
    2 + 2 * partition
}

/// What is wrong, by who found it.
struct Faults {
    list: BTreeMap<usize, String>,
    since: Instant,
    /// Whether it was logged.
    said: bool,
}

impl Faults {
    fn add(&mut self, of: usize, why: &str) {
        if self.list.is_empty() {
            self.since = Instant::now();
        }
        self.list.insert(of, why.to_owned());
    }

    /// Whether every partition is heard.
    fn none_of_readers(&self) -> bool {
        self.list.keys().all(|of| *of != LINK && of % 2 == 0)
    }
}

/// Waits that grow.
pub(super) struct Backoff(Duration);

impl Backoff {
    pub fn new() -> Self {
        Self(MIN_WAIT)
    }

    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(MAX_WAIT);
    }

    /// It went well.
    pub fn reset(&mut self) {
        self.0 = MIN_WAIT;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub fn new(settings: Settings, told: mpsc::Sender<Heard>) -> Self {
        let faults =
            Faults { list: [(LINK, "not connected yet".to_owned())].into(), since: Instant::now(), said: false };
        Self {
            settings,
            told,
            interest: RwLock::default(),
            outboxes: RwLock::default(),
            client: tokio::sync::Mutex::default(),
            missed: Mutex::default(),
            missed_some: Notify::new(),
            faults: Mutex::new(faults),
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            waiting: Arc::default(),
        }
    }

    pub fn publish(&self, topic: Topic, bytes: Bytes) {
        let key = key::key(topic);
        let outboxes = self.outboxes.read().unwrap_or_else(PoisonError::into_inner);
        // Never connected yet: there is no partition to choose.
        let taken = match outboxes.len() {
            0 => false,
            n => outboxes[key::partition(&key, n)].put(key, bytes, Instant::now()),
        };
        if !taken {
            self.lose(1);
        }
    }

    pub fn follow(&self, topic: Topic) {
        self.interest.write().unwrap_or_else(PoisonError::into_inner).insert(topic);
        self.miss(Some(topic));
    }

    pub fn leave(&self, topic: Topic) {
        self.interest.write().unwrap_or_else(PoisonError::into_inner).remove(&topic);
    }

    pub fn follows(&self, topic: Topic) -> bool {
        self.interest.read().unwrap_or_else(PoisonError::into_inner).contains(&topic)
    }

    pub fn health(&self) -> Result<(), String> {
        let faults = locked(&self.faults);
        match faults.list.values().next() {
            None => Ok(()),
            Some(why) => Err(format!(
                "Kafka at {}: {why} (for {} s); other nodes hear of new messages only by reading the store until it is back",
                self.settings.brokers.join(","),
                faults.since.elapsed().as_secs(),
            )),
        }
    }

    pub fn figures(&self) -> Figures {
        Figures {
            published: self.sent.load(Ordering::Relaxed),
            dropped: self.lost.load(Ordering::Relaxed),
            reconnects: self.clients.load(Ordering::Relaxed).saturating_sub(1),
            ..Figures::default()
        }
    }

    pub fn sent(&self, n: u64) {
        self.sent.fetch_add(n, Ordering::Relaxed);
    }

    pub fn lose(&self, n: u64) {
        self.lost.fetch_add(n, Ordering::Relaxed);
    }

    /// Ends when everything queued was sent.
    pub async fn flushed(&self) {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Something may have been missed; told in a moment.
    pub fn miss(&self, topic: Option<Topic>) {
        let mut missed = locked(&self.missed);
        match topic {
            None => {
                missed.any.get_or_insert_with(Instant::now);
            }
            Some(topic) => drop(missed.topics.insert(topic)),
        }
        self.missed_some.notify_one();
    }

    /// Hands something on to the node; waits while it is busy. False: nobody listens any more.
    pub async fn tell(&self, heard: Heard) -> bool {
        self.told.send(heard).await.is_ok()
    }

    pub fn fault(&self, of: usize, why: &str) {
        let mut faults = locked(&self.faults);
        if !faults.said {
            faults.said = true;
            tracing::warn!(why, brokers = self.settings.brokers.join(","), "the wire over Kafka is down; trying again");
        }
        faults.add(of, why);
    }

    pub fn well(&self, of: usize) {
        let mut faults = locked(&self.faults);
        if faults.list.remove(&of).is_some() && faults.list.is_empty() {
            faults.said = false;
            tracing::info!(topic = self.settings.topic, "the wire over Kafka is up");
        }
        // What was missed may have waited for this.
        self.missed_some.notify_one();
    }

    /// The client, made if there is none; and its number, for [`Link::drop_client`].
    async fn client(&self) -> Result<(u64, Arc<Client>), String> {
        let mut held = self.client.lock().await;
        if let (number, Some(client)) = &*held {
            return Ok((*number, Arc::clone(client)));
        }
        match tokio::time::timeout(REQUEST_TIME, self.settings.client("chat-server")).await {
            Ok(Ok(client)) => {
                let client = Arc::new(client);
                self.clients.fetch_add(1, Ordering::Relaxed);
                *held = (held.0 + 1, Some(Arc::clone(&client)));
                Ok((held.0, client))
            }
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// Forgets a client whose connections may be dead; another one is made at need.
    pub async fn drop_client(&self, number: u64) {
        let mut held = self.client.lock().await;
        if held.0 == number {
            held.1 = None;
        }
    }

    /// A connection to whoever leads a partition, and the number of the client behind it.
    pub async fn partition(&self, partition: usize) -> Result<(u64, PartitionClient), String> {
        let (number, client) = self.client().await?;
        let id = i32::try_from(partition).map_err(|_| "too many partitions".to_owned())?;
        let made = client.partition_client(&self.settings.topic, id, UnknownTopicHandling::Error);
        let why = match tokio::time::timeout(REQUEST_TIME, made).await {
            Ok(Ok(made)) => return Ok((number, made)),
            Ok(Err(error)) => reason(&error),
            Err(_) => "no answer".to_owned(),
        };
        self.drop_client(number).await;
        Err(why)
    }

    /// Until `end`: finds the topic, starts what serves its partitions, starts it again when something ends or the
    /// number of partitions changes.
    pub async fn run(self: Arc<Self>, end: CancellationToken) {
        tokio::select! {
            () = end.cancelled() => {}
            () = self.tell_missed() => {}
            () = self.serve() => {}
        }
    }

    /// Tells what was missed, a little later, so that what comes together is told together.
    async fn tell_missed(&self) {
        loop {
            tokio::select! {
                () = self.missed_some.notified() => {}
                () = tokio::time::sleep(PARTLY) => {}
            }
            tokio::time::sleep(GATHER).await;
            for missed in self.missed_by(Instant::now()) {
                self.tell(Heard::Missed(missed)).await;
            }
        }
    }

    /// What is to be told now. A topic whose partition is not heard is forgotten: its reader, when it begins, says that
    /// anything may have been missed.
    fn missed_by(&self, now: Instant) -> Vec<Option<Topic>> {
        let partitions = self.outboxes.read().unwrap_or_else(PoisonError::into_inner).len();
        let (mut missed, faults) = (locked(&self.missed), locked(&self.faults));
        if let Some(since) = missed.any {
            if !faults.none_of_readers() && now.duration_since(since) < PARTLY {
                return Vec::new();
            }
            *missed = Missed::default();
            return vec![None];
        }
        let heard = |topic: &Topic| {
            let reader = reader_of(key::partition(&key::key(*topic), partitions));
            !faults.list.contains_key(&LINK) && !faults.list.contains_key(&reader)
        };
        let topics: Vec<_> = std::mem::take(&mut missed.topics).into_iter().filter(heard).collect();
        if topics.len() > MANY { vec![None] } else { topics.into_iter().map(Some).collect() }
    }

    async fn serve(self: &Arc<Self>) {
        let mut backoff = Backoff::new();
        let mut checked = false;
        loop {
            let found = match self.find_topic().await {
                Ok(found) => found,
                Err(why) => {
                    self.fault(LINK, &why);
                    backoff.wait().await;
                    continue;
                }
            };
            backoff.reset();
            let mut tasks = self.start(found.partitions);
            self.well(LINK);
            if !checked {
                checked = true;
                tokio::spawn(check_settings(self.settings.clone(), found.made));
            }
            self.watch(&mut tasks, found.partitions).await;
            // Dropped, the tasks end; what they had not sent is lost, what they had not read is missed.
        }
    }

    async fn find_topic(&self) -> Result<Found, String> {
        let (number, client) = self.client().await?;
        let asked = async {
            if let Some(partitions) = topic::partitions(&client, &self.settings.topic).await? {
                return Ok(Found { partitions, made: false });
            }
            let made = topic::make(&client, &self.settings).await?;
            if made {
                tracing::info!(topic = self.settings.topic, "made the topic in Kafka");
            }
            // The cluster may need a moment to know it.
            match topic::partitions(&client, &self.settings.topic).await? {
                Some(partitions) => Ok(Found { partitions, made }),
                None => Ok(Found { partitions: 0, made }),
            }
        };
        let why = match tokio::time::timeout(REQUEST_TIME, asked).await {
            Ok(Ok(found)) if found.made => {
                if let Err(why) = topic::forget_soon(&self.settings).await {
                    tracing::warn!(
                        why,
                        "the topic that was made keeps what passes for as long as the broker's default"
                    );
                }
                if found.partitions > 0 {
                    return Ok(found);
                }
                "the topic is being made".to_owned()
            }
            Ok(Ok(found)) if found.partitions > 0 => return Ok(found),
            Ok(Ok(_)) => "the topic is being made".to_owned(),
            Ok(Err(error)) => reason(&error),
            Err(_) => "no answer".to_owned(),
        };
        self.drop_client(number).await;
        Err(why)
    }

    fn start(self: &Arc<Self>, partitions: usize) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let mut outboxes = Vec::with_capacity(partitions);
        self.waiting.store(0, Ordering::SeqCst);
        for partition in 0..partitions {
            let outbox = Arc::new(Outbox::new(Arc::clone(&self.waiting)));
            outboxes.push(Arc::clone(&outbox));
            // Until each has said otherwise.
            for of in [reader_of(partition), writer_of(partition)] {
                locked(&self.faults).add(of, "connecting");
            }
            tasks.spawn(reader::run(Arc::clone(self), partition, reader_of(partition)));
            tasks.spawn(Writer::new(Arc::clone(self), partition, writer_of(partition), outbox).run());
        }
        let mut held = self.outboxes.write().unwrap_or_else(PoisonError::into_inner);
        for outbox in held.iter() {
            self.lose(outbox.give_up());
        }
        *held = outboxes;
        tasks
    }

    /// Returns when everything is to be started anew.
    async fn watch(&self, tasks: &mut JoinSet<()>, partitions: usize) {
        loop {
            let look = if self.health().is_ok() { LOOK } else { LOOK_AGAIN };
            tokio::select! {
                ended = tasks.join_next() => {
                    // They never end by themselves: one panicked within the client crate.
                    tracing::error!(?ended, "a part of the wire over Kafka has ended; all of it is started again");
                    break;
                }
                () = tokio::time::sleep(look) => {}
            }
            let Ok((_, client)) = self.client().await else { continue };
            let asked = tokio::time::timeout(REQUEST_TIME, topic::partitions(&client, &self.settings.topic)).await;
            if let Ok(Ok(now)) = asked
                && now != Some(partitions)
            {
                tracing::warn!(before = partitions, now = now.unwrap_or(0), "the topic in Kafka is another one now");
                break;
            }
        }
        let mut faults = locked(&self.faults);
        faults.list.clear();
        faults.add(LINK, "starting again");
    }
}

struct Found {
    partitions: usize,
    made: bool,
}

/// Warns, at each start, of a topic that keeps what passes for too long.
async fn check_settings(settings: Settings, made: bool) {
    let mut judged = topic::forgets_in_time(&settings).await;
    if judged.is_err() && !made {
        tokio::time::sleep(SETTLE).await;
        judged = topic::forgets_in_time(&settings).await;
    }
    if let Err(why) = judged {
        tracing::warn!(
            topic = settings.topic,
            "deleted and private messages stay readable in Kafka: {why}; as the topic's owner type: {}",
            topic::advice(&settings)
        );
    }
}

/// What a person needs to know of an error; the crate's own sentence repeats the request.
pub(super) fn reason(error: &rskafka::client::error::Error) -> String {
    use rskafka::client::error::Error;
    match error {
        Error::ServerError { protocol_error, error_message, .. } => match error_message {
            Some(message) => format!("{protocol_error}: {message}"),
            None => protocol_error.to_string(),
        },
        Error::RetryFailed(failed) => {
            // "Retry exceeded deadline. Source: …"
            let text = failed.to_string();
            text.split_once("Source: ").map_or(text.clone(), |(_, source)| source.to_owned())
        }
        other => other.to_string(),
    }
}
