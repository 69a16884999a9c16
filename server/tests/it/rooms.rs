//! Rooms, members, moderation.

use reqwest::Method;
use serde_json::json;

use super::world::{World, answer, no, refused};

#[tokio::test]
async fn the_lobby_is_there_from_the_start() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let (status, rooms) = ana.get("/rooms").await;
    assert_eq!(status, 200);
    assert!(rooms["rooms"].as_array().unwrap().iter().any(|r| r["room"] == "lobby"), "{rooms}");
    w.stop().await;
}

#[tokio::test]
async fn a_room_from_its_making_to_its_end() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    let (status, made) = ana.post("/rooms", json!({"room": "ops", "topic": "what burns"})).await;
    assert_eq!(
        (status.as_u16(), &made["room"]["role"], &made["room"]["topic"]),
        (201, &json!("owner"), &json!("what burns"))
    );
    assert_eq!(refused(bob.post("/rooms", json!({"room": "ops"})).await).1, "conflict");
    let (status, joined) = answer(bob.request(Method::POST, "/rooms/ops/join")).await;
    assert_eq!((status.as_u16(), &joined["room"]["role"]), (200, &json!("member")), "{joined}");
    assert_eq!(refused(bob.patch("/rooms/ops", json!({"topic": "mine"})).await).1, "forbidden");
    let (status, changed) = ana.patch("/rooms/ops", json!({"topic": "calm"})).await;
    assert_eq!((status.as_u16(), &changed["room"]["topic"]), (200, &json!("calm")));
    let (_, members) = bob.get("/rooms/ops/members").await;
    let names: Vec<_> = members["members"].as_array().unwrap().iter().map(|m| m["user"]["name"].clone()).collect();
    assert_eq!(names, [json!("ana"), json!("bob")]);
    assert_eq!(answer(bob.request(Method::POST, "/rooms/ops/leave")).await.0, 204);
    assert_eq!(refused(bob.delete("/rooms/ops").await).1, "forbidden");
    assert_eq!(ana.delete("/rooms/ops").await.0, 204);
    assert_eq!(refused(ana.get("/rooms/ops").await), no(404, "not_found", ""));
    w.stop().await;
}

#[tokio::test]
async fn a_private_room_is_no_room_for_strangers() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    assert_eq!(ana.post("/rooms", json!({"room": "attic", "kind": "private"})).await.0, 201);
    ana.say("attic", "secret").await;
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "/messages"),
        (Method::GET, "/members"),
        (Method::GET, "/events"),
        (Method::POST, "/join"),
    ] {
        let there = answer(bob.request(method.clone(), &format!("/rooms/attic{path}"))).await;
        let nowhere = answer(bob.request(method, &format!("/rooms/nowhere{path}"))).await;
        assert_eq!(there, nowhere, "{path}");
        assert_eq!(refused(there), no(404, "not_found", ""), "{path}");
    }
    let post = |room: &'static str| bob.post(room, json!({"text": "hi"}));
    assert_eq!(post("/rooms/attic/messages").await, post("/rooms/nowhere/messages").await);
    assert_eq!(refused(bob.get("/presence?room=attic").await).1, "not_found");
    let (_, found) = bob.get("/search?query=secret").await;
    assert_eq!(found["messages"], json!([]));
    assert_eq!(answer(ana.request(Method::PUT, "/rooms/attic/members/bob")).await.0, 204);
    assert_eq!(bob.get("/rooms/attic/messages").await.0, 200);
    w.stop().await;
}

#[tokio::test]
async fn moderators_keep_order_and_nobody_acts_on_betters() {
    let w = World::start().await;
    let (ana, bob, eve) = (w.user("ana").await, w.user("bob").await, w.user("eve").await);
    ana.post("/rooms", json!({"room": "ops"})).await;
    for someone in [&bob, &eve] {
        assert_eq!(answer(someone.request(Method::POST, "/rooms/ops/join")).await.0, 200);
    }
    assert_eq!(refused(eve.delete("/rooms/ops/members/bob").await).1, "forbidden");
    assert_eq!(ana.put("/rooms/ops/members/bob", json!({"role": "moderator"})).await.0, 204);
    assert_eq!(bob.put("/rooms/ops/members/eve", json!({"muted_until": "2999-01-01T00:00:00Z"})).await.0, 204);
    assert_eq!(refused(eve.post("/rooms/ops/messages", json!({"text": "hm"})).await), no(403, "muted", ""));
    assert_eq!(refused(bob.delete("/rooms/ops/members/ana").await).1, "forbidden");
    assert_eq!(bob.put("/rooms/ops/bans/eve", json!({"reason": "enough"})).await.0, 204);
    assert_eq!(refused(answer(eve.request(Method::POST, "/rooms/ops/join")).await), no(403, "banned", ""));
    assert_eq!(bob.delete("/rooms/ops/bans/eve").await.0, 204);
    assert_eq!(answer(eve.request(Method::POST, "/rooms/ops/join")).await.0, 200);
    assert_eq!(bob.delete("/rooms/ops/members/eve?reason=again").await.0, 204);
    assert_eq!(refused(bob.put("/rooms/ops/members/nobody", json!({"role": "member"})).await).1, "not_found");
    w.stop().await;
}

#[tokio::test]
async fn names_that_are_none_are_named_and_paths_match_exactly() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let long = "a".repeat(65);
    for room in ["%2e%2e", "..%2fetc", "a%2Fb", "%F0%9F%8E%89", "a%00b", "%20", "", &long] {
        // The client would clean a path with dots in it.
        let (status, body) = w.raw_get(&format!("/api/v1/rooms/{room}/messages"), &ana.token).await;
        assert_eq!(refused((status, body)), no(400, "invalid", "room"), "{room}");
        let body = json!({"room": percent(room)});
        assert_eq!(refused(ana.post("/rooms", body).await), no(400, "invalid", "room"), "{room}");
    }
    assert_eq!(refused(ana.get("/rooms/%ff/messages").await).0, 400);
    for path in ["/rooms/lobby/", "/rooms/lobby/messages/", "/Rooms", "/rooms/lobby/messages/1/x"] {
        assert_eq!(refused(ana.get(path).await), no(404, "not_found", ""), "{path}");
    }
    assert_eq!(refused(ana.patch("/rooms/lobby/messages/one", json!({"text": "x"})).await), no(400, "invalid", "seq"));
    assert_eq!(refused(ana.put("/rooms/lobby/members/a%20b", json!({})).await), no(400, "invalid", "name"));
    w.stop().await;
}

fn percent(s: &str) -> String {
    form_urlencoded::parse(format!("x={s}").as_bytes()).next().unwrap().1.into_owned()
}
