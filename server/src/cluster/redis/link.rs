//! Connections to a server, alone or a cluster of servers, and what is asked on them. Everything that waits for the
//! server has a time limit.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError, Value, cmd};
use tokio::sync::mpsc;

use super::queue::Waiting;
use super::{ANSWER, Place, lock};

/// Pushes of a cluster's nodes not yet read. When it is full the connection is given up and made anew.
const PUSHES: usize = 8_192;

/// What went wrong, for people; nothing secret is in it.
pub(super) type Why = String;

fn why(error: &RedisError) -> Why {
    if error.is_timeout() {
        return "it does not answer".to_owned();
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        return "it refuses the user name or the password; put them right in the URL".to_owned();
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

async fn in_time<T>(within: Duration, asked: impl Future<Output = Result<T, RedisError>>) -> Result<T, Why> {
    match tokio::time::timeout(within, asked).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(why(&error)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

/// A connection to whatever is there, and whether that is a cluster.
async fn connect(place: &Place) -> Result<(MultiplexedConnection, bool), Why> {
    let client = place.client().map_err(|e| why(&e))?;
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    let mut connection = in_time(ANSWER, client.get_multiplexed_async_connection_with_config(&config)).await?;
    in_time(ANSWER, cmd("PING").query_async::<()>(&mut connection)).await?;
    // A user who may not ask is told no; then it is taken for a server of its own.
    let info = in_time(ANSWER, cmd("INFO").arg("cluster").query_async::<String>(&mut connection)).await;
    let cluster = info.is_ok_and(|info| info.contains("cluster_enabled:1"));
    Ok((connection, cluster))
}

/// Connects, and publishes to a channel that nobody listens to.
pub(super) async fn probe(place: &Place) -> Result<(), Why> {
    let (mut connection, is_cluster) = connect(place).await?;
    if is_cluster {
        return Publisher::connect(place).await?.ping().await;
    }
    let channel = format!("{}:doctor", place.prefix);
    in_time(ANSWER, cmd("PUBLISH").arg(channel).arg("").query_async::<()>(&mut connection)).await
}

fn cluster(place: &Place) -> ClusterClientBuilder {
    let builder = ClusterClientBuilder::new([place.info.clone()])
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(ANSWER)
        .response_timeout(ANSWER)
        .tcp_settings(super::place::tcp())
        .retries(3)
        .max_retry_wait(500);
    match &place.certs {
        Some(certs) => builder.certs(certs.clone()),
        None => builder,
    }
}

/// What publishes.
pub(super) enum Publisher {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Publisher {
    pub(super) async fn connect(place: &Place) -> Result<Self, Why> {
        let (connection, is_cluster) = connect(place).await?;
        if !is_cluster {
            return Ok(Self::Single(connection));
        }
        let client = cluster(place).build().map_err(|e| why(&e))?;
        Ok(Self::Cluster(in_time(ANSWER * 2, client.get_async_connection()).await?))
    }

    /// All of a batch in one write.
    pub(super) async fn send(&mut self, batch: &[Waiting]) -> Result<(), Why> {
        match self {
            Self::Single(connection) => {
                let mut pipe = redis::Pipeline::with_capacity(batch.len());
                for waiting in batch {
                    pipe.cmd("PUBLISH").arg(&waiting.channel).arg(&waiting.bytes[..]).ignore();
                }
                in_time(ANSWER, pipe.query_async::<()>(connection)).await
            }
            Self::Cluster(connection) => {
                // One pipeline a channel: a channel lies on one node, and keeps its order.
                let mut pipes: HashMap<&str, redis::Pipeline> = HashMap::new();
                for waiting in batch {
                    let pipe = pipes.entry(&waiting.channel).or_default();
                    pipe.cmd("SPUBLISH").arg(&waiting.channel).arg(&waiting.bytes[..]).ignore();
                }
                let each = pipes.into_values().map(|pipe| {
                    let mut connection = connection.clone();
                    async move { pipe.query_async::<()>(&mut connection).await }
                });
                in_time(ANSWER, try_join_all(each)).await.map(|_| ())
            }
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), Why> {
        match self {
            Self::Single(connection) => in_time(ANSWER, cmd("PING").query_async::<()>(connection)).await,
            Self::Cluster(connection) => {
                in_time(ANSWER, cmd("PING").query_async::<Value>(connection)).await.map(|_| ())
            }
        }
    }
}

/// What hears.
pub(super) enum Subscriber {
    Single(PubSubStream),
    Cluster(mpsc::Receiver<PushInfo>, Arc<AtomicBool>),
}

/// What a subscriber is asked by, while it hears.
#[derive(Clone)]
pub(super) enum Orders {
    Single(PubSubSink),
    Cluster(ClusterConnection, Arc<Channels>),
}

/// The channels that are to be heard: one that is given up by the cluster itself has moved.
pub(super) type Channels = Mutex<HashSet<String>>;

/// A message, as it came.
pub(super) struct Message {
    pub channel: String,
    pub bytes: Vec<u8>,
}

impl Subscriber {
    pub(super) async fn connect(place: &Place) -> Result<(Self, Orders), Why> {
        let (_, is_cluster) = connect(place).await?;
        if !is_cluster {
            let client = place.client().map_err(|e| why(&e))?;
            let (sink, stream) = in_time(ANSWER, client.get_async_pubsub()).await?.split();
            return Ok((Self::Single(stream), Orders::Single(sink)));
        }
        let (tx, pushes) = mpsc::channel(PUSHES);
        let full = Arc::new(AtomicBool::new(false));
        let overflown = Arc::clone(&full);
        let push = move |info: PushInfo| {
            // Confirmations are awaited where they were asked for.
            if !matches!(info.kind, PushKind::SSubscribe | PushKind::Subscribe) {
                tx.try_send(info).map_err(|_| overflown.store(true, Ordering::Relaxed))
            } else {
                Ok(())
            }
        };
        let client = cluster(place).push_sender(push).build().map_err(|e| why(&e))?;
        let connection = in_time(ANSWER * 2, client.get_async_connection()).await?;
        Ok((Self::Cluster(pushes, full), Orders::Cluster(connection, Arc::default())))
    }

    /// The next message; `None`: it is nothing of interest. Cancel safe.
    pub(super) async fn next(&mut self, orders: &Orders) -> Result<Option<Message>, Why> {
        let closed = || "the connection has ended".to_owned();
        match self {
            Self::Single(stream) => {
                let message = stream.next().await.ok_or_else(closed)?;
                let channel = message.get_channel_name().to_owned();
                Ok(Some(Message { channel, bytes: message.get_payload_bytes().to_vec() }))
            }
            Self::Cluster(pushes, full) => {
                let push = pushes.recv().await.ok_or_else(closed)?;
                if full.load(Ordering::Relaxed) {
                    return Err("more came than could be read".to_owned());
                }
                match push.kind {
                    PushKind::SMessage | PushKind::Message => Ok(message(push.data)),
                    // The library subscribes anew by itself; when, it does not say.
                    PushKind::Disconnection => Err("the connection to a node of the cluster has ended".to_owned()),
                    PushKind::SUnsubscribe if orders.wants(&push.data) => {
                        Err("a slot of the cluster has moved to another node".to_owned())
                    }
                    _ => Ok(None),
                }
            }
        }
    }
}

impl Orders {
    /// Ends when all of them are confirmed.
    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<(), Why> {
        match self {
            Self::Single(sink) => in_time(ANSWER, sink.subscribe(channels)).await,
            Self::Cluster(connection, wanted) => {
                lock(wanted).extend(channels.iter().cloned());
                let each = channels.iter().map(|channel| {
                    let mut connection = connection.clone();
                    async move { connection.ssubscribe(channel).await }
                });
                in_time(ANSWER, try_join_all(each)).await.map(|_| ())
            }
        }
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> Result<(), Why> {
        match self {
            Self::Single(sink) => in_time(ANSWER, sink.unsubscribe(channels)).await,
            Self::Cluster(connection, wanted) => {
                lock(wanted).retain(|channel| !channels.contains(channel));
                let each = channels.iter().map(|channel| {
                    let mut connection = connection.clone();
                    async move { connection.sunsubscribe(channel).await }
                });
                in_time(ANSWER, try_join_all(each)).await.map(|_| ())
            }
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), Why> {
        match self {
            Self::Single(sink) => in_time(ANSWER, sink.ping::<Value>()).await.map(|_| ()),
            // Goes to every node.
            Self::Cluster(connection, _) => {
                in_time(ANSWER, cmd("PING").query_async::<Value>(connection)).await.map(|_| ())
            }
        }
    }

    fn wants(&self, data: &[Value]) -> bool {
        match (self, data.first()) {
            (Self::Cluster(_, wanted), Some(Value::BulkString(channel))) => {
                std::str::from_utf8(channel).is_ok_and(|channel| lock(wanted).contains(channel))
            }
            _ => false,
        }
    }
}

fn message(data: Vec<Value>) -> Option<Message> {
    let mut data = data.into_iter();
    match (data.next()?, data.next()?) {
        (Value::BulkString(channel), Value::BulkString(bytes)) => {
            Some(Message { channel: String::from_utf8(channel).ok()?, bytes })
        }
        _ => None,
    }
}
