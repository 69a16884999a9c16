//! Server-sent events as a script follows them: with curl, over hang-ups and over the server's death, each entry once.

use std::process::Stdio;

use chat_e2e::{Account, Server, wait};
use serde_json::Value;
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
        if let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::from_secs(1), curl.next()).await {
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

#[tokio::test]
async fn a_stream_ends_with_the_session() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut request =
        ana.api.request(reqwest::Method::GET, "/api/v1/rooms/lobby/events").send().await.expect("a stream");
    assert_eq!(request.headers()["content-type"], "text/event-stream");
    assert_eq!(ana.api.post("/auth/logout", &serde_json::json!({})).await.status, 204);
    let mut said = String::new();
    while let Ok(Some(part)) = wait::soon("the end of the stream", request.chunk()).await {
        said.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(said.contains("event: error") && said.contains("unauthorized"), "{said}");
}
