//! Outgoing webhooks where several nodes could tell: one does, and another goes on when it is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_e2e::receiver::{Got, Receiver};
use chat_e2e::{Cluster, Options, Server, Socket, raw, services, wait};
use serde_json::json;

/// The lease of a node that is gone runs for up to 30 s.
const TAKE_OVER: Duration = Duration::from_secs(60);

/// How many deliveries a node has made.
async fn taken(node: &Server) -> u64 {
    let metrics = raw::get(&node.address(), "/metrics", "").await;
    let line = metrics.lines().find_map(|l| l.strip_prefix("chat_outgoing_total{outcome=\"taken\"} "));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or_else(|| panic!("no such figure: {metrics}"))
}

fn texts(got: &[Got]) -> Vec<String> {
    got.iter().map(Got::text).collect()
}

/// As a receiver sees it that drops repeats of an id; a repeat has the same body.
fn once(got: &[Got]) -> Vec<String> {
    let mut seen: Vec<&Got> = Vec::new();
    for one in got {
        match seen.iter().find(|s| s.header("webhook-id") == one.header("webhook-id")) {
            Some(first) => assert_eq!(first.body, one.body, "the same id, another event"),
            None => seen.push(one),
        }
    }
    seen.into_iter().map(Got::text).collect()
}

#[tokio::test]
async fn one_node_tells_and_another_goes_on_when_it_is_killed() {
    let test = "one_node_tells_and_another_goes_on_when_it_is_killed";
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let options = Options::roomy().arg("--outgoing-allow=127.0.0.0/8,::1");
    let mut cluster = Cluster::with(2, &database, Some(&bus), &options).await;
    let (receiver, url) = Receiver::start().await;
    let ana = cluster.nodes[0].account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
    ana.api.post("/rooms/club/outgoing", &json!({"url": url})).await.ok();
    let mut sockets = Vec::new();
    for node in &cluster.nodes {
        let mut socket = Socket::connect(&node.url(), &ana.token).await;
        socket.join("club").await;
        sockets.push(socket);
    }

    // In calm: each event once, in order, by one of the two.
    let mut said = Vec::new();
    for n in 0..60 {
        let text = format!("calm {n}");
        sockets[n % 2].say("club", &text, &format!("c{n}")).await;
        said.push(text);
    }
    assert_eq!(texts(&receiver.deliveries(60).await), said, "each once, in order");
    let by = wait::until_async("it is counted", || async {
        let by = [taken(&cluster.nodes[0]).await, taken(&cluster.nodes[1]).await];
        (by[0] + by[1] == 60).then_some(by)
    });
    let by = by.await;
    assert!(by.contains(&0) && by.contains(&60), "one node tells: {by:?}");
    let (teller, other) = if by[0] > 0 { (0, 1) } else { (1, 0) };

    // It dies while something is on its way and more is said.
    receiver.hold(true);
    let mut survivor = sockets.swap_remove(other);
    for n in 0..20 {
        let text = format!("storm {n}");
        survivor.say("club", &text, &format!("s{n}")).await;
        said.push(text);
        if n == 9 {
            receiver.deliveries(61).await;
            cluster.kill9(teller);
        }
    }
    receiver.hold(false);
    wait::within(TAKE_OVER, "the other one goes on", || (once(&receiver.got()).len() == said.len()).then_some(()))
        .await;
    let got = receiver.got();
    assert_eq!(once(&got), said, "nothing lost, in order");
    let repeats: BTreeSet<String> = texts(&got[60..]).into_iter().collect();
    assert!(got.len() - 60 <= repeats.len() + 1, "only what was on its way is told again: {:?}", texts(&got));

    // Who comes back does not interfere.
    cluster.restart(teller).await;
    let before = receiver.got().len();
    // The one from before has not answered its server's pings meanwhile.
    let mut survivor = Socket::connect(&cluster.nodes[other].url(), &ana.token).await;
    for n in 0..10 {
        survivor.say("club", &format!("after {n}"), &format!("a{n}")).await;
    }
    let got = receiver.deliveries(before + 10).await;
    assert_eq!(texts(&got[before..]), (0..10).map(|n| format!("after {n}")).collect::<Vec<_>>());
    assert_eq!(taken(&cluster.nodes[teller]).await, 0, "it waits");
}
