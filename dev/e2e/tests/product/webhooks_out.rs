//! Outgoing webhooks from outside: a receiver on this machine, which the server may call because it was told so.

use chat_common::ErrorCode;
use chat_e2e::program::root;
use chat_e2e::receiver::{Got, Receiver};
use chat_e2e::{Account, Options, Server, wait};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

async fn open() -> (Server, Account) {
    let server = Server::with(Options::roomy().arg("--outgoing-allow=127.0.0.0/8,::1")).await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
    (server, ana)
}

async fn tell(ana: &Account, url: &str, events: Value) -> (String, String) {
    let made = ana.api.post("/rooms/club/outgoing", &json!({"url": url, "events": events})).await.ok();
    let text = |field: &str| made[field].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    (text("id"), text("signing_secret"))
}

/// As a receiver without any library would: the key in Base64, over `id.timestamp.body`.
fn signature(secret: &str, got: &Got) -> String {
    let key = base64(secret.strip_prefix("whsec_").expect("a secret of Standard Webhooks"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key");
    mac.update(format!("{}.{}.{}", got.header("webhook-id"), got.header("webhook-timestamp"), got.body).as_bytes());
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String =
        text.trim_end_matches('=').chars().map(|c| format!("{:06b}", ALPHABET.find(c).expect("Base64"))).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|b| u8::from_str_radix(std::str::from_utf8(b).expect("digits"), 2).expect("bits"))
        .collect()
}

#[tokio::test]
async fn what_happens_in_a_room_is_told_signed_and_once_more_where_it_failed() {
    let (server, ana) = open().await;
    let (receiver, url) = Receiver::start().await;
    receiver.answer(&[500]);
    let events = json!(["message:created", "message:edited", "message:deleted", "reaction:changed", "member:joined"]);
    let (id, secret) = tell(&ana, &url, events).await;
    let seq = ana.say("club", "hello bot").await;
    let got = receiver.deliveries(2).await;
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"), "the same delivery, once more");
    assert_eq!(got[0].body, got[1].body);
    let told = got[1].json();
    assert_eq!(
        (&told["v"], &told["type"], &told["data"]["text"], &told["data"]["from"]["name"]),
        (&json!(1), &json!("message:created"), &json!("hello bot"), &json!("ana"))
    );
    assert_eq!((&told["delivery"], &told["data"]["room"]), (&json!(got[1].header("webhook-id")), &json!("club")));
    for one in &got {
        let given = one.header("webhook-signature").strip_prefix("v1,").expect("version 1");
        let given: String = base64(given).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(given, signature(&secret, one));
        assert_eq!(one.header("content-type"), "application/json");
        assert!(one.header("user-agent").starts_with("chat-server/"));
    }
    verified_by_the_documents_lines(&secret, &got[1]).await;
    ana.api.patch(&format!("/rooms/club/messages/{seq}"), &json!({"text": "better"})).await.ok();
    ana.api.put(&format!("/rooms/club/messages/{seq}/reactions/%F0%9F%91%8D"), &json!({})).await;
    ana.api.delete(&format!("/rooms/club/messages/{seq}")).await.ok();
    server.account("bob").await.api.post("/rooms/club/join", &json!({})).await.ok();
    let told: Vec<Value> = receiver.deliveries(6).await[2..].iter().map(Got::json).collect();
    let types: Vec<_> = told.iter().filter_map(|t| t["type"].as_str()).collect();
    assert_eq!(types, ["message:edited", "reaction:changed", "message:deleted", "member:joined"]);
    assert_eq!(told[3]["data"]["user"]["name"], "bob");
    // Another secret holds from the next event on.
    let rotated = ana.api.post(&format!("/rooms/club/outgoing/{id}/rotate"), &json!({})).await.ok();
    ana.say("club", "again").await;
    let last = receiver.deliveries(7).await.pop().unwrap();
    let given = last.header("webhook-signature").strip_prefix("v1,").expect("version 1").to_owned();
    let given: String = base64(&given).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(given, signature(rotated["signing_secret"].as_str().unwrap(), &last));
    let said = server.said();
    assert!(!said.contains(&secret) && !said.contains("hello bot"), "secrets and texts stay out of the log");
}

/// The lines that `docs/webhooks.md` gives a receiver, run as they stand there.
async fn verified_by_the_documents_lines(secret: &str, got: &Got) {
    let document = std::fs::read_to_string(root().join("docs/webhooks.md")).expect("the document");
    let code = document.split("```python\n").nth(1).and_then(|c| c.split("```").next()).expect("its lines of Python");
    let headers: serde_json::Map<String, Value> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|n| (n.to_owned(), json!(got.header(n))))
        .into_iter()
        .collect();
    let call = "\nimport json, sys\nd = json.load(sys.stdin)\n\
                print(verify(d['secret'], d['headers'], d['body'].encode()), verify(d['secret'], d['headers'], b'{}'))\n";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", &format!("{code}{call}")]);
    let input = json!({"secret": secret, "headers": headers, "body": got.body}).to_string();
    let out = chat_e2e::program::finish(python, input.as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&out.stdout), "True False\n", "{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test]
async fn what_was_said_while_the_server_was_down_or_the_receiver_away_is_told_later() {
    let (mut server, ana) = open().await;
    let (receiver, url) = Receiver::start().await;
    tell(&ana, &url, json!(["message:created"])).await;
    ana.say("club", "one").await;
    receiver.deliveries(1).await;
    receiver.answer(&[503]);
    ana.say("club", "two").await;
    receiver.deliveries(2).await;
    // It is killed before it can try again.
    server.restart().await;
    ana.say("club", "three").await;
    let got = receiver.deliveries(4).await;
    let mut texts: Vec<_> = got.iter().map(|g| g.json()["data"]["text"].as_str().unwrap().to_owned()).collect();
    texts.dedup();
    assert_eq!(texts, ["one", "two", "three"], "in order, none left out");
}

#[tokio::test]
async fn inner_addresses_are_not_called_and_redirects_not_followed() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
    let (receiver, url) = Receiver::start().await;
    let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    for inner in [
        url.clone(),
        format!("http://127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[64:ff9b::7f00:1]:{port}/"),
        format!("http://[2002:7f00:1::]:{port}/"),
        format!("http://[::1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "http://100.64.0.1/".to_owned(),
        "http://192.168.0.1:8080/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@8.8.8.8/".to_owned(),
        "http://8.8.8.8:22/".to_owned(),
        "nonsense".to_owned(),
    ] {
        let error = ana.api.post("/rooms/club/outgoing", &json!({"url": inner})).await.refused(ErrorCode::Invalid);
        assert_eq!(error["field"], "url", "{inner}: {error}");
    }
    let wrong = json!({"url": "https://8.8.8.8/", "events": ["message:sent"]});
    let error = ana.api.post("/rooms/club/outgoing", &wrong).await.refused(ErrorCode::Invalid);
    assert_eq!(error["field"], "events[0]");
    assert!(receiver.got().is_empty());
    drop(server);

    let (server, ana) = open().await;
    receiver.answer(&[302]);
    let (id, _) = tell(&ana, &url, json!(["message:created"])).await;
    ana.say("club", "one").await;
    let fault = wait::until_async("the redirect is a failure", || async {
        let listed = ana.api.get("/rooms/club/outgoing").await.ok();
        listed["outgoing"][0]["fault"].as_str().map(str::to_owned)
    });
    assert_eq!(fault.await, "it answered 302");
    receiver.deliveries(2).await;
    // A guest of the room, or a member, has no business with it.
    let eve = server.account("eve").await;
    for path in ["", &format!("/{id}/dead")] {
        eve.api.get(&format!("/rooms/club/outgoing{path}")).await.refused(ErrorCode::Forbidden);
    }
    let other = json!({"url": "https://8.8.8.8/"});
    eve.api.post("/rooms/club/outgoing", &other).await.refused(ErrorCode::Forbidden);
    server.guest("zed").await.api.post("/rooms/club/outgoing", &other).await.refused(ErrorCode::Forbidden);
}

#[tokio::test]
async fn the_command_line_makes_lists_and_deletes_them() {
    let (server, ana) = open().await;
    let (receiver, url) = Receiver::start().await;
    let run = async |args: &[&str]| {
        let out = server.command(args).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (out.status.success(), text(out.stdout) + &text(out.stderr))
    };
    let (ok, said) = run(&["outgoing", "add", "club", &url, "--events", "message:created,member:left"]).await;
    assert!(ok && said.contains("signing secret: whsec_"), "{said}");
    let id = said.lines().find_map(|l| l.strip_prefix("outgoing webhook: ")).expect("an id").to_owned();
    ana.say("club", "one").await;
    receiver.deliveries(1).await;
    let (ok, listed) = run(&["outgoing", "list", "club"]).await;
    assert!(ok && listed.contains(&url) && listed.contains("message:created,member:left"), "{listed}");
    assert_eq!(run(&["outgoing", "dead", "club", &id]).await, (true, "\n".to_owned()));
    assert_eq!(run(&["outgoing", "resend", "club", &id]).await, (true, "0 will be sent again\n".to_owned()));
    assert_eq!(run(&["outgoing", "enable", "club", &id]).await, (true, "done\n".to_owned()));
    assert!(run(&["outgoing", "rotate", "club", &id]).await.1.contains("whsec_"));
    assert_eq!(run(&["outgoing", "delete", "club", &id]).await, (true, "done\n".to_owned()));
    let (ok, said) = run(&["outgoing", "delete", "club", &id]).await;
    assert!(!ok && said.contains("no such outgoing webhook"), "{said}");
    let (ok, said) = run(&["outgoing", "add", "club", &url, "--events", "message:sent"]).await;
    assert!(!ok && said.contains("message:created"), "{said}");
}

#[tokio::test]
async fn where_it_may_send_is_read_again_while_it_runs() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "club"})).await.ok();
    let (receiver, url) = Receiver::start().await;
    let new = json!({"url": url});
    ana.api.post("/rooms/club/outgoing", &new).await.refused(ErrorCode::Invalid);
    let file = std::fs::read_to_string(server.config_file()).expect("the configuration");
    let reload = async |line: &str, count: usize| {
        std::fs::write(server.config_file(), format!("{line}\n{file}")).expect("the configuration");
        server.signal("HUP");
        let done = |said: &String| said.matches("the configuration was read again").count() >= count;
        wait::until("it is read again", || Some(server.said()).filter(done)).await
    };
    let said = reload("outgoing_allow = [\"127.0.0.0/8\", \"::1\"]", 1).await;
    assert!(said.contains("outgoing_allow"), "{said}");
    tell(&ana, &url, json!(["message:created"])).await;
    ana.say("club", "one").await;
    receiver.deliveries(1).await;
    // Taken back, it holds for what is there already.
    reload("", 2).await;
    ana.say("club", "two").await;
    let fault = wait::until_async("it is not called any more", || async {
        let listed = ana.api.get("/rooms/club/outgoing").await.ok();
        listed["outgoing"][0]["fault"].as_str().map(str::to_owned)
    });
    assert!(fault.await.contains("loopback"));
    assert_eq!(receiver.got().len(), 1);
}
