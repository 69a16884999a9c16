//! The official clients of other languages, as processes that take commands and tell events, a JSON object a line.
//!
//! `cargo xtask test` installs them below `target/e2e`. Where they are missing, a test that needs one is left out and
//! noted; with `CI=true` it fails instead. Commands and events are described in `node/client.mjs`, and in
//! `node/nest.mjs` for a server of theirs.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
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

/// The Python that has the official client; `None` after noting that `test` is left out.
pub fn python(test: &str) -> Option<PathBuf> {
    Language::Python.needed_by(test).map(|_| place().join("python/bin/python"))
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

/// Starts a program that takes lines and tells lines; it is killed when the first of the three is dropped.
pub fn talk_to(mut command: Command) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {:?}: {e}", command.as_std().get_program()));
    let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    (child, stdin, BufReader::new(stdout).lines())
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

/// So many times its patience may a story in a browser be silent.
const STORY: u32 = 6;

/// The token that clients carry to namespaces where none is asked for: it must go nowhere.
pub const SECRET: &str = "s3cret-of-a-client";

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
        let mut foreign = Self::run(language.needed_by(test)?);
        foreign.tell(&json!({"url": url, "token": token, "transports": transports})).await;
        Some(foreign)
    }

    /// Starts npm's client on `/admin`.
    pub async fn watching(test: &str, url: &str, token: &str, transports: &[&str]) -> Option<Self> {
        let mut foreign = Self::run(Language::Node.needed_by(test)?);
        foreign.tell(&json!({"url": url, "token": token, "namespace": "/admin", "transports": transports})).await;
        Some(foreign)
    }

    /// As [`Self::start`] with npm's client, which trusts an authority of ours besides.
    pub async fn trusting(ca: &Path, test: &str, url: &str, token: &str, transports: &[&str]) -> Option<Self> {
        let mut command = Language::Node.needed_by(test)?;
        command.env("NODE_EXTRA_CA_CERTS", ca);
        let mut foreign = Self::run(command);
        foreign.tell(&json!({"url": url, "token": token, "transports": transports})).await;
        Some(foreign)
    }

    /// Starts npm's client on a namespace where nobody asks for a token.
    pub async fn on(namespace: &str, test: &str, url: &str, transports: &[&str]) -> Option<Self> {
        let mut foreign = Self::run(Language::Node.needed_by(test)?);
        foreign.tell(&json!({"url": url, "token": SECRET, "namespace": namespace, "transports": transports})).await;
        Some(foreign)
    }

    /// Starts a NestJS server with the classic adapter on a Redis; gives it with its URL.
    pub async fn nest(test: &str, redis: &str, specific: bool) -> Option<(Self, String)> {
        let modules = node_modules(test)?;
        let mut command = Command::new("node");
        command.arg(program::root().join("dev/e2e/node/nest.mjs")).env("CHAT_E2E_MODULES", modules.join(""));
        let mut nest = Self::run(command);
        nest.tell(&json!({"redis": redis, "specific": specific})).await;
        let ready = nest.next("ready").await;
        Some((nest, format!("http://127.0.0.1:{}", ready["port"])))
    }

    /// Starts a story of people at the page, in a real browser (`node/web.mjs`). `None`: there is none, which has been
    /// noted.
    pub async fn browser(test: &str, story: &str, url: &str) -> Option<Self> {
        let modules = node_modules(test)?;
        let Some(chromium) = ["chromium", "chromium-browser"].iter().find_map(|name| chat_services::find(name)) else {
            left_out(&format!("{test}: no Chromium (cargo xtask setup --tests installs it)"));
            return None;
        };
        let mut command = Command::new("node");
        command.arg(program::root().join("dev/e2e/node/web.mjs")).env("CHAT_E2E_MODULES", modules.join(""));
        let mut browser = Self::run(command);
        let shots = std::env::var("CHAT_E2E_SHOTS").ok();
        browser.tell(&json!({"url": url, "story": story, "chromium": chromium, "shots": shots})).await;
        Some(browser)
    }

    /// What a story asks for that only the test can do; `None` when it has come to its end. Panics where it failed.
    pub async fn asked(&mut self) -> Option<String> {
        // A story is many steps, each with a patience of its own.
        for _ in 0..STORY {
            let line = match tokio::time::timeout(wait::PATIENCE, self.lines.next_line()).await {
                Ok(line) => line.expect("UTF-8").expect("the story ended without a word"),
                Err(_) => continue,
            };
            let told: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            match told["type"].as_str() {
                Some("ask") => return Some(told["what"].as_str().unwrap_or_default().to_owned()),
                Some("done") => return None,
                _ => panic!("{}", told["error"].as_str().unwrap_or(&line)),
            }
        }
        panic!("the story does not end");
    }

    /// Answers what was asked.
    pub async fn answer(&mut self, answer: Value) {
        self.tell(&json!({"answer": answer})).await;
    }

    fn run(command: Command) -> Self {
        let (child, stdin, lines) = talk_to(command);
        Self { child, stdin, lines, told: VecDeque::new(), next_id: 0 }
    }

    /// Gives a server of theirs a command and waits for its end: what came of it, and the milliseconds it took.
    pub async fn command(&mut self, mut command: Value) -> (Result<Value, String>, f64) {
        self.next_id += 1;
        command["id"] = self.next_id.into();
        let id = self.next_id;
        self.tell(&command).await;
        let mut done = self.told(&command.to_string(), |v| v["type"] == "done" && v["id"] == id).await;
        let ms = done["ms"].as_f64().unwrap_or_default();
        let outcome = match done["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(done["data"].take()),
        };
        (outcome, ms)
    }

    /// Emits without an acknowledgement; null: without data.
    pub async fn emit(&mut self, event: &str, data: Value) {
        let mut command = json!({"emit": event});
        if !data.is_null() {
            command["data"] = data;
        }
        self.tell(&command).await;
    }

    /// From now on the client acknowledges that event with this.
    pub async fn answer_to(&mut self, event: &str, data: Value) {
        self.tell(&json!({"answer": event, "data": data})).await;
    }

    /// Everything told so far that was not taken, up to an event of that name.
    pub async fn until_event(&mut self, name: &str) -> Vec<Value> {
        let last = self.told(name, |v| v["type"] == "event" && v["name"] == name).await;
        let mut all: Vec<Value> = self.told.drain(..).collect();
        all.push(last);
        all
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

    /// As [`Self::told`], but for what need not come; without patience.
    pub async fn told_within(&mut self, patience: std::time::Duration, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        tokio::time::timeout(patience, self.told("what need not come", fits)).await.ok()
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
