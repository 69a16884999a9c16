//! Nodes that start together, share a key, and are stopped.

use chat_e2e::{Cluster, services};

#[tokio::test]
async fn three_nodes_that_start_at_once_are_one_chat() {
    let test = "three_nodes_that_start_at_once_are_one_chat";
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let cluster = Cluster::start(3, &database, Some(&bus)).await;
    let ana = cluster.nodes[0].account("ana").await;
    let bob = cluster.nodes[1].api().login("ana", "correct horse").await;
    assert_eq!(ana.id(), bob.id());
    let mut listeners = Vec::new();
    for node in &cluster.nodes {
        let mut socket = chat_e2e::Socket::connect(&node.url(), &ana.token).await;
        socket.join("lobby").await;
        listeners.push(socket);
    }
    let seq = listeners[2].say("lobby", "hello", "k1").await;
    for listener in &mut listeners {
        let told = listener.event("message:created").await;
        assert_eq!((told["seq"].as_u64(), told["text"].as_str()), (Some(seq), Some("hello")));
    }
}
