//! Sees to the topic: makes it where it is missing, and sees that what it holds is forgotten in time. Deleted texts
//! and those of private rooms pass through the wire's topic, so nothing may stay there for more than an hour.

use std::time::Duration;

use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};

use super::options::Settings;
use super::raw::Raw;

/// What the broker is given to do what it was asked.
const BROKER_TIME: Duration = Duration::from_secs(4);
/// A question about settings is answered within this.
const ASK_TIME: Duration = Duration::from_secs(5);
/// The most that a topic of the wire may keep what passed it.
const MAX_KEPT: Duration = Duration::from_secs(60 * 60);
/// Kafka forgets whole files: one that is written to for so long, and then has been full for so long, is removed
/// within another six minutes.
const FILE: Duration = Duration::from_secs(10 * 60);
const KEEP: Duration = Duration::from_secs(20 * 60);

/// How many partitions the topic has, `None` where it is not there.
pub async fn partitions(client: &Client, topic: &str) -> Result<Option<usize>, Error> {
    let topics = client.list_topics().await?;
    Ok(topics.into_iter().find(|t| t.name == topic).map(|t| t.partitions.len()).filter(|n| *n > 0))
}

/// Makes the topic. True: it was made now; false: another node was faster.
pub async fn make(client: &Client, settings: &Settings) -> Result<bool, Error> {
    let time = i32::try_from(BROKER_TIME.as_millis()).unwrap_or(i32::MAX);
    let controller = client.controller_client()?;
    match controller.create_topic(&settings.topic, settings.partitions, settings.replication, time).await {
        Ok(()) => Ok(true),
        Err(Error::ServerError { protocol_error: ProtocolError::TopicAlreadyExists, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a topic that was just made the wire's settings.
pub async fn forget_soon(settings: &Settings) -> Result<(), String> {
    let ms = |d: Duration| d.as_millis().to_string();
    let wanted = [
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", ms(KEEP)),
        ("segment.ms", ms(FILE)),
        // What the client crate can read without further libraries.
        ("compression.type", "uncompressed".to_owned()),
    ];
    let ask = async { Raw::connect(settings).await?.set_topic(&settings.topic, &wanted).await };
    match tokio::time::timeout(ASK_TIME, ask).await {
        Ok(done) => done.map_err(|e| e.to_string()),
        Err(_) => Err("the broker does not answer".to_owned()),
    }
}

/// Whether a topic of the wire forgets in time; what is wrong otherwise.
pub async fn forgets_in_time(settings: &Settings) -> Result<(), String> {
    let names = ["cleanup.policy", "retention.ms", "segment.ms"];
    let ask = async { Raw::connect(settings).await?.topic_settings(&settings.topic, &names).await };
    match tokio::time::timeout(ASK_TIME, ask).await {
        Ok(Ok(found)) => {
            let value = |at: usize| found.get(at).cloned().flatten().unwrap_or_default();
            judge(&value(0), &value(1), &value(2))
        }
        Ok(Err(error)) => Err(format!("its settings cannot be read: {error}")),
        Err(_) => Err("its settings cannot be read: the broker does not answer".to_owned()),
    }
}

fn judge(policy: &str, retention: &str, segment: &str) -> Result<(), String> {
    if policy != "delete" {
        return Err(format!("its cleanup.policy is {policy}, not delete"));
    }
    let ms = |value: &str| value.parse::<u64>().ok().map(Duration::from_millis);
    match (ms(retention), ms(segment)) {
        (Some(keep), Some(file)) if keep.saturating_add(file) <= MAX_KEPT => Ok(()),
        _ => Err(format!("its retention.ms is {retention} and its segment.ms {segment}; together they may be an hour")),
    }
}

/// What to type so that it does.
pub fn advice(settings: &Settings) -> String {
    format!(
        "kafka-configs --bootstrap-server {} --alter --entity-type topics --entity-name {} \
         --add-config cleanup.policy=delete,retention.ms={},segment.ms={},compression.type=uncompressed",
        settings.brokers.join(","),
        settings.topic,
        KEEP.as_millis(),
        FILE.as_millis(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_keeps_for_longer_than_an_hour_is_found() {
        assert_eq!(judge("delete", &KEEP.as_millis().to_string(), &FILE.as_millis().to_string()), Ok(()));
        assert_eq!(judge("delete", "1800000", "1800000"), Ok(()));
        for (policy, retention, segment) in [
            ("compact", "1000", "1000"),
            ("compact,delete", "1000", "1000"),
            ("delete", "604800000", "604800000"),
            ("delete", "1000", "604800000"),
            ("delete", "-1", "1000"),
            ("", "", ""),
        ] {
            assert!(judge(policy, retention, segment).is_err(), "{policy} {retention} {segment}");
        }
    }
}
