//! Two nodes on one store: what one is told the other's clients hear, whatever becomes of the wire between them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::client::Client;
use super::server::{Server, until};
use crate::cluster::testing::{Exchange, Mood};
use crate::cluster::wire::Topic;

async fn say(client: &mut Client, text: &str) -> u64 {
    let payload = json!({"room": "den", "text": text, "client_id": text});
    client.done("message:send", payload).await["seq"].as_u64().unwrap()
}

/// `ana` at one node and `bob` at the other, both in the room.
async fn two(exchange: &Arc<Exchange>) -> ([Server; 2], Client, Client) {
    let nodes = Server::pair(exchange).await;
    let (mut ana, mut bob) = (nodes[0].guest("ana").await, nodes[1].guest("bob").await);
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    bob.done("room:join", json!({"room": "den"})).await;
    (nodes, ana, bob)
}

#[tokio::test]
async fn what_is_told_at_one_node_is_heard_at_the_other() {
    let exchange = Exchange::new(Mood::Fair);
    let (nodes, mut ana, mut bob) = two(&exchange).await;
    say(&mut ana, "from-ana").await;
    say(&mut bob, "from-bob").await;
    for client in [&mut ana, &mut bob] {
        assert_eq!(client.event("message:created").await["text"], "from-ana");
        assert_eq!(client.event("message:created").await["text"], "from-bob");
    }
    ana.done("typing", json!({"room": "den", "on": true})).await;
    assert_eq!(bob.event("typing:changed").await["user"]["name"], "~ana");
    ana.done("profile:set", json!({"display_name": "Ana B."})).await;
    assert_eq!(bob.event("user:changed").await["user"]["display_name"], "Ana B.");
    // One user on both nodes.
    let session = nodes[0].session("eve").await;
    let (mut here, _) = Client::connect(nodes[0].addr, &session.access_token).await;
    let (mut there, _) = Client::connect(nodes[1].addr, &session.access_token).await;
    here.done("room:join", json!({"room": "den"})).await;
    assert_eq!(there.event("room:added").await["room"]["room"], "den");
    let seq = say(&mut ana, "to-be-read").await;
    here.done("read:mark", json!({"room": "den", "seq": seq})).await;
    assert_eq!(there.event("read:changed").await["read"], seq);
    // A kick ends the subscription at its entry, on the other node, too.
    ana.done("member:kick", json!({"room": "den", "user": "~bob"})).await;
    assert_eq!(bob.event("member:removed").await["how"], "kick");
    say(&mut ana, "without-bob").await;
    here.event("message:created").await;
    bob.done("ping", json!({})).await;
    assert!(bob.seen.iter().all(|(_, data)| data["text"] != "without-bob"), "{:?}", bob.seen);
    there.done("room:subscribe", json!({"room": "den"})).await;
    ana.done("room:delete", json!({"room": "den"})).await;
    assert_eq!(there.event("room:gone").await["room"], "den");
}

#[tokio::test]
async fn every_entry_is_told_once_in_order_whatever_the_wire_does() {
    const EACH: usize = 150;
    let exchange = Exchange::new(Mood::Fair);
    let (nodes, mut ana, mut bob) = two(&exchange).await;
    exchange.set(Mood::Shaky);
    for i in 0..EACH {
        say(&mut ana, &format!("a{i}")).await;
        say(&mut bob, &format!("b{i}")).await;
    }
    // What was lost last shows by the head, at once when the wire says that it is well again.
    exchange.set(Mood::Fair);
    let mut told: [Vec<Value>; 2] = Default::default();
    for (client, told) in [&mut ana, &mut bob].into_iter().zip(&mut told) {
        while told.len() < EACH * 2 {
            let entry = client.event("message:created").await;
            told.push(json!([entry["seq"], entry["text"]]));
        }
        client.done("ping", json!({})).await;
        assert!(client.seen.iter().all(|(name, _)| name != "message:created"), "something was told twice");
    }
    assert_eq!(told[0], told[1], "one order on both nodes");
    let first = told[0][0][0].as_u64().unwrap();
    let seqs: Vec<_> = told[0].iter().map(|entry| entry[0].as_u64().unwrap()).collect();
    assert_eq!(seqs, (first..first + 2 * EACH as u64).collect::<Vec<_>>());
    assert!(nodes[0].services.counters.repaired.load(Ordering::Relaxed) > 0, "nothing was lost in this test");
}

#[tokio::test]
async fn with_the_wire_away_a_node_goes_on_and_the_other_is_made_whole_after() {
    let exchange = Exchange::new(Mood::Fair);
    let (nodes, mut ana, mut bob) = two(&exchange).await;
    exchange.set(Mood::Down);
    assert!(nodes[0].services.bus.health().is_err());
    for i in 0..5 {
        say(&mut ana, &format!("m{i}")).await;
        assert_eq!(ana.event("message:created").await["text"], format!("m{i}"));
    }
    bob.done("ping", json!({})).await;
    assert!(bob.seen.iter().all(|(name, _)| name != "message:created"), "{:?}", bob.seen);
    exchange.set(Mood::Fair);
    for i in 0..5 {
        assert_eq!(bob.event("message:created").await["text"], format!("m{i}"));
    }
}

#[tokio::test]
async fn what_is_said_before_a_subscription_holds_is_heard_all_the_same() {
    let exchange = Exchange::new(Mood::Deaf);
    let (_nodes, mut ana, mut bob) = two(&exchange).await;
    // Bob's node has asked for the room and does not hear it yet.
    say(&mut ana, "unheard").await;
    exchange.set(Mood::Fair);
    assert_eq!(bob.event("message:created").await["text"], "unheard");
}

#[tokio::test]
async fn a_node_hears_only_what_somebody_follows_there() {
    let exchange = Exchange::new(Mood::Fair);
    let nodes = Server::pair(&exchange).await;
    let session = nodes[0].session("ana").await;
    let (mut ana, ready) = Client::connect(nodes[0].addr, &session.access_token).await;
    let user = Topic::User(ready["user"]["id"].as_str().unwrap().parse().unwrap());
    ana.done("room:create", json!({"room": "den"})).await;
    assert!(exchange.is_followed(user) && exchange.is_followed(Topic::All));
    ana.done("room:join", json!({"room": "den"})).await;
    let room = Topic::Room(nodes[0].gateway.gateway.hub.rooms()[0]);
    assert!(exchange.is_followed(room));
    drop(ana);
    until(|| !exchange.is_followed(room) && !exchange.is_followed(user)).await;
}
