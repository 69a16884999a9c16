//! The line as a whole, without a network: what is done about what happens.

use chat_common::event::{history, session};
use chat_common::{ClientId, Epoch, Seq};
use serde_json::{Value, json};

use super::super::{OutboxState, Outgoing};
use super::*;
use crate::net::AnyReply;

/// A line under test: its clock, its number, what it said last.
struct Bench {
    state: State,
    now: Now,
    said: Vec<Action>,
}

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn user() -> Value {
    json!({"id": "0000000000005", "name": "~ana", "display_name": "ana", "kind": "guest"})
}

fn summary(room: &str, head: u64) -> Value {
    json!({"room": room, "kind": "public", "topic": "", "role": "member", "first": 1, "head": head, "read": 0,
           "unread": 0, "mentions": 0, "members": 1, "present": 1})
}

fn entry(seq: u64, key: &str) -> Value {
    json!({"event": "message:created", "room": "lobby", "seq": seq, "at": "2026-01-01T00:00:00.000Z", "from": user(),
           "text": format!("text {seq}"), "client_id": key, "mentions": []})
}

fn row(position: i64) -> OutboxRow {
    OutboxRow {
        position,
        message: Outgoing {
            room: lobby().into(),
            text: "x".to_owned(),
            client_id: ClientId::parse(&format!("k{position}")).unwrap(),
            reply_to: None,
        },
        written_at: Timestamp::from_millis(0),
        state: RowState::Queued,
        patient: false,
    }
}

impl Bench {
    fn new(choice: TransportChoice) -> Self {
        let now = Now { mono: Duration::ZERO, wall: Timestamp::from_millis(0) };
        Self { state: State::new(choice, 42), now, said: vec![] }
    }

    fn step(&mut self, event: Event) -> &[Action] {
        self.said = self.state.step(event, self.now);
        &self.said
    }

    /// Lets time pass to the next instant the machine asked for, at most `limit`.
    fn pass(&mut self, limit: Duration) -> &[Action] {
        let wake = self.state.wake_at(self.now.mono).unwrap_or(Duration::MAX);
        let next = wake.clamp(self.now.mono, self.now.mono + limit);
        self.now.wall = self.now.wall.plus(next - self.now.mono);
        self.now.mono = next;
        self.step(Event::Tick)
    }

    fn token(&mut self) -> &[Action] {
        self.step(Event::Token(Ok(Access { token: "t".to_owned(), expires_at: None })))
    }

    fn link(&mut self, event: LinkEvent) -> &[Action] {
        let conn = self.state.conn;
        self.step(Event::Link { conn, event })
    }

    fn packet(&mut self, name: &str, data: Value) -> &[Action] {
        self.link(LinkEvent::Packet { name: name.to_owned(), data })
    }

    fn ready(&mut self) -> &[Action] {
        let ready = json!({"protocol": 1, "server": {"name": "s", "version": "1", "node": "n"}, "epoch": "e",
            "user": user(), "role": "user", "limits": {}, "expires_at": "1970-01-01T00:15:00.000Z", "rooms": []});
        self.packet("ready", ready)
    }

    fn online() -> Self {
        let mut b = Self::new(TransportChoice::Auto);
        b.step(Event::Tick);
        b.token();
        b.ready();
        b
    }

    /// The `req_id` of the last request of a name.
    fn asked(&self, name: &str) -> Option<(String, Value)> {
        self.said.iter().rev().find_map(|a| match a {
            Action::Emit { name: n, payload } if n == name => {
                Some((payload["req_id"].as_str().unwrap().to_owned(), payload.clone()))
            }
            _ => None,
        })
    }

    fn answer(&mut self, name: &str, mut body: Value) -> &[Action] {
        let (id, _) = self.asked(name).unwrap_or_else(|| panic!("{name} was not asked: {:?}", self.said));
        body["req_id"] = json!(id);
        if body.get("ok").is_none() {
            body["ok"] = json!(true);
        }
        self.packet("reply", body)
    }

    /// In a room whose log is whole up to `head`.
    fn in_lobby(head: u64) -> Self {
        let mut b = Self::online();
        b.step(Event::Open { room: lobby().into(), full: false, from: None });
        let sync = json!({"epoch": "e", "first": 1, "head": head, "reset": true, "messages": []});
        b.answer("room:join", json!({"room": summary("lobby", head), "members": [], "present": [], "sync": sync}));
        b
    }

    fn told(&self) -> Vec<&NetEvent> {
        self.said.iter().filter_map(|a| if let Action::Tell(e) = a { Some(e) } else { None }).collect()
    }

    fn seqs(&self) -> Vec<u64> {
        self.told().into_iter().filter_map(|e| if let NetEvent::Entry(e) = e { Some(e.seq.0) } else { None }).collect()
    }

    fn lose(&mut self) -> &[Action] {
        self.link(LinkEvent::Closed { reason: "gone".to_owned(), end: End::Broken })
    }

    /// Waits out the pause and comes back.
    fn back(&mut self) -> &[Action] {
        for _ in 0..10 {
            self.pass(Duration::from_secs(60));
            if self.said.iter().any(|a| matches!(a, Action::Token { .. })) {
                break;
            }
        }
        self.token();
        self.ready()
    }
}

fn kinds(said: &[Action]) -> Vec<Kind> {
    said.iter().filter_map(|a| if let Action::Connect { kind, .. } = a { Some(*kind) } else { None }).collect()
}

#[test]
fn a_line_begins_with_a_token_and_is_online_with_ready() {
    let mut b = Bench::new(TransportChoice::Auto);
    assert!(b.step(Event::Tick).contains(&Action::Token { not: None }));
    assert_eq!(kinds(b.token()), vec![Kind::Websocket]);
    b.ready();
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Online { transport: "websocket", .. })));
    assert!(b.told().iter().any(|e| matches!(e, NetEvent::Ready(_))));
    assert!(b.said.contains(&Action::Identified(UserId::from_bits(5))));
    assert!(b.asked("ping").is_some());
}

#[test]
fn a_websocket_that_does_not_get_through_is_followed_by_polling() {
    let mut b = Bench::new(TransportChoice::Auto);
    b.step(Event::Tick);
    b.token();
    assert_eq!(kinds(b.lose()), vec![Kind::Polling]);
    b.lose();
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Waiting { attempt: 1, .. })));
    // The next try begins with the better one again.
    b.pass(Duration::from_secs(5));
    assert_eq!(kinds(b.token()), vec![Kind::Websocket]);
    // Where nobody is, polling would not help.
    let closed = LinkEvent::Closed { reason: "refused".to_owned(), end: End::Unreachable };
    assert_eq!(kinds(b.link(closed)), vec![]);
    let mut b = Bench::new(TransportChoice::Websocket);
    b.step(Event::Tick);
    b.token();
    assert_eq!(kinds(b.lose()), vec![]);
}

#[test]
fn a_handshake_that_leads_nowhere_ends() {
    let mut b = Bench::new(TransportChoice::Polling);
    b.step(Event::Tick);
    b.token();
    b.link(LinkEvent::Opened);
    b.pass(Duration::from_secs(100));
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Waiting { .. })));
    assert!(b.said.contains(&Action::Drop));
}

#[test]
fn an_old_token_is_replaced_once_and_then_believed_to_be_refused() {
    let mut b = Bench::new(TransportChoice::Auto);
    b.step(Event::Tick);
    b.token();
    let refused = || LinkEvent::Refused("unauthorized: token expired".to_owned());
    assert!(b.link(refused()).contains(&Action::Token { not: Some("t".to_owned()) }));
    b.token();
    b.link(refused());
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Refused { .. })));
    assert_eq!(b.state.wake_at(b.now.mono), None, "it rests");
    assert!(b.step(Event::ReconnectNow).contains(&Action::Token { not: None }));
}

#[test]
fn authority_that_is_gone_fetches_another_token_first() {
    let mut b = Bench::online();
    b.link(LinkEvent::Closed { reason: "ended".to_owned(), end: End::ByServer });
    b.pass(Duration::from_secs(10));
    assert!(b.said.contains(&Action::Token { not: Some("t".to_owned()) }));
    let error = TokenError { error: ErrorBody::new(ErrorCode::Unauthorized, "log in"), fatal: true, unreached: None };
    b.step(Event::Token(Err(error)));
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Refused { .. })));
}

#[test]
fn another_protocol_is_refused_with_the_way_out() {
    let mut b = Bench::new(TransportChoice::Auto);
    b.step(Event::Tick);
    b.token();
    let ready = json!({"protocol": 2, "server": {"name": "s", "version": "1", "node": "n"}, "epoch": "e",
        "user": user(), "role": "user", "limits": {}, "rooms": []});
    b.packet("ready", ready);
    let [NetEvent::Line(LineState::Refused { error })] = b.told()[..] else { panic!("{:?}", b.said) };
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert!(error.message.contains("update"));
}

#[test]
fn nothing_of_an_old_connection_counts() {
    let mut b = Bench::online();
    let old = b.state.conn;
    b.lose();
    b.back();
    let closed = LinkEvent::Closed { reason: "late".to_owned(), end: End::Broken };
    assert_eq!(b.state.step(Event::Link { conn: old, event: closed }, b.now), vec![]);
    assert!(b.state.online());
}

#[test]
fn a_frozen_server_is_noticed_within_fifteen_seconds() {
    let mut b = Bench::online();
    b.answer("ping", json!({"at": "1970-01-01T00:00:00.000Z"}));
    let begin = b.now.mono;
    while b.state.online() {
        b.pass(Duration::from_secs(60));
    }
    assert!(b.now.mono - begin <= Duration::from_secs(15), "{:?}", b.now.mono - begin);
}

#[test]
fn waits_grow_while_a_server_throws_one_out_and_end_after_a_line_that_worked() {
    let mut b = Bench::online();
    let mut attempts = vec![];
    for _ in 0..4 {
        b.lose();
        let NetEvent::Line(LineState::Waiting { attempt, .. }) = b.told()[0] else { panic!("{:?}", b.said) };
        attempts.push(*attempt);
        b.back();
    }
    assert_eq!(attempts, vec![1, 2, 3, 4]);
    b.answer("ping", json!({"at": "1970-01-01T00:00:00.000Z"}));
    let begin = b.now.mono;
    while b.now.mono - begin < WORKED {
        b.pass(Duration::from_secs(1));
        if b.asked("ping").is_some() {
            b.answer("ping", json!({"at": "1970-01-01T00:00:00.000Z"}));
        }
    }
    b.lose();
    assert!(matches!(b.told()[0], NetEvent::Line(LineState::Waiting { attempt: 1, .. })));
}

#[test]
fn the_token_is_renewed_on_the_living_line_by_the_servers_clock() {
    let mut b = Bench::online();
    // The server's clock is ten minutes ahead, so the token of 15 minutes ends in five.
    b.answer("ping", json!({"at": "1970-01-01T00:10:00.000Z"}));
    let mut renewed_at = None;
    while renewed_at.is_none() && b.now.mono < Duration::from_secs(1_000) {
        b.pass(Duration::from_secs(10));
        if b.said.iter().any(|a| matches!(a, Action::Token { .. })) {
            renewed_at = Some(b.now.mono);
        }
        if b.asked("ping").is_some() {
            let at = b.now.wall.plus(Duration::from_secs(600));
            b.answer("ping", json!({ "at": at }));
        }
    }
    assert!((230..=250).contains(&renewed_at.unwrap().as_secs()), "{renewed_at:?}");
    b.step(Event::Token(Ok(Access { token: "u".to_owned(), expires_at: None })));
    assert_eq!(b.asked(<session::Refresh as chat_common::event::Request>::NAME).unwrap().1["token"], "u");
    b.answer("session:refresh", json!({"expires_at": "1970-01-01T01:00:00.000Z"}));
    assert!(b.state.online());
}

#[test]
fn a_room_is_whole_over_a_break() {
    let mut b = Bench::in_lobby(3);
    b.packet("message:created", entry(4, "a"));
    assert_eq!(b.seqs(), vec![4]);
    b.lose();
    b.back();
    let (_, resume) = b.asked("session:resume").unwrap();
    assert_eq!((&resume["epoch"], &resume["rooms"]), (&json!("e"), &json!({"lobby": 4})));
    // A live entry beats the answer.
    b.packet("message:created", entry(7, "d"));
    assert_eq!(b.seqs(), Vec::<u64>::new());
    b.said = b.state.step(Event::Tick, b.now);
    let sync = json!({"epoch": "e", "first": 1, "head": 6, "reset": false, "entries": [entry(5, "b"), entry(6, "c")]});
    // The request was asked for two steps ago: its number is known.
    let id = resume["req_id"].clone();
    b.packet("reply", json!({"ok": true, "req_id": id, "rooms": {"lobby": sync}}));
    assert_eq!(b.seqs(), vec![5, 6, 7]);
}

#[test]
fn a_resume_in_pages_and_rooms_that_are_gone() {
    let mut b = Bench::in_lobby(3);
    b.step(Event::Open { room: RoomName::parse("zoo").unwrap().into(), full: false, from: None });
    let sync = json!({"epoch": "e", "first": 1, "head": 1, "reset": true, "messages": []});
    b.answer("room:join", json!({"room": summary("zoo", 1), "members": [], "present": [], "sync": sync}));
    b.lose();
    b.back();
    let sync = json!({"epoch": "e", "first": 1, "head": 3, "reset": false, "entries": []});
    b.answer("session:resume", json!({"rooms": {"lobby": sync}, "next": "zoo"}));
    assert_eq!(b.asked("session:resume").unwrap().1["rooms"], json!({"zoo": 1}));
    b.answer("session:resume", json!({"rooms": {}, "gone": ["zoo"]}));
    assert!(b.told().contains(&&NetEvent::Gone { room: RoomName::parse("zoo").unwrap() }));
    assert!(!b.state.logs.contains_key(&RoomName::parse("zoo").unwrap()));
}

#[test]
fn a_resume_that_answers_nothing_is_asked_room_by_room() {
    let mut b = Bench::in_lobby(3);
    b.lose();
    b.back();
    b.answer("session:resume", json!({"rooms": {}, "next": "lobby"}));
    assert!(b.asked("session:resume").is_none());
    let (_, subscribe) = b.asked("room:subscribe").unwrap();
    assert_eq!((&subscribe["after"], &subscribe["epoch"]), (&json!(3), &json!("e")));
}

#[test]
fn a_message_goes_out_once_its_room_is_resumed_and_its_echo_settles_it() {
    let mut b = Bench::in_lobby(3);
    b.step(Event::Rows(vec![row(1), row(2)]));
    let (_, send) = b.asked("message:send").unwrap();
    assert_eq!((&send["client_id"], &send["room"]), (&json!("k1"), &json!("lobby")));
    b.lose();
    assert!(b.told().iter().any(|e| matches!(e, NetEvent::Outbox { state: OutboxState::Queued, .. })));
    b.back();
    assert!(b.asked("message:send").is_none(), "what was sent before the break may be in the log");
    let sync = json!({"epoch": "e", "first": 1, "head": 4, "reset": false, "entries": [entry(4, "k1")]});
    b.answer("session:resume", json!({"rooms": {"lobby": sync}}));
    assert!(b.said.contains(&Action::Remove(1)));
    assert_eq!(b.asked("message:send").unwrap().1["client_id"], "k2", "the first one is not sent again");
    b.answer("message:send", json!({"seq": 5, "at": "2026-01-01T00:00:00.000Z", "duplicate": false}));
    assert!(b.said.contains(&Action::Remove(2)));
}

#[test]
fn a_refused_message_stays_on_disk_with_its_reason() {
    let mut b = Bench::in_lobby(3);
    b.step(Event::Rows(vec![row(1)]));
    b.answer("message:send", json!({"ok": false, "error": {"code": "muted", "message": "until noon"}}));
    let error = ErrorBody::new(ErrorCode::Muted, "until noon");
    assert!(b.said.contains(&Action::Mark(1, RowState::Refused(error))));
    b.step(Event::Retry(ClientId::parse("k1").unwrap()));
    assert!(b.said.contains(&Action::Mark(1, RowState::Queued)));
    assert_eq!(b.asked("message:send").unwrap().1["client_id"], "k1");
}

#[test]
fn requests_are_answered_with_their_tags_also_when_the_line_breaks() {
    let mut b = Bench::online();
    let get = |tag| Event::Request {
        tag,
        request: Box::new(
            history::Get { room: lobby().into(), before: None, after: None, around: None, limit: None }.into(),
        ),
    };
    b.step(get(7));
    b.answer("history:get", json!({"messages": [], "first": 1, "head": 0, "has_more": false}));
    assert!(matches!(b.told()[0], NetEvent::Reply { tag: 7, result: Ok(AnyReply::History(_)) }));
    b.step(get(8));
    b.lose();
    assert!(b.told().iter().any(|e| matches!(e, NetEvent::Reply { tag: 8, result: Err(_) })));
    b.step(get(9));
    assert!(matches!(b.told()[0], NetEvent::Reply { tag: 9, result: Err(_) }));
}

#[test]
fn a_join_that_is_put_off_is_made_later_and_one_that_is_refused_is_told() {
    let mut b = Bench::online();
    b.step(Event::Open { room: lobby().into(), full: false, from: None });
    let limited = json!({"ok": false, "error": {"code": "rate_limited", "message": "slow", "retry_after_ms": 1500}});
    b.answer("room:join", limited);
    assert!(b.told().is_empty());
    while b.asked("room:join").is_none() {
        b.pass(Duration::from_secs(1));
    }
    b.answer("room:join", json!({"ok": false, "error": {"code": "not_found", "message": "no such room"}}));
    assert!(matches!(b.told()[0], NetEvent::OpenFailed { .. }));
    assert!(b.state.logs.is_empty());
}

#[test]
fn a_cursor_that_was_not_joined_yet_outlives_a_break() {
    let mut b = Bench::online();
    let from = Position { epoch: Epoch("e".to_owned()), seq: Seq(9), at: None };
    b.step(Event::Open { room: lobby().into(), full: true, from: Some(from) });
    b.lose();
    b.back();
    assert_eq!(b.asked("room:join").unwrap().1["after"], 9);
}

#[test]
fn nonsense_from_the_server_changes_nothing() {
    let mut b = Bench::in_lobby(3);
    for (name, data) in [
        ("message:created", json!({"room": "lobby", "seq": -1})),
        ("message:created", json!("x")),
        ("reply", json!({"ok": true, "req_id": "999999"})),
        ("reply", json!(null)),
        ("ready", json!({})),
        ("room:head", json!({"room": "../etc", "head": 5})),
        ("no:such", json!([[[]]])),
    ] {
        b.packet(name, data);
        assert!(b.told().is_empty(), "{name}: {:?}", b.said);
    }
    assert!(b.state.online());
}
