//! The bots of `examples/`, as a reader would run them: with the official clients, a token, and nothing else.

use std::process::Stdio;

use chat_e2e::program::{self, root};
use chat_e2e::{Server, foreign, wait};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A token, made by the command that stands in the example's first lines.
async fn token(server: &Server, example: &str) -> String {
    let text = std::fs::read_to_string(root().join("examples").join(example)).expect("the example");
    let line = text.split('`').find(|part| part.starts_with("chat-tui token create")).expect("it says how");
    let home = tempfile::tempdir().expect("a home");
    let mut said = String::new();
    for line in ["chat-tui register mia --password-file -", line] {
        let mut command = program::isolated(program::path("chat-tui"), home.path());
        command.env("CHAT_SERVER", server.url()).args(line.split(' ').skip(1));
        let output = program::finish(command, b"correct horse battery\n").await;
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        said = String::from_utf8(output.stdout).expect("UTF-8");
    }
    said.trim().to_owned()
}

/// A bot listens in the lobby, answers who calls it, once each, and no bot.
async fn answers(example: &str, mut command: Command) {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let token = token(&server, example).await;
    let mut bot = command
        .env("CHAT_URL", server.url())
        .env("CHAT_TOKEN", &token)
        .env("CHAT_ROOM", "lobby")
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the bot starts");
    let mut lines = BufReader::new(bot.stdout.take().expect("piped")).lines();
    let first = wait::soon("the bot listens", lines.next_line()).await.expect("UTF-8");
    assert_eq!(first.as_deref(), Some("pinger listens in lobby"));
    ana.say("lobby", "hello").await;
    let asked = ana.say("lobby", "!ping").await;
    let other = json!({"name": "other", "scopes": ["send"]});
    let other = ana.api.post("/tokens", &other).await.ok()["token"].as_str().expect("a token").to_owned();
    server.api().with_token(&other).post("/rooms/lobby/messages", &json!({"text": "!ping"})).await.ok();
    ana.say("lobby", "!ping again").await;
    let said = || async {
        let history = ana.api.history("lobby").await;
        let pongs: Vec<_> = history.into_iter().filter(|m| m["from"]["name"] == "pinger").collect();
        (pongs.len() == 2).then_some(pongs)
    };
    let pongs = wait::until_async("two answers", said).await;
    assert_eq!((&pongs[0]["text"], &pongs[0]["reply_to"]), (&json!("pong, ana"), &json!(asked)));
    assert_eq!(pongs[0]["from"]["kind"], "bot");
}

#[tokio::test]
async fn the_bot_in_node_answers() {
    let Some(modules) = foreign::node_modules("the_bot_in_node_answers") else { return };
    // A module looks for others beside itself.
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(modules.join("node_modules"), folder.path().join("node_modules")).expect("a link");
    std::fs::copy(root().join("examples/bot.mjs"), folder.path().join("bot.mjs")).expect("the bot");
    let mut command = Command::new("node");
    command.arg(folder.path().join("bot.mjs"));
    answers("bot.mjs", command).await;
}

#[tokio::test]
async fn the_bot_in_python_answers() {
    let Some(python) = foreign::python("the_bot_in_python_answers") else { return };
    let mut command = Command::new(python);
    command.arg(root().join("examples/bot.py"));
    answers("bot.py", command).await;
}
