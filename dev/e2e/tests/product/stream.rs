//! Server-sent events as a script follows them: with curl, over hang-ups and over the server's death, each entry once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chat_e2e::{Account, Options, Server, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// curl on a room's events.
struct Curl {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Curl {
    /// `last`: the id of the last event seen.
    fn follow(server: &Server, who: &Account, last: Option<&str>) -> Self {
        let mut command = Command::new("curl");
        command.args(["-sSN", "-H", &format!("Authorization: Bearer {}", who.token)]);
        if let Some(last) = last {
            command.args(["-H", &format!("Last-Event-ID: {last}")]);
        }
        command.arg(format!("{}/api/v1/rooms/lobby/events", server.url()));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("curl starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// The next event: its id and its text; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, String)> {
        let (mut id, mut text) = (String::new(), String::new());
        loop {
            let line = wait::soon("a line of the stream", self.lines.next_line()).await.unwrap_or_default()?;
            if let Some(value) = line.strip_prefix("id: ") {
                value.clone_into(&mut id);
            } else if let Some(value) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(value).expect("JSON");
                text = data["text"].as_str().unwrap_or_else(|| panic!("no text: {data}")).to_owned();
            } else if line.is_empty() && !id.is_empty() {
                return Some((id, text));
            }
        }
    }

    async fn hang_up(mut self) {
        self.child.kill().await.expect("our own child");
    }
}

#[tokio::test]
async fn curl_follows_a_room_and_goes_on_where_it_stopped() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    ana.say("lobby", "before").await;
    let mut curl = Curl::follow(&server, &ana, None);
    // It begins with what is said once it listens; when that is, only the answer tells.
    let (mut last, first) = loop {
        ana.say("lobby", "one").await;
        if let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(1), curl.next()).await {
            break event;
        }
    };
    assert_eq!(first, "one");
    curl.hang_up().await;
    let seq = |id: &str| id.rsplit_once(':').and_then(|(_, seq)| seq.parse::<u64>().ok()).expect("EPOCH:SEQ");
    for text in ["two", "three"] {
        ana.say("lobby", text).await;
    }
    let mut curl = Curl::follow(&server, &ana, Some(&last));
    let mut told = Vec::new();
    for wanted in ["three", "four"] {
        loop {
            let (id, text) = curl.next().await.expect("the stream goes on");
            assert_eq!(seq(&id), seq(&last) + 1, "without a hole and nothing twice");
            last = id;
            told.push(text.clone());
            if text == wanted {
                break;
            }
        }
        if wanted == "three" {
            ana.say("lobby", "four").await;
        }
    }
    let told: Vec<_> = told.iter().filter(|t| *t != "one").map(String::as_str).collect();
    assert_eq!(told, ["two", "three", "four"]);
    // The server dies in the middle of it.
    server.kill();
    assert!(curl.next().await.is_none(), "the stream ends with the server");
    server.restart().await;
    ana.say("lobby", "five").await;
    let mut curl = Curl::follow(&server, &ana, Some(&last));
    let (id, text) = curl.next().await.expect("the stream goes on");
    assert_eq!((seq(&id), text.as_str()), (seq(&last) + 1, "five"));
}

/// A stream that is open, read as it comes.
struct Stream {
    response: reqwest::Response,
    said: String,
}

impl Stream {
    /// Once the server answers, it listens.
    async fn open(who: &Account, room: &str) -> Self {
        Self::after(who, room, None).await
    }

    /// From behind an event that was read, by its id.
    async fn after(who: &Account, room: &str, last: Option<&str>) -> Self {
        let mut asked = who.api.request(reqwest::Method::GET, &format!("/api/v1/rooms/{room}/events"));
        if let Some(last) = last {
            asked = asked.header("last-event-id", last);
        }
        let response = asked.send().await.expect("a stream");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, said: String::new() }
    }

    /// Reads until this was told.
    async fn hears(&mut self, text: &str) {
        while !self.said.contains(text) {
            let part = wait::soon(text, self.response.chunk()).await.expect("it goes on").expect("it goes on");
            self.said.push_str(&String::from_utf8_lossy(&part));
        }
    }

    /// Reads to the end and tells when that was. The end is a clean one: a stream that is cut is an error.
    async fn ended(mut self) -> (String, Instant) {
        while let Some(part) = wait::soon("the end of the stream", self.response.chunk()).await.expect("a clean end") {
            self.said.push_str(&String::from_utf8_lossy(&part));
        }
        (self.said, Instant::now())
    }
}

/// As `docs/protocol.md` promises.
const AUTHORITY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_stream_ends_within_two_seconds_of_what_takes_the_right_to_read() {
    let server = Server::with(Options::roomy()).await;
    let root = server.account("root").await;
    let done = server.command(&["user", "role", "root", "admin"]).await;
    assert!(done.status.success());
    for (name, what, code) in [
        ("ana", "logout", "unauthorized"),
        ("boris", "token deleted", "unauthorized"),
        ("carla", "banned from the server", "banned"),
        ("dimitri", "banned from the room", "not_found"),
        ("emma", "kicked", "not_found"),
        ("frank", "room deleted", "not_found"),
        ("gesa", "erased", "unauthorized"),
    ] {
        let room = format!("cellar-of-{name}");
        let mut ana = server.account(name).await;
        root.api.post("/rooms", &json!({"room": room, "kind": "private"})).await.ok();
        root.api.put(&format!("/rooms/{room}/members/{name}"), &json!({})).await.ok();
        let person = ana.api.clone();
        let mut minted = Value::Null;
        if what == "token deleted" {
            minted = person.post("/tokens", &json!({"name": "reader", "scopes": ["read"]})).await.ok();
            ana.api = server.api().with_token(minted["token"].as_str().expect("a token"));
            // A token speaks as its own bot, who must be let in as well.
            let bot = ana.api.get("/me").await.ok()["user"]["name"].as_str().expect("a name").to_owned();
            root.api.put(&format!("/rooms/{room}/members/{bot}"), &json!({})).await.ok();
        }
        // A busy room, too: its entries must not keep the stream from looking.
        let mut stream = Stream::open(&ana, &room).await;
        root.say(&room, "still heard").await;
        stream.hears("still heard").await;
        let member = format!("/rooms/{room}/members/{name}");
        let gone = match what {
            "logout" => ana.api.post("/auth/logout", &json!({})).await,
            "token deleted" => {
                let id = minted["id"].as_str().expect("an id");
                person.delete(&format!("/tokens/{id}")).await
            }
            "banned from the server" => root.api.put(&format!("/admin/bans/{name}"), &json!({})).await,
            "banned from the room" => root.api.put(&format!("/rooms/{room}/bans/{name}"), &json!({})).await,
            "kicked" => root.api.delete(&member).await,
            "erased" => root.api.delete(&format!("/admin/users/{name}")).await,
            _ => root.api.delete(&format!("/rooms/{room}")).await,
        };
        let since = Instant::now();
        assert!(gone.status.is_success(), "{what}: {}", gone.text);
        let (said, at) = stream.ended().await;
        let took = at.saturating_duration_since(since);
        assert!(took < AUTHORITY, "{what}: it ended after {took:?}");
        let last = said.split("event: ").last().unwrap_or_default();
        assert!(last.starts_with("error") && last.contains(code), "{what}: {last}");
    }
}

#[tokio::test]
async fn what_is_said_over_three_deaths_of_the_server_is_followed_once_and_in_order() {
    let mut server = Server::with(Options::roomy()).await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let first = ana.say("lobby", "the first").await;
    let epoch = loop {
        let mut curl = Curl::follow(&server, &bob, None);
        ana.say("lobby", "to begin with").await;
        if let Ok(Some((id, _))) = tokio::time::timeout(Duration::from_secs(1), curl.next()).await {
            break id.rsplit_once(':').expect("EPOCH:SEQ").0.to_owned();
        }
    };
    let mut last = format!("{epoch}:{first}");
    let mut followed = Vec::new();
    for round in 0..3 {
        let mut curl = Curl::follow(&server, &bob, Some(&last));
        // One writes without a pause while the other reads; the server dies in the middle of both.
        let writer = {
            let ana = ana.api.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let body = json!({"text": format!("{round}.{n}"), "client_id": format!("{round}.{n}")});
                    let sent = ana.request(reqwest::Method::POST, "/api/v1/rooms/lobby/messages").json(&body).send();
                    if !sent.await.is_ok_and(|answer| answer.status().is_success()) {
                        return;
                    }
                }
            })
        };
        for _ in 0..40 {
            let Some((id, text)) = curl.next().await else { break };
            last = id;
            followed.push(text);
        }
        server.kill();
        writer.await.expect("the writer stops");
        // What curl had already is read as well; a piece of an event is none.
        while let Some((id, text)) = curl.next().await {
            last = id;
            followed.push(text);
        }
        server.restart().await;
    }
    ana.say("lobby", "the end").await;
    let mut curl = Curl::follow(&server, &bob, Some(&last));
    while followed.last().is_none_or(|text| text != "the end") {
        followed.push(curl.next().await.expect("the stream goes on").1);
    }
    let log = ana.api.history("lobby").await;
    let stored: Vec<_> = log.iter().filter(|m| m["seq"].as_u64() > Some(first)).map(|m| m["text"].clone()).collect();
    assert_eq!(json!(followed), json!(stored));
}

#[tokio::test]
async fn streams_end_cleanly_when_the_server_stops() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let mut stream = Stream::open(&ana, "lobby").await;
    ana.say("lobby", "the last word").await;
    stream.hears("the last word").await;
    let (said, status) = tokio::join!(stream.ended(), server.terminate());
    assert!(!said.0.contains("event: error"), "{}", said.0);
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn readers_that_do_not_read_hold_no_memory_and_get_everything_in_the_end() {
    const READERS: usize = 20;
    const SAID: usize = 400;
    let mut server = Server::with(Options::roomy()).await;
    let ana = server.account("ana").await;
    let mut streams = Vec::new();
    for _ in 0..READERS {
        streams.push(Stream::open(&ana, "lobby").await);
    }
    let before = server.resident_kib();
    let filler = "x".repeat(7_000);
    for n in 0..SAID {
        ana.say("lobby", &format!("{n} {filler}")).await;
    }
    // All of it for all of them would be 56 MB; each may hold a reply (48 KiB) and what is on its way.
    let grown = server.resident_kib().saturating_sub(before);
    let all = READERS * SAID * filler.len() / 1_024;
    assert!(grown < all as u64 / 2, "{grown} KiB more for {READERS} readers that do not read");
    // One begins to read. If that was after the 15 s for which the system holds what nobody takes, it was cut, and goes
    // on where it was.
    let mut late = streams.pop().expect("the last one");
    let mut said = String::new();
    while said.matches("event: message:created").count() < SAID || !said.ends_with("\n\n") {
        match wait::soon("what was said", late.response.chunk()).await {
            Ok(Some(part)) => said.push_str(&String::from_utf8_lossy(&part)),
            _ => {
                said.truncate(said.rfind("\n\n").map_or(0, |end| end + 2));
                let last = said.lines().rev().find_map(|line| line.strip_prefix("id: ")).expect("an event").to_owned();
                late = Stream::after(&ana, "lobby", Some(&last)).await;
            }
        }
    }
    let numbers = said.lines().filter_map(|l| l.strip_prefix("data: "));
    let numbers = numbers.map(|data| serde_json::from_str::<Value>(data).expect("JSON")["text"].to_string());
    let numbers: Vec<_> =
        numbers.map(|text| text.trim_matches('"').split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(numbers, (0..SAID).map(|n| n.to_string()).collect::<Vec<_>>());
    // Nor do they keep the server from stopping.
    let begun = Instant::now();
    assert!(server.terminate().await.success());
    assert!(begun.elapsed() < wait::PATIENCE / 2, "it stopped after {:?}", begun.elapsed());
}
