//! The way out for the feed: records of one key, in order, stored by all copies before it goes on.

use std::sync::Arc;

use bytes::Bytes;
use rskafka::client::Client;
use rskafka::client::error::Error;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};

use super::link::{REQUEST_TIME, reason};
use super::options::Settings;
use super::{key, topic, writer};

/// Partitions of a feed's topic that is made.
pub const PARTITIONS: i32 = 12;

/// A topic that is written to. After an error everything is connected anew.
pub struct Sink {
    settings: Settings,
    client: Option<Arc<Client>>,
    /// One for each partition, connected at need.
    partitions: Vec<Option<PartitionClient>>,
    /// A sending was begun and not ended well: it failed, or nobody waited for it any longer.
    broken: bool,
}

impl Sink {
    /// Connects at need.
    pub fn new(settings: Settings) -> Self {
        Self { settings, client: None, partitions: Vec::new(), broken: false }
    }

    /// Stores records of one key behind each other. `Ok`: all copies have them. After an error any of them may be
    /// stored, or none.
    pub async fn send(&mut self, of: &[u8], values: Vec<Bytes>) -> Result<(), String> {
        if std::mem::replace(&mut self.broken, true) {
            self.client = None;
            self.partitions.clear();
        }
        let sent = self.try_send(of, values).await;
        self.broken = sent.is_err();
        sent
    }

    async fn try_send(&mut self, of: &[u8], values: Vec<Bytes>) -> Result<(), String> {
        let client = match &self.client {
            Some(client) => Arc::clone(client),
            None => self.connect().await?,
        };
        let partition = key::partition(of, self.partitions.len());
        let id = i32::try_from(partition).map_err(|_| "too many partitions".to_owned())?;
        let slot = self.partitions.get_mut(partition).ok_or_else(|| "the topic has no partition".to_owned())?;
        if slot.is_none() {
            *slot =
                Some(limited(client.partition_client(&self.settings.topic, id, UnknownTopicHandling::Error)).await?);
        }
        let Some(connected) = slot else { return Err("not connected".to_owned()) };
        let records = values.into_iter().map(|value| writer::record_of(of.to_vec(), value)).collect();
        limited(connected.produce(records, Compression::NoCompression)).await.map(drop)
    }

    async fn connect(&mut self) -> Result<Arc<Client>, String> {
        let client = Arc::new(limited(self.settings.client("chat-server-feed")).await?);
        let found = match limited(topic::partitions(&client, &self.settings.topic)).await? {
            Some(found) => Some(found),
            None => {
                if limited(topic::make(&client, &self.settings)).await? {
                    tracing::info!(topic = self.settings.topic, "made the feed's topic in Kafka");
                }
                limited(topic::partitions(&client, &self.settings.topic)).await?
            }
        };
        let count = found.ok_or_else(|| "the topic is being made".to_owned())?;
        self.partitions.resize_with(count, || None);
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }
}

async fn limited<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(REQUEST_TIME, asked).await {
        Ok(answer) => answer.map_err(|error| reason(&error)),
        Err(_) => Err("no answer".to_owned()),
    }
}
