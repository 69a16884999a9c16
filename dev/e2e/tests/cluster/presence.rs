//! Nodes of a cluster that die and that are stopped: who counts as present, and where.

use std::time::Duration;

use chat_e2e::api::Account;
use chat_e2e::cluster::Cluster;
use chat_e2e::socket::{End, Socket};
use chat_e2e::{services, wait};
use serde_json::{Value, json};

/// Presence is right everywhere so long after the death of a node, with some room for a machine under load.
const RIGHT: Duration = Duration::from_secs(15 + 5);

/// Nodes on an empty database with a bus of their own; `None` after noting that `test` is left out.
async fn cluster(count: usize, test: &str) -> Option<Cluster> {
    let database = services::database(test).await?;
    let bus = format!("{}?prefix={}", services::redis(test)?, services::unique("nodes"));
    Some(Cluster::start(count, &database, Some(&bus)).await)
}

/// A connection to one node that has joined the lobby.
async fn at(cluster: &Cluster, node: usize, who: &Account) -> Socket {
    let mut socket = Socket::connect(&cluster.nodes[node].url(), &who.token).await;
    socket.join("lobby").await;
    socket
}

/// Asks until all these connections are told that these, and nobody else, are present.
async fn agree(patience: Duration, sockets: &mut [&mut Socket], there: &[(&str, &str)]) {
    let start = std::time::Instant::now();
    loop {
        let mut seen = Vec::new();
        for socket in &mut *sockets {
            let reply = socket.ok("presence:get", json!({"room": "lobby"})).await;
            let of = |p: &Value| Some((p["user"]["name"].as_str()?.to_owned(), p["status"].as_str()?.to_owned()));
            let all: Vec<_> = reply["present"].as_array().unwrap().iter().filter_map(of).collect();
            seen.push(all);
        }
        let wanted: Vec<_> = there.iter().map(|(who, how)| ((*who).to_owned(), (*how).to_owned())).collect();
        if seen.iter().all(|all| *all == wanted) {
            return;
        }
        assert!(start.elapsed() < patience, "{seen:?} after {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn presence_is_the_same_on_all_nodes_and_right_after_one_has_died() {
    let Some(mut cluster) = cluster(3, "presence over nodes").await else { return };
    let node = &cluster.nodes[0];
    let (ana, bob, carl) = (node.account("ana").await, node.account("bob").await, node.account("carl").await);
    let (mut a, mut b) = (at(&cluster, 0, &ana).await, at(&cluster, 1, &bob).await);
    let (mut c, mut d) = (at(&cluster, 2, &carl).await, at(&cluster, 2, &bob).await);
    let all = [("ana", "online"), ("bob", "online"), ("carl", "online")];
    agree(wait::PATIENCE, &mut [&mut a, &mut b, &mut c], &all).await;
    d.ok("presence:set", json!({"status": "dnd", "text": "deep work"})).await;
    let all = [("ana", "online"), ("bob", "dnd"), ("carl", "online")];
    agree(wait::PATIENCE, &mut [&mut a, &mut b, &mut c], &all).await;
    a.drain().await;
    cluster.kill9(2);
    agree(RIGHT, &mut [&mut a, &mut b], &[("ana", "online"), ("bob", "dnd")]).await;
    let told = a.drain().await;
    let changes = told.iter().filter(|e| e.name == "presence:changed");
    let changes: Vec<_> = changes.map(|e| (e.data["user"]["name"].clone(), e.data["status"].clone())).collect();
    assert_eq!(changes, [(json!("carl"), json!("offline"))], "told once, and nobody else flickered");
    let ready = node_health(&cluster, 0).await;
    assert_eq!((&ready["nodes"], &ready["cluster"]), (&json!(2), &json!("ok")), "{ready}");
}

async fn node_health(cluster: &Cluster, node: usize) -> Value {
    let api = cluster.nodes[node].api();
    chat_e2e::Api::send(api.request(reqwest::Method::GET, "/readyz")).await.ok()
}

#[tokio::test]
async fn a_node_that_was_stopped_for_half_a_minute_fences_itself() {
    let Some(cluster) = cluster(2, "a stopped node").await else { return };
    let node = &cluster.nodes[0];
    let (ana, bob) = (node.account("ana").await, node.account("bob").await);
    let (mut a, mut b) = (at(&cluster, 0, &ana).await, at(&cluster, 1, &bob).await);
    agree(wait::PATIENCE, &mut [&mut a, &mut b], &[("ana", "online"), ("bob", "online")]).await;
    let before = b.ready["server"]["node"].clone();
    let stopped = std::time::Instant::now();
    cluster.stop(1);
    agree(RIGHT, &mut [&mut a], &[("ana", "online")]).await;
    a.say("lobby", "while you were away", "k1").await;
    // The test is about this time: there is nothing to ask until it is over, but whether one is still there.
    while stopped.elapsed() < Duration::from_secs(30) {
        a.drain().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    cluster.go_on(1);
    let (end, told) = b.ended().await;
    assert_eq!(end, End::Dropped, "official clients come back by themselves");
    assert!(told.iter().all(|e| e.name != "message:created"), "{told:?}");
    let mut b = at(&cluster, 1, &bob).await;
    assert_ne!(b.ready["server"]["node"], before, "it is another node now");
    agree(wait::PATIENCE, &mut [&mut a, &mut b], &[("ana", "online"), ("bob", "online")]).await;
}
