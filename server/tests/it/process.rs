//! The program as a process: what it prints, how it stops, what it says when it cannot start.

use std::path::Path;
use std::process::{Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::world::{PASSWORD, PATIENCE};

fn command(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.env_clear().arg("--data-dir").arg(data).args(args).kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn run(data: &Path, args: &[&str]) -> Output {
    let output = command(data, args).output();
    tokio::time::timeout(PATIENCE, output).await.expect("the command hangs").unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

struct Server {
    child: Child,
    base: String,
    lines: Vec<String>,
}

impl Server {
    async fn start(data: &Path, args: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut child = command(data, &all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = Vec::new();
        while lines.len() < 4 {
            let line = tokio::time::timeout(PATIENCE, out.next_line()).await.expect("not ready").unwrap();
            lines.push(line.expect("it ended before it was ready"));
        }
        let base = lines[0].split(" ready on ").nth(1).unwrap().to_owned();
        Self { child, base, lines }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    async fn ended(mut self) -> Option<i32> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap().code()
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Value {
        let mut request =
            reqwest::Client::new().request(Method::POST, format!("{}/api/v1{path}", self.base)).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn it_says_where_it_listens_who_may_come_and_what_to_do_next() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(dir.path(), &[]).await;
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        server.lines[0].starts_with(&format!("chat-server {version} ready on http://127.0.0.1:")),
        "{:?}",
        server.lines
    );
    assert_eq!(server.lines[1], format!("data folder: {}", dir.path().display()));
    assert!(server.lines[2].starts_with("access: guests on for requests to localhost"), "{:?}", server.lines);
    assert!(server.lines[3].contains("chat-server user add NAME --admin"), "{:?}", server.lines);
    server.signal("-TERM");
    assert_eq!(server.ended().await, Some(0));
    assert!(!dir.path().join("admin.sock").exists());
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("chat-server.toml"), "[limits]\nmessage_burst = 1000\n").unwrap();
    let server = Server::start(dir.path(), &[]).await;
    let session = server.post("/auth/register", None, json!({"name": "ana", "password": PASSWORD})).await;
    let token = session["access_token"].as_str().unwrap();
    let mut sent = Vec::new();
    for i in 0..50 {
        let body = server.post("/rooms/lobby/messages", Some(token), json!({"text": format!("m{i}")})).await;
        sent.push(body["seq"].as_u64().unwrap());
    }
    server.signal("-KILL");
    server.ended().await;
    let server = Server::start(dir.path(), &[]).await;
    let url = format!("{}/api/v1/rooms/lobby/messages?limit=200", server.base);
    let page: Value = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    let kept: Vec<u64> = page["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert_eq!(kept, sent);
    assert_eq!(kept, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn commands_work_beside_a_running_server_and_without_one() {
    let dir = TempDir::new().unwrap();
    let (code, text) = said(&run(dir.path(), &["user", "add", "root", "--admin"]).await);
    assert_eq!(code, Some(0), "{text}");
    let password = text.lines().find_map(|l| l.strip_prefix("password: ")).unwrap().to_owned();
    let server = Server::start(dir.path(), &[]).await;
    let session = server.post("/auth/login", None, json!({"name": "root", "password": password})).await;
    let token = session["access_token"].as_str().unwrap();
    assert_eq!(server.post("/admin/invites", Some(token), json!({})).await["uses"], 1);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("admin.sock")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    let file = dir.path().join("pw");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let (code, text) = said(&run(dir.path(), &["user", "add", "ana", "--password-file", file.to_str().unwrap()]).await);
    assert_eq!((code, text.as_str()), (Some(0), "added ana\n"));
    let ana = server.post("/auth/login", None, json!({"name": "ana", "password": PASSWORD})).await;
    assert_eq!(said(&run(dir.path(), &["user", "role", "ana", "admin"]).await), (Some(0), "done\n".to_owned()));
    server.post("/admin/invites", ana["access_token"].as_str(), json!({})).await;
    let (code, text) = said(&run(dir.path(), &["user", "list"]).await);
    assert_eq!((code, text.lines().count()), (Some(0), 2), "{text}");
    assert_eq!(said(&run(dir.path(), &["user", "ban", "ana", "--reason", "enough"]).await).0, Some(0));
    assert!(said(&run(dir.path(), &["user", "list", "an"]).await).1.contains("banned until"));
    assert_eq!(said(&run(dir.path(), &["user", "unban", "ana"]).await).0, Some(0));
    let (code, text) = said(&run(dir.path(), &["user", "ban", "nobody"]).await);
    assert_eq!((code, text.as_str()), (Some(1), "chat-server: no such user\n"));
    assert!(said(&run(dir.path(), &["invite", "create", "--uses", "3"]).await).1.starts_with("invitation: "));
    assert!(said(&run(dir.path(), &["invite", "list"]).await).1.contains("3 left"));

    let backup = dir.path().join("copy.db");
    assert_eq!(said(&run(dir.path(), &["backup", backup.to_str().unwrap()]).await).0, Some(0));
    let (code, text) = said(&run(dir.path(), &["backup", backup.to_str().unwrap()]).await);
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
}

#[tokio::test]
async fn it_says_why_it_cannot_start() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let server = Server::start(&one, &[]).await;
    let address = server.base.strip_prefix("http://").unwrap();
    let (code, text) = said(&run(&two, &["--listen", address]).await);
    assert!(code == Some(1) && text.contains("another program listens there") && text.contains(address), "{text}");
    let (code, text) = said(&run(&one, &["--listen", "127.0.0.1:0"]).await);
    assert!(code == Some(1) && text.contains("in use") && text.contains("chat.db"), "{text}");
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let (code, text) = said(&run(&dir.path().join("file"), &["--listen", "127.0.0.1:0"]).await);
    assert!(code == Some(1) && text.contains("cannot be written") && text.contains("--data-dir"), "{text}");
    let away = ["--listen", "127.0.0.1:0", "--database", "postgres://u:hunter2@127.0.0.1:1/chat"];
    let (code, text) = said(&run(&two, &away).await);
    assert!(code == Some(1) && text.contains("cannot be reached") && !text.contains("hunter2"), "{text}");
    assert_eq!(said(&run(&two, &["--no-such-flag"]).await).0, Some(64));
}

#[tokio::test]
async fn the_configuration_can_be_checked_shown_and_begun() {
    let dir = TempDir::new().unwrap();
    let (_, default) = said(&run(dir.path(), &["config", "default"]).await);
    let file = dir.path().join("chat-server.toml");
    std::fs::write(&file, default).unwrap();
    assert_eq!(said(&run(dir.path(), &["config", "check"]).await), (Some(0), format!("{} is right\n", file.display())));
    let (code, shown) = said(&run(dir.path(), &["config", "show", "--name", "ops"]).await);
    assert!(code == Some(0) && shown.contains("name = \"ops\"") && shown.contains("message_burst = 30"), "{shown}");
    std::fs::write(&file, "\nguest = \"on\"\n").unwrap();
    let (code, text) = said(&run(dir.path(), &["config", "check"]).await);
    let place = format!("chat-server: {}:2:1: unknown key `guest`; did you mean `guests`?\n", file.display());
    assert_eq!((code, text), (Some(78), place));
    let (_, document) = said(&run(dir.path(), &["openapi"]).await);
    assert!(serde_json::from_str::<Value>(&document).unwrap()["paths"].is_object());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(dir.path(), &[]).await;
    // A request whose body never comes holds the first stop up.
    let mut slow = tokio::net::TcpStream::connect(server.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut slow, head).await.unwrap();
    server.signal("-TERM");
    while tokio::net::TcpStream::connect(server.base.strip_prefix("http://").unwrap()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.signal("-TERM");
    assert_eq!(server.ended().await, Some(143));
}
