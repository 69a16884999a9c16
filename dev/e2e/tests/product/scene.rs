//! The scene that the product is for: people at terminals, a script that sends, a server that is killed in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_e2e::{Account, Api, Server, Terminal, program, wait};
use serde_json::{Value, json};

/// How many messages are sent.
const SENDS: usize = 1_000;

#[tokio::test]
async fn two_terminals_and_a_script_talk() {
    let server = Server::start().await;
    let url = server.url();
    let mut ana = Terminal::chat_tui(&["--server", &url, "--name", "ana", "--room", "lobby"]);
    let mut bob = Terminal::chat_tui(&["--server", &url, "--name", "bob", "--room", "lobby"]);
    ana.wait_for("online").await;
    bob.wait_for("online").await;
    ana.keys("hello from ana\r");
    bob.wait_for("hello from ana").await;
    bob.keys("hi, bob here\r");
    ana.wait_for("hi, bob here").await;
    let home = tempfile::tempdir().expect("a home");
    let mut send = program::isolated(program::path("chat-tui"), home.path());
    send.args(["--server", &url, "--name", "cron", "send", "-r", "lobby", "-m", "from a script"]);
    let sent = program::finish(send, b"").await;
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    for terminal in [&ana, &bob] {
        let screen = terminal.wait_for("from a script").await;
        assert!(screen.contains("cron"), "{screen}");
    }
    ana.keys("\u{11}");
    assert_eq!(ana.ended().await, 0, "Ctrl+Q ends it");
}

/// One sender: repeats each message with its key until the server says that it is stored.
async fn sender(account: Account, numbers: Vec<usize>, acknowledged: Arc<AtomicUsize>) -> BTreeMap<usize, u64> {
    let mut stored = BTreeMap::new();
    for n in numbers {
        let body = json!({"text": format!("message {n}"), "client_id": format!("key-{n}")});
        let seq = wait::until_async("the message is acknowledged", || {
            let request = account.api.request(reqwest::Method::POST, "/api/v1/rooms/lobby/messages").json(&body);
            async move {
                // A connection that fails, as it must while the server is dead, is tried again.
                let response = request.send().await.ok()?;
                let ok = response.status().is_success();
                let answer: Value = response.json().await.ok()?;
                ok.then(|| answer["seq"].as_u64()).flatten()
            }
        })
        .await;
        stored.insert(n, seq);
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    stored
}

#[tokio::test]
async fn killed_in_the_middle_of_a_thousand_sends_nothing_is_lost_and_nothing_twice() {
    let mut server = Server::start().await;
    let url = server.url();
    let one = Terminal::chat_tui_sized(40, 100, &["--server", &url, "--name", "one", "--room", "lobby"], None);
    let two = Terminal::chat_tui_sized(40, 100, &["--server", &url, "--name", "two", "--room", "lobby"], None);
    one.wait_for("online").await;
    two.wait_for("online").await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut senders = Vec::new();
    for s in 0..8 {
        let account = server.account(&format!("sender{s}")).await;
        let numbers = (0..SENDS).filter(|n| n % 8 == s).collect();
        senders.push(tokio::spawn(sender(account, numbers, Arc::clone(&acknowledged))));
    }
    let done = Arc::clone(&acknowledged);
    wait::until("half of it is acknowledged", || (done.load(Ordering::SeqCst) > SENDS / 2).then_some(())).await;
    server.restart().await;
    let mut stored = BTreeMap::new();
    for sender in senders {
        stored.extend(sender.await.expect("a sender does not panic"));
    }
    let witness = server.account("witness").await;
    whole(&witness.api, &stored).await;
    // Both screens are back and whole, with no key pressed.
    witness.say("lobby", "the very last one").await;
    for terminal in [&one, &two] {
        terminal.wait_for("the very last one").await;
        let screen = terminal.wait_until("online again", |s| s.text.contains("online")).await.text;
        on_screen(&screen, &stored);
    }
}

/// The log holds every acknowledged message once, at the `seq` that was promised, and no number is missing.
async fn whole(api: &Api, stored: &BTreeMap<usize, u64>) {
    assert_eq!(stored.len(), SENDS);
    let log = api.history("lobby").await;
    let seqs: Vec<u64> = log.iter().map(|m| m["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, (1..=SENDS as u64).collect::<Vec<_>>(), "a hole, or one too many");
    let mut by_text: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for message in &log {
        by_text
            .entry(message["text"].as_str().expect("a text"))
            .or_default()
            .push(message["seq"].as_u64().expect("a seq"));
    }
    for (n, seq) in stored {
        assert_eq!(by_text.get(format!("message {n}").as_str()), Some(&vec![*seq]), "message {n}");
    }
}

/// The messages on the screen are the last of the log, in its order, none twice.
fn on_screen(screen: &str, stored: &BTreeMap<usize, u64>) {
    let shown: Vec<u64> = screen
        .lines()
        .filter_map(|line| {
            let number = line.split("message ").nth(1)?;
            let number: String = number.chars().take_while(char::is_ascii_digit).collect();
            stored.get(&number.parse().ok()?).copied()
        })
        .collect();
    assert!(shown.len() >= 15, "{} messages on the screen:\n{screen}", shown.len());
    let last = SENDS as u64;
    let expected: Vec<u64> = (last + 1 - shown.len() as u64..=last).collect();
    assert_eq!(shown, expected, "{screen}");
}

#[tokio::test]
async fn a_killed_client_sends_its_outbox_once_after_the_restart() {
    let mut server = Server::start().await;
    let url = server.url();
    let args = ["--server", &url, "--name", "ana", "--room", "lobby"];
    let mut ana = Terminal::chat_tui(&args);
    ana.wait_for("online").await;
    ana.keys("before\r");
    ana.wait_for("before").await;
    server.kill();
    ana.wait_until("the line is down", |s| !s.text.contains("online")).await;
    for text in ["first offline", "second offline", "third offline"] {
        ana.keys(&format!("{text}\r"));
        ana.wait_for(text).await;
    }
    ana.wait_for("queued").await;
    let home = ana.into_home();
    server.restart().await;
    let ana = Terminal::chat_tui_sized(24, 80, &args, Some(home));
    ana.wait_for("third offline").await;
    let witness = server.account("witness").await;
    let texts = wait::until_async("all of the outbox is stored", || {
        let api = witness.api.clone();
        async move {
            let log = api.history("lobby").await;
            let texts: Vec<String> = log.iter().filter_map(|m| m["text"].as_str().map(str::to_owned)).collect();
            (texts.len() >= 4).then_some(texts)
        }
    })
    .await;
    assert_eq!(texts, ["before", "first offline", "second offline", "third offline"]);
    let screen = ana.wait_until("nothing is queued", |s| !s.text.contains("queued")).await.text;
    assert_eq!(screen.matches("second offline").count(), 1, "{screen}");
    assert_eq!(witness.api.history("lobby").await.len(), 4);
}
