//! Who plays: a server of its own, people with accounts, terminals, and hands that type as people do.

use std::time::Duration;

use anyhow::Result;
use chat_e2e::{Account, Options, Server, Terminal, program};
use serde_json::json;

/// The password of everybody here.
const PASSWORD: &str = "correct horse";
/// Between two keys, in the mean.
const KEY: Duration = Duration::from_millis(60);

/// A server with people in its rooms.
pub struct Stage {
    /// The server.
    pub server: Server,
    /// Who runs the place.
    pub ana: Account,
    /// Who thanks.
    pub raj: Account,
    /// Who builds.
    pub ci: Account,
    /// Whose screen is shown.
    pub kim: Account,
}

impl Stage {
    /// With the rooms `lobby`, `dev` and `ops`, everybody in them.
    pub async fn new() -> Self {
        let server = Server::with(Options::roomy().arg("--name").arg("acme")).await;
        let mut all = Vec::new();
        for name in ["ana", "raj", "ci", "kim"] {
            all.push(server.account(name).await);
        }
        let rooms = [("dev", "What is being built"), ("ops", "What runs and what does not")];
        for (room, topic) in rooms {
            all[0].api.post("/rooms", &json!({"room": room, "topic": topic})).await.ok();
        }
        for account in &all {
            for room in ["lobby", "dev", "ops"] {
                account.api.post(&format!("/rooms/{room}/join"), &json!({})).await.ok();
            }
        }
        let mut all = all.into_iter();
        let mut next = || all.next().unwrap_or_else(|| unreachable!("four were made"));
        Self { server, ana: next(), raj: next(), ci: next(), kim: next() }
    }

    /// What was said in `ops` earlier.
    pub async fn morning(&self) {
        self.ci.say("ops", "build 8811 failed  https://ci.example.org/8811").await;
        self.raj.say("ops", "the upload test again, it does not wait for the file").await;
        self.ana.say("ops", "mended in !318, who reads it?").await;
        let read = self.raj.say("ops", "read it, looks good").await;
        react(&self.ana, "ops", read, "🎉").await;
        self.ci.say("ops", "build 8812 passed  https://ci.example.org/8812").await;
        let plan = "I deploy **api-42** today:\n1. `drain` one node\n2. watch `#alerts` for ten minutes\n3. the others";
        self.ana.say("ops", plan).await;
        self.raj.say("ops", "> drain one node\nnode 3 is *drained*").await;
    }

    /// A home in which `name` is logged in.
    pub async fn home(&self, name: &str) -> Result<tempfile::TempDir> {
        let home = tempfile::Builder::new().prefix("chat-demo-").tempdir()?;
        let mut login = program::isolated(program::path("chat-tui"), home.path());
        login.args(["--server", &self.server.url(), "login", name, "--password-file", "-"]);
        let done = program::finish(login, PASSWORD.as_bytes()).await;
        anyhow::ensure!(done.status.success(), "{name} cannot log in: {}", String::from_utf8_lossy(&done.stderr));
        Ok(home)
    }

    /// A terminal of `name` with a program in it; `chat-tui` is found on its path.
    pub async fn terminal(
        &self,
        name: &str,
        (columns, rows): (u16, u16),
        program: &str,
        args: &[&str],
    ) -> Result<Terminal> {
        let home = self.home(name).await?;
        let mut environment = program::environment(home.path());
        environment.retain(|(name, _)| !matches!(name.as_str(), "USER" | "PATH"));
        let bin = program::path("chat-tui").parent().map(|p| p.display().to_string()).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        for (key, value) in [
            ("USER", name),
            ("PATH", &format!("{bin}:{path}")),
            ("CHAT_SERVER", &self.server.url()),
            ("COLORTERM", "truecolor"),
            ("COLORFGBG", "15;0"),
            ("PS1", "$ "),
        ] {
            environment.push((key.to_owned(), value.to_owned()));
        }
        Ok(Terminal::start(program, args, &environment, (rows, columns), home))
    }
}

/// A reaction to a message.
pub async fn react(account: &Account, room: &str, seq: u64, emoji: &str) {
    account.api.put(&format!("/rooms/{room}/messages/{seq}/reactions/{emoji}"), &json!({})).await.ok();
}

/// A reply.
pub async fn reply(account: &Account, room: &str, to: u64, text: &str) -> u64 {
    let body = json!({"text": text, "reply_to": to});
    let posted = account.api.post(&format!("/rooms/{room}/messages"), &body).await.ok();
    posted["seq"].as_u64().unwrap_or_default()
}

/// Types as a hand does: never quite evenly, always the same way.
pub async fn types(terminal: &mut Terminal, text: &str) {
    for (i, c) in text.chars().enumerate() {
        terminal.keys(&c.to_string());
        let uneven = u32::try_from(i * 7 % 5).unwrap_or(0) * 12;
        tokio::time::sleep(KEY.saturating_sub(Duration::from_millis(24)) + Duration::from_millis(uneven.into())).await;
    }
}

/// Time to read.
pub async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
