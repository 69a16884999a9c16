//! `chat-tui` for scripts: `send` and the others, their output, their exit codes.

use std::path::Path;
use std::process::Output;

use chat_e2e::{Server, program};
use serde_json::{Value, json};

/// One user's command line with a home of its own.
pub struct Shell {
    home: tempfile::TempDir,
    server: String,
}

impl Shell {
    /// A guest `~tester` of this server.
    pub fn new(server: &Server) -> Self {
        Self { home: tempfile::tempdir().expect("a home"), server: server.url() }
    }

    /// The same home, towards another server.
    pub fn towards(self, server: &str) -> Self {
        Self { server: server.to_owned(), ..self }
    }

    /// Runs `chat-tui` with arguments and input to its end.
    pub async fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = program::isolated(program::path("chat-tui"), self.home.path());
        command.args(["--server", &self.server]).args(args);
        program::finish(command, input.as_bytes()).await
    }

    /// The same, and its exit code with what it printed.
    pub async fn code(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let output = self.run(args, input).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

fn texts(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|m| m["text"].as_str()).collect()
}

#[tokio::test]
async fn send_takes_its_text_from_wherever_it_comes() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    std::fs::write(shell.home().join("note.txt"), "from a file\n").expect("a file");
    for (args, input) in [
        (&["send", "-r", "lobby"][..], "from a pipe\n"),
        (&["send", "-r", "lobby", "-m", "from a flag"], ""),
        (&["send", "-r", "lobby", "from", "words"], ""),
        (&["send", "-r", "lobby", "-f", "note.txt"], ""),
        (&["send", "-r", "lobby", "--lines"], "line one\nline two\n"),
        (&["send", "-r", "lobby", "--via", "socket", "-m", "by socket"], ""),
        (&["send", "-r", "lobby", "--code=toml"], "a = 1\n"),
    ] {
        let (code, out, err) = shell.code(args, input).await;
        assert_eq!((code, out.as_str()), (0, ""), "{args:?}: {err}");
    }
    let log = server.guest("reader").await.api.history("lobby").await;
    assert_eq!(
        texts(&log),
        [
            "from a pipe",
            "from a flag",
            "from words",
            "from a file",
            "line one",
            "line two",
            "by socket",
            "```toml\na = 1\n```"
        ]
    );
    assert!(log.iter().all(|m| m["from"]["name"] == "~tester"), "one home is one guest");
}

#[tokio::test]
async fn send_says_in_json_what_was_stored() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let args = ["send", "-r", "lobby", "--json", "--key", "build-17", "-m", "built"];
    let (code, out, err) = shell.code(&args, "").await;
    assert_eq!(code, 0, "{err}");
    let said: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(
        (&said["v"], &said["ok"], &said["room"], &said["seq"], &said["key"], &said["duplicate"]),
        (&json!(1), &json!(true), &json!("lobby"), &json!(1), &json!("build-17"), &json!(false)),
        "{said}"
    );
    assert!(said["at"].is_string() && said["attempts"].is_u64() && said["ms"].is_u64(), "{said}");
    let (code, out, _) = shell.code(&args, "").await;
    let said: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!((code, &said["seq"], &said["duplicate"]), (0, &json!(1), &json!(true)));
}

#[tokio::test]
async fn exit_codes_tell_a_script_what_to_do() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let long = "x".repeat(8_001);
    for (expected, args, input) in [
        (64, &["send", "--no-such-flag"][..], ""),
        (64, &["send", "-r", "lobby", "-m", "a", "and words"], ""),
        (64, &["no-such-command"], ""),
        (64, &["send", "-r", "../etc", "-m", "x"], ""),
        (65, &["send", "-r", "lobby"], ""),
        (65, &["send", "-r", "lobby"], " \n"),
        (65, &["send", "-r", "lobby"], long.as_str()),
        (65, &["send", "-r", "lobby", "-m", "\u{1b}[2J"], ""),
        (66, &["send", "-r", "lobby", "-f", "not-there.txt"], ""),
        (67, &["send", "-r", "no-such-room", "-m", "x"], ""),
        (67, &["send", "-r", "@no-such-user", "-m", "x"], ""),
        (77, &["login", "nobody", "--password-file", "-"], "wrong password\n"),
    ] {
        let (code, _, err) = shell.code(args, input).await;
        assert_eq!(code, expected, "{args:?}: {err}");
        assert!(!err.is_empty() && !err.contains("panicked"), "{args:?}: {err:?}");
    }
    let (code, out, _) = shell.code(&["send", "-r", "lobby", "--on-empty", "skip"], "").await;
    assert_eq!((code, out.as_str()), (0, ""));
    let output = program::finish(
        {
            let mut command = program::isolated(program::path("chat-tui"), shell.home());
            command.args(["--server", &server.url(), "send", "-r", "lobby"]);
            command
        },
        b"\xff\xfe",
    )
    .await;
    assert_eq!(output.status.code(), Some(65), "not UTF-8");
    assert_eq!(server.guest("reader").await.api.history("lobby").await.len(), 0);
}

#[tokio::test]
async fn an_unreachable_server_is_69_and_an_unknown_host_68() {
    let mut server = Server::start().await;
    let shell = Shell::new(&server);
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "x"], "").await.0, 0);
    server.kill();
    let (code, out, err) = shell.code(&["send", "-r", "lobby", "--retry", "0", "--json", "-m", "y"], "").await;
    let said: Value = serde_json::from_str(&out).expect("a JSON object");
    assert_eq!((code, &said["error"]["exit"]), (69, &json!(69)), "{out} {err}");
    let (code, _, err) = Shell::new(&server).towards("http://no-such-host.invalid").code(&["whoami"], "").await;
    assert_eq!(code, 68, "{err}");
    // With --queue it is kept, and goes out with the next command that reaches the server.
    let (code, _, err) = shell.code(&["send", "-r", "lobby", "--queue", "--retry", "0", "-m", "queued one"], "").await;
    assert_eq!(code, 0, "{err}");
    server.restart().await;
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "z"], "").await.0, 0);
    let reader = server.guest("reader").await;
    let log = chat_e2e::wait::until_async("the queued one is there", || {
        let api = reader.api.clone();
        async move {
            let log = api.history("lobby").await;
            texts(&log).contains(&"queued one").then_some(log)
        }
    })
    .await;
    assert_eq!(texts(&log).iter().filter(|t| **t == "queued one").count(), 1);
}

#[tokio::test]
async fn a_configuration_fault_is_78_with_its_place() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let config = shell.home().join("bad.toml");
    std::fs::write(&config, "# fine\nservr = \"http://x\"\n").expect("a file");
    let (code, _, err) = shell.code(&["--config", config.to_str().expect("UTF-8"), "whoami"], "").await;
    assert_eq!(code, 78, "{err}");
    assert!(err.contains("bad.toml:2:1") && err.contains("servr"), "{err}");
}

#[tokio::test]
async fn accounts_live_through_register_login_whoami_logout() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let (code, _, err) = shell.code(&["register", "ana", "--password-file", "-"], "correct horse\n").await;
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = shell.code(&["whoami"], "").await;
    assert!(code == 0 && out.contains("ana") && !out.contains("~ana"), "{out}");
    shell.code(&["send", "-r", "lobby", "-m", "as ana"], "").await;
    assert_eq!(server.guest("reader").await.api.history("lobby").await[0]["from"]["name"], "ana");
    let secrets: Vec<_> =
        walk(shell.home()).into_iter().filter(|p| p.to_string_lossy().contains("credential")).collect();
    assert!(!secrets.is_empty(), "the session is kept in a file");
    for file in secrets {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    assert_eq!(shell.code(&["logout"], "").await.0, 0);
    let (code, out, err) = shell.code(&["login", "ana", "--password-file", "-"], "correct horse\n").await;
    assert_eq!(code, 0, "{out} {err}");
    assert_eq!(shell.code(&["login", "ana", "--password-file", "-"], "wrong horse\n").await.0, 77);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn the_reading_commands_print_text_and_json() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "dev", "topic": "Where it is built"})).await.ok();
    ana.say("lobby", "the needle is here").await;
    ana.say("lobby", "two\nlines").await;
    let mut present = ana.socket().await;
    present.join("lobby").await;
    let (code, out, err) = shell.code(&["history", "-r", "lobby"], "").await;
    assert!(code == 0 && out.contains("the needle is here") && out.contains("ana"), "{out} {err}");
    // A second line cannot pose as a message of its own.
    assert!(out.lines().any(|l| l.starts_with(' ') && l.trim() == "lines"), "{out}");
    let (code, out, _) = shell.code(&["history", "-r", "lobby", "--json"], "").await;
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON lines")).collect();
    assert_eq!((code, lines.len(), &lines[1]["text"]), (0, 2, &json!("two\nlines")));
    let (code, out, _) = shell.code(&["rooms"], "").await;
    assert!(code == 0 && out.contains("lobby") && out.contains("Where it is built"), "{out}");
    let (code, out, _) = shell.code(&["who", "-r", "lobby"], "").await;
    assert!(code == 0 && out.contains("ana"), "{out}");
    chat_e2e::wait::until_async("search finds it", || async {
        let (code, out, _) = shell.code(&["search", "NEEDLE"], "").await;
        (code == 0 && out.contains("the needle is here")).then_some(())
    })
    .await;
    assert_eq!(shell.code(&["search", "nothing-like-this"], "").await.0, 1, "no match");
    for other in ["bash", "zsh", "fish"] {
        let (code, out, _) = shell.code(&["completions", other], "").await;
        assert!(code == 0 && out.contains("chat-tui"), "{other}");
    }
    for command in [&["--help"][..], &["send", "--help"], &["tail", "--help"], &["--version"]] {
        let (code, out, _) = shell.code(command, "").await;
        assert!(code == 0 && out.contains("chat-tui"), "{command:?}: {out}");
    }
}

#[tokio::test]
async fn tokens_come_from_the_environment_and_files_but_never_from_a_flag() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let made = ana.api.post("/tokens", &json!({"name": "ci", "scopes": ["send", "read"]})).await.ok();
    let secret = made["token"].as_str().expect("shown once");
    let shell = Shell::new(&server);
    let file = shell.home().join("token");
    std::fs::write(&file, format!("{secret}\n")).expect("a file");
    let path = file.to_str().expect("UTF-8");
    let (code, _, err) = shell.code(&["--token-file", path, "send", "-r", "lobby", "-m", "by file"], "").await;
    assert_eq!(code, 0, "{err}");
    let mut command = program::isolated(program::path("chat-tui"), shell.home());
    command.env("CHAT_TOKEN", secret).env("CHAT_SERVER", server.url()).args([
        "send",
        "-r",
        "lobby",
        "-m",
        "by variable",
    ]);
    assert!(program::finish(command, b"").await.status.success());
    let log = ana.api.history("lobby").await;
    assert_eq!(texts(&log), ["by file", "by variable"]);
    assert!(log.iter().all(|m| m["from"]["kind"] == "bot"), "{log:?}");
    assert_eq!(shell.code(&["--token", secret, "whoami"], "").await.0, 64);
}
