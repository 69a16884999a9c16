//! The relay beside a NestJS server with the classic adapter on one Redis, and two nodes of ours on it.

use std::time::Duration;

use chat_e2e::foreign::{Foreign, SECRET};
use chat_e2e::redis::Redis;
use chat_e2e::{Api, Server, raw, services, wait};
use serde_json::{Value, json};

use super::relay::{push, relay};

const JSON: &str = "Content-Type: application/json\r\n";

async fn ours(redis: &Redis) -> Server {
    relay(&["--relay-redis", &redis.url()]).await
}

async fn client(namespace: &str, test: &str, url: &str) -> (Foreign, String) {
    let mut client = Foreign::on(namespace, test, url, &["websocket"]).await.expect("Node is there");
    let sid = client.next("connect").await["sid"].as_str().expect("an id").to_owned();
    (client, sid)
}

/// Until the Node server counts so many servers.
async fn counted(nest: &mut Foreign, nsp: &str, servers: u64) {
    for _ in 0..500 {
        let (count, _) = nest.command(json!({"do": "count", "nsp": nsp})).await;
        if count == Ok(json!(servers)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the Node server does not count {servers} servers on {nsp}");
}

async fn pushed(server: &Server, message: &str) {
    let answer = push(server, "/app/push-data", JSON, &json!({"message": message}).to_string()).await;
    assert_eq!(raw::status(&answer), 201, "{answer}");
}

#[tokio::test]
async fn broadcasts_cross_in_both_directions() {
    let test = "broadcasts_cross_in_both_directions";
    let Some(redis) = Redis::start(test).await else { return };
    let Some((mut nest, nest_url)) = Foreign::nest(test, &redis.url(), false).await else { return };
    let seen = redis.watch();
    let server = ours(&redis).await;
    counted(&mut nest, "/", 2).await;
    let (mut at_ours, sid) = client("/", test, &server.url()).await;
    let (mut at_nest, _) = client("/", test, &nest_url).await;
    // The push, at ours and at theirs.
    pushed(&server, "xin chào").await;
    for client in [&mut at_ours, &mut at_nest] {
        assert_eq!(client.event("EmitData").await, "xin chào");
    }
    let theirs = raw::http(&nest_url["http://".len()..], format!("POST /app/push-data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{JSON}Content-Length: 17\r\n\r\n{{\"message\":\"two\"}}").as_bytes()).await;
    assert_eq!(raw::status(&theirs), 201, "{theirs}");
    for client in [&mut at_ours, &mut at_nest] {
        assert_eq!(client.event("EmitData").await, "two");
    }
    // Rooms, exceptions, several arguments, bytes: from theirs to ours, by the server and by the emitter.
    let all = json!({"do": "join", "join": "r1"});
    nest.command(all).await.0.expect("done");
    wait_for_room(&mut nest, &sid, "r1").await;
    let bytes = json!({"type": "Buffer", "data": [0, 255, 30]});
    for how in ["emit", "emitter"] {
        let args = json!(["a", {"hex": "00ff1e"}, {"deep": [1, null]}]);
        nest.command(json!({"do": how, "room": "r1", "event": how, "args": args})).await.0.expect("done");
        let told = at_ours.told(how, |v| v["name"] == how).await;
        assert_eq!(told["args"], json!(["a", bytes, {"deep": [1, null]}]));
        assert_eq!(at_nest.told(how, |v| v["name"] == how).await["args"], told["args"]);
        let none = format!("{how} to others");
        nest.command(json!({"do": how, "except": "r1", "event": none, "args": [1]})).await.0.expect("done");
        nest.command(json!({"do": how, "event": "after", "args": [how]})).await.0.expect("done");
        let before = at_ours.until_event("after").await;
        assert!(before.iter().all(|v| v["name"] != none), "{before:?}");
    }
    nest.command(json!({"do": "leave", "leave": "r1"})).await.0.expect("done");
    nest.command(json!({"do": "emitterJoin", "join": "r2"})).await.0.expect("done");
    wait_for_room(&mut nest, &sid, "r2").await;
    let seen = seen.lock().expect("no reader panics").clone();
    assert!(seen.contains("EmitData"), "the watch sees what passes");
    assert!(!seen.contains(&format!("\"{sid}\\\",\\\"handshake\\\":{{\\\"auth\\\":{{\\\"token")), "{seen}");
}

/// Until `fetchSockets` of the Node server says that a socket is in a room.
async fn wait_for_room(nest: &mut Foreign, sid: &str, room: &str) {
    for _ in 0..500 {
        let (sockets, _) = nest.command(json!({"do": "fetch", "room": room})).await;
        if sockets.expect("nobody runs into the time-out").as_array().is_some_and(|s| s.iter().any(|s| s["id"] == sid))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{sid} does not come into {room}");
}

#[tokio::test]
async fn a_node_server_is_answered_at_once_and_told_no_secret() {
    let test = "a_node_server_is_answered_at_once_and_told_no_secret";
    let Some(redis) = Redis::start(test).await else { return };
    for specific in [false, true] {
        let Some((mut nest, _)) = Foreign::nest(test, &redis.url(), specific).await else { return };
        let seen = redis.watch();
        let server = ours(&redis).await;
        for nsp in ["/", "/events"] {
            counted(&mut nest, nsp, 2).await;
            let (mut own, sid) = client(nsp, test, &server.url()).await;
            let mut slowest = 0.0_f64;
            let mut ask = async |command: Value| {
                let (outcome, ms) = nest.command(command).await;
                slowest = slowest.max(ms);
                outcome.unwrap_or_else(|e| panic!("{nsp}: {e}"))
            };
            ask(json!({"do": "join", "nsp": nsp, "room": sid, "join": "r1"})).await;
            let fetched = ask(json!({"do": "fetch", "nsp": nsp})).await;
            let socket = &fetched[0];
            assert_eq!((fetched.as_array().map(Vec::len), &socket["id"]), (Some(1), &json!(sid)), "{fetched}");
            assert!(
                socket["rooms"].as_array().is_some_and(|r| r.contains(&json!(sid)) && r.contains(&json!("r1"))),
                "{socket}"
            );
            assert_eq!((&socket["data"], &socket["handshake"]["auth"]), (&json!({}), &json!({})));
            assert!(!fetched.to_string().contains(SECRET), "{fetched}");
            let rooms = ask(json!({"do": "all", "nsp": nsp})).await;
            assert!(rooms.as_array().is_some_and(|r| r.contains(&json!("r1"))), "{rooms}");
            assert_eq!(ask(json!({"do": "server", "nsp": nsp, "event": "hello", "args": [1]})).await, json!([null]));
            own.answer_to("question", json!({"yes": [1, 2]})).await;
            own.answer_to("other", json!("never asked")).await;
            // What the client was told first shows that it has taken the above.
            if nsp == "/events" {
                own.call("ping", json!({})).await;
            }
            let answers = ask(
                json!({"do": "ask", "nsp": nsp, "room": "r1", "event": "question", "args": ["?"], "timeout": 4000}),
            )
            .await;
            assert_eq!(answers, json!([{"yes": [1, 2]}]));
            // An older server's question, which the newer ones do not ask any more.
            let old = format!(r#"{{"uid":"older1","requestId":"old{nsp}","type":0,"rooms":["r1"]}}"#);
            redis.publish(&format!("socket.io-request#{nsp}#"), old.as_bytes());
            let answer = format!(r#"old{nsp}\",\"sockets\":[\"{sid}\"]"#);
            wait::until("the older server is answered", || {
                let seen = seen.lock().expect("no reader panics").contains(&answer);
                seen.then_some(())
            })
            .await;
            ask(json!({"do": "kick", "nsp": nsp, "room": "r1"})).await;
            assert_eq!(own.next("disconnect").await["reason"], "io server disconnect");
            println!("{nsp}: the slowest answer to a Node server took {slowest:.1} ms");
            assert!(slowest < 1_000.0, "{nsp}: {slowest} ms");
        }
        let seen = seen.lock().expect("no reader panics").clone();
        assert!(seen.contains("handshake") && !seen.contains(SECRET), "no secret of a client passes");
    }
}

#[tokio::test]
async fn two_nodes_of_ours_share_rooms_users_and_pushes() {
    let test = "two_nodes_of_ours_share_rooms_users_and_pushes";
    let Some(redis) = Redis::start(test).await else { return };
    let Some((mut nest, _)) = Foreign::nest(test, &redis.url(), false).await else { return };
    let (one, two) = (ours(&redis).await, ours(&redis).await);
    counted(&mut nest, "/events", 3).await;
    conversation(test, &one, &two).await;
}

/// The push at one node is heard at the other, and the conversation spans both.
pub async fn conversation(test: &str, one: &Server, two: &Server) {
    let (mut hears, _) = client("/", test, &two.url()).await;
    let (mut own, _) = client("/", test, &one.url()).await;
    pushed(one, "across").await;
    assert_eq!(hears.event("EmitData").await, "across");
    assert_eq!(own.event("EmitData").await, "across");
    let ((mut ana, ana_id), (mut bob, _)) =
        (client("/events", test, &one.url()).await, client("/events", test, &two.url()).await);
    ana.emit("registerUser", json!({"username": "ana"})).await;
    ana.event("userRegistered").await;
    assert_eq!(bob.event("userConnected").await["username"], "ana");
    bob.emit("registerUser", json!({"username": "ana"})).await;
    assert!(bob.event("error").await["message"].as_str().is_some_and(|m| m.contains("taken")));
    bob.emit("registerUser", json!({"username": "bob"})).await;
    bob.event("userRegistered").await;
    ana.event("userConnected").await;
    for client in [&mut ana, &mut bob] {
        client.emit("joinRoom", json!({"roomName": "dev"})).await;
        client.event("roomJoined").await;
    }
    ana.event("memberJoined").await;
    ana.emit("sendMessage", json!({"content": "over there?", "roomName": "dev"})).await;
    assert_eq!(bob.event("roomMessage").await["content"], "over there?");
    for client in [&mut ana, &mut bob] {
        client.emit("getUsers", Value::Null).await;
        assert_eq!(
            client.event("usersList").await,
            json!([{"username": "ana", "room": "dev"}, {"username": "bob", "room": "dev"}])
        );
    }
    ana.end().await;
    assert_eq!(bob.event("memberLeft").await["clientId"], json!(ana_id));
    bob.emit("getRoomMembers", json!({"roomName": "dev"})).await;
    assert_eq!(bob.event("roomMembersList").await["members"], json!(["bob"]));
}

#[tokio::test]
async fn garbage_on_the_channels_harms_nobody() {
    let test = "garbage_on_the_channels_harms_nobody";
    let Some(redis) = Redis::start(test).await else { return };
    let Some((mut nest, nest_url)) = Foreign::nest(test, &redis.url(), false).await else { return };
    let server = ours(&redis).await;
    counted(&mut nest, "/", 2).await;
    let (mut at_ours, _) = client("/", test, &server.url()).await;
    let (mut at_nest, _) = client("/", test, &nest_url).await;
    let deep = b"\x91".repeat(100_000);
    for channel in [
        "socket.io#/#",
        "socket.io#/events#",
        "socket.io-request#/#",
        "socket.io-request#/events#",
        "socket.io-chat-server-relay#",
    ] {
        for payload in [
            &b""[..],
            b"\xc1",
            b"{",
            b"{}",
            b"{\"type\":5}",
            b"\x93\x01\x02\x03",
            b"\xdf\xff\xff\xff\xff",
            b"\x93\xa1u\xc0\xc0",
            &deep,
        ] {
            assert!(redis.publish(channel, payload) > 0, "{channel}: somebody listens");
        }
    }
    pushed(&server, "still here").await;
    assert_eq!(at_ours.event("EmitData").await, "still here");
    assert_eq!(at_nest.event("EmitData").await, "still here");
    let (fetched, _) = nest.command(json!({"do": "fetch"})).await;
    assert_eq!(fetched.expect("answered").as_array().map(Vec::len), Some(2));
    let said = server.said();
    assert!(said.contains("dropped what it could not read") && !said.contains("panicked"), "{said}");
    assert!(said.lines().filter(|l| l.contains("could not read")).count() < 5, "it does not fill the log");
}

/// Until `/readyz` names the relay's Redis as it is, and `/metrics` agrees and counts the one client of this node.
async fn told_of_relay(server: &Server, up: bool) {
    wait::until_async("/readyz tells how the relay is", || async {
        let ready = Api::send(server.api().request(reqwest::Method::GET, "/readyz")).await.ok();
        let told = ready["relay"].as_str().unwrap_or_else(|| panic!("{ready}"));
        (if up { told == "ok" } else { told.contains("--relay-redis") }).then_some(())
    })
    .await;
    let figures = Api::send(server.api().request(reqwest::Method::GET, "/metrics")).await.text;
    for figure in ["chat_relay_connections 1".to_owned(), format!("chat_relay_up {}", u8::from(up))] {
        assert!(figures.lines().any(|line| line == figure), "no {figure} in {figures}");
    }
}

#[tokio::test]
async fn redis_may_go_and_come_back() {
    let test = "redis_may_go_and_come_back";
    let Some(mut redis) = Redis::start(test).await else { return };
    let (one, two) = (ours(&redis).await, ours(&redis).await);
    let Some(mut here) = Foreign::on("/", test, &one.url(), &["websocket"]).await else { return };
    here.next("connect").await;
    let (mut there, _) = client("/", test, &two.url()).await;
    told_of_relay(&one, true).await;
    redis.kill();
    told_of_relay(&one, false).await;
    for i in 0..20 {
        pushed(&one, &format!("alone {i}")).await;
        assert_eq!(here.event("EmitData").await, format!("alone {i}"), "local delivery goes on");
    }
    redis.launch().await;
    let start = std::time::Instant::now();
    loop {
        pushed(&one, "back").await;
        if there.told_within(Duration::from_millis(200), |v| v["data"] == "back").await.is_some() {
            break;
        }
        assert!(start.elapsed() < wait::PATIENCE, "events do not cross again");
    }
    // A server may start while Redis is away.
    redis.kill();
    let late = ours(&redis).await;
    let (mut own, _) = client("/", test, &late.url()).await;
    pushed(&late, "local").await;
    assert_eq!(own.event("EmitData").await, "local");
}

#[tokio::test]
async fn two_nodes_of_ours_share_the_relay_over_their_bus() {
    let test = "two_nodes_of_ours_share_the_relay_over_their_bus";
    let (Some(database), Some(bus)) = (services::database(test).await, services::redis(test)) else { return };
    let args = ["--database", &database, "--bus", &bus];
    let (one, two) = (relay(&args).await, relay(&args).await);
    for (from, to) in [(&one, &two), (&two, &one)] {
        let Some(mut hears) = Foreign::on("/", test, &to.url(), &["websocket"]).await else { return };
        hears.next("connect").await;
        let start = std::time::Instant::now();
        // Until the subscription holds.
        loop {
            pushed(from, "mark").await;
            if hears.told_within(Duration::from_millis(200), |v| v["data"] == "mark").await.is_some() {
                break;
            }
            assert!(start.elapsed() < wait::PATIENCE, "the bus does not carry the relay");
        }
    }
    conversation(test, &one, &two).await;
}
