//! The line as a pure machine: `step(event, now) -> actions`. No clock, network or disk; `supervisor` does what it says.
//!
//! Ways through it: token → connecting → online → (lost) waiting → token …; `Refused` ends the circle until somebody
//! asks. Every connection has a number, so that nothing of an old one can be taken for a new one's.

mod online;
mod packets;
mod rooms;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chat_common::{ClientId, ErrorBody, ErrorCode, RoomName, RoomRef, Timestamp, UserId};
use serde_json::Value;

use super::any::AnyKind;
use super::backoff::{self, Jitter};
use super::heartbeat::Heartbeat;
use super::outbox::{Change, Outbox};
use super::resume::Log;
use super::transport::{End, Kind, LinkEvent};
use super::waiters::Waiters;
use super::{AnyRequest, LineState, NetEvent, Position, TransportChoice};
use crate::cache::{OutboxRow, RowState};
use crate::credentials::{Access, TokenError};

/// How long a connection may take until `ready`.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// A line that lasted so long has worked: the next failure is the first one again.
const WORKED: Duration = Duration::from_secs(20);
/// Leases are renewed, and others' leftovers looked for, each.
const CLAIM_EVERY: Duration = Duration::from_secs(10);
/// Rooms kept open; beyond, opening is refused.
const ROOMS: usize = 500;

/// The time, twice: `mono` never jumps and drives the machine, `wall` is what people and servers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the start.
    pub mono: Duration,
    /// Time of day.
    pub wall: Timestamp,
}

/// What happens to the line.
#[derive(Debug)]
pub enum Event {
    /// Join and keep whole; `full`: every entry, from just after `from`.
    Open { room: RoomRef, full: bool, from: Option<Position> },
    /// No more of this room.
    Close(RoomName),
    /// Ask the server.
    Request { tag: u64, request: Box<AnyRequest> },
    /// Somebody does not want to wait.
    ReconnectNow,
    /// Rows of the outbox that are this process's now.
    Rows(Vec<OutboxRow>),
    /// Send a refused or stale one.
    Retry(ClientId),
    /// Drop one.
    Discard(ClientId),
    /// An access token, or why there is none.
    Token(Result<Access, TokenError>),
    /// From a link.
    Link { conn: u64, event: LinkEvent },
    /// A time has come; see [`State::wake_at`].
    Tick,
}

/// What is to be done about it, in this order.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Fetch an access token; not this one, which was refused or is about to end.
    Token { not: Option<String> },
    /// Open a link, in place of the one before.
    Connect { conn: u64, kind: Kind, token: String },
    /// Send an event on it.
    Emit { name: String, payload: Value },
    /// End it.
    Drop,
    /// The user is known: whose rows to read.
    Identified(UserId),
    /// Renew leases, and look for rows that nobody holds; answer with [`Event::Rows`].
    Claim,
    /// A row of the outbox is done with.
    Remove(i64),
    /// A row of the outbox is otherwise now.
    Mark(i64, RowState),
    /// Tell the screen.
    Tell(NetEvent),
}

#[derive(Debug)]
enum Phase {
    /// A token is being fetched.
    Token,
    /// A link is being made.
    Connecting { until: Duration, kind: Kind },
    /// `ready` has come.
    Online(Box<Online>),
    /// Nothing until then.
    Waiting { until: Duration },
    /// Nothing until asked.
    Refused,
}

#[derive(Debug)]
struct Online {
    since: Duration,
    kind: Kind,
    me: UserId,
    heart: Heartbeat,
    waiters: Waiters<Purpose>,
    /// When the token ends, on this machine's clock.
    expires_at: Option<Timestamp>,
    /// How far the server's clock is ahead of this one, milliseconds.
    skew_ms: i64,
    renewing: bool,
    /// Known rooms that are not resumed yet.
    to_resume: BTreeSet<RoomName>,
    /// The outbox waits until what was sent before the break has had a chance to be seen.
    resumed: bool,
    /// The server said when to come back.
    come_back: Option<Duration>,
}

/// What an answer is for.
#[derive(Debug)]
enum Purpose {
    Ping,
    Renew,
    Join { wanted: Wanted, known: bool },
    Resume,
    Sync { room: RoomName },
    Outbox { position: i64 },
    Asked { tag: u64, kind: AnyKind },
    Nothing,
}

/// A room to be joined once there is a line.
#[derive(Clone, Debug)]
struct Wanted {
    room: RoomRef,
    full: bool,
    from: Option<Position>,
}

/// The line.
#[derive(Debug)]
pub struct State {
    choice: TransportChoice,
    jitter: Jitter,
    phase: Phase,
    conn: u64,
    /// Failures in a row.
    failures: u32,
    /// The last WebSocket did not get through, so this try is by polling.
    polling_next: bool,
    /// Token refusals in a row; the second one is believed.
    refusals: u32,
    token: Option<String>,
    wanted: Vec<Wanted>,
    /// When joins that were put off are asked again.
    join_at: Option<Duration>,
    logs: BTreeMap<RoomName, Log>,
    outbox: Outbox,
    next_claim: Duration,
    out: VecDeque<Action>,
}

impl State {
    /// A line that has not begun; the first [`Event::Tick`] begins it.
    pub fn new(choice: TransportChoice, seed: u64) -> Self {
        Self {
            choice,
            jitter: Jitter::new(seed),
            phase: Phase::Waiting { until: Duration::ZERO },
            conn: 0,
            failures: 0,
            polling_next: false,
            refusals: 0,
            token: None,
            wanted: vec![],
            join_at: None,
            logs: BTreeMap::new(),
            outbox: Outbox::default(),
            next_claim: Duration::ZERO,
            out: VecDeque::new(),
        }
    }

    /// Takes an event in and says what is to be done.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Action> {
        match event {
            Event::Open { room, full, from } => self.open(Wanted { room, full, from }, now),
            Event::Close(room) => self.close(&room, now),
            Event::Request { tag, request } => self.request(tag, &request, now),
            Event::ReconnectNow => self.reconnect_now(),
            Event::Rows(rows) => {
                let changes = self.outbox.add(rows);
                self.changes(changes);
            }
            Event::Retry(id) => {
                if let Some(change) = self.outbox.retry(&id, now) {
                    self.out.push_back(Action::Mark(change.position, RowState::Queued));
                    self.changes(vec![change]);
                }
            }
            Event::Discard(id) => {
                let gone = self.outbox.discard(&id);
                self.out.extend(gone.map(Action::Remove));
            }
            Event::Token(result) => self.token(result, now),
            Event::Link { conn, event } if conn == self.conn => self.link(event, now),
            Event::Link { .. } | Event::Tick => {}
        }
        self.tick(now);
        self.out.drain(..).collect()
    }

    /// When to tick at the latest.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let mut wake = match &self.phase {
            Phase::Token | Phase::Refused => None,
            Phase::Connecting { until, .. } | Phase::Waiting { until } => Some(*until),
            Phase::Online(online) => self.logs.values().filter_map(Log::wake_at).chain(online.waiters.wake_at()).min(),
        };
        let mut sooner = |t: Option<Duration>| wake = wake.into_iter().chain(t).min();
        if let Phase::Online(online) = &self.phase {
            sooner(Some(online.heart.wake_at()));
            sooner(online.resumed.then(|| self.outbox.wake_at(now)).flatten());
            sooner(self.join_at);
        }
        sooner((self.online() || !self.outbox.is_empty()).then_some(self.next_claim));
        wake
    }

    fn online(&self) -> bool {
        matches!(self.phase, Phase::Online(_))
    }

    fn tell(&mut self, event: NetEvent) {
        self.out.push_back(Action::Tell(event));
    }

    fn line(&mut self, state: LineState) {
        self.tell(NetEvent::Line(state));
    }

    /// Tells what became of messages, and keeps the disk in step.
    fn changes(&mut self, changes: Vec<Change>) {
        for Change { position, client_id, room, state } in changes {
            match &state {
                super::OutboxState::Stored { .. } => self.out.push_back(Action::Remove(position)),
                super::OutboxState::Refused { error } => {
                    self.out.push_back(Action::Mark(position, RowState::Refused(error.clone())));
                }
                _ => {}
            }
            self.tell(NetEvent::Outbox { client_id, room, state });
        }
    }

    fn tick(&mut self, now: Now) {
        if now.mono >= self.next_claim && (self.online() || !self.outbox.is_empty() || self.conn == 0) {
            self.next_claim = now.mono + CLAIM_EVERY;
            self.out.push_back(Action::Claim);
        }
        match &self.phase {
            Phase::Waiting { until } if now.mono >= *until => self.begin(),
            Phase::Connecting { until, .. } if now.mono >= *until => {
                self.lost("no answer from the server", None, now);
            }
            Phase::Online(_) => self.tick_online(now),
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.conn += 1;
        let attempt = self.failures + 1;
        self.line(LineState::Connecting { attempt });
        self.phase = Phase::Token;
        let not = if self.refusals > 0 { self.token.clone() } else { None };
        self.out.push_back(Action::Token { not });
    }

    fn reconnect_now(&mut self) {
        match &self.phase {
            Phase::Waiting { .. } => self.begin(),
            Phase::Refused => {
                self.refusals = 0;
                self.failures = 0;
                self.begin();
            }
            _ => {}
        }
    }

    fn token(&mut self, result: Result<Access, TokenError>, now: Now) {
        match (result, &mut self.phase) {
            (Ok(access), Phase::Token) => {
                self.token = Some(access.token.clone());
                let kind = match self.choice {
                    TransportChoice::Polling => Kind::Polling,
                    TransportChoice::Websocket => Kind::Websocket,
                    TransportChoice::Auto if self.polling_next => Kind::Polling,
                    TransportChoice::Auto => Kind::Websocket,
                };
                self.connect(kind, access.token, now);
            }
            (Err(e), Phase::Token) if e.fatal => self.refused(e.error),
            (Err(e), Phase::Token) => {
                let wait = e.error.retry_after_ms.map(Duration::from_millis);
                self.lost(&e.error.message, wait, now);
            }
            (result, Phase::Online(_)) => self.renewed(result.ok(), now),
            _ => {}
        }
    }

    fn connect(&mut self, kind: Kind, token: String, now: Now) {
        self.phase = Phase::Connecting { until: now.mono + CONNECT_LIMIT, kind };
        self.out.push_back(Action::Connect { conn: self.conn, kind, token });
    }

    fn link(&mut self, event: LinkEvent, now: Now) {
        match event {
            LinkEvent::Opened => {}
            LinkEvent::Packet { name, data } => self.packet(&name, data, now),
            LinkEvent::Refused(text) => self.connect_error(&text, now),
            LinkEvent::Closed { reason, end: End::Broken } => self.lost(&reason, None, now),
            LinkEvent::Closed { reason, end: End::Unreachable } => self.retry_later(&reason, None, now),
            LinkEvent::Closed { reason, end: End::ByServer } => {
                // The token is no longer good for a connection: fetch another one first.
                self.refusals = self.refusals.max(1);
                self.lost(&reason, None, now);
            }
        }
    }

    fn connect_error(&mut self, text: &str, now: Now) {
        let shown: String = text.chars().take(300).collect();
        let error = ErrorBody::from_connect_error(&shown)
            .unwrap_or_else(|| ErrorBody::new(ErrorCode::Internal, format!("the server refused: {shown}")));
        match error.code {
            ErrorCode::Unauthorized if self.refusals == 0 => {
                self.refusals = 1;
                self.out.push_back(Action::Drop);
                self.begin();
            }
            ErrorCode::Unauthorized | ErrorCode::Forbidden | ErrorCode::Banned | ErrorCode::Unsupported => {
                self.refused(error);
            }
            // The transport works; the server itself says not now.
            _ => self.retry_later(&error.message, error.retry_after_ms.map(Duration::from_millis), now),
        }
    }

    /// Ends the circle until somebody asks.
    fn refused(&mut self, error: ErrorBody) {
        self.end_connection();
        self.phase = Phase::Refused;
        self.line(LineState::Refused { error });
    }

    /// The connection is over or did not come about; another one after a while.
    fn lost(&mut self, reason: &str, wait: Option<Duration>, now: Now) {
        let mut wait = wait;
        let websocket_failed = match &self.phase {
            Phase::Online(online) => {
                if now.mono.saturating_sub(online.since) >= WORKED {
                    self.failures = 0;
                    self.refusals = self.refusals.min(1);
                }
                wait = wait.or(online.come_back);
                false
            }
            Phase::Connecting { kind, .. } => *kind == Kind::Websocket,
            _ => false,
        };
        if websocket_failed && self.choice == TransportChoice::Auto {
            // Something between may not let it pass: polling at once, in the same try.
            self.end_connection();
            self.polling_next = true;
            self.conn += 1;
            if let Some(token) = self.token.clone() {
                self.connect(Kind::Polling, token, now);
                return;
            }
        }
        self.retry_later(reason, wait, now);
    }

    /// Lets a while pass, then tries again.
    fn retry_later(&mut self, reason: &str, wait: Option<Duration>, now: Now) {
        self.end_connection();
        self.polling_next = false;
        self.failures = self.failures.saturating_add(1);
        let shortest = backoff::delay(self.failures, &mut self.jitter);
        let delay = wait.map_or(shortest, |w| {
            let w = w.min(Duration::from_secs(60));
            self.jitter.between(w, w + w / 2).max(shortest)
        });
        self.phase = Phase::Waiting { until: now.mono + delay };
        let reason = reason.chars().take(300).collect();
        self.line(LineState::Waiting { until: now.wall.plus(delay), attempt: self.failures, reason });
    }
}

#[cfg(test)]
mod tests;
