//! The official clients of other languages, as processes that take commands and tell events, a JSON object a line.
//!
//! `cargo xtask test` installs them below `target/e2e`. Where they are missing, a test that needs one is left out and
//! noted; with `CI=true` it fails instead. Commands and events are described in `node/client.mjs`.

use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{program, wait};

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `socket.io-client` of npm.
    Node,
    /// `python-socketio` of PyPI.
    Python,
}

/// Where `cargo xtask test` installs the clients.
fn place() -> PathBuf {
    std::env::var_os("CHAT_E2E_DIR").map_or_else(|| program::root().join("target/e2e"), PathBuf::from)
}

/// The folder in which a script finds npm's packages; `None` after noting that `test` is left out.
pub fn node_modules(test: &str) -> Option<PathBuf> {
    Language::Node.needed_by(test).map(|_| place().join("node"))
}

impl Language {
    /// What to run, if it is installed.
    fn command(self) -> Option<Command> {
        let place = place();
        let scripts = program::root().join("dev/e2e");
        match self {
            Self::Node if place.join("node/.installed").exists() => {
                let mut command = Command::new("node");
                command.arg(scripts.join("node/client.mjs")).env("CHAT_E2E_MODULES", place.join("node/"));
                Some(command)
            }
            Self::Python if place.join("python/.installed").exists() => {
                let mut command = Command::new(place.join("python/bin/python"));
                command.arg("-u").arg(scripts.join("python/client.py"));
                Some(command)
            }
            _ => None,
        }
    }

    /// The command, or `None` after noting that `test` is left out. Panics under CI.
    fn needed_by(self, test: &str) -> Option<Command> {
        let command = self.command();
        if command.is_none() {
            left_out(&format!("{test}: no {self:?} client below target/e2e (cargo xtask test installs it)"));
        }
        command
    }
}

/// Notes that something could not be tested here; panics under CI, where nothing may be left out.
pub fn left_out(what: &str) {
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1"), "CI must not leave out: {what}");
    note_left_out(what);
}

/// The same for what not even CI can always do.
pub fn note_left_out(what: &str) {
    eprintln!("LEFT OUT: {what}");
    if let Some(list) = std::env::var_os("CHAT_E2E_LEFT_OUT") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(list);
        file.and_then(|mut f| writeln!(f, "{what}")).expect("the list of what was left out can be written");
    }
}

/// A foreign client that runs.
pub struct Foreign {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    told: VecDeque<Value>,
    next_id: u64,
}

impl Foreign {
    /// Starts a client that connects to `/chat`; `transports` as its library names them. `None`: it is not installed,
    /// which has been noted.
    pub async fn start(language: Language, test: &str, url: &str, token: &str, transports: &[&str]) -> Option<Self> {
        let mut command = language.needed_by(test)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start the {language:?} client: {e}"));
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let lines = BufReader::new(stdout).lines();
        let mut foreign = Self { child, stdin, lines, told: VecDeque::new(), next_id: 0 };
        foreign.tell(&json!({"url": url, "token": token, "transports": transports})).await;
        Some(foreign)
    }

    async fn tell(&mut self, command: &Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.expect("the client takes commands");
    }

    /// The next line that fits; those before it that do not, stay for later.
    pub async fn told(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let read = async {
            loop {
                if let Some(at) = self.told.iter().position(&fits) {
                    return self.told.remove(at).unwrap_or_default();
                }
                let line =
                    self.lines.next_line().await.expect("UTF-8").unwrap_or_else(|| panic!("ended before {what}"));
                self.told.push_back(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")));
            }
        };
        match tokio::time::timeout(wait::PATIENCE, read).await {
            Ok(value) => value,
            Err(_) => panic!("not within {:?}: {what}; told so far: {:?}", wait::PATIENCE, self.told),
        }
    }

    /// The next line of that type: `connect`, `connect_error`, `disconnect`, `upgrade`.
    pub async fn next(&mut self, kind: &str) -> Value {
        self.told(kind, |v| v["type"] == kind).await
    }

    /// The next event of that name: its payload.
    pub async fn event(&mut self, name: &str) -> Value {
        self.told(name, |v| v["type"] == "event" && v["name"] == name).await["data"].clone()
    }

    /// Emits with an acknowledgement and gives it.
    pub async fn call(&mut self, event: &str, payload: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.tell(&json!({"emit": event, "data": payload, "id": id})).await;
        self.told(&format!("the acknowledgement of {event}"), |v| v["type"] == "ack" && v["id"] == id).await["data"]
            .clone()
    }

    /// As [`Self::call`]; panics unless the reply is `ok`.
    pub async fn ok(&mut self, event: &str, payload: Value) -> Value {
        let reply = self.call(event, payload).await;
        assert_eq!(reply["ok"], json!(true), "{event}: {reply}");
        reply
    }

    /// Ends the client and waits for it.
    pub async fn end(mut self) {
        drop(self.stdin);
        wait::soon("the foreign client ends", self.child.wait()).await.expect("our own child");
    }
}
