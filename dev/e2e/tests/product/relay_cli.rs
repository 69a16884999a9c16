//! `chat-tui relay`: the two clients of the earlier article, in the terminal.

use std::process::Stdio;

use chat_e2e::{Options, Server, program, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::commands::Shell;
use super::relay::relay;

/// `relay listen` under way; killed when dropped.
struct Listener {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn start(shell: &Shell, server: &Server, args: &[&str]) -> Self {
        let mut command = Command::from(program::isolated(program::path("chat-tui"), shell.home()));
        command.args(["--server", &server.url(), "relay", "listen"]).args(args);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Pushes a mark until it is heard: from then on it listens.
    async fn listens(&mut self, shell: &Shell, mark: &str) {
        let start = std::time::Instant::now();
        loop {
            assert_eq!(shell.code(&["relay", "push", mark], "").await.0, 0);
            let line = tokio::time::timeout(std::time::Duration::from_millis(300), self.lines.next_line()).await;
            if line.is_ok_and(|l| l.expect("UTF-8").is_some_and(|l| l.contains(mark))) {
                return;
            }
            assert!(start.elapsed() < wait::PATIENCE, "{mark} is not heard");
        }
    }

    /// The next line without that mark.
    async fn line(&mut self, mark: &str) -> String {
        loop {
            let line = wait::soon("a line", self.lines.next_line()).await.expect("UTF-8").expect("it goes on");
            if !line.contains(mark) {
                return line;
            }
        }
    }
}

#[tokio::test]
async fn what_is_pushed_is_heard_also_after_the_server_came_back() {
    let mut server = relay(&[]).await;
    let shell = Shell::new(&server);
    let mut listener = Listener::start(&shell, &server, &[]);
    listener.listens(&shell, "mark-1").await;
    let (code, out, err) = shell.code(&["relay", "push", "xin chào"], "").await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, "ok\n", ""));
    assert_eq!(listener.line("mark-1").await, "xin chào");
    let hostile = "a\u{1b}]52;c;eA==\u{7}\nb\r\u{9b}2J\u{202e}";
    assert_eq!(shell.code(&["relay", "push", hostile], "").await.0, 0);
    let line = listener.line("mark-1").await;
    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}') && line.contains('b'), "{line:?}");
    let (code, out, _) = shell.code(&["relay", "push", "--as-json", r#"{"b":[1,null]}"#, "--json"], "").await;
    assert_eq!((code, out.as_str()), (0, "{\"v\":1,\"ok\":true}\n"));
    assert_eq!(listener.line("mark-1").await, r#"{"b":[1,null]}"#);
    server.restart().await;
    listener.listens(&shell, "mark-2").await;
}

#[tokio::test]
async fn a_listener_counts_and_speaks_json() {
    let server = relay(&[]).await;
    let shell = Shell::new(&server);
    let mut listener = Listener::start(&shell, &server, &["--json", "--count", "2"]);
    listener.listens(&shell, "mark").await;
    assert_eq!(shell.code(&["relay", "push", "\u{1b}[2J"], "").await.0, 0);
    let line = listener.line("mark ").await;
    assert!(!line.contains('\u{1b}'), "{line:?}");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    assert!(told["v"] == json!(1) && told["type"] == "EmitData" && told["message"].is_string(), "{told}");
    assert!(wait::soon("it ends after two", listener.child.wait()).await.expect("our own").success());
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    let server = relay(&["--relay-token", "0123456789abcdef"]).await;
    let shell = Shell::new(&server);
    let (code, _, err) = shell.code(&["relay", "push", "x"], "").await;
    assert!(code == 77 && err.contains("CHAT_RELAY_TOKEN"), "{code} {err}");
    assert_eq!(shell.code(&["relay", "push", "x", "--token", "wrong-wrong-wrong"], "").await.0, 77);
    assert_eq!(shell.code(&["relay", "push", "x", "--token", "0123456789abcdef"], "").await.0, 0);
    let large = "x".repeat(110_000);
    assert_eq!(shell.code(&["relay", "push", &large, "--token", "0123456789abcdef"], "").await.0, 65);
    assert_eq!(shell.code(&["relay", "push", "--as-json", "{bad"], "").await.0, 65);
    assert_eq!(shell.code(&["relay"], "").await.0, 64);
    let (code, _, _) = shell.code(&["relay", "listen", "--count", "1", "--timeout", "300ms"], "").await;
    assert_eq!(code, 1, "nothing came");
    let mut without = Server::with(Options::roomy()).await;
    let shell = Shell::new(&without);
    for command in [&["relay", "push", "x"][..], &["relay", "listen"]] {
        let (code, _, err) = shell.code(command, "").await;
        assert!(code == 76 && err.contains("--relay"), "{command:?} {code} {err}");
    }
    without.kill();
    let (code, out, _) = shell.code(&["relay", "push", "x", "--json"], "").await;
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &said["error"]["exit"]), (69, &json!(69)));
}
