//! Every exit code that `chat-tui` documents, met with the real program; and with `--json` the same told as one object.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use chat_e2e::{Server, program, wait};
use serde_json::Value;

use super::commands::Shell;

/// A server that takes connections and answers each request with these bytes; nothing: never.
fn answering(with: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            if with.is_empty() {
                held.push(stream);
                continue;
            }
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut request = [0; 8192];
                let _read = stream.read(&mut request);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
                let _gone = write!(stream, "{head}content-length: {}\r\n\r\n{with}", with.len());
            });
        }
    });
    url
}

/// Runs it with and without `--json`: both end with the code; one says a sentence on the standard error, the other one
/// object on the standard output, with the code in it. Gives that object.
async fn fails(shell: &Shell, code: i32, args: &[&str], input: &str) -> Value {
    let (plain, out, err) = shell.code(args, input).await;
    assert_eq!((plain, out.as_str()), (code, ""), "{args:?}: {err}");
    assert!(err.starts_with("chat-tui: ") || err.starts_with("error: "), "{args:?}: {err}");
    let with: Vec<&str> = std::iter::once("--json").chain(args.iter().copied()).collect();
    let (json, out, err) = shell.code(&with, input).await;
    assert_eq!((json, err.as_str()), (code, ""), "{with:?}: {out}");
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{with:?} is not one object, {e}: {out:?}"));
    assert_eq!((&said["v"], &said["ok"]), (&Value::from(1), &Value::from(false)), "{said}");
    let error = said["error"].clone();
    assert_eq!(error["exit"], Value::from(code), "{error}");
    assert!(error["code"].is_string() && error["message"].is_string() && error["retryable"].is_boolean(), "{error}");
    error
}

#[tokio::test]
async fn every_failure_has_its_code_and_its_object() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    std::fs::create_dir(shell.home().join("folder")).expect("a folder");
    std::fs::write(shell.home().join("bad.toml"), "servr = 1\n").expect("a file");
    let long = "x".repeat(8_001);
    let send = ["send", "-r", "lobby"];
    let and = |more: &[&'static str]| [&send[..], more].concat();
    for (code, args, input) in [
        (64, and(&["--no-such-flag"]), ""),
        (64, vec!["no-such-command"], ""),
        (64, vec!["--token", "x", "whoami"], ""),
        (65, send.to_vec(), " \n"),
        (65, send.to_vec(), long.as_str()),
        (66, and(&["-f", "not-there.txt"]), ""),
        (67, vec!["history", "-r", "no-such-room"], ""),
        (67, vec!["send", "-r", "@no-such-user", "-m", "x"], ""),
        (74, and(&["-f", "folder"]), ""),
        (77, vec!["login", "nobody", "--password-file", "-"], "wrong password\n"),
        (78, vec!["-c", "bad.toml", "whoami"], ""),
    ] {
        fails(&shell, code, &args, input).await;
    }
    for (code, url) in [(68, "http://no-such-host.invalid"), (69, "http://127.0.0.1:1")] {
        fails(&Shell::new(&server).towards(url), code, &["whoami"], "").await;
    }
    assert_eq!(shell.code(&["search", "nothing-like-this"], "").await.0, 1, "no match");
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "x"], "").await.0, 0);
}

#[tokio::test]
async fn what_may_be_repeated_says_with_which_key() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    // Whoever has no session gets one first.
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "x"], "").await.0, 0);
    let shell = shell.towards(&answering(""));
    let send = ["--timeout", "300ms", "send", "-r", "lobby", "--retry", "0", "--key", "k-7", "-m", "x"];
    let error = fails(&shell, 75, &send, "").await;
    assert_eq!((&error["retryable"], &error["key"]), (&Value::from(true), &Value::from("k-7")), "{error}");
    assert!(error["hint"].as_str().is_some_and(|h| h.contains("--key k-7")), "{error}");
}

#[tokio::test]
async fn a_server_of_another_kind_is_76() {
    let server = Server::start().await;
    let shell = Shell::new(&server).towards(&answering("<html>a web server</html>"));
    fails(&shell, 76, &["whoami"], "").await;
    fails(&shell, 76, &["send", "-r", "lobby", "--retry", "0", "-m", "x"], "").await;
}

#[tokio::test]
#[cfg(debug_assertions)]
async fn a_bug_is_70_and_says_where_the_details_are() {
    let home = tempfile::tempdir().expect("a home");
    let mut command = program::isolated(program::path("chat-tui"), home.path());
    command.arg("whoami").env("CHAT_TUI_PANIC", "start");
    let ended = program::finish(command, b"").await;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(70), 0), "{said}");
    assert!(said.contains("this is a bug") && said.contains("crash.txt") && !said.contains('\u{1b}'), "{said}");
    assert!(home.path().join(".local/state/chat-tui/crash.txt").exists());
}

#[tokio::test]
async fn files_that_cannot_be_made_are_73() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    // A file where the folder of the outbox should be.
    std::fs::create_dir_all(shell.home().join(".local")).expect("a folder");
    std::fs::write(shell.home().join(".local/state"), "").expect("a file");
    server.guest("ana").await.say("lobby", "a line").await;
    fails(&shell, 73, &["tail", "-r", "lobby", "-n", "1", "--cursor", "nowhere/cursor", "--count", "1"], "").await;
    let shell = shell.towards("http://127.0.0.1:1");
    fails(&shell, 73, &["send", "-r", "lobby", "--queue", "--retry", "0", "-m", "x"], "").await;
}

/// Starts `tail`, and waits for its first line.
async fn tailing(server: &Server, home: &std::path::Path) -> (std::process::Child, impl std::io::BufRead) {
    // Whoever runs these tests in the background has SIGINT ignored in them and all they start.
    let mut command = program::isolated("env", home);
    command.arg("--default-signal=INT").arg(program::path("chat-tui"));
    command.args(["-s", &server.url(), "tail", "-f", "-n", "5", "-r", "lobby"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("chat-tui");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        let read = out.read_line(&mut line);
        (read.is_ok() && line.contains("first")).then_some(out)
    });
    let out = wait::soon("the first line", read).await.expect("no panic").expect("the first line");
    (child, out)
}

#[tokio::test]
async fn signals_end_a_command_as_a_shell_expects() {
    let server = Server::start().await;
    let home = tempfile::tempdir().expect("a home");
    server.guest("ana").await.say("lobby", "first").await;
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let (mut child, _out) = tailing(&server, home.path()).await;
        chat_e2e::server::signal(child.id(), signal);
        let ended = wait::until("it ends", || child.try_wait().expect("our own child")).await;
        // A shell tells a death by signal as 128 and its number, 130 and 143.
        let code = ended.code().or(ended.signal().map(|s| 128 + s));
        assert_eq!(code, Some(128 + number), "SIG{signal}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let server = Server::start().await;
    let home = tempfile::tempdir().expect("a home");
    server.guest("ana").await.say("lobby", "first").await;
    let (mut child, out) = tailing(&server, home.path()).await;
    drop(out);
    let speaker = server.guest("bob").await;
    let mut n = 0;
    let ended = wait::until_async("it ends", || {
        n += 1;
        let text = format!("line {n}");
        let (ended, speaker) = (child.try_wait().expect("our own child"), &speaker);
        async move {
            if ended.is_none() {
                speaker.say("lobby", &text).await;
            }
            ended
        }
    })
    .await;
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert_eq!((ended.code(), said.as_str()), (Some(0), ""));
}
