//! The terminal and a hostile network: whatever comes, not one control byte of it reaches the terminal, nothing
//! grows without bound, nothing hangs.

use chat_common::ErrorCode;
use chat_e2e::hostile::{Hostile, Poison};
use chat_e2e::{Server, Terminal, program};
use serde_json::json;

/// Everything that drives a terminal, hides, or turns the direction; each followed by a word that can be found again.
const POISON: &str = "\u{1b}]52;c;UE9JU09O\u{7}\u{1b}[2J\u{9b}31m\u{1b}]0;title\u{1b}\\\u{202e}\u{2066}\u{200b}\u{feff}\r\u{8}\u{7f}\u{e0041}POISON";

/// What a terminal would act on, made of the poison: none of it may be among the bytes that were written.
fn is_clean(bytes: &[u8], what: &str) {
    for bad in [
        "\u{1b}]52",
        "\u{1b}[2J\u{9b}",
        "\u{9b}",
        "\u{1b}]0;title",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{8}",
        "\u{7f}",
        "\u{e0041}",
    ] {
        let found = bytes.windows(bad.len()).any(|w| w == bad.as_bytes());
        assert!(!found, "{what}: {bad:?} reached the terminal");
    }
    assert!(!bytes.contains(&0x07), "{what}: a bell reached the terminal");
}

#[tokio::test]
async fn terminal_control_is_refused_by_the_server() {
    let server = Server::start().await;
    let ana = server.account("ana").await;
    let mut socket = ana.socket().await;
    socket.ok("room:create", json!({"room": "club"})).await;
    for bad in [
        "\u{1b}]52;c;x\u{7}",
        "\u{1b}[2J",
        "\u{9b}2J",
        "a\u{202e}b",
        "a\rb",
        "tag\u{e0041}",
        "\u{2066}x",
        "\u{7f}",
        "a\u{0}b",
    ] {
        let send = json!({"room": "club", "text": bad, "client_id": "k"});
        assert_eq!(socket.refused("message:send", send, ErrorCode::Invalid).await["field"], "text", "{bad:?}");
        for (event, payload) in [
            ("room:update", json!({"room": "club", "topic": format!("x{bad}y")})),
            ("presence:set", json!({"status": "away", "text": format!("x{bad}y")})),
            ("profile:set", json!({"display_name": format!("x{bad}y")})),
        ] {
            // A line break becomes a space in a label; everything else is refused.
            if bad != "a\rb" {
                socket.refused(event, payload, ErrorCode::Invalid).await;
            }
        }
        ana.api.post("/rooms/club/messages", &json!({"text": bad})).await.refused(ErrorCode::Invalid);
    }
    assert_eq!(ana.api.history("club").await.len(), 0);
}

#[tokio::test]
async fn a_hostile_servers_every_field_is_shown_as_marks_in_the_full_screen() {
    let tells = [
        ("server:notice", json!({"code": POISON, "message": POISON})),
        (
            "typing:changed",
            json!({"room": "lobby", "user": {"id": "0000000000002", "name": "~eve", "display_name": POISON, "kind": "guest"}, "on": true}),
        ),
        (
            "room:updated",
            json!({"room": "lobby", "seq": 4, "at": "2026-01-01T00:00:00.000Z", "from": {"id": "0000000000002", "name": "~eve", "display_name": POISON, "kind": "guest"}, "topic": POISON}),
        ),
        (
            "member:removed",
            json!({"room": "lobby", "seq": 5, "at": "2026-01-01T00:00:00.000Z", "from": {"id": "0000000000002", "name": "~eve", "display_name": POISON, "kind": "guest"}, "user": {"id": "0000000000003", "name": "~bob", "display_name": POISON, "kind": "guest"}, "how": "kick", "reason": POISON}),
        ),
        (
            "event:custom",
            json!({"room": "lobby", "from": {"id": "0000000000002", "name": "~eve", "display_name": POISON, "kind": "guest"}, "name": POISON, "data": POISON}),
        ),
        (POISON, json!({"room": POISON})),
    ];
    let tells = tells.into_iter().map(|(n, d)| (n.to_owned(), d)).collect();
    let hostile = Hostile::start(Poison { text: POISON.into(), tells, ..Poison::default() }).await;
    let mut terminal = Terminal::chat_tui(&["--server", hostile.url(), "--name", "ana", "--room", "lobby"]);
    terminal.wait_for("POISON").await;
    for command in ["/who\r", "/search m1\r", "hello\r", "/topic x\r", "/join other\r"] {
        terminal.keys(command);
        terminal.keys("zz");
        terminal.wait_for("zz").await;
        terminal.keys("\u{7f}\u{7f}");
    }
    terminal.keys("\u{11}");
    terminal.ended().await;
    is_clean(&terminal.bytes(), "the full screen");
}

#[tokio::test]
async fn a_hostile_name_is_neither_obeyed_nor_fatal() {
    for name in [POISON, "\u{200b}", "", &"x".repeat(100_000)] {
        let hostile = Hostile::start(Poison { name: name.to_owned(), ..Poison::default() }).await;
        let mut terminal = Terminal::chat_tui(&["--server", hostile.url(), "--name", "ana", "--room", "lobby"]);
        terminal.wait_until("a screen", |s| s.alternate && !s.text.trim().is_empty()).await;
        terminal.keys("still here");
        terminal.wait_for("still here").await;
        terminal.keys("\u{11}");
        terminal.ended().await;
        is_clean(&terminal.bytes(), "a hostile name");
    }
}

#[tokio::test]
async fn a_hostile_servers_every_field_is_shown_as_marks_in_plain_output() {
    for refuse in [false, true] {
        let hostile = Hostile::start(Poison { text: POISON.into(), refuse, ..Poison::default() }).await;
        let home = tempfile::tempdir().expect("a home");
        for args in [
            &["history", "-r", "lobby"][..],
            &["tail", "-r", "lobby", "-n", "3", "--count", "3"],
            &["search", "m1"],
            &["rooms"],
            &["who", "-r", "lobby"],
            &["whoami"],
            &["send", "-r", "lobby", "--retry", "0", "-m", "x"],
            &["send", "-r", "lobby", "--retry", "0", "--via", "socket", "-m", "x"],
        ] {
            let mut command = program::isolated(program::path("chat-tui"), home.path());
            command.args(["--server", hostile.url(), "--timeout", "5s"]).args(args);
            let output = program::finish(command, b"").await;
            for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
                let what = format!("{args:?} on {stream}");
                is_clean(bytes, &what);
                let control = bytes.iter().find(|b| **b < 0x20 && !matches!(b, b'\n' | b'\t'));
                assert_eq!(control, None, "{what}: {}", String::from_utf8_lossy(bytes));
            }
        }
    }
}

#[tokio::test]
async fn endless_marks_words_and_sequences_are_bounded() {
    let from = json!({"id": "0000000000002", "name": "~eve", "display_name": "eve", "kind": "guest"});
    let word = json!({
        "room": "lobby", "seq": 4, "at": "2026-01-01T00:00:00.000Z", "from": from, "text": "w".repeat(1_000_000),
        "client_id": "long", "mentions": [],
    });
    for (text, tells) in [
        (format!("a{}", "\u{301}".repeat(10_000)), vec![]),
        ("w".repeat(40_000), vec![]),
        (format!("\u{1b}]8;;{}", "x".repeat(20_000)), vec![]),
        // As much as one event may bring: a word of a megabyte.
        ("hello".to_owned(), vec![("message:created".to_owned(), word)]),
    ] {
        let hostile = Hostile::start(Poison { text, tells, ..Poison::default() }).await;
        let mut terminal = Terminal::chat_tui(&["--server", hostile.url(), "--name", "ana", "--room", "lobby"]);
        terminal.wait_until("a screen", |s| s.alternate && s.text.contains('›')).await;
        for n in 0..20 {
            terminal.keys(&format!("{n} "));
        }
        terminal.wait_for("18 19").await;
        terminal.keys("\u{11}");
        terminal.ended().await;
        let written = terminal.bytes().len();
        assert!(written < 500_000, "{written} bytes for a few frames");
    }
}

#[tokio::test]
async fn a_frame_of_ten_megabytes_does_not_hang_the_client() {
    let tells = vec![("server:notice".to_owned(), json!({"code": "x", "message": "y".repeat(10 << 20)}))];
    let hostile = Hostile::start(Poison { tells, ..Poison::default() }).await;
    let mut terminal = Terminal::chat_tui(&["--server", hostile.url(), "--name", "ana", "--room", "lobby"]);
    terminal.wait_until("a screen", |s| s.alternate && s.text.contains('›')).await;
    terminal.keys("still typing");
    terminal.wait_for("still typing").await;
    assert!(terminal.resident_kib() < 200 * 1024, "{} KiB", terminal.resident_kib());
    terminal.keys("\u{11}");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test]
async fn numbers_that_cannot_be_do_not_hang_the_client() {
    let from = json!({"id": "0000000000002", "name": "~eve", "display_name": "eve", "kind": "guest"});
    let created = |seq: serde_json::Value, text: &str| {
        let key = format!("k-{text}");
        let entry = json!({"room": "lobby", "seq": seq, "at": "2026-01-01T00:00:00.000Z", "from": from, "text": text, "client_id": key, "mentions": []});
        ("message:created".to_owned(), entry)
    };
    let tells = vec![
        created(json!(4), "four"),
        created(json!(4), "four-again"),
        created(json!(2), "two-again"),
        created(json!(-1), "minus"),
        created(json!(4_000_000_000_u64), "jump"),
        created(json!(u64::MAX), "max"),
        created(json!(1.5), "half"),
        ("room:head".to_owned(), json!({"room": "lobby", "head": 9_223_372_036_854_775_808_u64})),
        (
            "read:changed".to_owned(),
            json!({"room": "lobby", "read": u64::MAX, "unread": 4_294_967_295_u32, "mentions": 4_294_967_295_u32}),
        ),
        (
            "presence:count".to_owned(),
            json!({"room": "lobby", "members": 4_294_967_295_u32, "present": 4_294_967_295_u32}),
        ),
    ];
    let hostile = Hostile::start(Poison { tells, head: 1 << 63, endless: true, ..Poison::default() }).await;
    let mut terminal = Terminal::chat_tui(&["--server", hostile.url(), "--name", "ana", "--room", "lobby"]);
    terminal.wait_for("hello").await;
    terminal.keys("\u{1b}[5~\u{1b}[5~");
    terminal.keys("i");
    terminal.keys("still typing");
    terminal.wait_for("still typing").await;
    terminal.keys("\u{11}");
    assert_eq!(terminal.ended().await, 0);
    // The commands end, too.
    let home = tempfile::tempdir().expect("a home");
    for args in [&["rooms"][..], &["history", "-r", "lobby", "-n", "1000"], &["who", "-r", "lobby"]] {
        let mut command = program::isolated(program::path("chat-tui"), home.path());
        command.args(["--server", hostile.url()]).args(args);
        program::finish(command, b"").await;
    }
}
