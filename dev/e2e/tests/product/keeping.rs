//! What an administrator keeps, brings back, looks through, hands out and erases.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_common::ErrorCode;
use chat_e2e::foreign::{Foreign, Language, note_left_out};
use chat_e2e::socket::End;
use chat_e2e::{Account, Api, Options, Server, Terminal, server, wait};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

/// A name that leads to one server today and to another tomorrow, as an administrator moves it.
struct Door {
    address: SocketAddr,
    port: Arc<AtomicU16>,
    moved: tokio::sync::watch::Sender<u16>,
}

impl Door {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let to = Arc::new(AtomicU16::new(port));
        let (moved, watching) = tokio::sync::watch::channel(port);
        let target = Arc::clone(&to);
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let (target, mut watching) = (target.load(Ordering::SeqCst), watching.clone());
                tokio::spawn(async move {
                    let Ok(mut outside) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                    tokio::select! {
                        _ended = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
                        _moved = watching.wait_for(|port| *port != target) => {}
                    }
                });
            }
        });
        Self { address, port: to, moved }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn leads_to(&self, port: u16) {
        self.port.store(port, Ordering::SeqCst);
        self.moved.send_replace(port);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that must go well; what it printed.
async fn done(server: &Server, args: &[&str]) -> String {
    let output = server.command(args).await;
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A command that must fail; what it said.
async fn fails(server: &Server, args: &[&str]) -> String {
    let output = server.command(args).await;
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stdout));
    text(&output.stdout) + &text(&output.stderr)
}

/// Everything that was acknowledged, by its key.
type Acknowledged = Arc<Mutex<BTreeMap<String, u64>>>;

/// People who send at once, each as fast as it is answered.
const SENDERS: usize = 24;
/// For what a busy machine does slowly.
const LONG: Duration = Duration::from_secs(60);

async fn talk(account: Account, who: usize, acknowledged: Acknowledged, stop: Arc<AtomicBool>) {
    let mut socket = account.socket().await;
    socket.join("lobby").await;
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let key = format!("s{who}-{n}");
        let wish = json!({"room": "lobby", "text": format!("said {key}"), "client_id": key});
        let reply = socket.call("message:send", wish).await;
        let seq = reply["seq"].as_u64().unwrap_or_else(|| panic!("not stored: {reply}"));
        acknowledged.lock().expect("no sender panics").insert(key, seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_comes_back_elsewhere_and_clients_go_on() {
    let mut old = Server::start().await;
    let mut new = Server::start().await;
    let door = Door::to(old.port()).await;
    let ana = old.account("ana").await;
    // Two people before their screens, who know nothing but the door.
    let screens: Vec<_> = ["eva", "tom"]
        .map(|name| Terminal::chat_tui(&["--server", &door.url(), "--name", name, "--room", "lobby"]))
        .into_iter()
        .collect();
    for screen in &screens {
        screen.wait_for("online").await;
    }
    // And a program with the official client.
    let test = "a_backup_under_load_comes_back_elsewhere_and_clients_go_on";
    let mut program = Foreign::start(Language::Node, test, &door.url(), &ana.token, &["websocket"]).await;
    let mut was = Value::Null;
    if let Some(program) = &mut program {
        was = program.event("ready").await["epoch"].clone();
        program.ok("room:join", json!({"room": "lobby"})).await;
    }
    ana.say("lobby", "before everything").await;
    for screen in &screens {
        screen.wait_for("before everything").await;
    }
    let mut listener = ana.socket().await;
    let entered = listener.join("lobby").await;
    let (acknowledged, stop) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|who| tokio::spawn(talk(ana.clone(), who, Arc::clone(&acknowledged), Arc::clone(&stop))))
        .collect();
    let count = || acknowledged.lock().expect("no sender panics").len();
    // As much as a build without optimisation takes; `docs/keeping.md` has the figures of a real one.
    wait::within(LONG, "there is load", || (count() > 1_500).then_some(())).await;
    let before = acknowledged.lock().expect("no sender panics").clone();
    let file = old.folder().join("chat.backup");
    let file = file.to_str().expect("UTF-8").to_owned();
    let said = done(&old, &["backup", &file]).await;
    assert!(said.contains("secret.key"), "{said}");
    let during = count();
    wait::until("it goes on after the backup", || (count() > during + 100).then_some(())).await;
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.expect("every send was acknowledged");
    }
    assert!(during > before.len(), "it was sent while the backup was made");
    let sent = acknowledged.lock().expect("no sender panics").clone();

    // The old one burns down; the new one gets the backup and the key.
    old.kill();
    assert!(new.terminate().await.success());
    std::fs::copy(old.data_dir().join("secret.key"), new.data_dir().join("secret.key")).expect("the key");
    let said = done(&new, &["restore", &file]).await;
    assert!(said.contains("is kept as") && said.contains("its checksum holds"), "{said}");
    assert!(done(&new, &["verify"]).await.contains("all is well"));
    new.restart().await;
    let there = Api::new(&new.url()).with_token(&ana.token);
    let log = there.history("lobby").await;
    let stored: BTreeMap<String, u64> = log
        .iter()
        .map(|m| (m["client_id"].as_str().expect("a key").to_owned(), m["seq"].as_u64().expect("a seq")))
        .collect();
    assert_eq!(stored.len(), log.len(), "nothing doubled");
    for (key, seq) in &before {
        assert_eq!(stored.get(key), Some(seq), "{key} was acknowledged before the backup");
    }
    assert!(log.len() < sent.len(), "what came after the backup is not in it");

    // A program that knows more than the backup holds: told to start anew, and what it sends again is stored once.
    let mut socket = chat_e2e::Socket::connect(&new.url(), &ana.token).await;
    let known = entered["sync"]["epoch"].clone();
    assert_ne!(socket.ready["epoch"], known);
    let ends = sent.values().max().expect("some");
    let resumed = socket.ok("session:resume", json!({"epoch": known, "rooms": {"lobby": ends}})).await;
    assert_eq!(resumed["rooms"]["lobby"]["reset"], json!(true), "{resumed}");
    let repeats: Vec<(String, bool)> = sent.keys().map(|key| (key.clone(), stored.contains_key(key))).collect();
    let parts = repeats.chunks(repeats.len().div_ceil(SENDERS)).map(|part| {
        let (url, token, part) = (new.url(), ana.token.clone(), part.to_vec());
        tokio::spawn(async move {
            let mut socket = chat_e2e::Socket::connect(&url, &token).await;
            for (key, there) in part {
                let wish = json!({"room": "lobby", "text": format!("said {key}"), "client_id": key});
                let reply = socket.ok("message:send", wish).await;
                assert_eq!(reply["duplicate"], json!(there), "{key}: {reply}");
            }
        })
    });
    for part in parts.collect::<Vec<_>>() {
        part.await.expect("all is there once");
    }
    let log = there.history("lobby").await;
    let keys: std::collections::BTreeSet<_> = log.iter().map(|m| m["client_id"].to_string()).collect();
    assert_eq!((keys.len(), log.len()), (sent.len() + 1, sent.len() + 1), "everything once");

    // The screens are moved over: they show the new log, without a word twice, and go on.
    door.leads_to(new.port());
    for (screen, name) in screens.into_iter().zip(["eva", "tom"]) {
        let mut screen = screen;
        wait::within(Duration::from_secs(40), "online again", || screen.screen().text.contains("online").then_some(()))
            .await;
        screen.keys(&format!("{name} is back\r"));
        screen.wait_for(&format!("{name} is back")).await;
        let last = log.last().expect("a message")["text"].as_str().expect("a text").to_owned();
        // To its end: `said 1-57` stands in `said 1-571` as well.
        let last = format!("{last}\n");
        let shown = screen.wait_for(&last).await;
        assert_eq!(shown.matches(&last).count(), 1, "{shown}");
    }
    if let Some(mut program) = program {
        let ready = program.told("it is back", |line| line["name"] == "ready" && line["data"]["epoch"] != was).await;
        assert_eq!(ready["data"]["epoch"], socket.ready["epoch"]);
        let from = json!({"epoch": was, "rooms": {"lobby": ends}});
        assert_eq!(program.ok("session:resume", from).await["rooms"]["lobby"]["reset"], json!(true));
        let (key, there) = repeats.first().expect("one");
        let wish = json!({"room": "lobby", "text": format!("said {key}"), "client_id": key});
        assert_eq!(program.ok("message:send", wish).await["duplicate"], json!(true), "{there}");
        let wish = json!({"room": "lobby", "text": "the program is back", "client_id": "program"});
        program.ok("message:send", wish).await;
        program.told("its own word", |line| line["data"]["text"] == "the program is back").await;
        program.end().await;
    }
    let log = there.history("lobby").await;
    for name in ["eva", "tom"] {
        let said = format!("{name} is back");
        assert_eq!(log.iter().filter(|m| m["text"].as_str() == Some(&said)).count(), 1);
    }
    assert!(done(&new, &["verify"]).await.contains("all is well"), "while it serves");
}

#[tokio::test]
async fn restore_refuses_what_it_must_and_says_what_to_do() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    ana.say("lobby", "kept").await;
    let file = server.folder().join("b");
    let file = file.to_str().expect("UTF-8");
    done(&server, &["backup", file]).await;
    assert!(fails(&server, &["backup", file]).await.contains("--force"));
    done(&server, &["backup", file, "--force"]).await;
    assert!(fails(&server, &["restore", file]).await.contains("is in use by process"));
    assert!(done(&server, &["restore", "--check", file]).await.contains("1 messages"));
    let bytes = std::fs::read(file).expect("the backup");
    std::fs::write(file, &bytes[..bytes.len() - 1_000]).expect("our own file");
    let said = fails(&server, &["restore", "--check", file]).await;
    assert!(said.contains("cut short") && said.contains("nothing was changed"), "{said}");
    let postgres = ["backup", "x", "--database", "postgres://chat:hunter2@db/chat"];
    let said = fails(&server, &postgres).await;
    assert!(said.contains("pg_dump --format=custom --file=x postgres://chat:***@db/chat"), "{said}");
    ana.say("lobby", "nothing happened").await;
}

#[tokio::test]
async fn a_disk_that_is_full_leaves_no_half_file() {
    if !server::small_disk() {
        return note_left_out("a full disk: this user may not mount one");
    }
    let server = Server::with(Options::roomy().disk_mib(8)).await;
    let ana = server.account("ana").await;
    for n in 0..60 {
        ana.say("lobby", &format!("{n} {}", "x".repeat(7_000))).await;
    }
    // The commands run where the disk is.
    let data = server.data_dir_inside();
    std::fs::write(data.join("ballast"), vec![0; 8 << 20]).expect_err("the disk is full");
    let target = data.join("full.backup");
    let output = server.command_inside(&["backup", target_inside(&server, "full.backup").as_str()]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("make room"), "{}", text(&output.stderr));
    let out = target_inside(&server, "full.html");
    let output = server.command_inside(&["export", "--room", "lobby", "--format", "html", "--out", &out]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    for name in ["full.backup", "full.backup.partial", "full.html", "full.html.partial"] {
        assert!(!data.join(name).exists(), "{name} was left");
    }
    assert!(!target.exists());
    std::fs::remove_file(data.join("ballast")).expect("it is ours");
    let output = server.command_inside(&["verify"]).await;
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn target_inside(server: &Server, name: &str) -> String {
    server.data_dir().join(name).to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn a_room_is_exported_whole_and_private_ones_only_by_name() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    for n in 0..1_203 {
        let text = if n == 7 { "<script>alert(1)</script> & [x](y)".to_owned() } else { format!("number {n}") };
        ana.say("lobby", &text).await;
    }
    ana.api.delete("/rooms/lobby/messages/3").await.ok();
    let lines = done(&server, &["export", "--room", "lobby", "--format", "jsonl"]).await;
    let messages: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(messages.len(), 1_203);
    assert!(messages.iter().enumerate().all(|(n, m)| m["seq"] == json!(n + 1) && m["from"]["name"] == json!("ana")));
    assert_eq!((&messages[2]["text"], &messages[2]["deleted"]), (&Value::Null, &json!(true)));
    let since = messages[1_200]["at"].as_str().expect("a time").to_owned();
    let lines = done(&server, &["export", "--room", "lobby", "--format", "jsonl", "--since", &since]).await;
    let later = messages.iter().filter(|m| m["at"].as_str() >= Some(since.as_str())).count();
    assert_eq!(lines.lines().count(), later);
    let page = server.folder().join("lobby.html");
    let page = page.to_str().expect("UTF-8");
    done(&server, &["export", "--room", "lobby", "--format", "html", "--out", page]).await;
    let html = std::fs::read_to_string(page).expect("the page");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; [x](y)") && !html.contains("<script"));
    assert!(html.ends_with("<footer>1203 messages</footer></body></html>\n"));
    let again = ["export", "--room", "lobby", "--format", "html", "--out", page];
    assert!(fails(&server, &again).await.contains("--force"));
    let md = done(&server, &["export", "--room", "lobby", "--format", "md"]).await;
    assert!(md.starts_with("# lobby\n") && md.contains("> number 1202  \n"));

    ana.api.post("/rooms", &json!({"room": "den", "kind": "private"})).await.ok();
    ana.say("den", "among us").await;
    ana.api.post("/rooms/@bob/join", &json!({})).await.ok();
    bob.say("@ana", "between two").await;
    assert!(fails(&server, &["export", "--room", "den", "--format", "md"]).await.contains("--private"));
    assert!(fails(&server, &["export", "--direct", "ana,bob", "--format", "md"]).await.contains("--private"));
    assert!(fails(&server, &["export", "--room", "nowhere", "--format", "md"]).await.contains("no room nowhere"));
    let den = done(&server, &["export", "--room", "den", "--format", "md", "--private"]).await;
    assert!(den.contains("among us"));
    let direct = done(&server, &["export", "--direct", "ana,bob", "--format", "jsonl", "--private"]).await;
    assert!(direct.contains("between two"));
    done(&server, &["user", "role", "ana", "admin"]).await;
    let audit = ana.api.get("/admin/audit?limit=50").await.ok();
    let exports: Vec<_> =
        audit["lines"].as_array().expect("lines").iter().filter(|l| l["action"] == json!("room:export")).collect();
    assert!(exports.len() >= 6 && exports.iter().any(|l| l["subject"] == json!("den")), "{audit}");
}

#[tokio::test]
async fn retention_takes_texts_and_everybody_sees_it() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    ana.api.post("/rooms", &json!({"room": "hall"})).await.ok();
    let mut socket = bob.socket().await;
    socket.join("hall").await;
    ana.say("hall", "still young").await;
    bob.api.patch("/rooms/hall", &json!({"retention_days": 3})).await.refused(ErrorCode::Forbidden);
    ana.api.patch("/rooms/hall", &json!({"retention_days": 99_999})).await.refused(ErrorCode::Invalid);
    let room = ana.api.patch("/rooms/hall", &json!({"retention_days": 3})).await.ok();
    assert_eq!(room["room"]["retention_days"], json!(3));
    let told = socket.event("room:updated").await;
    assert_eq!(told["retention_days"], json!(3));
    assert!(done(&server, &["room", "retention", "hall", "default"]).await.contains("done"));
    let room = ana.api.get("/rooms/hall").await.ok();
    assert_eq!(room["room"]["retention_days"], Value::Null, "for ever");
    let said = text(&server.command(&["room", "retention", "hall", "0"]).await.stderr);
    assert!(said.contains("off or default"), "{said}");
    assert_eq!(ana.api.history("hall").await[0]["text"], json!("still young"));
}

#[tokio::test]
async fn an_erased_user_is_cut_off_and_known_to_nobody() {
    let server = Server::start().await;
    let (root, ana, bob) = (server.account("root").await, server.account("ana").await, server.account("bob").await);
    done(&server, &["user", "role", "root", "admin"]).await;
    let mut a = ana.socket().await;
    a.join("lobby").await;
    let mut b = bob.socket().await;
    b.join("lobby").await;
    ana.say("lobby", "from ana").await;
    ana.api.post("/rooms/@bob/join", &json!({})).await.ok();
    ana.say("@bob", "for bob alone").await;
    bob.api.delete("/admin/users/ana").await.refused(ErrorCode::Forbidden);
    root.api.delete("/admin/users/root").await.refused(ErrorCode::Forbidden);
    root.api.delete("/admin/users/ana?texts=true").await.ok();
    let (end, _) = a.ended().await;
    assert!(matches!(end, End::Disconnected | End::Dropped), "{end:?}");
    ana.api.get("/me").await.refused(ErrorCode::Unauthorized);
    assert_eq!(b.event("user:erased").await["id"], json!(ana.id()));
    let blanked = b.event("message:blanked").await;
    assert_eq!(blanked["user"], json!(ana.id()));
    let log = bob.api.history("lobby").await;
    let erased: Vec<_> = log.iter().filter(|m| m["from"]["id"] == json!(ana.id())).collect();
    assert!(erased.iter().all(|m| m["text"].is_null() && m["from"]["name"] == json!("erased")), "{erased:?}");
    // The other one of a conversation sees who is not there any more, and nothing of what it said.
    let rooms = bob.api.get("/rooms?limit=200").await.ok();
    let direct = rooms["rooms"].as_array().expect("rooms").iter().find(|r| r["kind"] == json!("direct")).expect("one");
    assert_eq!(direct["peer"]["name"], json!("erased"));
    let name = direct["room"].as_str().expect("a name");
    wait::until_async("the direct text is gone, too", || async {
        bob.api.history(name).await[0]["text"].is_null().then_some(())
    })
    .await;
    let again = json!({"name": "ana", "password": "correct horse"});
    server.api().post("/auth/register", &again).await.refused(ErrorCode::Conflict);
    let audit = root.api.get("/admin/audit?limit=50").await.ok();
    let lines = audit["lines"].as_array().expect("lines");
    let line = lines.iter().find(|l| l["action"] == json!("user:erase")).expect("a line");
    assert_eq!((&line["subject"], &line["actor"]["name"]), (&json!(ana.id()), &json!("root")));
    assert!(done(&server, &["verify"]).await.contains("all is well"));

    // By the command, and its words stay.
    bob.say("lobby", "bob was here").await;
    assert!(done(&server, &["user", "erase", "bob"]).await.contains("done"));
    let log = root.api.history("lobby").await;
    let last = log.iter().rev().find(|m| m["text"] == json!("bob was here")).expect("it stays");
    assert_eq!(last["from"]["name"], json!("erased"));
}
