//! Messages: once in the log, one order, and what becomes of them afterwards.

use chat_common::ErrorCode;
use chat_e2e::{Options, Server};
use serde_json::{Value, json};

#[tokio::test]
async fn the_same_key_is_stored_once_however_often_it_comes() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let (mut one, mut two) = (ana.socket().await, ana.socket().await);
    one.join("lobby").await;
    let send = json!({"room": "lobby", "text": "only once", "client_id": "k1"});
    let (a, b) = (one.ask("message:send", &send).await, two.ask("message:send", &send).await);
    let body = json!({"text": "only once", "client_id": "k1"});
    let rest = ana.api.post("/rooms/lobby/messages", &body);
    let (a, b, rest) = tokio::join!(one.answer(a), two.answer(b), rest);
    let (a, b) = (a.expect("an answer"), b.expect("an answer"));
    let rest = rest.ok();
    assert_eq!([&a["seq"], &b["seq"]], [&rest["seq"]; 2]);
    assert_eq!([&a["at"], &b["at"]], [&rest["at"]; 2]);
    let duplicates = [&a, &b, &rest].iter().filter(|r| r["duplicate"] == json!(true)).count();
    assert_eq!(duplicates, 2, "{a} {b} {rest}");
    assert_eq!(ana.api.history("lobby").await.len(), 1);
    let other = json!({"room": "lobby", "text": "something else", "client_id": "k1"});
    one.refused("message:send", other, ErrorCode::Conflict).await;
    // Another sender's key is another key, and the header says the same as the field.
    let bob = server.account("bob").await;
    let post = || {
        let request = bob.api.request(reqwest::Method::POST, "/api/v1/rooms/lobby/messages");
        chat_e2e::Api::send(request.header("Idempotency-Key", "k1").json(&json!({"text": "bob's"})))
    };
    let first = post().await;
    assert_eq!((first.status.as_u16(), &first.body["duplicate"]), (201, &json!(false)));
    let second = post().await;
    assert_eq!((second.status.as_u16(), &second.body["duplicate"]), (200, &json!(true)));
    assert_eq!(first.body["seq"], second.body["seq"]);
}

#[tokio::test]
async fn only_the_author_edits_and_a_moderator_deletes() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut owner, mut member) = (ana.socket().await, bob.socket().await);
    owner.ok("room:create", json!({"room": "club"})).await;
    owner.join("club").await;
    member.join("club").await;
    let hers = owner.say("club", "mine", "a1").await;
    let his = member.say("club", "his", "b1").await;
    member.refused("message:edit", json!({"room": "club", "seq": hers, "text": "yours"}), ErrorCode::Forbidden).await;
    member.refused("message:delete", json!({"room": "club", "seq": hers}), ErrorCode::Forbidden).await;
    owner.refused("message:edit", json!({"room": "club", "seq": his, "text": "hers"}), ErrorCode::Forbidden).await;
    member.ok("message:edit", json!({"room": "club", "seq": his, "text": "his, better"})).await;
    member.ok("message:edit", json!({"room": "club", "seq": his, "text": "his, better"})).await;
    let told = owner.event("message:edited").await;
    assert_eq!((&told["target"], &told["text"]), (&json!(his), &json!("his, better")));
    owner.ok("message:delete", json!({"room": "club", "seq": his})).await;
    owner.ok("message:delete", json!({"room": "club", "seq": his})).await;
    assert_eq!(member.event("message:deleted").await["target"], json!(his));
    member.refused("message:edit", json!({"room": "club", "seq": his, "text": "again"}), ErrorCode::NotFound).await;
    member.refused("message:delete", json!({"room": "club", "seq": 999}), ErrorCode::NotFound).await;
    let page = member.ok("history:get", json!({"room": "club"})).await;
    let deleted = page["messages"].as_array().expect("a list").iter().find(|m| m["seq"] == json!(his)).expect("kept");
    assert_eq!((&deleted["deleted"], &deleted["text"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn reactions_replies_threads_and_mentions_add_up() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut a, mut b) = (ana.socket().await, bob.socket().await);
    a.join("lobby").await;
    b.join("lobby").await;
    let root = a.say("lobby", "shall we?", "a1").await;
    for _ in 0..2 {
        b.ok("reaction:set", json!({"room": "lobby", "seq": root, "emoji": "👍", "on": true})).await;
    }
    a.ok("reaction:set", json!({"room": "lobby", "seq": root, "emoji": "👍", "on": true})).await;
    b.refused("reaction:set", json!({"room": "lobby", "seq": root, "emoji": "ok", "on": true}), ErrorCode::Invalid)
        .await;
    let reply = json!({"room": "lobby", "text": "yes @ana", "client_id": "b1", "reply_to": root});
    b.ok("message:send", reply).await;
    let created = a.event_where("message:created", |e| e["client_id"] == "b1").await;
    assert_eq!(created["mentions"], json!([ana.id()]), "{created}");
    let thread = a.ok("thread:get", json!({"room": "lobby", "seq": root})).await;
    assert_eq!(thread["messages"][0]["text"], "yes @ana");
    let page = a.ok("history:get", json!({"room": "lobby"})).await;
    assert_eq!(page["messages"][0]["reactions"], json!([{"emoji": "👍", "count": 2, "me": true}]));
    let bad = json!({"room": "lobby", "text": "to nothing", "client_id": "b2", "reply_to": 999});
    b.refused("message:send", bad, ErrorCode::NotFound).await;
    // Unread and mentions count for her, until she has read.
    let listed = a.ok("room:list", json!({})).await;
    let lobby =
        listed["rooms"].as_array().expect("a list").iter().find(|r| r["room"] == "lobby").expect("there").clone();
    assert_eq!((&lobby["unread"], &lobby["mentions"]), (&json!(1), &json!(1)), "{lobby}");
    let mut elsewhere = ana.socket().await;
    a.ok("read:mark", json!({"room": "lobby", "seq": lobby["head"]})).await;
    let told = elsewhere.event("read:changed").await;
    assert_eq!((&told["unread"], &told["mentions"]), (&json!(0), &json!(0)), "{told}");
}

#[tokio::test]
async fn search_ignores_case_and_accents_in_every_script() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for text in ["Điện thoại của tôi", "東京都に住んでいます", "Crème BRÛLÉE", "100%_sure"] {
        ana.say("lobby", text).await;
    }
    let find = |query: &str| {
        let (api, path) = (ana.api.clone(), format!("/search?query={}", percent(query)));
        async move {
            chat_e2e::wait::until_async("the index follows", || {
                let (api, path) = (api.clone(), path.clone());
                async move {
                    let found = api.get(&path).await.ok();
                    found["messages"][0]["text"].as_str().map(str::to_owned)
                }
            })
            .await
        }
    };
    assert_eq!(find("dien thoai").await, "Điện thoại của tôi");
    assert_eq!(find("京都に").await, "東京都に住んでいます");
    assert_eq!(find("creme brulee").await, "Crème BRÛLÉE");
    assert_eq!(find("%_s").await, "100%_sure");
    let none = ana.api.get(&format!("/search?query={}", percent("100%sure"))).await.ok();
    assert_eq!(none["messages"], json!([]), "a wildcard is a character like any other");
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn a_resume_brings_exactly_what_was_missed() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let mut a = ana.socket().await;
    let joined = a.join("lobby").await;
    let epoch = joined["sync"]["epoch"].clone();
    a.say("lobby", "one", "1").await;
    a.abandon();
    let mut b = bob.socket().await;
    b.say("lobby", "two", "2").await;
    b.say("lobby", "three", "3").await;
    let mut back = ana.socket().await;
    let resumed = back.ok("session:resume", json!({"epoch": epoch, "rooms": {"lobby": 1, "nowhere": 4}})).await;
    let sync = &resumed["rooms"]["lobby"];
    assert_eq!(resumed["gone"], json!(["nowhere"]), "{resumed}");
    assert_eq!(sync["reset"], false);
    let entries = sync["entries"].as_array().expect("entries");
    let texts: Vec<_> = entries.iter().filter_map(|e| e["text"].as_str()).collect();
    assert_eq!(texts, ["two", "three"]);
    assert!(entries.iter().all(|e| e["event"] == "message:created"), "{sync}");
    // It is subscribed again.
    b.say("lobby", "four", "4").await;
    assert_eq!(back.event_where("message:created", |e| e["text"] == "four").await["seq"], json!(4));
    // Another epoch, or a number that cannot be, voids what was known.
    for payload in
        [json!({"room": "lobby", "after": 2, "epoch": "other"}), json!({"room": "lobby", "after": 99, "epoch": epoch})]
    {
        let sync = back.ok("room:sync", payload).await;
        assert_eq!(sync["reset"], true);
        assert_eq!(sync["messages"].as_array().map(Vec::len), Some(4), "{sync}");
    }
}

#[tokio::test]
async fn long_lists_end_early_and_go_on() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut a = ana.socket().await;
    let text = "x".repeat(6_000);
    for n in 0..20 {
        a.say("lobby", &text, &format!("k{n}")).await;
    }
    let epoch = a.ready["epoch"].clone();
    let (mut after, mut seen, mut pages) = (json!(0), Vec::new(), 0);
    loop {
        let sync = a.ok("room:sync", json!({"room": "lobby", "after": after, "epoch": epoch})).await;
        assert!(sync.to_string().len() <= 48 * 1024, "{} bytes", sync.to_string().len());
        let entries = sync["entries"].as_array().expect("entries").clone();
        seen.extend(entries.iter().map(|e| e["seq"].as_u64().expect("a seq")));
        pages += 1;
        match &sync["next"] {
            Value::Null => break,
            next => after = next.clone(),
        }
    }
    assert!(pages > 2, "120 kB went into {pages} pages");
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());
    assert_eq!(ana.api.history("lobby").await.len(), 20);
}

#[tokio::test]
async fn presence_and_typing_are_told_to_the_room() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut a, mut b) = (ana.socket().await, bob.socket().await);
    a.join("lobby").await;
    b.join("lobby").await;
    b.ok("typing", json!({"room": "lobby", "on": true})).await;
    let typing = a.event("typing:changed").await;
    assert_eq!((&typing["user"]["name"], &typing["on"]), (&json!("bob"), &json!(true)));
    b.ok("presence:set", json!({"status": "dnd", "text": "deep work"})).await;
    let told = a.event_where("presence:changed", |e| e["status"] == "dnd").await;
    assert_eq!((&told["user"]["name"], &told["text"]), (&json!("bob"), &json!("deep work")));
    b.refused("presence:set", json!({"status": "offline"}), ErrorCode::Invalid).await;
    b.abandon();
    // Ten seconds of grace, so that a quick reconnect does not flap.
    let told = a.event_where("presence:changed", |e| e["status"] == "offline").await;
    assert_eq!(told["user"]["name"], "bob");
    let present = a.ok("presence:get", json!({"room": "lobby"})).await;
    assert_eq!(present["present"].as_array().map(Vec::len), Some(1), "{present}");
}

#[tokio::test]
async fn a_custom_event_reaches_the_room_and_no_log() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let (mut a, mut b) = (ana.socket().await, bob.socket().await);
    a.join("lobby").await;
    b.join("lobby").await;
    a.ok("event:send", json!({"room": "lobby", "name": "poll.vote", "data": {"choice": 2}})).await;
    let told = b.event("event:custom").await;
    assert_eq!((&told["name"], &told["data"]["choice"]), (&json!("poll.vote"), &json!(2)));
    let big = json!({"room": "lobby", "name": "poll.vote", "data": "x".repeat(17 * 1024)});
    let reply = a.call("event:send", big).await;
    assert!(matches!(reply["error"]["code"].as_str(), Some("too_large" | "invalid")), "{reply}");
    assert_eq!(ana.api.history("lobby").await.len(), 0);
}

#[tokio::test]
async fn a_limit_of_the_configuration_holds_and_is_told() {
    let server = Server::with(Options::roomy().limit("text_bytes", 100)).await;
    let mut a = server.account("ana").await.socket().await;
    assert_eq!(a.ready["limits"]["text_bytes"], 100);
    a.say("lobby", &"x".repeat(100), "k1").await;
    let reply = a.call("message:send", json!({"room": "lobby", "text": "x".repeat(101), "client_id": "k2"})).await;
    assert_eq!(reply["ok"], false);
}
