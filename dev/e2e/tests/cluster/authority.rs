//! What is decided at one node holds at the others: who is out, what is read, how somebody is called, and that a node
//! which ends says so.

use std::time::{Duration, Instant};

use chat_common::ErrorCode;
use chat_e2e::socket::End;
use chat_e2e::{Account, Cluster, Socket, services, wait};
use serde_json::{Value, json};

/// Generous beside the two seconds that are promised: the machine may be busy.
const LIVE: Duration = Duration::from_secs(6);

/// Two nodes on an empty database with a bus of their own; `None` after noting that `test` is left out.
async fn two(test: &str) -> Option<Cluster> {
    let database = services::database(test).await?;
    let bus = format!("{}?prefix={}", services::redis(test)?, services::unique("authority"));
    Some(Cluster::start(2, &database, Some(&bus)).await)
}

/// A connection of somebody at the other node than the one where the account was made.
async fn beyond(cluster: &Cluster, who: &Account) -> Socket {
    Socket::connect(&cluster.nodes[1].url(), &who.token).await
}

async fn ends(mut socket: Socket, why: &str) {
    let (end, _) = socket.ended_within(LIVE).await;
    assert_eq!(end, End::Disconnected, "after {why} official clients must not come back by themselves");
}

/// The next event of that name that fits, in the time that is promised.
async fn told(socket: &mut Socket, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let told = tokio::time::timeout(LIVE, socket.event_where(name, fits)).await;
    told.unwrap_or_else(|_| panic!("no {name} within {LIVE:?}"))
}

#[tokio::test]
async fn who_is_put_out_at_one_node_is_out_at_the_other() {
    let Some(cluster) = two("authority over nodes").await else { return };
    let (here, there) = (&cluster.nodes[0], &cluster.nodes[1]);
    let (root, bob) = (here.account("root").await, here.account("bob").await);
    let made = here.command(&["user", "role", "root", "admin"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let socket = beyond(&cluster, &bob).await;
    bob.api.post("/auth/logout", &json!({})).await.ok();
    ends(socket, "a logout").await;
    there.api().with_token(&bob.token).get("/me").await.refused(ErrorCode::Unauthorized);
    let bob = here.api().login("bob", "correct horse").await;
    let other = here.api().login("bob", "correct horse").await;
    let (socket, mut stays) = (beyond(&cluster, &other).await, beyond(&cluster, &bob).await);
    let change = json!({"current_password": "correct horse", "password": "battery staple"});
    bob.api.patch("/me", &change).await.ok();
    ends(socket, "a new password").await;
    stays.ok("ping", json!({})).await;
    root.api.put("/admin/bans/bob", &json!({"reason": "spam"})).await.ok();
    ends(stays, "a ban").await;
    let login = json!({"name": "bob", "password": "battery staple"});
    there.api().post("/auth/login", &login).await.refused(ErrorCode::Banned);
}

#[tokio::test]
async fn who_is_kicked_at_one_node_hears_nothing_more_at_the_other() {
    let Some(cluster) = two("a kick over nodes").await else { return };
    let here = &cluster.nodes[0];
    let (ana, bob) = (here.account("ana").await, here.account("bob").await);
    let (mut a, mut b) = (ana.socket().await, beyond(&cluster, &bob).await);
    a.ok("room:create", json!({"room": "club", "kind": "private"})).await;
    a.join("club").await;
    a.ok("room:invite", json!({"room": "club", "user": "bob"})).await;
    told(&mut b, "room:added", |e| e["room"]["room"] == "club").await;
    b.join("club").await;
    let first = a.say("club", "all of us", "k1").await;
    told(&mut b, "message:created", |e| e["seq"].as_u64() == Some(first)).await;
    a.ok("member:kick", json!({"room": "club", "user": "bob"})).await;
    let secret = a.say("club", "without bob", "k2").await;
    told(&mut b, "room:gone", |e| e["room"] == "club").await;
    a.say("club", "still without bob", "k3").await;
    b.refused("history:get", json!({"room": "club", "limit": 5}), ErrorCode::NotFound).await;
    // What followed the kick on the same way would be here by now.
    let direct = here.account("carl").await;
    b.join("lobby").await;
    let mut c = direct.socket().await;
    c.join("lobby").await;
    let last = c.say("lobby", "after it", "k4").await;
    told(&mut b, "message:created", |e| e["seq"].as_u64() == Some(last) && e["room"] == "lobby").await;
    let late = b.drain().await;
    let heard = |e: &chat_e2e::socket::Event| e.name == "message:created" && e.data["seq"].as_u64() >= Some(secret);
    assert!(!late.iter().any(|e| heard(e) && e.data["room"] == "club"), "{late:?}");
}

#[tokio::test]
async fn read_marks_and_names_reach_the_other_node() {
    let Some(cluster) = two("marks and names over nodes").await else { return };
    let here = &cluster.nodes[0];
    let (ana, bob) = (here.account("ana").await, here.account("bob").await);
    let (mut a, mut a_too, mut b) = (ana.socket().await, beyond(&cluster, &ana).await, beyond(&cluster, &bob).await);
    for socket in [&mut a, &mut a_too, &mut b] {
        socket.join("lobby").await;
    }
    let seq = b.say("lobby", "from beyond", "k1").await;
    told(&mut a, "message:created", |e| e["seq"].as_u64() == Some(seq)).await;
    a.ok("read:mark", json!({"room": "lobby", "seq": seq})).await;
    let mark = told(&mut a_too, "read:changed", |e| e["room"] == "lobby").await;
    assert_eq!((mark["read"].as_u64(), mark["unread"].as_u64()), (Some(seq), Some(0)));
    a.ok("profile:set", json!({"name": "anna"})).await;
    let changed = told(&mut b, "user:changed", |e| e["user"]["id"] == ana.id()).await;
    assert_eq!(changed["user"]["name"], "anna");
    b.say("lobby", "hello @anna", "k2").await;
    let named = told(&mut a, "message:created", |e| e["text"] == "hello @anna").await;
    assert!(named["mentions"].to_string().contains(ana.id()), "{named}");
    assert_eq!(b.ok("user:get", json!({"user": "anna"})).await["user"]["id"], ana.id());
}

#[tokio::test]
async fn guesses_are_counted_over_all_nodes() {
    let Some(cluster) = two("guesses over nodes").await else { return };
    cluster.nodes[0].account("ana").await;
    let wrong = json!({"name": "ana", "password": "wrong password"});
    let mut tries = 0;
    let error = loop {
        let answer = cluster.nodes[tries % 2].api().post("/auth/login", &wrong).await;
        if answer.status == 429 {
            break answer.refused(ErrorCode::RateLimited);
        }
        answer.refused(ErrorCode::Unauthorized);
        tries += 1;
        assert!(tries < 8, "a second node gives no further guesses");
    };
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{error}");
    for node in &cluster.nodes {
        node.api().post("/auth/login", &wrong).await.refused(ErrorCode::RateLimited);
    }
}

#[tokio::test]
async fn a_node_that_drains_says_goodbye_and_its_people_may_come_back_elsewhere() {
    let Some(mut cluster) = two("a node that drains").await else { return };
    let here = &cluster.nodes[0];
    let (ana, bob, carl) = (here.account("ana").await, here.account("bob").await, here.account("carl").await);
    let mut a = ana.socket().await;
    let (mut b, mut c) = (beyond(&cluster, &bob).await, beyond(&cluster, &carl).await);
    for socket in [&mut a, &mut b, &mut c] {
        socket.join("lobby").await;
    }
    for name in ["bob", "carl"] {
        told(&mut a, "presence:changed", |e| e["user"]["name"] == name && e["status"] == "online").await;
    }
    let ready = || async {
        let ready = cluster.nodes[0].api().request(reqwest::Method::GET, "/readyz");
        chat_e2e::Api::send(ready).await.ok()["nodes"].as_u64()
    };
    wait::until_async("both nodes are counted", || async { (ready().await == Some(2)).then_some(()) }).await;
    cluster.nodes[1].signal("TERM");
    assert_eq!(b.event("server:notice").await["code"], "draining");
    assert_eq!(b.ended().await.0, End::Dropped, "official clients come back by themselves, to another node");
    let mut b = bob.socket().await;
    let since = Instant::now();
    wait::until_async("one node is left", || async { (ready().await == Some(1)).then_some(()) }).await;
    assert!(since.elapsed() < LIVE, "its lease would have run for longer: {:?}", since.elapsed());
    assert!(cluster.nodes[1].ended().await.success());
    a.event_where("presence:changed", |e| e["user"]["name"] == "carl" && e["status"] == "offline").await;
    let told = a.drain().await;
    let flickers = told.iter().any(|e| e.name == "presence:changed" && e.data["user"]["name"] == "bob");
    assert!(!flickers, "who has come back elsewhere was never away: {told:?}");
    b.ok("ping", json!({})).await;
    assert!(!cluster.nodes[0].said().contains("has run out"), "it said goodbye before its lease ended");
}
