//! `chat-tui tail`: oldest first, a line as soon as it is there, and with a cursor nothing twice and nothing missed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use chat_e2e::{Server, program, wait};
use serde_json::{Value, json};

/// A `tail` that runs, its lines as they come.
struct Tail {
    child: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(server: &Server, home: &std::path::Path, args: &[&str]) -> Self {
        let mut command = program::isolated(program::path("chat-tui"), home);
        command.args(["--server", &server.url(), "tail", "-r", "lobby"]).args(args);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("chat-tui");
        let out = child.stdout.take().expect("piped");
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    async fn line(&self) -> String {
        wait::until("a line of tail", || self.lines.try_recv().ok()).await
    }

    /// The next message as JSON; lines of other types are passed over.
    async fn message(&self) -> Value {
        loop {
            let line: Value = serde_json::from_str(&self.line().await).expect("a JSON line");
            assert_eq!(line["v"], 1, "{line}");
            if line["type"] == "message" {
                return line;
            }
        }
    }

    fn kill(mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[tokio::test]
async fn tail_prints_the_last_lines_and_ends() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for n in 1..=5 {
        ana.say("lobby", &format!("number {n}")).await;
    }
    let home = tempfile::tempdir().expect("a home");
    let mut command = program::isolated(program::path("chat-tui"), home.path());
    command.args(["--server", &server.url(), "tail", "-r", "lobby", "-n", "2"]);
    let output = program::finish(command, b"").await;
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Vec<_> = out.lines().filter(|l| l.contains("number")).collect();
    assert!(shown.len() == 2 && shown[0].contains("number 4") && shown[1].contains("number 5"), "{out}");
}

#[tokio::test]
async fn a_cursor_goes_on_exactly_where_it_was_across_restarts_of_both() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    ana.say("lobby", "1").await;
    let home = tempfile::tempdir().expect("a home");
    let args = ["--json", "-f", "--cursor", "f"];
    let mut next = 2;
    let mut seen = Vec::new();
    for round in 0..3 {
        let tail = Tail::start(&server, home.path(), &args);
        // What was said while nobody listened, and what is said now.
        ana.say("lobby", &next.to_string()).await;
        next += 1;
        while seen.last() != Some(&(next - 1)) {
            let message = tail.message().await;
            let number: u64 = message["text"].as_str().and_then(|t| t.parse().ok()).expect("a number");
            assert_eq!(message["seq"], json!(number), "{message}");
            seen.push(number);
        }
        // Killed between the line and the note of it, it would print the line again: better twice than not at all.
        let (cursor, noted) = (home.path().join("f"), json!(next - 1));
        wait::until("the note of the last line", || {
            let cursor: Value = serde_json::from_slice(&std::fs::read(&cursor).ok()?).ok()?;
            (cursor["rooms"]["lobby"]["seq"] == noted).then_some(())
        })
        .await;
        tail.kill();
        ana.say("lobby", &next.to_string()).await;
        next += 1;
        if round == 1 {
            server.restart().await;
        }
    }
    let expected: Vec<u64> = (seen[0]..seen[0] + seen.len() as u64).collect();
    assert_eq!(seen, expected, "nothing twice, nothing missed");
    assert!(seen[0] <= 2, "the first run begins with the last lines or with what is said then: {seen:?}");
}

#[tokio::test]
async fn tail_follows_over_the_servers_death() {
    let mut server = Server::start().await;
    let ana = server.account("ana").await;
    let home = tempfile::tempdir().expect("a home");
    let tail = Tail::start(&server, home.path(), &["--json", "-f", "-n", "0"]);
    // It says that it listens.
    let connected: Value = serde_json::from_str(&tail.line().await).expect("a JSON line");
    assert_eq!(connected["type"], "connection", "{connected}");
    ana.say("lobby", "before").await;
    assert_eq!(tail.message().await["text"], "before");
    server.restart().await;
    ana.say("lobby", "after").await;
    assert_eq!(tail.message().await["text"], "after");
}

#[tokio::test]
async fn filters_and_counts_end_it() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    let home = tempfile::tempdir().expect("a home");
    for n in 0..3 {
        ana.say("lobby", &format!("ana says {n}")).await;
        bob.say("lobby", &format!("bob says {n}")).await;
    }
    let mut command = program::isolated(program::path("chat-tui"), home.path());
    command.args([
        "--server",
        &server.url(),
        "tail",
        "-r",
        "lobby",
        "--json",
        "--from",
        "bob",
        "--grep",
        "says [12]",
        "--count",
        "2",
    ]);
    let output = program::finish(command, b"").await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    let texts: Vec<String> = out
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("JSON lines"))
        .filter(|v| v["type"] == "message")
        .map(|v| v["text"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(texts, ["bob says 1", "bob says 2"]);
}

#[tokio::test]
async fn a_closed_pipe_ends_quietly() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    for n in 0..50 {
        ana.say("lobby", &format!("{n} {}", "x".repeat(2_000))).await;
    }
    let home = tempfile::tempdir().expect("a home");
    let mut command = program::isolated("sh", home.path());
    let script = format!(
        "'{}' --server {} tail -r lobby -n 50 2>err | head -n 1; cat err >&2",
        program::path("chat-tui").display(),
        server.url()
    );
    command.args(["-c", &script]);
    let output = program::finish(command, b"").await;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && err.is_empty(), "{err}");
}
