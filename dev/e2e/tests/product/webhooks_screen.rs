//! `/hook` in `chat-tui`, as a person at a terminal of 80×24 meets it.

use chat_e2e::{Api, Server, Terminal, program};
use reqwest::Method;
use serde_json::json;

/// Somebody at the screen, logged in with a password, in a room of their own.
async fn at_the_screen(server: &Server) -> Terminal {
    let ana = server.account("ana").await;
    ana.api.post("/rooms", &json!({"room": "ops"})).await.ok();
    let home = tempfile::Builder::new().prefix("chat-e2e-home-").tempdir().expect("a home");
    let mut login = program::isolated(program::path("chat-tui"), home.path());
    login.args(["--server", &server.url(), "login", "ana", "--password-file", "-"]);
    let done = program::finish(login, b"correct horse\n").await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let screen = Terminal::chat_tui_sized(24, 80, &["--server", &server.url(), "--room", "ops"], Some(home));
    screen.wait_for("ops").await;
    screen.wait_until("the line is there", |s| s.text.contains("●")).await;
    screen
}

#[tokio::test]
async fn the_screen_makes_a_webhook_and_shows_what_it_posts() {
    let server = Server::start().await;
    let mut screen = at_the_screen(&server).await;
    screen.keys("/hook add ci\r");
    let shown = screen.wait_until("the address", |s| s.text.contains("Shown once") && s.text.contains("/hooks/")).await;
    // The window is narrower than the address: its lines put together again.
    let lines: Vec<&str> = shown.text.lines().filter_map(|l| l.split(['│', '|']).nth(1).map(str::trim)).collect();
    let from = lines.iter().position(|l| l.starts_with(&server.url())).expect("the address begins a line");
    let address: String = lines[from..].iter().take_while(|l| !l.contains("secret for")).copied().collect();
    screen.keys("\u{1b}");
    screen.wait_until("the window is gone", |s| !s.text.contains("Shown once")).await;
    let path = format!("{}/raw", address.strip_prefix(&server.url()).expect("on this server"));
    let answer = Api::send(server.api().request(Method::POST, &path).body("disk **full**")).await;
    assert_eq!(answer.status.as_u16(), 200, "{address}: {}", answer.text);
    let shown = screen.wait_for("disk full").await;
    let line = shown.lines().find(|l| l.contains("disk full")).expect("its line");
    assert!(line.contains("◆ci"), "a bot is marked: {line}");
    screen.keys("/hook\r");
    let listed = screen.wait_for("They post here").await;
    assert!(listed.lines().any(|l| l.contains("ci") && l.contains("since")), "{listed}");
    screen.keys("\u{1b}");
    screen.wait_until("the list is gone", |s| !s.text.contains("They post here")).await;
    screen.keys("/hook out http://127.0.0.1/x\r");
    screen.wait_for("loopback").await;
    screen.keys("/hook rotate ci\r");
    screen.wait_for("has another address").await;
    screen.keys("\u{1b}");
    screen.wait_until("the window is gone", |s| !s.text.contains("Shown once")).await;
    assert_eq!(Api::send(server.api().request(Method::POST, &path).body("late")).await.status.as_u16(), 404);
    screen.keys("/hook delete ci\r");
    screen.wait_for("is deleted").await;
}
