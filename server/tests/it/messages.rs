//! Messages over REST.

use reqwest::Method;
use serde_json::json;

use super::world::{World, answer, no, refused};

#[tokio::test]
async fn a_message_is_stored_once_and_a_repeat_gets_the_first_answer() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let send = |key: &'static str, text: &'static str| {
        answer(
            ana.request(Method::POST, "/rooms/lobby/messages")
                .header("idempotency-key", key)
                .json(&json!({"text": text})),
        )
    };
    let (status, first) = send("k1", "hello").await;
    assert_eq!((status.as_u16(), &first["duplicate"], &first["room"]), (201, &json!(false), &json!("lobby")));
    let (status, again) = send("k1", "hello").await;
    assert_eq!(
        (status.as_u16(), &again["duplicate"], &again["seq"], &again["at"]),
        (200, &json!(true), &first["seq"], &first["at"])
    );
    let (status, body) = ana.post("/rooms/lobby/messages", json!({"text": "hello", "client_id": "k1"})).await;
    assert_eq!((status.as_u16(), &body["seq"]), (200, &first["seq"]), "the header and the field are one");
    assert_eq!(refused(send("k1", "other").await), no(409, "conflict", ""));
    let quoted = ana.request(Method::POST, "/rooms/lobby/messages").header("idempotency-key", "\"k1\"");
    assert_eq!(answer(quoted.json(&json!({"text": "hello"}))).await.0, 200);
    let both = ana.request(Method::POST, "/rooms/lobby/messages").header("idempotency-key", "k2");
    let both = answer(both.json(&json!({"text": "hello", "client_id": "k3"}))).await;
    assert_eq!(refused(both), no(400, "invalid", "client_id"));
    let empty = ana.request(Method::POST, "/rooms/lobby/messages").header("idempotency-key", "");
    assert_eq!(refused(answer(empty.json(&json!({"text": "x"}))).await), no(400, "invalid", "Idempotency-Key"));
    assert_ne!(ana.say("lobby", "hello").await, ana.say("lobby", "hello").await, "without a key each is its own");
    w.stop().await;
}

#[tokio::test]
async fn the_same_key_many_times_at_once_is_one_entry() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    let body = json!({"text": "once", "client_id": "race"});
    let all = futures_util::future::join_all((0..20).map(|_| ana.post("/rooms/lobby/messages", body.clone()))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 201).count(), 1);
    assert!(all.iter().all(|(_, b)| b["seq"] == all[0].1["seq"]), "{all:?}");
    w.stop().await;
}

#[tokio::test]
async fn pages_go_both_ways() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    for i in 1..=7 {
        ana.say("lobby", &format!("m{i}")).await;
    }
    let texts = |page: &serde_json::Value| -> Vec<String> {
        page["messages"].as_array().unwrap().iter().filter_map(|m| m["text"].as_str().map(str::to_owned)).collect()
    };
    let (_, latest) = ana.get("/rooms/lobby/messages?limit=3").await;
    assert_eq!((texts(&latest), &latest["has_more"]), (vec!["m5".into(), "m6".into(), "m7".into()], &json!(true)));
    let before = latest["messages"][0]["seq"].as_u64().unwrap();
    let (_, older) = ana.get(&format!("/rooms/lobby/messages?before={before}&limit=2")).await;
    assert_eq!(texts(&older), ["m3", "m4"]);
    let (_, newer) = ana.get(&format!("/rooms/lobby/messages?after={before}")).await;
    assert_eq!(texts(&newer), ["m6", "m7"]);
    let (_, around) = ana.get(&format!("/rooms/lobby/messages?around={before}&limit=3")).await;
    assert!(texts(&around).contains(&"m5".to_owned()), "{around}");
    assert_eq!(refused(ana.get("/rooms/lobby/messages?limit=many").await), no(400, "invalid", "limit"));
    assert_eq!(refused(ana.get("/rooms/lobby/messages?before=-1").await), no(400, "invalid", "before"));
    assert_eq!(refused(ana.get("/rooms/lobby/messages?before=3&after=1").await).0, 400);
    w.stop().await;
}

#[tokio::test]
async fn what_happens_to_a_message_afterwards() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    let seq = ana.say("lobby", "first").await;
    bob.say("lobby", "hi").await;
    let path = format!("/rooms/lobby/messages/{seq}");
    assert_eq!(refused(bob.patch(&path, json!({"text": "mine"})).await).1, "forbidden");
    assert_eq!(ana.patch(&path, json!({"text": "second"})).await.0, 204);
    assert_eq!(answer(bob.request(Method::PUT, &format!("{path}/reactions/%F0%9F%91%8D"))).await.0, 204);
    assert_eq!(answer(bob.request(Method::PUT, &format!("{path}/reactions/ok"))).await.0, 400);
    let (_, page) = bob.get("/rooms/lobby/messages").await;
    let message = page["messages"].as_array().unwrap().iter().find(|m| m["seq"] == seq).unwrap();
    assert_eq!(
        (&message["text"], &message["reactions"]),
        (&json!("second"), &json!([{"emoji": "👍", "count": 1, "me": true}]))
    );
    assert_eq!(answer(bob.request(Method::DELETE, &format!("{path}/reactions/%F0%9F%91%8D"))).await.0, 204);
    assert_eq!(refused(bob.delete(&path).await).1, "forbidden");
    assert_eq!(ana.delete(&path).await.0, 204);
    assert_eq!(refused(ana.patch(&path, json!({"text": "third"})).await), no(404, "not_found", ""));
    let (_, page) = bob.get("/rooms/lobby/messages").await;
    let message = page["messages"].as_array().unwrap().iter().find(|m| m["seq"] == seq).unwrap();
    assert_eq!(
        (&message["text"], &message["deleted"], &message["reactions"]),
        (&json!(null), &json!(true), &json!([]))
    );
    w.stop().await;
}

#[tokio::test]
async fn texts_that_drive_terminals_are_refused() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    for text in ["\u{1b}]52;c;x\u{7}", "\u{1b}[2J", "a\u{9b}b", "a\u{202e}b", "a\rb", "a\u{e0041}b", "", "  \n "] {
        let refusal = refused(ana.post("/rooms/lobby/messages", json!({"text": text})).await);
        assert_eq!(refusal, no(400, "invalid", "text"), "{text:?}");
    }
    let long = ana.post("/rooms/lobby/messages", json!({"text": "x".repeat(8_001)})).await;
    assert_eq!(refused(long), no(413, "too_large", "text"));
    w.stop().await;
}

#[tokio::test]
async fn a_direct_message_goes_by_name() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    let (status, sent) = ana.post("/rooms/@bob/messages", json!({"text": "psst"})).await;
    assert_eq!(status, 201, "{sent}");
    let room = sent["room"].as_str().unwrap();
    assert!(room.starts_with("dm-"), "{room}");
    let (_, page) = bob.get("/rooms/@ana/messages").await;
    assert_eq!(page["messages"][0]["text"], "psst");
    let eve = w.user("eve").await;
    assert_eq!(refused(eve.get(&format!("/rooms/{room}/messages")).await).1, "not_found");
    w.stop().await;
}

#[tokio::test]
async fn a_search_finds_without_regard_to_accents() {
    let w = World::start().await;
    let ana = w.user("ana").await;
    ana.say("lobby", "Điện thoại của tôi").await;
    ana.say("lobby", "see https://example.org").await;
    w.running.services.store.search_caught_up().await.unwrap();
    let (_, found) = ana.get("/search?query=dien%20thoai&room=lobby").await;
    assert_eq!(found["messages"].as_array().unwrap().len(), 1, "{found}");
    let (_, links) = ana.get("/search?query=&has=link").await;
    assert_eq!(links["messages"].as_array().unwrap().len(), 1, "{links}");
    assert_eq!(refused(ana.get("/search?query=x&has=cats").await), no(400, "invalid", "has"));
    assert_eq!(refused(ana.get("/search?query=x&since=yesterday").await), no(400, "invalid", "since"));
    w.stop().await;
}

#[tokio::test]
async fn presence_tells_who_is_there() {
    let w = World::start().await;
    let (ana, bob) = (w.user("ana").await, w.user("bob").await);
    ana.say("lobby", "hi").await;
    bob.say("lobby", "hi").await;
    let (status, body) = ana.get("/presence?users=bob").await;
    assert_eq!((status.as_u16(), &body["present"]), (200, &json!([])), "nobody is connected");
    assert_eq!(ana.get("/presence?room=lobby").await.0, 200);
    assert_eq!(refused(ana.get("/presence?users=%20,x").await), no(400, "invalid", "users"));
    w.stop().await;
}
