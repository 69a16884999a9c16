//! Reads one partition from its end, for ever, and hands on what this node follows.

use std::sync::Arc;

use bytes::Bytes;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient};

use super::key;
use super::link::{Backoff, Link, REQUEST_TIME, reason};
use crate::cluster::wire::Heard;

/// A broker with nothing new answers after so long.
const POLL_MS: i32 = 1_000;
/// Of one answer.
const MAX_BYTES: i32 = 1024 * 1024;
/// A reader that is further behind than this goes to the end: what it would tell is old, and the store knows it.
const MAX_BEHIND: i64 = 20_000;

/// Why reading stopped.
enum Stop {
    /// The connection, the leader, the broker.
    Broken(String),
    /// The position is not one of this partition (any more).
    OutOfRange,
    /// Nobody listens.
    Done,
}

/// Never ends but by being dropped or when nobody listens.
pub(super) async fn run(link: Arc<Link>, partition: usize, id: usize) {
    let mut backoff = Backoff::new();
    let mut offset = None;
    loop {
        let (number, client) = match link.partition(partition).await {
            Ok(connected) => connected,
            Err(why) => {
                link.fault(id, &why);
                backoff.wait().await;
                continue;
            }
        };
        let stop = match position(&client, offset).await {
            Ok(from) => {
                backoff.reset();
                link.well(id);
                // Also the first time: what was published before was not heard.
                link.miss(None);
                offset = Some(from);
                follow(&link, &client, &mut offset).await
            }
            Err(stop) => stop,
        };
        match stop {
            Stop::Done => return,
            Stop::OutOfRange => offset = None,
            Stop::Broken(why) => {
                link.fault(id, &why);
                link.drop_client(number).await;
            }
        }
        backoff.wait().await;
    }
}

/// Where to read on: where it stopped, if that is still there and not too long ago; else at the end.
async fn position(client: &PartitionClient, was: Option<i64>) -> Result<i64, Stop> {
    let end = limited(client.get_offset(OffsetAt::Latest)).await?;
    Ok(was.filter(|was| (end - MAX_BEHIND..=end).contains(was)).unwrap_or(end))
}

async fn follow(link: &Link, client: &PartitionClient, offset: &mut Option<i64>) -> Stop {
    loop {
        let from = offset.unwrap_or_default();
        let (records, end) = match limited(client.fetch_records(from, 1..MAX_BYTES, POLL_MS)).await {
            Ok(fetched) => fetched,
            Err(stop) => return stop,
        };
        for found in records {
            *offset = Some(found.offset + 1);
            let Some(topic) = found.record.key.as_deref().and_then(key::topic) else { continue };
            let Some(value) = found.record.value else { continue };
            if link.follows(topic) && !link.tell(Heard::Bytes(topic, Bytes::from(value))).await {
                return Stop::Done;
            }
        }
        let behind = end - offset.unwrap_or(end);
        if behind > MAX_BEHIND {
            tracing::warn!(behind, "too far behind in Kafka; going to the end, the rest is read from the store");
            link.lose(u64::try_from(behind).unwrap_or_default());
            *offset = Some(end);
            link.miss(None);
        }
    }
}

async fn limited<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Stop> {
    match tokio::time::timeout(REQUEST_TIME, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. })) => Err(Stop::OutOfRange),
        Ok(Err(error)) => Err(Stop::Broken(reason(&error))),
        Err(_) => Err(Stop::Broken("no answer".to_owned())),
    }
}
