//! The bus between two nodes over a Redis of the test's own: killed, and started again.

use chat_e2e::services::{self, Mode, Redis};
use chat_e2e::{Cluster, Options, Server, Socket, program, wait};
use serde_json::{Value, json};

async fn readiness(node: &Server) -> (u16, Value) {
    let answer = reqwest::get(format!("{}/readyz", node.url())).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn bus_says(node: &Server, what: &str, fits: impl Fn(&str) -> bool) {
    wait::until_async(what, || async {
        let (status, body) = readiness(node).await;
        assert_eq!(status, 200, "a bus that is down does not make a node unready: {body}");
        fits(body["bus"].as_str().unwrap()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_killed_stops_nothing_and_what_it_lost_is_repaired() {
    let test = "a_redis_that_is_killed_stops_nothing_and_what_it_lost_is_repaired";
    if !services::programs(test, &["redis-server"]) {
        return;
    }
    let Some(database) = services::database(test).await else { return };
    let mut redis = services::blocking(|| Redis::start(Mode::Alone).unwrap()).await;
    let cluster = Cluster::start(2, &database, Some(&redis.url())).await;
    let [here, there] = &cluster.nodes[..] else { panic!("two nodes") };
    assert!(here.said().contains("bus: Redis at 127.0.0.1:"), "{}", here.said());
    for node in &cluster.nodes {
        bus_says(node, "the bus is there", |bus| bus == "ok").await;
    }
    let (ana, bob) = (here.account("ana").await, there.account("bob").await);
    let mut ana_here = Socket::connect(&here.url(), &ana.token).await;
    let mut bob_there = Socket::connect(&there.url(), &bob.token).await;
    ana_here.ok("room:create", json!({"room": "den"})).await;
    ana_here.join("den").await;
    bob_there.join("den").await;
    ana_here.say("den", "before", "k-before").await;
    assert_eq!(bob_there.event("message:created").await["text"], "before");
    ana_here.ok("typing", json!({"room": "den", "on": true})).await;
    bob_there.event("typing:changed").await;
    ana_here.ok("profile:set", json!({"display_name": "Ana B."})).await;
    bob_there.event_where("user:changed", |told| told["user"]["display_name"] == "Ana B.").await;

    let redis = services::blocking(move || redis.kill().map(|()| redis).unwrap()).await;
    let mut redis = redis;
    bus_says(here, "the bus is away", |bus| bus.contains("Redis at 127.0.0.1:")).await;
    for n in 0..5 {
        ana_here.say("den", &format!("away-{n}"), &format!("k-{n}")).await;
        ana_here.event_where("message:created", |told| told["text"] == format!("away-{n}")).await;
    }
    let _redis = services::blocking(move || redis.restart().map(|()| redis).unwrap()).await;
    for n in 0..5 {
        assert_eq!(bob_there.event("message:created").await["text"], format!("away-{n}"));
    }
    bus_says(here, "the bus is back", |bus| bus == "ok").await;
    ana_here.ok("member:kick", json!({"room": "den", "user": "bob"})).await;
    assert_eq!(bob_there.event("member:removed").await["how"], "kick");
    bob_there.join("den").await;
    ana_here.ok("room:delete", json!({"room": "den"})).await;
    assert_eq!(bob_there.event("room:gone").await["room"], "den");
}

#[tokio::test]
async fn a_second_server_on_the_same_file_and_a_bus_without_a_shared_database_are_refused() {
    let server = Server::start().await;
    let file = format!("sqlite:{}", server.data_dir().join("chat.db").display());
    let folder = tempfile::tempdir().unwrap();
    let run = async |args: &[&str]| {
        let mut command = program::isolated(program::path("chat-server"), folder.path());
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).args(args);
        let output = program::finish(command, b"").await;
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = run(&["--database", &file]).await;
    assert!(said.contains("chat.db") && said.contains("another"), "{said}");
    let said = run(&["--bus", "redis://me:hunter2@127.0.0.1:1"]).await;
    assert!(said.contains("--database postgres://") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_bus_that_is_away_at_the_start_is_waited_for() {
    let test = "a_bus_that_is_away_at_the_start_is_waited_for";
    let Some(database) = services::database(test).await else { return };
    let cluster = Cluster::with(1, &database, Some("redis://me:hunter2@127.0.0.1:1"), &Options::roomy()).await;
    bus_says(&cluster.nodes[0], "the bus is away", |bus| bus.contains("127.0.0.1:1")).await;
    let ana = cluster.nodes[0].account("ana").await;
    let mut socket = Socket::connect(&cluster.nodes[0].url(), &ana.token).await;
    socket.join("lobby").await;
    socket.say("lobby", "hello", "k1").await;
    assert_eq!(socket.event("message:created").await["text"], "hello");
    assert!(!cluster.nodes[0].said().contains("hunter2"));
}
