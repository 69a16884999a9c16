//! Members that are the official `socket.io-client`: one Node process holds several, which follow the protocol by
//! `node/member.mjs` and tell their logs in the end.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::history::{Ack, Log, Shown};
use super::member::Plan;
use crate::{foreign, program, wait};

/// The process.
pub struct Officials {
    _child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Who they are.
    pub names: Vec<String>,
}

/// How one of them stands.
#[derive(Debug)]
pub struct Report {
    /// What it wrote down.
    pub log: Log,
    /// Connections so far.
    pub connects: u64,
    /// Messages without an answer.
    pub unanswered: u64,
    /// The rooms that it is in.
    pub joined: Vec<String>,
    /// What the protocol does not allow.
    pub complaints: Vec<String>,
}

impl Officials {
    /// Starts them, every third by WebSocket alone, by polling alone, and with the upgrade. `None`: the client is not
    /// installed, which has been noted.
    pub async fn start(test: &str, plans: &[Plan]) -> Option<Self> {
        let modules = foreign::node_modules(test)?;
        let mut child = Command::new("node")
            .arg(program::root().join("dev/e2e/node/member.mjs"))
            .env("CHAT_E2E_MODULES", modules.join(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let names = plans.iter().map(|p| p.name.clone()).collect();
        let mut all = Self { _child: child, stdin, lines: BufReader::new(stdout).lines(), names };
        let ways = [json!(["websocket"]), json!(["polling"]), json!(["polling", "websocket"])];
        for (plan, transports) in plans.iter().zip(ways.iter().cycle()) {
            let Plan { name, token, rooms, base, .. } = plan;
            all.tell(&json!({"start": name, "url": base, "token": token, "rooms": rooms, "transports": transports}))
                .await;
        }
        Some(all)
    }

    async fn tell(&mut self, command: &Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.expect("node takes commands");
    }

    /// Tells one to send a message.
    pub async fn send(&mut self, name: &str, room: &str, key: &str) {
        self.tell(&json!({"send": name, "room": room, "key": key})).await;
    }

    /// How all of them stand.
    pub async fn report(&mut self) -> Vec<Report> {
        self.tell(&json!({"report": true})).await;
        let line = wait::soon("node reports", self.lines.next_line()).await.expect("UTF-8").expect("node runs");
        let all: Vec<Value> = serde_json::from_str(&line).expect("JSON");
        all.iter().map(read).collect()
    }
}

fn read(value: &Value) -> Report {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let texts = |v: &Value| v.as_array().into_iter().flatten().map(text).collect();
    let shown = |list: &Value| -> Vec<Shown> {
        let entry = |e: &Value| Shown { seq: e[0].as_u64().unwrap_or(0), key: text(&e[1]) };
        list.as_array().into_iter().flatten().map(entry).collect()
    };
    let rooms: BTreeMap<String, Vec<Shown>> =
        value["rooms"].as_object().into_iter().flatten().map(|(room, list)| (room.clone(), shown(list))).collect();
    let ack = |a: &Value| Ack { room: text(&a["room"]), key: text(&a["key"]), seq: a["seq"].as_u64().unwrap_or(0) };
    let acks = value["acks"].as_array().into_iter().flatten().map(ack).collect();
    Report {
        log: Log { name: text(&value["name"]), rooms, acks },
        connects: value["connects"].as_u64().unwrap_or(0),
        unanswered: value["unanswered"].as_u64().unwrap_or(0),
        joined: texts(&value["joined"]),
        complaints: texts(&value["complaints"]),
    }
}
