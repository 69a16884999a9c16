//! The mouse, pastes and threads in a real terminal: the bytes that a terminal sends, and what is on its screen then.

use chat_e2e::{Server, Terminal};
use serde_json::json;

fn terminal(server: &Server) -> Terminal {
    Terminal::chat_tui(&["--server", &server.url(), "--name", "ana", "--room", "lobby"])
}

/// Presses the left button on the first cell of a text that is on the screen.
fn press(terminal: &mut Terminal, text: &str) {
    let screen = terminal.screen().text;
    let place = screen.lines().zip(1..).find_map(|(row, y)| Some((row[..row.find(text)?].chars().count() + 1, y)));
    let (x, y) = place.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"));
    terminal.keys(&format!("\u{1b}[<0;{x};{y}M\u{1b}[<0;{x};{y}m"));
}

/// Turns the wheel over the middle of the screen.
fn wheel(terminal: &mut Terminal, up: bool) {
    terminal.keys(&format!("\u{1b}[<{};40;12M", if up { 64 } else { 65 }));
}

#[tokio::test]
async fn a_press_opens_selects_and_writes_where_it_points() {
    let server = Server::start().await;
    let reader = server.guest("reader").await;
    reader.say("lobby", "first").await;
    reader.say("lobby", "see https://docs.example/page please").await;
    let mut terminal = terminal(&server);
    terminal.wait_for("docs.example/page").await;
    press(&mut terminal, "https://docs");
    terminal
        .wait_until("the link is opened or copied", |s| {
            s.text.contains("opening https://docs.example/page") || s.text.contains("copied https://docs.example/page")
        })
        .await;
    press(&mut terminal, "first");
    terminal.wait_for("back to writing").await;
    terminal.keys("ihello wrld");
    terminal.wait_for("hello wrld").await;
    press(&mut terminal, "rld");
    terminal.keys("o");
    terminal.wait_for("hello world").await;
}

#[tokio::test]
async fn a_thread_of_many_replies_is_scrolled_by_wheel_and_keys() {
    let server = Server::start().await;
    let reader = server.guest("reader").await;
    let question = reader.say("lobby", "the question").await;
    for n in 1..=60 {
        let send = json!({ "text": format!("reply {n:02}"), "client_id": format!("r{n}"), "reply_to": question });
        assert!(reader.api.post("/rooms/lobby/messages", &send).await.status.is_success());
    }
    let mut terminal = terminal(&server);
    terminal.wait_for("reply 60").await;
    terminal.keys("\u{1b}");
    terminal.wait_for("back to writing").await;
    terminal.keys("t");
    terminal.wait_for("Thread of").await;
    terminal.wait_for("reply 60").await;
    while !terminal.screen().text.contains("60 replies") {
        let before = terminal.screen().text;
        wheel(&mut terminal, true);
        terminal.wait_until("the thread moves up", |s| s.text != before).await;
    }
    terminal.keys("\u{1b}[1;5F");
    terminal.wait_for("reply 60").await;
}
