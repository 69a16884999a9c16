//! What one may not see does not exist; who was removed is told nothing more.

use chat_common::ErrorCode;
use chat_e2e::Server;
use serde_json::{Value, json};

/// The error without the room's name, so that two rooms can be compared.
fn anonymous(error: &Value, room: &str) -> String {
    error.to_string().replace(room, "ROOM")
}

#[tokio::test]
async fn to_a_stranger_a_private_room_does_not_exist() {
    let server = Server::start().await;
    let (ana, eve) = (server.account("ana").await, server.account("eve").await);
    let mut owner = ana.socket().await;
    owner.ok("room:create", json!({"room": "vault", "kind": "private", "topic": "hush"})).await;
    let seq = owner.say("vault", "the combination is 1234", "c1").await;
    let mut stranger = eve.socket().await;
    let requests = |room: &str| {
        let room = json!(room);
        vec![
            ("room:join", json!({"room": room})),
            ("room:subscribe", json!({"room": room})),
            ("room:leave", json!({"room": room})),
            ("room:delete", json!({"room": room})),
            ("room:update", json!({"room": room, "topic": "mine"})),
            ("room:invite", json!({"room": room, "user": "eve"})),
            ("room:transfer", json!({"room": room, "user": "eve"})),
            ("room:sync", json!({"room": room, "after": 0, "epoch": "x"})),
            ("message:send", json!({"room": room, "text": "hi", "client_id": "s1"})),
            ("message:send", json!({"room": room, "text": "hi", "client_id": "s2", "reply_to": seq})),
            ("message:edit", json!({"room": room, "seq": seq, "text": "hi"})),
            ("message:delete", json!({"room": room, "seq": seq})),
            ("reaction:set", json!({"room": room, "seq": seq, "emoji": "👍", "on": true})),
            ("history:get", json!({"room": room})),
            ("search", json!({"room": room, "query": "combination"})),
            ("thread:get", json!({"room": room, "seq": seq})),
            ("read:mark", json!({"room": room, "seq": seq})),
            ("typing", json!({"room": room, "on": true})),
            ("presence:get", json!({"room": room})),
            ("member:list", json!({"room": room})),
            ("member:kick", json!({"room": room, "user": "ana"})),
            ("member:ban", json!({"room": room, "user": "ana"})),
            ("member:role", json!({"room": room, "user": "ana", "role": "member"})),
            ("event:send", json!({"room": room, "name": "x", "data": 1})),
        ]
    };
    for ((event, vault), (_, none)) in requests("vault").into_iter().zip(requests("nowhere")) {
        let there = stranger.refused(event, vault, ErrorCode::NotFound).await;
        let not_there = stranger.refused(event, none, ErrorCode::NotFound).await;
        assert_eq!(anonymous(&there, "vault"), anonymous(&not_there, "nowhere"), "{event} tells them apart");
    }
    for path in [
        "/rooms/ROOM",
        "/rooms/ROOM/messages",
        "/rooms/ROOM/members",
        "/rooms/ROOM/hooks",
        "/search?query=combination&room=ROOM",
        "/presence?room=ROOM",
    ] {
        let there = eve.api.get(&path.replace("ROOM", "vault")).await.refused(ErrorCode::NotFound);
        let not_there = eve.api.get(&path.replace("ROOM", "nowhere")).await.refused(ErrorCode::NotFound);
        assert_eq!(anonymous(&there, "vault"), anonymous(&not_there, "nowhere"), "{path} tells them apart");
    }
    let join = eve.api.post("/rooms/vault/join", &json!({})).await;
    join.refused(ErrorCode::NotFound);
    let send = eve.api.post("/rooms/vault/messages", &json!({"text": "hi"})).await;
    send.refused(ErrorCode::NotFound);
    let hook = eve.api.post("/rooms/vault/hooks", &json!({"name": "mine"})).await;
    hook.refused(ErrorCode::NotFound);
    // Nor does it show anywhere else.
    let found = stranger.ok("search", json!({"query": "combination"})).await;
    assert_eq!(found["messages"], json!([]));
    let rooms = stranger.ok("room:list", json!({})).await;
    assert!(!rooms.to_string().contains("vault"), "{rooms}");
    stranger.refused("room:create", json!({"room": "vault"}), ErrorCode::Conflict).await;
    assert!(stranger.drain().await.iter().all(|e| !e.data.to_string().contains("vault")));
}

#[tokio::test]
async fn an_invited_user_sees_all_of_a_private_room_and_a_removed_one_nothing() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut owner, mut guest) = (ana.socket().await, bob.socket().await);
    owner.ok("room:create", json!({"room": "vault", "kind": "private"})).await;
    owner.say("vault", "before", "c1").await;
    owner.ok("room:invite", json!({"room": "vault", "user": "bob"})).await;
    guest.event("room:added").await;
    guest.join("vault").await;
    let history = guest.ok("history:get", json!({"room": "vault"})).await;
    assert_eq!(history["messages"][0]["text"], "before");
    owner.ok("member:kick", json!({"room": "vault", "user": "bob", "reason": "bye"})).await;
    owner.say("vault", "after", "c2").await;
    let told = guest.drain().await;
    assert!(told.iter().any(|e| e.name == "room:gone" || e.name == "member:removed"), "{told:?}");
    assert!(told.iter().all(|e| !e.data.to_string().contains("after")), "{told:?}");
    let send = json!({"room": "vault", "text": "hi", "client_id": "g1"});
    guest.refused("message:send", send, ErrorCode::NotFound).await;
    guest.refused("history:get", json!({"room": "vault"}), ErrorCode::NotFound).await;
}

#[tokio::test]
async fn a_kicked_member_is_told_nothing_more_and_comes_back_only_by_joining() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut owner, mut out) = (ana.socket().await, bob.socket().await);
    owner.ok("room:create", json!({"room": "club"})).await;
    out.join("club").await;
    owner.ok("member:kick", json!({"room": "club", "user": "bob", "reason": "calm down"})).await;
    let after = owner.say("club", "without him", "c1").await;
    let send = json!({"room": "club", "text": "hi", "client_id": "b1"});
    out.refused("message:send", send.clone(), ErrorCode::Forbidden).await;
    bob.api.post("/rooms/club/messages", &json!({"text": "hi"})).await.refused(ErrorCode::Forbidden);
    let told = out.drain().await;
    assert!(told.iter().all(|e| e.data["seq"].as_u64() < Some(after)), "{told:?}");
    out.join("club").await;
    out.ok("message:send", send).await;
}

#[tokio::test]
async fn a_banned_member_is_told_nothing_after_the_ban_and_does_not_come_back() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut owner, mut out) = (ana.socket().await, bob.socket().await);
    owner.ok("room:create", json!({"room": "club"})).await;
    out.join("club").await;
    owner.ok("member:ban", json!({"room": "club", "user": "bob", "reason": "spam"})).await;
    let after = owner.say("club", "quiet now", "c1").await;
    let send = json!({"room": "club", "text": "hi", "client_id": "b1"});
    let reply = out.call("message:send", send).await;
    assert!(matches!(reply["error"]["code"].as_str(), Some("banned" | "forbidden")), "{reply}");
    let reply = out.call("room:join", json!({"room": "club"})).await;
    assert!(matches!(reply["error"]["code"].as_str(), Some("banned" | "forbidden")), "{reply}");
    let told = out.drain().await;
    assert!(told.iter().all(|e| e.data["seq"] != json!(after)), "{told:?}");
    owner.ok("member:unban", json!({"room": "club", "user": "bob"})).await;
    out.join("club").await;
}

#[tokio::test]
async fn going_private_ends_the_subscriptions_of_who_is_no_member() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut owner, mut member) = (ana.socket().await, bob.socket().await);
    owner.ok("room:create", json!({"room": "club"})).await;
    member.join("club").await;
    owner.ok("room:update", json!({"room": "club", "kind": "private"})).await;
    let eve = server.account("eve").await;
    eve.socket().await.refused("room:join", json!({"room": "club"}), ErrorCode::NotFound).await;
    owner.say("club", "members only", "c1").await;
    let told = member.event_where("message:created", |e| e["text"] == "members only").await;
    assert_eq!(told["room"], "club");
}

#[tokio::test]
async fn nobody_acts_on_equals_or_betters() {
    let server = Server::start().await;
    let (ana, bob, eve) = (server.account("ana").await, server.account("bob").await, server.account("eve").await);
    let mut owner = ana.socket().await;
    owner.ok("room:create", json!({"room": "club"})).await;
    let (mut one, mut two) = (bob.socket().await, eve.socket().await);
    one.join("club").await;
    two.join("club").await;
    for user in ["ana", "eve"] {
        one.refused("member:kick", json!({"room": "club", "user": user}), ErrorCode::Forbidden).await;
    }
    one.refused("room:update", json!({"room": "club", "topic": "mine"}), ErrorCode::Forbidden).await;
    owner.ok("member:role", json!({"room": "club", "user": "bob", "role": "moderator"})).await;
    one.ok("room:update", json!({"room": "club", "topic": "ours"})).await;
    one.refused("member:kick", json!({"room": "club", "user": "ana"}), ErrorCode::Forbidden).await;
    one.refused("member:role", json!({"room": "club", "user": "eve", "role": "moderator"}), ErrorCode::Forbidden).await;
    one.refused("room:delete", json!({"room": "club"}), ErrorCode::Forbidden).await;
    one.ok("member:mute", json!({"room": "club", "user": "eve"})).await;
    let send = json!({"room": "club", "text": "mmh", "client_id": "e1"});
    two.refused("message:send", send, ErrorCode::Muted).await;
    owner.ok("room:transfer", json!({"room": "club", "user": "bob"})).await;
    owner.refused("room:delete", json!({"room": "club"}), ErrorCode::Forbidden).await;
    one.ok("room:delete", json!({"room": "club"})).await;
    two.event("room:gone").await;
    owner.refused("history:get", json!({"room": "club"}), ErrorCode::NotFound).await;
}

#[tokio::test]
async fn a_direct_conversation_has_two_and_a_blocked_one_is_refused() {
    let server = Server::start().await;
    let (ana, bob, eve) = (server.account("ana").await, server.account("bob").await, server.account("eve").await);
    let (mut a, mut b) = (ana.socket().await, bob.socket().await);
    let sent = a.ok("message:send", json!({"room": "@bob", "text": "psst", "client_id": "d1"})).await;
    assert_eq!(sent["seq"], 1);
    let added = b.event("room:added").await;
    assert_eq!(added["room"]["peer"]["name"], "ana", "{added}");
    let room = added["room"]["room"].as_str().expect("an opaque name").to_owned();
    let joined = b.join(&room).await;
    assert_eq!(joined["room"]["kind"], "direct");
    let mut outsider = eve.socket().await;
    outsider.refused("history:get", json!({"room": room}), ErrorCode::NotFound).await;
    outsider.refused("room:join", json!({"room": room}), ErrorCode::NotFound).await;
    b.ok("user:block", json!({"user": "ana", "on": true})).await;
    let again = json!({"room": "@bob", "text": "hello?", "client_id": "d2"});
    a.refused("message:send", again.clone(), ErrorCode::Forbidden).await;
    b.ok("user:block", json!({"user": "ana", "on": false})).await;
    a.ok("message:send", again).await;
}
