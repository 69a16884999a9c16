//! Pictures of `top`, and what its keys do.

use chat_common::Timestamp;
use chat_common::event::admin::{
    AdminEvent, Connections, Latency, NodeInfo, Person, Queue, Rates, RoomLoad, SlowReader, Snapshot, Tick, Totals,
    Usage,
};
use chat_common::event::server::ServerInfo;
use chat_common::model::{User, UserKind};
use chat_common::rest::AuditLine;
use chat_common::{RoomName, UserId, UserName};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::{Look, draw};
use super::state::{Sort, State};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_363_200_000 + seconds * 1_000)
}

fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn person(user: &str, conn: u64, queue_bytes: u64) -> Person {
    Person {
        user: name(user),
        conn,
        transport: if conn.is_multiple_of(3) { "polling" } else { "websocket" }.to_owned(),
        queue_packets: queue_bytes / 200,
        queue_bytes,
        requests: conn % 2,
        age_s: 40_000 / conn,
    }
}

fn room(room: &str, per_second: f64, followers: u64) -> RoomLoad {
    RoomLoad { room: RoomName::parse(room).unwrap(), per_second, entries: followers * 1_300, followers }
}

fn audit(seconds: i64, actor: Option<&str>, action: &str, subject: &str, detail: Option<&str>) -> AuditLine {
    let user = |who| User { id: UserId::from_bits(7), name: name(who), display_name: who.into(), kind: UserKind::User };
    AuditLine {
        at: at(seconds),
        actor: actor.map(user),
        action: action.into(),
        subject: subject.into(),
        detail: detail.map(str::to_owned),
    }
}

fn tick() -> Tick {
    let node = |node: &str, address: &str, own| NodeInfo {
        node: node.into(),
        address: address.into(),
        version: "0.1.0".into(),
        since: at(0),
        own,
    };
    Tick {
        at: at(3_723),
        server: ServerInfo { name: "Kitchen".into(), version: "0.1.0".into(), node: "3f2a90c1d4e5f607".into() },
        uptime_s: 183_723,
        store: "ok".into(),
        bus: "ok".into(),
        rates: Rates { messages: 1_234.4, deliveries: 61_720.0, requests: 1_301.0, refusals: 0.0, commits: 88.0 },
        totals: Totals { messages: 1_234_567, deliveries: 61_728_350, slow_readers: 2, repaired: 0, auth_failures: 17 },
        commit: Latency { p50_ms: Some(2.24), p99_ms: Some(11.7) },
        lag: Latency { p50_ms: Some(4.0), p99_ms: Some(18.0) },
        connections: Connections { websocket: 48, polling: 2, users: 43 },
        queue: Queue { packets: 310, bytes: 74_000 },
        process: Usage { cpu_percent: Some(63.0), resident_bytes: Some(48 << 20), open_fds: Some(71) },
        rooms: vec![
            room("lobby", 900.0, 50),
            room("ops", 330.5, 12),
            room("random", 4.04, 31),
            room("garden", 0.0, 3),
            room("a-room-with-a-long-name-for-a-narrow-screen", 0.0, 1),
        ],
        people: vec![
            person("bob", 7, 61_000),
            person("~a-guest-with-a-long-name", 12, 13_000),
            person("ana", 1, 0),
            person("carla", 2, 0),
            person("dimitri", 3, 0),
            person("eve", 4, 0),
            person("frank", 5, 0),
            person("gero", 6, 0),
        ],
        slow: vec![SlowReader { at: at(3_700), user: name("bob") }, SlowReader { at: at(60), user: name("~zoe") }],
        nodes: vec![
            node("3f2a90c1d4e5f607", "10.0.0.11:6969", true),
            node("88d0e6b2aa00c911", "10.0.0.12:6969", false),
        ],
    }
}

fn state() -> State {
    let mut state = State::default();
    let lines = vec![
        audit(10, None, "user:create", "ana", Some("admin")),
        audit(3_000, Some("ana"), "member:ban", "eve in lobby", Some("spam\u{1b}[2J")),
    ];
    state.told(AdminEvent::Snapshot(Box::new(Snapshot { tick: tick(), audit: lines })));
    for n in 0..200 {
        let wave = 1_000.0 + 900.0 * f64::from(n % 37) / 37.0;
        let rates = Rates { messages: wave, deliveries: wave * 50.0, ..tick().rates };
        state.told(AdminEvent::Tick(Box::new(Tick { rates, ..tick() })));
    }
    state.told(AdminEvent::Tick(Box::new(tick())));
    state.told(AdminEvent::Audit(Box::new(audit(3_720, None, "room:delete", "attic", None))));
    state
}

fn picture(state: &State, width: u16, height: u16, color: bool) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, Look { color })).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let lines = (0..height).map(|y| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn press(state: &mut State, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        assert!(state.key(KeyEvent::new(code, KeyModifiers::NONE)), "{key:?} ended it");
    }
}

#[test]
fn the_screen_at_two_sizes() {
    insta::assert_snapshot!("80x24", picture(&state(), 80, 24, true));
    insta::assert_snapshot!("140x40", picture(&state(), 140, 40, true));
}

#[test]
fn the_screen_in_other_states() {
    let mut state = state();
    press(&mut state, "?");
    insta::assert_snapshot!("help", picture(&state, 80, 24, true));
    press(&mut state, "?s/a\n");
    state.away = Some("the server has ended; trying again".into());
    state.tick.as_mut().unwrap().store = "the store does not answer".into();
    insta::assert_snapshot!("away-filtered-by-name", picture(&state, 80, 24, false));
    insta::assert_snapshot!("nothing-yet", picture(&State::default(), 60, 12, true));
}

#[test]
fn nothing_from_the_network_is_drawn_as_it_came() {
    let mut state = state();
    let tick = state.tick.as_mut().unwrap();
    let evil = "\u{1b}]0;x\u{7}\u{202e}\n".to_owned();
    for text in
        [&mut tick.store, &mut tick.bus, &mut tick.server.name, &mut tick.server.version, &mut tick.nodes[0].address]
    {
        text.push_str(&evil);
    }
    tick.nodes[0].node.insert_str(0, &evil);
    state.away = Some(evil.clone());
    state.audit.push_back(audit(1, None, &evil, &evil, Some(&evil)));
    for (width, height) in [(80, 24), (140, 40), (40, 10), (1, 1), (39, 9), (500, 200)] {
        let picture = picture(&state, width, height, true);
        assert!(!picture.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{picture:?}");
    }
}

#[test]
fn without_colour_everything_is_said_all_the_same() {
    let mut state = state();
    state.tick.as_mut().unwrap().bus = "the broker is away".into();
    assert_eq!(picture(&state, 80, 24, true), picture(&state, 80, 24, false));
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &state, Look { color: false })).unwrap();
    let colors = terminal.backend().buffer().content().iter().map(|cell| cell.fg);
    assert!(colors.into_iter().all(|color| color == ratatui::style::Color::Reset));
}

#[test]
fn keys_sort_filter_pause_and_quit() {
    let mut state = state();
    assert_eq!(state.people()[0].user, name("bob"), "the fullest queue first");
    press(&mut state, "s");
    assert_eq!((state.sort, state.people()[0].user.as_str()), (Sort::Name, "ana"));
    press(&mut state, "s");
    assert_eq!(state.people()[0].conn, 12, "the newest first");
    assert_eq!(state.rooms()[0].room.as_str(), "lobby");
    press(&mut state, "/OPS");
    assert!(state.filtering && state.people().is_empty() && state.rooms().len() == 1);
    press(&mut state, "q\n");
    assert_eq!(state.filter, "OPSq", "letters go into the filter");
    press(&mut state, "\u{1b}");
    assert!(state.filter.is_empty() && state.people().len() == 8);
    press(&mut state, "p");
    let before = (state.history.len(), state.audit.len());
    state.told(AdminEvent::Tick(Box::new(tick())));
    state.told(AdminEvent::Audit(Box::new(audit(9, None, "x", "y", None))));
    assert_eq!((state.history.len(), state.audit.len()), before);
    press(&mut state, " ");
    let twice = audit(3_720, None, "room:delete", "attic", None);
    state.told(AdminEvent::Audit(Box::new(twice)));
    assert_eq!(state.audit.len(), before.1, "a line that came twice stands once");
    assert!(!state.key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)));
    assert!(!state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut state = State::default();
    for n in 0..2_000 {
        state.told(AdminEvent::Tick(Box::new(tick())));
        state.told(AdminEvent::Audit(Box::new(audit(n, None, "a", "b", None))));
    }
    assert_eq!((state.history.len(), state.audit.len()), (512, 500));
    press(&mut state, "/");
    press(&mut state, &"x".repeat(100));
    assert_eq!(state.filter.len(), 40);
}
