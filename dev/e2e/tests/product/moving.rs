//! A server moves from SQLite to PostgreSQL: the copy is killed in the middle, goes on, and is served from.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use chat_e2e::foreign::left_out;
use chat_e2e::{Account, Options, Server, program, wait};
use serde_json::{Value, json};

/// A database of its own on the server of `CHAT_TEST_POSTGRES`, spoken to with `psql`.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn new(test: &str) -> Option<Self> {
        let Ok(server) = std::env::var("CHAT_TEST_POSTGRES") else {
            left_out(&format!("{test}: no PostgreSQL (cargo xtask test starts one)"));
            return None;
        };
        let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
        let database = Self { server, name: format!("moving_{}_{nanos}", std::process::id()) };
        database.admin(&format!("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", database.name));
        Some(database)
    }

    fn url(&self) -> String {
        format!("{}/{}", self.server.trim_end_matches('/'), self.name)
    }

    fn admin(&self, sql: &str) {
        let url = format!("{}/postgres", self.server.trim_end_matches('/'));
        let done = Command::new("psql").args(["-XqAt", "-c", sql, &url]).status().expect("psql runs");
        assert!(done.success(), "{sql}");
    }

    fn ask(&self, sql: &str) -> String {
        let answer = Command::new("psql").args(["-XqAt", "-c", sql, &self.url()]).output().expect("psql runs");
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    }

    /// Keeps everybody from writing into a table until the session is ended.
    fn locked(&self, table: &str) -> (Child, ChildStdin) {
        let mut psql = Command::new("psql");
        psql.args(["-XqAt", &self.url()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut session = psql.spawn().expect("psql runs");
        let mut input = session.stdin.take().expect("piped");
        writeln!(input, "BEGIN; LOCK TABLE {table} IN SHARE MODE; SELECT 'locked';").expect("psql listens");
        let mut line = String::new();
        BufReader::new(session.stdout.as_mut().expect("piped")).read_line(&mut line).expect("psql answers");
        assert_eq!(line, "locked\n");
        (session, input)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

fn copy(server: &Server, database: &Database) -> Command {
    let mut command = program::isolated(program::path("chat-server"), server.folder());
    let from = format!("sqlite:{}", server.data_dir().join("chat.db").display());
    command.args(["db", "copy", "--from", &from, "--to", &database.url()]);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
async fn finish(command: Command) -> (Option<i32>, String, String) {
    let output = program::finish(command, b"").await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What a person sees of the lobby.
async fn shown(account: &Account) -> Vec<Value> {
    let mut log = account.api.history("lobby").await;
    for message in &mut log {
        assert!(message["from"]["id"].is_string());
        message.as_object_mut().expect("a message").remove("rev");
    }
    log
}

#[tokio::test]
async fn a_killed_copy_goes_on_and_the_moved_server_knows_everybody() {
    let Some(database) = Database::new("a_killed_copy_goes_on") else { return };
    let mut server = Server::with(Options::roomy().arg("--registration").arg("open")).await;
    let ana = server.account("ana").await;
    for n in 0..30 {
        ana.say("lobby", &format!("số {n}, 下午三点")).await;
    }
    let keyed = json!({"text": "once", "client_id": "the-key"});
    let first = ana.api.post("/rooms/lobby/messages", &keyed).await.ok();
    let before = shown(&ana).await;

    // Beside a running server.
    let (code, _, err) = finish(copy(&server, &database)).await;
    assert!(code == Some(1) && err.contains("is in use by process"), "{code:?}: {err}");
    assert!(server.terminate().await.success());

    // A command that makes the schema, so that there is a table to lock; then a copy that stands before it.
    let mut schema = program::isolated(program::path("chat-server"), server.folder());
    schema.args(["user", "list", "--database", &database.url(), "--data-dir"]).arg(server.data_dir());
    let (code, _, err) = finish(schema).await;
    assert_eq!(code, Some(0), "{err}");
    let (mut session, input) = database.locked("messages");
    let mut command = copy(&server, &database);
    let mut run = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("chat-server starts");
    let mut lines = BufReader::new(run.stderr.take().expect("piped")).lines();
    let reached = lines.by_ref().map_while(Result::ok).any(|line| line.contains("rows, messages"));
    assert!(reached, "the copy comes to the messages");
    run.kill().expect("our own child");
    run.wait().expect("our own child");
    drop(input);
    session.wait().expect("our own child");
    assert_eq!(database.ask("SELECT count(*) FROM users"), "1");
    assert_eq!(database.ask("SELECT count(*) FROM messages"), "0");

    // No server on half a copy.
    let mut half = program::isolated(program::path("chat-server"), server.folder());
    half.args(["--listen", "127.0.0.1:0", "--database", &database.url(), "--data-dir"]).arg(server.data_dir());
    let (code, _, err) = finish(half).await;
    assert!(code == Some(1) && err.contains("half of a copy"), "{code:?}: {err}");

    let (code, out, err) = finish(copy(&server, &database)).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("by an earlier run") && out.contains("all logs are equal"), "{out}");
    let (code, _, err) = finish(copy(&server, &database)).await;
    assert!(code == Some(1) && err.contains("holds a chat already"), "{code:?}: {err}");

    server.move_to(&["--database", &database.url()]).await;
    assert_eq!(shown(&ana).await, before, "the same log, by a token of before");
    let again = ana.api.post("/rooms/lobby/messages", &keyed).await.ok();
    assert_eq!(again["seq"], first["seq"], "a repeat after the move is a repeat");
    let found = wait::until_async("the search index catches up", || async {
        let page = ana.api.get("/search?q=下午三点&limit=100").await.ok();
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        (messages.len() == 30).then_some(messages)
    })
    .await;
    assert_eq!(found[0]["text"], "số 29, 下午三点");
    server.api().login("ana", "correct horse").await;
}
