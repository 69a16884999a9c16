//! What an administrator sees: the log, the commands, `chat-server top`.

use chat_common::ErrorCode;
use chat_e2e::{Api, Options, Server, Socket, Terminal, program, wait};
use serde_json::{Value, json};

/// Texts that must not be found in a log, whoever said them.
const TEXT: &str = "the-cellar-key-hangs-behind-the-clock";
const PASSWORD: &str = "hunter2-hunter2-hunter2";

/// A whole session: accounts, wrong passwords, tokens, messages over both edges, webhooks, a search, edits, faults.
async fn live(server: &Server) -> Vec<String> {
    let mut secrets = vec![TEXT.to_owned(), PASSWORD.to_owned(), "not-the-password".to_owned()];
    let api = server.api();
    let register = json!({"name": "ana", "password": PASSWORD});
    let session = api.post("/auth/register", &register).await.ok();
    secrets.extend(["access_token", "refresh_token"].map(|k| session[k].as_str().expect("a token").to_owned()));
    let ana = api.with_token(session["access_token"].as_str().expect("a token"));
    api.post("/auth/login", &json!({"name": "ana", "password": "not-the-password"}))
        .await
        .refused(ErrorCode::Unauthorized);
    let refreshed = api.post("/auth/refresh", &json!({"refresh_token": session["refresh_token"]})).await.ok();
    secrets.extend(["access_token", "refresh_token"].map(|k| refreshed[k].as_str().expect("a token").to_owned()));
    ana.patch("/me", &json!({"password": "another-secret-password", "current_password": PASSWORD})).await.ok();
    secrets.push("another-secret-password".to_owned());
    let made = ana.post("/tokens", &json!({"name": "crier", "scopes": ["read", "send"]})).await.ok();
    secrets.push(made["token"].as_str().expect("a token").to_owned());
    ana.post("/rooms/lobby/messages", &json!({"text": TEXT})).await.ok();
    ana.get(&format!("/search?query={TEXT}")).await;
    let hook = ana.post("/rooms", &json!({"room": "mine"})).await;
    assert!(hook.status.is_success(), "{}", hook.text);
    let hook = ana.post("/rooms/mine/hooks", &json!({"name": "bell"})).await.ok();
    let url = hook["url"].as_str().expect("a url").to_owned();
    secrets.push(url.rsplit('/').next().expect("a secret").to_owned());
    let path = &url[url.find("/hooks/").expect("a path")..];
    Api::send(server.api().request(reqwest::Method::POST, path).json(&json!({"text": TEXT}))).await;
    let token = refreshed["access_token"].as_str().expect("a token");
    let mut socket = Socket::connect(&server.url(), token).await;
    socket.join("lobby").await;
    let seq = socket.say("lobby", TEXT, "one").await;
    socket.ok("message:edit", json!({"room": "lobby", "seq": seq, "text": format!("{TEXT}!")})).await;
    socket.ok("search", json!({"query": TEXT})).await;
    socket
        .refused(
            "message:send",
            json!({"room": "lobby", "text": "", "client_id": "x", "req_id": "empty-one"}),
            ErrorCode::Invalid,
        )
        .await;
    socket.raw(&format!("42/chat,[\"message:send\",{{\"room\":\"lobby\",\"text\":\"{TEXT}\",\"client_id\":7}}]")).await;
    socket.drain().await;
    let refused = Socket::try_connect(&server.url(), json!({"token": format!("{token}x")})).await;
    assert!(refused.is_err());
    secrets
}

#[tokio::test]
async fn the_log_knows_every_request_and_no_secret() {
    for format in ["text", "json"] {
        let server = Server::with(Options::roomy().arg("--log").arg("trace").arg("--log-format").arg(format)).await;
        let secrets = live(&server).await;
        let asked = server.api().request(reqwest::Method::GET, "/api/v1/me").header("x-request-id", "find-me-1");
        Api::send(asked).await.refused(ErrorCode::Unauthorized);
        wait::until("the last request is logged", || server.said().contains("find-me-1").then_some(())).await;
        let said = server.said();
        for secret in secrets {
            let at = said.lines().find(|line| line.contains(&secret));
            assert!(at.is_none(), "{format}: {secret} stands in the log: {at:?}");
        }
        if format == "text" {
            let line = said.lines().find(|l| l.contains("request_id=\"find-me-1\"")).expect("the request's line");
            assert!(line.contains("route=\"/api/v1/me\"") && line.contains("status=401"), "{line}");
            continue;
        }
        let lines: Vec<Value> = said.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        let answered = lines.iter().find(|l| l["request_id"] == "find-me-1").expect("the request's line");
        assert_eq!((&answered["status"], &answered["route"]), (&json!(401), &json!("/api/v1/me")));
        // The greeting is for people; all else is an object.
        let others = said.lines().filter(|l| serde_json::from_str::<Value>(l).is_err()).count();
        assert!(others <= 5, "{said}");
        assert!(
            lines.iter().any(|l| l["code"] == "invalid" && l["conn"].is_u64()),
            "a refused request has its connection"
        );
    }
}

#[tokio::test]
async fn commands_print_for_people_and_for_scripts() {
    let server = Server::start().await;
    let (ana, bob) = (server.account("ana").await, server.account("bob").await);
    ana.say("lobby", "hi").await;
    bob.say("lobby", "ho").await;
    let run = async |args: &[&str]| {
        let output = server.command(args).await;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text.trim_end().to_owned())
    };
    let json = async |args: &[&str]| {
        let (code, text) = run(&[args, &["--json"]].concat()).await;
        assert_eq!(code, Some(0), "{args:?}: {text}");
        serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{args:?} is no object, {e}: {text}"))
    };
    let (code, text) =
        run(&["room", "create", "cellar", "--owner", "ana", "--kind", "private", "--topic", "wine"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = run(&["room", "list"]).await;
    assert!(
        text.contains("cellar") && text.contains("private") && text.contains("wine") && text.contains("lobby"),
        "{text}"
    );
    assert_eq!(json(&["room", "list"]).await["rooms"][0]["room"], "cellar");
    assert_eq!(json(&["room", "show", "lobby"]).await["room"]["people"].as_array().map(Vec::len), Some(2));
    assert_eq!(run(&["room", "transfer", "lobby", "bob"]).await, (Some(0), "done".to_owned()));
    let shown = json(&["user", "show", "bob"]).await;
    assert_eq!(shown["user"]["rooms"], json!(["lobby"]));
    let session = shown["user"]["sessions"][0]["id"].as_str().expect("a session").to_owned();
    assert_eq!(run(&["user", "revoke", "bob", &session]).await.0, Some(0));
    bob.api.get("/me").await.refused(ErrorCode::Unauthorized);
    assert_eq!(run(&["ban", "add", "bob", "--room", "lobby", "--reason", "noise"]).await.0, Some(0));
    assert_eq!(json(&["ban", "list", "--room", "lobby"]).await["bans"][0]["user"]["name"], "bob");
    let (code, text) = run(&["room", "delete", "nowhere"]).await;
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    let (_, audit) = run(&["audit", "--limit", "2"]).await;
    assert!(audit.contains("member:ban") && audit.contains("bob in lobby  noise"), "{audit}");
    assert_eq!(audit.lines().count(), 2);
    let (_, lines) = run(&["audit", "--json"]).await;
    assert!(lines.lines().all(|l| serde_json::from_str::<Value>(l).is_ok_and(|l| l["action"].is_string())), "{lines}");
    assert_eq!(run(&["audit", "--since", "2999-01-01T00:00:00Z"]).await, (Some(0), String::new()));
}

#[tokio::test]
async fn the_audit_is_followed() {
    let server = Server::start().await;
    server.command(&["user", "add", "early"]).await;
    let home = tempfile::tempdir().expect("a home");
    let mut args = vec!["audit".to_owned(), "--follow".to_owned(), "--data-dir".to_owned()];
    args.push(server.data_dir().display().to_string());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let environment = program::environment(home.path());
    let terminal = Terminal::start(program::path("chat-server"), &args, &environment, (24, 120), home);
    terminal.wait_for("user:create      early").await;
    server.command(&["user", "add", "late"]).await;
    terminal.wait_for("user:create      late").await;
}

/// `chat-server top` on a terminal of so many rows and columns.
fn top(args: &[&str], (rows, cols): (u16, u16)) -> Terminal {
    let home = tempfile::tempdir().expect("a home");
    let environment = program::environment(home.path());
    Terminal::start(program::path("chat-server"), &[&["top"], args].concat(), &environment, (rows, cols), home)
}

#[tokio::test]
async fn top_shows_the_server_and_leaves_the_terminal_as_it_was() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    socket.join("lobby").await;
    let data = server.data_dir().display().to_string();
    for (size, end, code) in [((24, 80), "q", 0), ((40, 140), "TERM", 143), ((24, 80), "HUP", 129)] {
        let mut terminal = top(&["--data-dir", &data], size);
        terminal
            .wait_until("the room and who follows it", |s| {
                s.alternate && s.text.contains("lobby") && s.text.contains("ana")
            })
            .await;
        socket.say("lobby", "hello", end).await;
        server.command(&["invite", "create"]).await;
        terminal.wait_for("invite:create").await;
        terminal.keys("?");
        terminal.wait_for("this help").await;
        terminal.keys("?/nobody\r");
        terminal.wait_until("nobody is left", |s| !s.text.contains(" ws ")).await;
        match end {
            "q" => terminal.keys("q"),
            signal => terminal.signal(signal),
        }
        assert_eq!(terminal.ended().await, code, "{end}");
        wait::until("the last bytes", || (!terminal.screen().alternate).then_some(())).await;
        assert!(terminal.line_discipline().contains(" echo ") && !terminal.screen().cursor_hidden, "{end}");
    }
}

#[tokio::test]
async fn top_watches_a_server_elsewhere_and_waits_for_its_return() {
    let mut server = Server::start().await;
    server.command(&["user", "add", "root", "--admin"]).await;
    let reset = server.command(&["user", "password", "root", "--json"]).await;
    let reset: Value = serde_json::from_slice(&reset.stdout).expect("an object");
    let root = server.api().login("root", reset["password"].as_str().expect("a password")).await;
    let made = root.api.post("/tokens", &json!({"name": "eye", "scopes": ["admin"]})).await.ok();
    let token = made["token"].as_str().expect("a token");
    let terminal = top(&["--url", &server.url(), "--token", token], (24, 80));
    terminal.wait_for("store ok").await;
    server.kill();
    terminal.wait_for("trying again").await;
    server.restart().await;
    terminal.wait_until("it is back", |s| !s.text.contains("trying again") && s.text.contains("store ok")).await;

    let mut refused = top(&["--url", &server.url(), "--token", "x"], (24, 80));
    let screen = refused.wait_until("why not", |s| s.text.contains("unauthorized")).await;
    assert!(!screen.alternate, "a sentence, and no screen: {}", screen.text);
    assert_eq!(refused.ended().await, 1);
    let output = server.command(&["top", "--json", "--url", "http://127.0.0.1:1", "--token", "x"]).await;
    assert!(!output.status.success());
}
