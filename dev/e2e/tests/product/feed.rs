//! The feed for other systems, from outside: a real broker, a server that is killed, a broker that is.

use std::collections::BTreeMap;

use chat_e2e::{Api, Options, Server, foreign, wait};
use chat_kafka::Broker;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{OffsetAt, UnknownTopicHandling};
use serde_json::{Value, json};

/// Everything that stands in the topic, by key, in its order.
async fn read(broker: &Broker, topic: &str) -> BTreeMap<String, Vec<Value>> {
    let client = ClientBuilder::new(vec![broker.address()]).build().await.unwrap();
    let topics = client.list_topics().await.unwrap();
    let partitions = topics.into_iter().find(|t| t.name == topic).map(|t| t.partitions).unwrap_or_default();
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for partition in partitions {
        let client = client.partition_client(topic, partition, UnknownTopicHandling::Error).await.unwrap();
        let mut at = client.get_offset(OffsetAt::Earliest).await.unwrap();
        while at < client.get_offset(OffsetAt::Latest).await.unwrap() {
            for found in client.fetch_records(at, 1..1_000_000, 100).await.unwrap().0 {
                at = found.offset + 1;
                let key = String::from_utf8(found.record.key.unwrap()).unwrap();
                all.entry(key).or_default().push(serde_json::from_slice(&found.record.value.unwrap()).unwrap());
            }
        }
    }
    all
}

/// As `docs/feed.md` tells a reader to: what is not above the highest seen so far is a repeat.
fn once(records: &[Value]) -> Vec<u64> {
    let mut seen = Vec::new();
    for seq in records.iter().map(|r| r["seq"].as_u64().unwrap()) {
        if seen.last().is_none_or(|last| seq > *last) {
            seen.push(seq);
        }
    }
    seen
}

async fn lag(server: &Server) -> u64 {
    let metrics = chat_e2e::raw::get(&server.address(), "/metrics", "").await;
    let figure = |name: &str| metrics.lines().find_map(|l| l.strip_prefix(name)).and_then(|n| n.trim().parse().ok());
    match figure("chat_feed_leading ") {
        Some(1) => figure("chat_feed_lag ").expect("a figure"),
        _ => u64::MAX,
    }
}

async fn caught_up(server: &Server) {
    let start = std::time::Instant::now();
    while lag(server).await > 0 {
        assert!(start.elapsed() < 3 * wait::PATIENCE, "{}", server.said());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn readiness(server: &Server) -> Value {
    Api::send(server.api().request(reqwest::Method::GET, "/readyz")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_whole_and_in_order_over_kills_of_server_and_broker() {
    let Ok(classpath) = std::env::var(chat_kafka::CLASSPATH) else {
        foreign::left_out("the feed: no Apache Kafka (cargo xtask test brings it)");
        return;
    };
    let mut broker = Broker::start(&classpath, &chat_kafka::Options::default()).unwrap();
    let url = format!("kafka://{}/feed?partitions=3", broker.address());
    let mut server = Server::with(Options::roomy().arg("--feed").arg(&url)).await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "secret", "kind": "private"})).await.ok();
    ana.api.post("/rooms", &json!({"room": "plaza", "kind": "public"})).await.ok();
    let say = async |n: u32, count: u32| {
        for n in n..n + count {
            ana.say(if n % 2 == 0 { "lobby" } else { "plaza" }, &format!("message {n}")).await;
            if n % 10 == 0 {
                ana.say("secret", "not for others").await;
            }
        }
    };
    say(0, 100).await;
    // In the middle of it.
    server.kill();
    server.restart().await;
    say(100, 50).await;
    broker.kill();
    let start = std::time::Instant::now();
    say(150, 50).await;
    assert!(start.elapsed() < wait::PATIENCE, "the chat does not wait for the feed");
    wait::until_async("the feed's fault is named", || async {
        let said = readiness(&server).await;
        assert_eq!(said["ready"], json!(true));
        said["feed"].as_str().filter(|feed| feed.contains("behind")).map(drop)
    })
    .await;
    broker.restart(false).unwrap();
    caught_up(&server).await;
    server.kill();
    server.restart().await;
    say(200, 20).await;
    caught_up(&server).await;
    assert_eq!(readiness(&server).await["feed"], "ok");

    let told = read(&broker, "feed").await;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["lobby", "plaza"], "private rooms are never in it");
    for (room, records) in &told {
        assert_eq!(once(records), (1..=110).collect::<Vec<_>>(), "{room}");
        assert!(records.iter().all(|r| r["event"] == "message:created" && r["room"] == room.as_str()));
        assert!(records.iter().all(|r| r["v"] == 1 && r["room_id"].is_i64() && r["epoch"] == records[0]["epoch"]));
    }
    let json = serde_json::to_string(&told).unwrap();
    assert!(!json.contains("not for others"));
}
