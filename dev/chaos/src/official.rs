//! Members that are official clients of other languages: one process holds several, which follow the protocol by
//! `clients/member.mjs` or `clients/member.py` and tell what happens to them as lines of the history.

use chat_e2e::foreign::{self, Language};
use chat_e2e::program;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use crate::member::Plan;
use crate::recorder::Recorder;

/// The process. Dropped: killed.
pub struct Officials {
    child: Child,
    stdin: ChildStdin,
    reader: JoinHandle<()>,
}

impl Drop for Officials {
    fn drop(&mut self) {
        self.reader.abort();
        // One that has ended already is as good; `kill_on_drop` does the rest.
        let _ended = self.child.start_kill();
    }
}

impl Officials {
    /// Starts them; those of Node by WebSocket alone, by polling alone, and with the upgrade in turn. `None`: the
    /// client is not installed, which has been noted.
    pub async fn start(language: Language, test: &str, plans: &[Plan], recorder: &Recorder) -> Option<Self> {
        let script = program::root().join("dev/chaos/clients");
        let (command, ways) = match language {
            Language::Node => {
                let mut command = Command::new("node");
                command.arg(script.join("member.mjs"));
                command.env("CHAT_E2E_MODULES", foreign::node_modules(test)?.join(""));
                (command, vec![json!(["websocket"]), json!(["polling"]), json!(["polling", "websocket"])])
            }
            Language::Python => {
                let mut command = Command::new(foreign::python(test)?);
                command.arg("-u").arg(script.join("member.py"));
                (command, vec![json!(["websocket"]), json!(["polling"])])
            }
        };
        let (child, stdin, mut lines) = foreign::talk_to(command);
        let recorder = recorder.clone();
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{language:?}: {e}: {line}"));
                recorder.note(event);
            }
        });
        let mut all = Self { child, stdin, reader };
        for (plan, transports) in plans.iter().zip(ways.iter().cycle()) {
            let Plan { name, token, rooms, base, .. } = plan;
            all.tell(&json!({"start": name, "url": base, "token": token, "rooms": rooms, "transports": transports}))
                .await;
        }
        Some(all)
    }

    async fn tell(&mut self, command: &Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.expect("the client takes commands");
    }

    /// Tells one to send a message.
    pub async fn send(&mut self, name: &str, room: &str, key: &str) {
        self.tell(&json!({"send": name, "room": room, "key": key})).await;
    }
}
