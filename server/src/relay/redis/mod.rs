//! The Redis shared with Node servers: connects, and connects again for ever; puts out what is queued; hands in what
//! comes. What the bytes mean is `wire`'s and `answer`'s. While Redis is away nothing here holds up this node.

mod answer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Msg, RedisError};
use tokio::sync::mpsc;

use super::Core;
use super::wire::{Nsp, To};

/// The channels' prefix, the classic adapter's default key.
const PREFIX: &str = "socket.io";
/// Where nodes of ours speak among themselves; no Node server listens there.
const NOTES: &str = "socket.io-chat-server-relay#";
/// Messages and bytes waiting to go out; with more, they are dropped: the others miss events, which they would anyway.
const QUEUE: (usize, usize) = (4_096, 32 * 1024 * 1024);
/// Messages put out in one round trip.
const BATCH: usize = 128;
/// One round trip.
const ANSWER: Duration = Duration::from_secs(5);
/// Redis is asked whether it lives so often while it says nothing; also what finds a connection that died silently.
const PING: Duration = Duration::from_secs(10);
/// Between two tries, growing.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A message on its way out.
struct Publish {
    channel: String,
    payload: Vec<u8>,
}

/// Where the relay puts what others are to hear. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line(Arc<Shared>);

struct Shared {
    queue: mpsc::Sender<Publish>,
    bytes: AtomicUsize,
    up: AtomicBool,
    lost: AtomicUsize,
}

impl Line {
    /// The line, and what its task takes from.
    fn new() -> (Self, mpsc::Receiver<Publish>) {
        let (queue, waiting) = mpsc::channel(QUEUE.0);
        let shared =
            Shared { queue, bytes: AtomicUsize::new(0), up: AtomicBool::new(false), lost: AtomicUsize::new(0) };
        (Self(Arc::new(shared)), waiting)
    }

    fn publish(&self, channel: String, payload: Vec<u8>) {
        let size = payload.len();
        let full = self.0.bytes.load(Ordering::Relaxed) + size > QUEUE.1;
        if full || self.0.queue.try_send(Publish { channel, payload }).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.0.bytes.fetch_add(size, Ordering::Relaxed);
    }

    /// For one room there is a channel of its own, so that servers without it need not decode.
    pub(super) fn broadcast(&self, nsp: Nsp, to: &To, payload: Vec<u8>) {
        let channel = match to.rooms.as_slice() {
            [room] => format!("{PREFIX}#{}#{room}#", nsp.path()),
            _ => format!("{PREFIX}#{}#", nsp.path()),
        };
        self.publish(channel, payload);
    }

    /// For nodes of ours alone.
    pub(super) fn note(&self, payload: Vec<u8>) {
        self.publish(NOTES.to_owned(), payload);
    }

    /// Every Node server reads the answers' common channel, whether its own are specific or not.
    fn answer(&self, nsp: Nsp, payload: Vec<u8>) {
        self.publish(format!("{PREFIX}-response#{}#", nsp.path()), payload);
    }

    /// Whether Redis answers.
    pub(super) fn is_up(&self) -> bool {
        self.0.up.load(Ordering::Relaxed)
    }
}

/// What the task needs to begin.
pub(super) struct Task {
    client: Client,
    waiting: mpsc::Receiver<Publish>,
    line: Line,
}

/// Reads the URL; nothing is connected yet.
pub(super) fn open(url: &url::Url) -> Result<(Line, Task), String> {
    let client = Client::open(url.clone()).map_err(|e| format!("--relay-redis: {}", plain(&e)))?;
    let (line, waiting) = Line::new();
    Ok((line.clone(), Task { client, waiting, line }))
}

/// An error without the address in it, which may hold a password.
fn plain(error: &RedisError) -> String {
    error.detail().map_or_else(|| format!("{:?}", error.kind()), str::to_owned)
}

impl Task {
    /// Runs for ever.
    pub(super) async fn run(mut self, core: Arc<Core>) {
        let mut pause = BACKOFF.0;
        let mut said = false;
        loop {
            match connect(&self.client).await {
                Ok((events, connection)) => {
                    tracing::info!("the relay shares its rooms over Redis");
                    self.line.0.up.store(true, Ordering::Relaxed);
                    core.share.say(&core.uid, super::events::roster::Say::Hello);
                    (pause, said) = (BACKOFF.0, false);
                    let error = self.live(&core, events, connection).await;
                    self.line.0.up.store(false, Ordering::Relaxed);
                    tracing::warn!(
                        error = plain(&error),
                        "the relay's Redis is gone; this node's clients go on alone until it is back"
                    );
                }
                Err(error) if !said => {
                    said = true;
                    tracing::warn!(
                        error = plain(&error),
                        "the relay's Redis cannot be reached; trying on. This node's clients go on alone"
                    );
                }
                Err(_) => {}
            }
            let until = tokio::time::Instant::now() + pause;
            // What cannot go out is not kept for later: an old event would surprise whoever hears it.
            while let Ok(Some(publish)) = tokio::time::timeout_at(until, self.waiting.recv()).await {
                self.line.0.bytes.fetch_sub(publish.payload.len(), Ordering::Relaxed);
                self.line.0.lost.fetch_add(1, Ordering::Relaxed);
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// Until the connection breaks.
    async fn live(&mut self, core: &Arc<Core>, events: PubSub, mut connection: MultiplexedConnection) -> RedisError {
        let (mut sink, mut stream) = events.split();
        let mut beat = tokio::time::interval(PING);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.take(core, &message),
                    None => return RedisError::from((redis::ErrorKind::Io, "closed", "the connection was closed".to_owned())),
                },
                Some(first) = self.waiting.recv() => {
                    if let Err(error) = self.put(&mut connection, first).await {
                        return error;
                    }
                }
                _ = beat.tick() => {
                    let alive = tokio::time::timeout(ANSWER, sink.ping::<redis::Value>()).await;
                    match alive {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => return error,
                        Err(_) => return RedisError::from((redis::ErrorKind::Io, "timeout", "no answer within 5 s".to_owned())),
                    }
                    let lost = self.line.0.lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        tracing::warn!(lost, "events of the relay did not reach Redis");
                    }
                }
            }
        }
    }

    /// Puts out what waits, in one round trip.
    async fn put(&mut self, connection: &mut MultiplexedConnection, first: Publish) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        let (mut next, mut bytes) = (Some(first), 0);
        for _ in 0..BATCH {
            let Some(Publish { channel, payload }) = next else { break };
            bytes += payload.len();
            pipe.cmd("PUBLISH").arg(channel).arg(payload).ignore();
            next = if bytes < 1024 * 1024 { self.waiting.try_recv().ok() } else { None };
        }
        if let Some(left) = next {
            // Taken from the queue but not put: one more command does no harm.
            bytes += left.payload.len();
            pipe.cmd("PUBLISH").arg(left.channel).arg(left.payload).ignore();
        }
        self.line.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
        pipe.query_async(connection).await
    }

    fn take(&self, core: &Arc<Core>, message: &Msg) {
        let channel = message.get_channel_name();
        let payload = message.get_payload_bytes();
        if channel == NOTES {
            return super::share::heard(core, payload);
        }
        for nsp in Nsp::ALL {
            let path = nsp.path();
            if let Some(room) = channel.strip_prefix(&format!("{PREFIX}#{path}#")) {
                let room = room.strip_suffix('#').unwrap_or(room);
                if room.is_empty() || core.hub.has_room(nsp, room) {
                    super::share::heard(core, payload);
                }
                return;
            }
            if channel == format!("{PREFIX}-request#{path}#") {
                return answer::request(core, &self.line, nsp, payload);
            }
        }
    }
}

async fn connect(client: &Client) -> Result<(PubSub, MultiplexedConnection), RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    let both = async {
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut events = client.get_async_pubsub().await?;
        for nsp in Nsp::ALL {
            let path = nsp.path();
            events.psubscribe(format!("{PREFIX}#{path}#*")).await?;
            // Whoever subscribes to requests is counted by Node servers and has to answer.
            events.subscribe(format!("{PREFIX}-request#{path}#")).await?;
        }
        events.subscribe(NOTES).await?;
        Ok((events, connection))
    };
    match tokio::time::timeout(ANSWER * 2, both).await {
        Ok(done) => done,
        Err(_) => Err(RedisError::from((redis::ErrorKind::Io, "timeout", "no answer within 10 s".to_owned()))),
    }
}
