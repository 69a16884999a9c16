//! `chat-tui` beside other programs: `wait`, `run`, `unread`, `token`, `doctor`, `man`, `config edit`.

use chat_e2e::{Server, program};
use serde_json::Value;

use super::commands::Shell;

#[tokio::test]
async fn wait_ends_with_the_message_that_matches() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let shell = Shell::new(&server);
    ana.say("lobby", "build 11 failed").await;
    let (code, out, _) = shell.code(&["wait", "-r", "lobby", "--grep", "failed", "--timeout", "300ms"], "").await;
    assert_eq!((code, out.as_str()), (1, ""), "what was said before does not count");
    let since = ["wait", "-r", "lobby", "--grep", r"build \d+ failed", "--since", "1h", "--json", "--timeout", "20s"];
    let (code, out, err) = shell.code(&since, "").await;
    let line: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!((code, &line["text"]), (0, &Value::from("build 11 failed")), "{err}");
    let waiting = ["wait", "-r", "lobby", "--grep", "passed", "-q", "--timeout", "20s"];
    let spoken = async {
        // Whenever it begins to listen: one of these comes after that.
        for n in 0.. {
            ana.say("lobby", &format!("build {n} passed")).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        (code, out, err) = shell.code(&waiting, "") => assert_eq!((code, out.as_str()), (0, ""), "{err}"),
        () = spoken => {}
    }
}

#[tokio::test]
async fn run_posts_the_end_and_keeps_the_commands_code() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let script = "echo out; printf '\\033[31mred\\033[0m\\n' >&2; exit 3";
    let (code, out, err) = shell.code(&["run", "-r", "lobby", "--", "sh", "-c", script], "").await;
    assert_eq!((code, out.as_str(), err.as_str()), (3, "out\n", "\u{1b}[31mred\u{1b}[0m\n"));
    assert_eq!(shell.code(&["run", "-r", "lobby", "--title", "backup", "--", "true"], "").await.0, 0);
    assert_eq!(shell.code(&["run", "-r", "lobby", "--on", "failure", "--", "true"], "").await.0, 0);
    assert_eq!(shell.code(&["run", "-r", "lobby", "--", "no-such-command"], "").await.0, 127);
    assert_eq!(shell.code(&["run", "-r", "lobby", "--", "sh", "-c", "kill -9 $$"], "").await.0, 137);
    let log = server.guest("reader").await.api.history("lobby").await;
    let texts: Vec<&str> = log.iter().filter_map(|m| m["text"].as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(
        texts[0].contains("ended with 3") && texts[0].contains("\nred\n") && texts[0].ends_with("\n```"),
        "{}",
        texts[0]
    );
    assert!(texts[1].starts_with("✓ backup is done"), "{}", texts[1]);
    assert!(texts[2].contains("could not be run") && texts[3].contains("signal 9"), "{texts:?}");
}

#[tokio::test]
async fn run_keeps_its_result_in_the_outbox_while_the_server_is_away() {
    let mut server = Server::start().await;
    let shell = Shell::new(&server);
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "one"], "").await.0, 0);
    server.kill();
    let (code, _, err) = shell.code(&["run", "-r", "lobby", "--title", "night", "--", "sh", "-c", "exit 4"], "").await;
    assert_eq!(code, 4, "{err}");
    server.restart().await;
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "two"], "").await.0, 0);
    let log = server.guest("reader").await.api.history("lobby").await;
    let texts: Vec<&str> = log.iter().filter_map(|m| m["text"].as_str()).collect();
    assert!(texts[1].starts_with("✗ night ended with 4") && texts[2] == "two", "{texts:?}");
}

#[tokio::test]
async fn unread_lists_what_waits_and_counts_it() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let shell = Shell::new(&server);
    assert_eq!(shell.code(&["send", "-r", "lobby", "-m", "hello"], "").await.0, 0);
    assert_eq!(shell.code(&["unread"], "").await.0, 1, "nothing waits");
    ana.say("lobby", "for @~tester").await;
    ana.say("lobby", "and for all").await;
    let (code, out, _) = shell.code(&["unread"], "").await;
    assert!(code == 0 && out.starts_with("#lobby") && out.contains("2  1 for you"), "{out}");
    assert_eq!(shell.code(&["unread", "--total"], "").await.1, "2\n");
    assert_eq!(shell.code(&["unread", "--total", "--mentions"], "").await.1, "1\n");
    assert_eq!(shell.code(&["unread", "-r", "elsewhere"], "").await.0, 1);
}

#[tokio::test]
async fn a_token_is_made_used_listed_and_taken_back() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    std::fs::write(shell.home().join("pw"), "correct horse\n").expect("a file");
    assert_eq!(shell.code(&["register", "ana", "--password-file", "pw"], "").await.0, 0);
    let (code, token, err) = shell.code(&["token", "create", "ci", "-r", "lobby", "--expires", "1h"], "").await;
    assert_eq!((code, err.as_str(), token.lines().count()), (0, "", 1));
    std::fs::write(shell.home().join("token"), &token).expect("a file");
    let send = ["--token-file", "token", "send", "-r", "lobby", "-m", "by a bot"];
    assert_eq!(shell.code(&send, "").await.0, 0);
    let (_, list, _) = shell.code(&["token", "list", "--json"], "").await;
    let listed: Value = serde_json::from_str(&list).expect("one line of JSON");
    assert_eq!((&listed["name"], &listed["rooms"][0]), (&Value::from("ci"), &Value::from("lobby")));
    assert!(!list.contains(token.trim()), "the secret is shown once");
    let id = listed["id"].as_str().expect("an id");
    assert_eq!(shell.code(&["token", "revoke", id], "").await.0, 0);
    assert_eq!(shell.code(&send, "").await.0, 77);
    assert_eq!(shell.code(&["token", "list"], "").await.0, 1);
}

#[tokio::test]
async fn doctor_names_what_is_wrong_and_the_way_out() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let (code, out, err) = shell.code(&["doctor"], "").await;
    assert!(code == 0 && out.contains("ok    login") && out.contains("up by websocket"), "{out}{err}");
    let (code, out, _) = shell.code(&["doctor", "-s", "http://127.0.0.1:1"], "").await;
    assert!(code == 69 && out.contains("FAIL  login") && out.contains("is the server running there?"), "{out}");
    let (code, out, _) = shell.code(&["doctor", "--json", "-c", "nowhere.toml"], "").await;
    let line: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!((code, &line["check"], &line["state"]), (78, &Value::from("configuration"), &Value::from("fail")));
}

#[tokio::test]
async fn the_manual_and_the_configuration_are_at_hand() {
    let server = Server::start().await;
    let shell = Shell::new(&server);
    let (code, page, _) = shell.code(&["man", "send"], "").await;
    assert!(code == 0 && page.contains(".TH chat-tui-send 1"), "{page}");
    assert_eq!(shell.code(&["man", "nothing"], "").await.0, 64);
    let edit = async |editor: &str| {
        let mut command = program::isolated(program::path("chat-tui"), shell.home());
        command.args(["config", "edit"]).env("VISUAL", editor);
        program::finish(command, b"").await
    };
    let made = edit("true").await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let broken = edit("sed -i 1s/.*/colour=1/").await;
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(broken.status.code() == Some(78) && said.contains("config.toml:1:1"), "{said}");
    assert_eq!(edit("no-such-editor").await.status.code(), Some(66));
}
