//! The large scene, shortened: `cargo xtask scene` plays it at length.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use chat_e2e::scene::{Break, Broker, Script, Stage, play};

async fn scene(broker: Broker, test: &str, time: Duration, breaks: Vec<Break>) {
    let Some(mut stage) = Stage::set(3, broker, test).await else { return };
    let script = Script { clients: 120, officials: 6, rooms: 6, rate: 25, time, breaks };
    let report = play(&mut stage, &script, test).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{report}");
    assert!(report.ordered >= time.as_secs() * u64::from(script.rate), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_on_redis_keep_their_promises_while_all_parts_are_killed() {
    let breaks = vec![Break::Node(1), Break::Bus, Break::Database];
    scene(Broker::Redis, "the scene on Redis", Duration::from_secs(40), breaks).await;
}
