//! The terminal is left as it was found, whatever ends the program; what was typed is there on the next start.

use chat_e2e::{Server, Terminal, program, wait};

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
    // 25 is the cursor, which is shown at the end; 2026 frames one update; 7, wrapping, and 12 are how terminals begin.
    on.retain(|n| !matches!(n.as_str(), "25" | "2026" | "7" | "12"));
    if text.rfind("\u{1b}[?7l") > text.rfind("\u{1b}[?7h") {
        on.push("no wrapping".to_owned());
    }
    on
}

/// Whether the terminal hands over each key by itself and echoes nothing, as the program asks for and the shell must
/// not find.
fn is_raw(terminal: &Terminal) -> bool {
    !terminal.line_discipline().contains(" echo ")
}

fn is_restored(terminal: &Terminal, what: &str) {
    let screen = terminal.screen();
    assert!(!screen.alternate, "{what}: the alternate screen stayed");
    assert!(!screen.cursor_hidden, "{what}: the cursor stayed hidden");
    assert!(!is_raw(terminal), "{what}: {}", terminal.line_discipline());
    assert_eq!(modes_left_on(&terminal.bytes()), Vec::<String>::new(), "{what}");
}

#[tokio::test]
async fn signals_and_quitting_leave_the_terminal_as_it_was() {
    let server = Server::start().await;
    for (what, code) in [("QUIT-KEY", 0), ("TERM", 143), ("HUP", 129), ("INT", 130), ("/quit", 0)] {
        let mut terminal = terminal(&server);
        terminal.wait_for("online").await;
        match what {
            "QUIT-KEY" => terminal.keys("\u{11}"),
            "/quit" => terminal.keys("/quit\r"),
            signal => terminal.signal(signal),
        }
        let ended = terminal.ended().await;
        assert_eq!(ended, code, "{what}");
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
    for stop in ["a signal", "the key"] {
        if stop == "the key" {
            terminal.keys("\u{1a}");
        } else {
            terminal.signal("TSTP");
        }
        wait::until("the process is stopped", || (program::state(terminal.pid()) == 'T').then_some(())).await;
        terminal.wait_until("the terminal is given back", |s| !s.alternate).await;
        is_restored(&terminal, stop);
        terminal.signal("CONT");
        terminal.wait_until("the screen is back", |s| s.alternate && s.text.contains("half a line")).await;
        assert!(is_raw(&terminal) && !modes_left_on(&terminal.bytes()).is_empty(), "{stop}");
    }
    terminal.keys(" and more");
    terminal.wait_for("half a line and more").await;
    is_as_drawn_anew(&mut terminal).await;
}

/// The screen holds what a fresh drawing of it holds, cell by cell.
async fn is_as_drawn_anew(terminal: &mut Terminal) {
    let quiet = terminal.settled().await;
    let before = terminal.bytes().len();
    terminal.keys("\u{c}");
    wait::until("it is drawn anew", || (terminal.bytes().len() > before + 500).then_some(())).await;
    let anew = terminal.settled().await;
    // The round trip is measured now and then, the countdown of a hint runs out.
    let still = |s: &str| s.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(still(&quiet.text), still(&anew.text));
    assert_eq!((quiet.alternate, quiet.cursor_hidden), (anew.alternate, anew.cursor_hidden));
}

#[tokio::test]
async fn a_resize_storm_while_messages_arrive_ends_in_a_whole_screen() {
    let server = Server::start().await;
    let speaker = server.account("speaker").await;
    let mut terminal = terminal(&server);
    terminal.wait_for("online").await;
    terminal.keys("steady\r");
    terminal.wait_for("steady").await;
    terminal.keys("a draft");
    for n in 0..400_u16 {
        terminal.resize(2 + (n * 7) % 50, 3 + (n * 11) % 150);
        if n % 8 == 0 {
            speaker
                .say("lobby", &format!("message {n} 日本語 👨‍👩‍👧 with **some** `code` and https://a.example/{n}"))
                .await;
        }
    }
    terminal.resize(1, 1);
    terminal.resize(24, 80);
    speaker.say("lobby", "the last one").await;
    terminal.wait_until("a whole screen", |s| s.text.contains("the last one") && s.text.contains("a draft")).await;
    is_as_drawn_anew(&mut terminal).await;
    terminal.keys(", still typing");
    terminal.wait_for("a draft, still typing").await;
}

#[tokio::test]
#[cfg(debug_assertions)]
async fn a_panic_gives_the_terminal_back_and_says_what_happened() {
    let server = Server::start().await;
    let url = server.url();
    let args = ["--server", &url, "--name", "ana", "--room", "lobby"];
    let mut terminal = Terminal::chat_tui_with(&args, &[("CHAT_TUI_PANIC", "key")]);
    terminal.wait_for("online").await;
    terminal.keys("x");
    assert_eq!(terminal.ended().await, 70);
    let screen = terminal.wait_until("what happened", |s| !s.alternate && s.text.contains("crash.txt")).await;
    is_restored(&terminal, "a panic");
    assert!(screen.text.contains("this is a bug in chat-tui"), "{}", screen.text);
    // Its words may hold what somebody wrote.
    assert!(screen.text.contains("provoked␛[2J at key"), "{}", screen.text);
    let file = terminal.home().join(".local/state/chat-tui/crash.txt");
    let report = std::fs::read_to_string(&file).expect("the report that was named");
    assert!(report.contains("crash.rs") && report.contains("chat_tui::"), "{report}");
    assert!(!report.contains("provoked"), "the words of a panic are not kept: {report}");
}

/// The terminal emulator is killed: `script` owns the pty here. Once as the leader of its session, which is told by
/// SIGHUP, and once as a process that only finds that nobody is there to read or write.
#[tokio::test]
async fn a_terminal_that_vanishes_ends_the_program() {
    let server = Server::start().await;
    for leader in ["", "setsid "] {
        let home = tempfile::tempdir().expect("a home");
        let pid = home.path().join("pid");
        let client = format!(
            "{leader}sh -c 'stty rows 24 cols 80; echo $$ > {}; exec {} --server {} --name ana --room lobby'",
            pid.display(),
            program::path("chat-tui").display(),
            server.url()
        );
        let mut command = program::isolated("script", home.path());
        let shown = std::fs::File::create(home.path().join("shown")).expect("a file");
        command.args(["-q", "-c", &client, "/dev/null"]).stdin(std::process::Stdio::piped()).stdout(shown);
        let mut emulator = command.spawn().expect("script of util-linux or bsdutils");
        let client = wait::until("it is online", || {
            let shown = std::fs::read(home.path().join("shown")).ok()?;
            let online = String::from_utf8_lossy(&shown).contains("online");
            std::fs::read_to_string(&pid).ok()?.trim().parse::<u32>().ok().filter(|_| online)
        })
        .await;
        emulator.kill().expect("a child of ours");
        emulator.wait().expect("a child of ours");
        // Nobody may be there to take its exit code.
        wait::until("the program ends", || matches!(program::state(client), 'Z' | '-').then_some(())).await;
    }
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
