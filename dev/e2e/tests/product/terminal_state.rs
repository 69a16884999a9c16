//! The terminal is left as it was found, whatever ends the program; what was typed is there on the next start.

use chat_e2e::{Server, Terminal, wait};

fn terminal(server: &Server) -> Terminal {
    Terminal::chat_tui(&["--server", &server.url(), "--name", "ana", "--room", "lobby"])
}

/// The modes that the program switched on and must switch off, by their numbers: alternate screen, bracketed paste,
/// mouse, focus.
fn modes_left_on(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut on = Vec::new();
    for piece in text.split("\u{1b}[?").skip(1) {
        let end = piece.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(piece.len());
        let numbers = piece[..end].split(';').map(str::to_owned);
        match piece[end..].chars().next() {
            Some('h') => on.extend(numbers),
            Some('l') => {
                let off: Vec<String> = numbers.collect();
                on.retain(|n| !off.contains(n));
            }
            _ => {}
        }
    }
    // 25 is the cursor, which is shown at the end; 2026 frames one update; 7 and 12 are how terminals begin.
    on.retain(|n| !matches!(n.as_str(), "25" | "2026" | "7" | "12"));
    on
}

fn is_restored(terminal: &Terminal, what: &str) {
    let screen = terminal.screen();
    assert!(!screen.alternate, "{what}: the alternate screen stayed");
    assert!(!screen.cursor_hidden, "{what}: the cursor stayed hidden");
    assert_eq!(modes_left_on(&terminal.bytes()), Vec::<String>::new(), "{what}");
}

#[tokio::test]
async fn signals_and_quitting_leave_the_terminal_as_it_was() {
    let server = Server::start().await;
    for (what, code) in [("QUIT-KEY", 0), ("TERM", 143), ("HUP", 129), ("/quit", 0)] {
        let mut terminal = terminal(&server);
        terminal.wait_for("online").await;
        match what {
            "QUIT-KEY" => terminal.keys("\u{11}"),
            "/quit" => terminal.keys("/quit\r"),
            signal => terminal.signal(signal),
        }
        let ended = terminal.ended().await;
        // A signal may also be told by dying of it, which the pty reports as 1.
        assert!(ended == code || (code > 128 && ended != 0), "{what}: {ended}");
        wait::until("the last bytes", || (!terminal.screen().alternate).then_some(())).await;
        is_restored(&terminal, what);
    }
}

#[tokio::test]
async fn a_draft_is_there_on_the_next_start_even_after_a_kill() {
    let server = Server::start().await;
    let args = ["--server", &server.url(), "--name", "ana", "--room", "lobby"];
    let mut first = Terminal::chat_tui(&args);
    first.wait_for("online").await;
    first.keys("an unfinished thought");
    first.wait_for("an unfinished thought").await;
    // It is on disk within a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let home = first.into_home();
    let second = Terminal::chat_tui_sized(24, 80, &args, Some(home));
    second.wait_for("an unfinished thought").await;
}

#[tokio::test]
async fn a_stop_and_a_continue_bring_the_screen_back() {
    let server = Server::start().await;
    let mut terminal = terminal(&server);
    terminal.wait_for("online").await;
    terminal.keys("half a line");
    terminal.wait_for("half a line").await;
    terminal.signal("TSTP");
    terminal.wait_until("the terminal is given back", |s| !s.alternate).await;
    terminal.signal("CONT");
    terminal.wait_until("the screen is back", |s| s.alternate && s.text.contains("half a line")).await;
    terminal.keys(" and more");
    terminal.wait_for("half a line and more").await;
}

#[tokio::test]
async fn a_resize_storm_ends_in_a_whole_screen() {
    let server = Server::start().await;
    let mut terminal = terminal(&server);
    terminal.wait_for("online").await;
    terminal.keys("steady\r");
    terminal.wait_for("steady").await;
    for n in 0..60_u16 {
        terminal.resize(2 + (n * 7) % 50, 3 + (n * 11) % 150);
    }
    terminal.resize(1, 1);
    terminal.resize(24, 80);
    terminal.wait_until("a whole screen", |s| s.text.contains("steady") && s.text.contains("lobby")).await;
    terminal.keys("still typing");
    terminal.wait_for("still typing").await;
}

#[tokio::test]
async fn a_paste_of_many_lines_never_sends_by_itself() {
    let server = Server::start().await;
    let reader = server.account("reader").await;
    let mut terminal = terminal(&server);
    terminal.wait_for("online").await;
    let lines: String = (0..10_000).map(|n| format!("pasted {n}\r")).collect();
    terminal.keys(&format!("\u{1b}[200~{lines}\u{1b}[201~"));
    terminal.wait_until("the paste is shown or refused", |s| s.text.contains("past") || s.text.contains("lines")).await;
    reader.say("lobby", "after the paste").await;
    terminal.wait_for("after the paste").await;
    assert_eq!(reader.api.history("lobby").await.len(), 1, "something was sent by itself");
}

#[tokio::test]
async fn earlier_pages_load_while_one_scrolls_back() {
    let server = Server::start().await;
    let reader = server.account("reader").await;
    for n in 1..=300 {
        reader.say("lobby", &format!("line {n:03}")).await;
    }
    let mut terminal = terminal(&server);
    terminal.wait_for("line 300").await;
    for _ in 0..60 {
        terminal.keys("\u{1b}[5~");
        if terminal.screen().text.contains("line 001") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    terminal.wait_for("line 001").await;
    // What comes meanwhile is counted below, not scrolled to.
    reader.say("lobby", "a new one").await;
    let screen = terminal.wait_for("new").await;
    assert!(screen.contains("line 001"), "{screen}");
}
