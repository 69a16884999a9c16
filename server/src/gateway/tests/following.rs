//! Following rooms: what is told, to whom, and when it ends.

use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;
use crate::gateway::authority;

async fn say(client: &mut Client, room: &str, text: &str) -> u64 {
    let payload = json!({"room": room, "text": text, "client_id": text.replace(' ', "_")});
    client.done("message:send", payload).await["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn what_one_says_the_others_hear_in_order() {
    let server = Server::start().await;
    let (mut ana, mut bob) = (server.guest("ana").await, server.guest("bob").await);
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    let joined = bob.done("room:join", json!({"room": "den"})).await;
    assert_eq!(joined["room"]["room"], "den");
    for i in 0..10 {
        say(&mut ana, "den", &format!("m{i}")).await;
    }
    for client in [&mut ana, &mut bob] {
        let head = joined["sync"]["head"].as_u64().unwrap();
        for i in 0..10u64 {
            let entry = client.event("message:created").await;
            assert_eq!(entry["text"], format!("m{i}"));
            assert_eq!(entry["seq"].as_u64().unwrap(), head + 1 + i);
        }
    }
}

#[tokio::test]
async fn a_kick_ends_the_subscription_at_its_entry() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    let session = server.session("bob").await;
    let (mut bob, ready) = Client::connect(server.addr, &session.access_token).await;
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    bob.done("room:join", json!({"room": "den"})).await;
    ana.done("member:kick", json!({"room": "den", "user": "~bob"})).await;
    say(&mut ana, "den", "after").await;
    assert_eq!(bob.event("member:removed").await["how"], "kick");
    assert_eq!(ana.event("message:created").await["text"], "after");
    bob.done("ping", json!({})).await;
    assert!(bob.seen.iter().all(|(name, _)| name != "message:created"), "{:?}", bob.seen);
    // Back again, it hears again, also once the old kick is read from the authority log.
    bob.done("room:join", json!({"room": "den"})).await;
    let (room, user) = (server.gateway.gateway.hub.rooms()[0], ready["user"]["id"].as_str().unwrap());
    authority::left(&server.gateway.gateway, user.parse().unwrap(), room).await;
    say(&mut ana, "den", "welcome").await;
    assert_eq!(bob.event("message:created").await["text"], "welcome");
}

#[tokio::test]
async fn leaving_and_unsubscribing_stop_what_is_told() {
    let server = Server::start().await;
    let (mut ana, mut bob) = (server.guest("ana").await, server.guest("bob").await);
    ana.done("room:create", json!({"room": "den"})).await;
    for stop in ["room:unsubscribe", "room:leave"] {
        bob.done("room:join", json!({"room": "den"})).await;
        bob.done(stop, json!({"room": "den"})).await;
        say(&mut ana, "den", stop).await;
        bob.done("ping", json!({})).await;
        assert!(bob.seen.iter().all(|(name, _)| name != "message:created"), "{stop}: {:?}", bob.seen);
    }
    // Coming back at once is not undone by the word of having left.
    for i in 0..20 {
        bob.done("room:join", json!({"room": "den"})).await;
        say(&mut ana, "den", &format!("again {i}")).await;
        assert_eq!(bob.event("message:created").await["text"], format!("again {i}"));
        bob.done("room:leave", json!({"room": "den"})).await;
    }
}

#[tokio::test]
async fn going_private_and_deleting_end_strangers_subscriptions() {
    let server = Server::start().await;
    let (mut ana, mut bob) = (server.guest("ana").await, server.guest("bob").await);
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    bob.done("room:subscribe", json!({"room": "den"})).await;
    ana.done("room:update", json!({"room": "den", "kind": "private"})).await;
    say(&mut ana, "den", "secret").await;
    assert_eq!(bob.event("room:gone").await["room"], "den");
    assert_eq!(ana.event("message:created").await["text"], "secret", "a member hears on");
    bob.done("ping", json!({})).await;
    assert!(bob.seen.iter().all(|(name, _)| name != "message:created"));
    ana.done("room:delete", json!({"room": "den"})).await;
    assert_eq!(ana.event("room:gone").await["room"], "den");
}

#[tokio::test]
async fn a_resume_brings_what_was_missed_and_follows_again() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    let bobs = server.session("bob").await;
    let (mut bob, ready) = Client::connect(server.addr, &bobs.access_token).await;
    ana.done("room:create", json!({"room": "den"})).await;
    let head = bob.done("room:join", json!({"room": "den"})).await["sync"]["head"].as_u64().unwrap();
    drop(bob);
    say(&mut ana, "den", "missed").await;
    let (mut bob, ready_again) = Client::connect(server.addr, &bobs.access_token).await;
    assert_eq!(ready["epoch"], ready_again["epoch"]);
    let rooms = json!({"den": head, "never": 1});
    let resumed = bob.done("session:resume", json!({"epoch": ready["epoch"], "rooms": rooms})).await;
    assert_eq!(resumed["gone"], json!(["never"]));
    let entries = resumed["rooms"]["den"]["entries"].as_array().unwrap();
    assert_eq!(entries.last().unwrap()["text"], "missed");
    say(&mut ana, "den", "live").await;
    assert_eq!(bob.event("message:created").await["text"], "live");
}

#[tokio::test]
async fn a_lost_signal_is_made_good_from_the_store() {
    let server = Server::start().await;
    let mut ana = server.guest("ana").await;
    ana.done("room:create", json!({"room": "den"})).await;
    ana.done("room:join", json!({"room": "den"})).await;
    let room = server.gateway.gateway.hub.rooms()[0];
    // Written past the bus, as by a node whose word was lost.
    let session = server.session("bob").await;
    let caller = server.caller(&session.access_token).await;
    let append = crate::storage::Append {
        sender: caller.user.id,
        room: chat_common::RoomName::parse("den").unwrap(),
        text: "unheard".into(),
        client_id: chat_common::ClientId::parse("x").unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        max_rooms: 10,
        at: server.services.clock.now(),
    };
    let stored = server.services.store.append(append).await.unwrap();
    assert_eq!(stored.room.id, room);
    say(&mut ana, "den", "heard").await;
    let texts: Vec<Value> = vec![ana.event("message:created").await, ana.event("message:created").await];
    assert_eq!(texts.iter().map(|e| e["text"].as_str().unwrap()).collect::<Vec<_>>(), ["unheard", "heard"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_of_one_user_hear_what_it_says_on_another() {
    let server = Server::start().await;
    let session = server.session("ana").await;
    let mut hearing = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(server.addr, &session.access_token).await.0;
        client.ack(r#"["room:join",{"room":"lobby"}]"#).await;
        hearing.push(client);
    }
    let mut saying = Client::connect(server.addr, &session.access_token).await.0;
    for i in 0..25 {
        say(&mut saying, "lobby", &format!("{i}")).await;
        for client in &mut hearing {
            assert_eq!(client.event("message:created").await["text"], format!("{i}"));
        }
    }
}
