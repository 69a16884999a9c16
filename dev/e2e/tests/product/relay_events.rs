//! `/events`: the first-generation conversation with two official clients, event by event, and what it refuses.

use chat_e2e::foreign::Foreign;
use serde_json::{Value, json};

use super::relay::relay;

async fn joined(test: &str, url: &str, transport: &str) -> Option<(Foreign, String)> {
    let mut client = Foreign::on("/events", test, url, &[transport]).await?;
    let sid = client.next("connect").await["sid"].as_str().expect("an id").to_owned();
    let status = client.event("connectionStatus").await;
    assert!(status["status"].is_string() && status["message"].is_string(), "{status}");
    Some((client, sid))
}

/// Everything that came before the answer to a `ping` and was not taken.
async fn rest(client: &mut Foreign) -> Vec<Value> {
    client.emit("ping", Value::Null).await;
    let mut all = client.until_event("pong").await;
    all.pop();
    all
}

#[tokio::test]
async fn the_conversation_event_by_event() {
    let server = relay(&[]).await;
    let test = "the_conversation_event_by_event";
    let Some((mut ana, ana_id)) = joined(test, &server.url(), "websocket").await else { return };
    let Some((mut bob, bob_id)) = joined(test, &server.url(), "polling").await else { return };

    ana.emit("registerUser", json!({"username": "ana"})).await;
    let registered = ana.event("userRegistered").await;
    assert!(registered["username"] == "ana" && registered["message"].is_string(), "{registered}");
    assert_eq!(bob.event("userConnected").await["username"], "ana");
    bob.emit("registerUser", json!({"username": "bob"})).await;
    assert_eq!(bob.event("userRegistered").await["username"], "bob");
    assert_eq!(ana.event("userConnected").await["username"], "bob");

    ana.emit("joinRoom", json!({"roomName": "dev"})).await;
    let joined = ana.event("roomJoined").await;
    assert_eq!((&joined["roomName"], &joined["clientId"]), (&json!("dev"), &json!(ana_id)), "{joined}");
    assert!(joined["status"].is_string() && joined["message"].is_string(), "{joined}");
    bob.emit("joinRoom", json!({"roomName": "dev"})).await;
    assert_eq!(bob.event("roomJoined").await["clientId"], json!(bob_id));
    let member = ana.event("memberJoined").await;
    assert_eq!((&member["roomName"], &member["clientId"]), (&json!("dev"), &json!(bob_id)), "{member}");

    ana.emit("sendMessage", json!({"content": "xin chào", "roomName": "dev"})).await;
    for client in [&mut ana, &mut bob] {
        let message = client.event("roomMessage").await;
        let expected = (&json!(ana_id), &json!("xin chào"), &json!("dev"), &json!("ana"));
        assert_eq!((&message["senderId"], &message["content"], &message["roomName"], &message["username"]), expected);
        assert!(message["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')), "{message}");
    }
    bob.emit("sendMessage", json!({"content": "to all"})).await;
    let message = ana.event("globalMessage").await;
    assert_eq!((&message["content"], &message["roomName"]), (&json!("to all"), &json!("broadcast")));

    ana.emit("getUsers", Value::Null).await;
    let users = ana.event("usersList").await;
    assert_eq!(users, json!([{"username": "ana", "room": "dev"}, {"username": "bob", "room": "dev"}]));
    bob.emit("leaveRoom", json!({"roomName": "dev"})).await;
    assert_eq!(bob.event("roomLeft").await["roomName"], "dev");
    assert_eq!(ana.event("memberLeft").await["clientId"], json!(bob_id));
    ana.emit("getRoomMembers", json!({"roomName": "dev"})).await;
    assert_eq!(ana.event("roomMembersList").await, json!({"roomName": "dev", "members": ["ana"]}));
    assert_eq!(
        rest(&mut ana).await,
        Vec::<Value>::new(),
        "nothing was told twice, and the sender of a global message nothing"
    );
    assert_eq!(rest(&mut bob).await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_faults_of_the_earlier_protocol_are_gone() {
    let server = relay(&[]).await;
    let test = "the_faults_of_the_earlier_protocol_are_gone";
    let Some((mut ana, ana_id)) = joined(test, &server.url(), "websocket").await else { return };
    let Some((mut bob, _)) = joined(test, &server.url(), "websocket").await else { return };
    let Some((mut cleo, _)) = joined(test, &server.url(), "websocket").await else { return };
    ana.emit("registerUser", json!({"username": "ana"})).await;
    ana.event("userRegistered").await;
    for (event, data, said) in [
        ("sendMessage", json!({"content": "x"}), "registerUser"),
        ("registerUser", json!({"username": "ana"}), "taken"),
        ("registerUser", json!({"username": "x".repeat(21)}), "username: it has 21 characters; 1 to 20"),
        ("registerUser", json!({"username": ""}), "username"),
        ("registerUser", json!({"username": 5}), "username: it must be a text"),
        ("registerUser", json!({}), "username: it is missing"),
        ("registerUser", Value::Null, "username: it is missing"),
        ("registerUser", json!("ana"), "username"),
        ("registerUser", json!([]), "username"),
        ("joinRoom", json!({"roomName": ana_id}), "the id of a socket"),
        ("joinRoom", json!({"roomName": "wJalrXUtnFEMIK7MDAAB"}), "the id of a socket"),
        ("joinRoom", json!({"roomName": "x".repeat(65)}), "roomName"),
        ("joinRoom", json!({"room": "dev"}), "roomName: it is missing"),
        ("leaveRoom", json!({"roomName": "dev"}), "not in"),
        ("getRoomMembers", json!({}), "roomName"),
        ("noSuchEvent", json!({}), "noSuchEvent"),
    ] {
        bob.emit(event, data.clone()).await;
        let error = bob.event("error").await;
        assert!(error["message"].as_str().is_some_and(|m| m.contains(said)), "{event} {data}: {error}");
    }
    bob.emit("registerUser", json!({"username": "bob"})).await;
    bob.event("userRegistered").await;
    for (data, said) in [
        (json!({"roomName": "dev"}), "content: it is missing"),
        (json!({"content": 5}), "content: it must be a text"),
        (json!({"content": ""}), "content: it is empty"),
        (json!({"content": "x".repeat(8_001)}), "content: it has more than 8000 bytes"),
        (json!({"content": "psst", "roomName": ana_id}), "the id of a socket"),
    ] {
        bob.emit("sendMessage", data).await;
        let error = bob.event("error").await;
        assert!(error["message"].as_str().is_some_and(|m| m.contains(said)), "{said}: {error}");
    }
    assert_eq!(
        cleo.call("ping", json!({})).await["timestamp"].as_str().map(str::len),
        Some(24),
        "an acknowledgement too"
    );
    // The name is free again, and the room hears that she went.
    for client in [&mut ana, &mut bob] {
        client.emit("joinRoom", json!({"roomName": "dev"})).await;
        client.event("roomJoined").await;
    }
    ana.end().await;
    assert_eq!(bob.event("memberLeft").await["clientId"], json!(ana_id));
    cleo.emit("registerUser", json!({"username": "ana"})).await;
    assert_eq!(cleo.event("userRegistered").await["username"], "ana");
}

#[tokio::test]
async fn who_asks_too_often_is_told_so_and_no_one_else_suffers() {
    let server = chat_e2e::Server::with(
        chat_e2e::Options::default().limit("message_burst", 3).limit("messages_per_second", 1).arg("--relay"),
    )
    .await;
    let test = "who_asks_too_often_is_told_so_and_no_one_else_suffers";
    let Some((mut ana, _)) = joined(test, &server.url(), "websocket").await else { return };
    let Some((mut bob, _)) = joined(test, &server.url(), "websocket").await else { return };
    ana.emit("registerUser", json!({"username": "ana"})).await;
    for i in 0..20 {
        ana.emit("sendMessage", json!({"content": i.to_string()})).await;
    }
    let error = ana.event("error").await;
    assert!(error["message"].as_str().is_some_and(|m| m.contains("too often")), "{error}");
    assert_eq!(bob.event("globalMessage").await["content"], "0");
    let more = rest(&mut bob).await;
    assert!(more.iter().filter(|v| v["name"] == "globalMessage").count() < 10, "{more:?}");
}
