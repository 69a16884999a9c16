//! While there is a line: `ready`, heartbeat, the token's renewal, asking and the outbox's turn.

use chat_common::event::{RawReply, Ready, Request, message, room, session};
use chat_common::{ErrorBody, ErrorCode, RoomName, RoomRef, Timestamp};
use serde_json::{Value, json};

use super::super::heartbeat::Beat;
use super::{
    Access, Action, Change, Duration, Heartbeat, LineState, NetEvent, Now, Online, Phase, Purpose, State, Waiters,
};
use crate::net::AnyRequest;
use crate::net::resume::Out;

/// The protocol that this client speaks.
const PROTOCOL: u32 = 1;
/// A token is renewed so long before its end.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// Rooms of `ready` that are believed.
const READY_ROOMS: usize = 2_000;

/// Why a request cannot go out.
pub(super) fn offline() -> ErrorBody {
    ErrorBody::new(ErrorCode::Unavailable, "no connection to the server")
}

impl Online {
    /// What the server's clock shows, as far as this one knows.
    fn server_time(&self, now: Now) -> Timestamp {
        Timestamp::from_millis(now.wall.as_millis().saturating_add(self.skew_ms))
    }
}

impl State {
    pub(super) fn ready(&mut self, mut ready: Box<Ready>, now: Now) {
        let Phase::Connecting { kind, .. } = self.phase else { return };
        if ready.protocol != PROTOCOL {
            let message = format!(
                "the server speaks protocol {}, this program {PROTOCOL}: update the older one of the two",
                ready.protocol
            );
            self.refused(ErrorBody::new(ErrorCode::Unsupported, message));
            return;
        }
        ready.rooms.truncate(READY_ROOMS);
        self.refusals = 0;
        self.polling_next = false;
        self.phase = Phase::Online(Box::new(Online {
            since: now.mono,
            kind,
            me: ready.user.id,
            heart: Heartbeat::new(now.mono),
            waiters: Waiters::default(),
            expires_at: ready.expires_at,
            skew_ms: 0,
            renewing: false,
            to_resume: self.logs.keys().cloned().collect(),
            resumed: false,
            come_back: None,
        }));
        self.out.push_back(Action::Identified(ready.user.id));
        self.out.push_back(Action::Claim);
        // From now on with the heartbeat, so that an idle client wakes once for both.
        self.next_claim = now.mono + super::CLAIM_EVERY;
        self.line(LineState::Online { rtt_ms: None, transport: kind.name() });
        self.tell(NetEvent::Ready(ready));
        self.resume(now);
        self.join_wanted(now);
    }

    /// Sends a request; false if none can go out.
    pub(super) fn ask<R: Request>(&mut self, request: &R, purpose: Purpose, now: Now) -> bool {
        match serde_json::to_value(request) {
            Ok(payload) => self.ask_raw(R::NAME, payload, purpose, now),
            Err(_) => false,
        }
    }

    fn ask_raw(&mut self, name: &str, mut payload: Value, purpose: Purpose, now: Now) -> bool {
        let Phase::Online(online) = &mut self.phase else { return false };
        if online.waiters.full() {
            return false;
        }
        let id = online.waiters.ask(purpose, now.mono);
        if let Value::Object(map) = &mut payload {
            map.insert("req_id".to_owned(), json!(id));
        }
        self.out.push_back(Action::Emit { name: name.to_owned(), payload });
        true
    }

    pub(super) fn request(&mut self, tag: u64, request: &AnyRequest, now: Now) {
        let asked = match request.payload() {
            Ok(payload) => self.ask_raw(request.name(), payload, Purpose::Asked { tag, kind: request.kind() }, now),
            Err(_) => false,
        };
        if !asked {
            self.tell(NetEvent::Reply { tag, result: Err(offline()) });
        }
    }

    pub(super) fn tick_online(&mut self, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        match online.heart.beat(now.mono) {
            Beat::Dead => return self.lost("the server does not answer", None, now),
            Beat::Ping => {
                self.ask(&session::Ping {}, Purpose::Ping, now);
            }
            Beat::Wait => {}
        }
        self.renew_in_time(now);
        let Phase::Online(online) = &mut self.phase else { return };
        for purpose in online.waiters.expired(now.mono) {
            self.unanswered(purpose, "no answer within 10 s", now);
        }
        let mut wishes = vec![];
        for (name, log) in self.logs.iter_mut().filter(|(_, l)| l.wake_at().is_some_and(|t| t <= now.mono)) {
            let mut out = vec![];
            log.tick(now.mono, &mut out);
            wishes.push((name.clone(), out));
        }
        for (name, out) in wishes {
            self.carry_out(&name, out, now);
        }
        if self.join_at.is_some_and(|t| t <= now.mono) {
            self.join_wanted(now);
        }
        self.send_due(now);
    }

    fn send_due(&mut self, now: Now) {
        if !matches!(&self.phase, Phase::Online(online) if online.resumed) {
            return;
        }
        let (send, changes) = self.outbox.due(now);
        self.changes(changes);
        for (position, m) in send {
            let request = message::Send { room: m.room, text: m.text, client_id: m.client_id, reply_to: m.reply_to };
            if !self.ask(&request, Purpose::Outbox { position }, now) {
                self.outbox_answer(position, Err(offline()), now);
            }
        }
    }

    pub(super) fn outbox_answer(&mut self, position: i64, result: Result<message::SendReply, ErrorBody>, now: Now) {
        let change = self.outbox.answered(position, result, now);
        self.changes(change.into_iter().collect());
    }

    fn renew_in_time(&mut self, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        if online.expires_at.is_some_and(|t| online.server_time(now).plus(RENEW_BEFORE) >= t) {
            self.renew();
        }
    }

    /// Fetches a fresh token for the living connection.
    pub(super) fn renew(&mut self) {
        let Phase::Online(online) = &mut self.phase else { return };
        if !online.renewing {
            online.renewing = true;
            self.out.push_back(Action::Token { not: self.token.clone() });
        }
    }

    /// The fresh token is there; without one the server will end the connection, which then asks again.
    pub(super) fn renewed(&mut self, access: Option<Access>, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        let Some(access) = access else {
            // Try again in half a minute, until the end.
            online.renewing = false;
            online.expires_at = Some(online.server_time(now).plus(RENEW_BEFORE + RENEW_BEFORE / 2));
            return;
        };
        self.token = Some(access.token.clone());
        self.ask(&session::Refresh { token: access.token }, Purpose::Renew, now);
    }

    /// An answer has come.
    pub(super) fn reply(&mut self, raw: RawReply, now: Now) {
        let Phase::Online(online) = &mut self.phase else { return };
        let Some(purpose) = raw.req_id.as_deref().and_then(|id| online.waiters.answered(id)) else { return };
        match purpose {
            Purpose::Ping => {
                online.heart.answered(now.mono);
                if let Ok(pong) = raw.decode::<session::Ping>() {
                    online.skew_ms = pong.at.as_millis().saturating_sub(now.wall.as_millis());
                }
                let state = LineState::Online { rtt_ms: online.heart.rtt_ms(), transport: online.kind.name() };
                self.line(state);
            }
            Purpose::Renew => {
                online.renewing = false;
                match raw.decode::<session::Refresh>() {
                    Ok(reply) => online.expires_at = reply.expires_at,
                    Err(_) => online.expires_at = Some(online.server_time(now).plus(RENEW_BEFORE + RENEW_BEFORE / 2)),
                }
            }
            Purpose::Join { wanted, known } => self.joined(wanted, known, raw.decode::<room::Join>(), now),
            Purpose::Resume => self.resumed(raw.decode::<room::Resume>(), now),
            Purpose::Sync { room } => self.synced(&room, raw.decode::<room::SyncRequest>(), now),
            Purpose::Outbox { position } => self.outbox_answer(position, raw.decode::<message::Send>(), now),
            Purpose::Asked { tag, kind } => {
                let result = kind.decode(raw);
                self.tell(NetEvent::Reply { tag, result });
            }
            Purpose::Nothing => {}
        }
    }

    /// No answer will come.
    fn unanswered(&mut self, purpose: Purpose, why: &str, now: Now) {
        let error = ErrorBody::new(ErrorCode::Unavailable, why);
        match purpose {
            // Silence is the heartbeat's to judge.
            Purpose::Ping | Purpose::Nothing => {}
            Purpose::Renew => {
                if let Phase::Online(online) = &mut self.phase {
                    online.renewing = false;
                }
            }
            Purpose::Join { wanted, known } => self.joined(wanted, known, Err(error), now),
            Purpose::Resume => self.resumed(Err(error), now),
            Purpose::Sync { room } => self.synced(&room, Err(error), now),
            Purpose::Outbox { position } => self.outbox_answer(position, Err(error), now),
            Purpose::Asked { tag, .. } => self.tell(NetEvent::Reply { tag, result: Err(error) }),
        }
    }

    /// Lets go of the link and of everything that belonged to it.
    pub(super) fn end_connection(&mut self) {
        self.out.push_back(Action::Drop);
        let waiting = match &mut self.phase {
            Phase::Online(online) => online.waiters.drain(),
            _ => vec![],
        };
        self.phase = Phase::Refused;
        for purpose in waiting {
            match purpose {
                Purpose::Asked { tag, .. } => {
                    let error = ErrorBody::new(ErrorCode::Unavailable, "the connection broke before the answer");
                    self.tell(NetEvent::Reply { tag, result: Err(error) });
                }
                Purpose::Join { mut wanted, known: false } => {
                    // It never became known: it is joined anew, from where it stands.
                    if let RoomRef::Room(name) = &wanted.room
                        && let Some(log) = self.logs.remove(name)
                    {
                        wanted.from = log.position().or(wanted.from);
                    }
                    self.wanted.push(wanted);
                }
                _ => {}
            }
        }
        for log in self.logs.values_mut() {
            log.disconnected();
        }
        for Change { client_id, room, state, .. } in self.outbox.disconnected() {
            self.tell(NetEvent::Outbox { client_id, room, state });
        }
    }

    /// Does what a log wants done.
    pub(super) fn carry_out(&mut self, name: &RoomName, out: Vec<Out>, now: Now) {
        for wish in out {
            let room = name.clone();
            match wish {
                Out::Entry(entry) => self.told(entry),
                Out::Reset { epoch, messages, first, head } => {
                    for m in &messages {
                        self.seen_own(m.from.id, &m.client_id, m.seq, m.at);
                    }
                    self.tell(NetEvent::Reset { room, epoch, messages, first, head });
                }
                Out::Gap { after, next, epoch_changed } => {
                    self.tell(NetEvent::Gap { room, after, next, epoch_changed });
                }
                Out::Repairing(on) => self.tell(NetEvent::Repairing { room, on }),
                Out::Ask { after, epoch, full } => {
                    let request =
                        room::SyncRequest { room: name.clone().into(), after, epoch, full: full.then_some(true) };
                    if !self.ask(&request, Purpose::Sync { room }, now)
                        && let Some(log) = self.logs.get_mut(name)
                    {
                        log.failed(now.mono);
                    }
                }
            }
        }
    }
}
