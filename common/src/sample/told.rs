//! Samples of everything the server tells: `ready`, entries, hints, a refusal.

use serde_json::{Value, json};

use super::{
    Sample, ana, created, cursor, direct_summary, entry, epoch, guest, key, later, lobby, sample, summary, thumb,
};
use crate::event::admin::{
    self, Connections, Latency, NodeInfo, Person, Queue, Rates, RoomLoad, SlowReader, Snapshot, Tick, Totals, Usage,
};
use crate::event::server::{EntryBody, Hint, Ready, Removal, ServerInfo, ServerRole};
use crate::event::{Empty, Reply};
use crate::model::{Role, RoomKind, Status};
use crate::rest::AuditLine;
use crate::{ErrorBody, ErrorCode, Limits, Seq};

pub(super) fn all() -> Vec<Sample> {
    let mut all = vec![ready(), refusal()];
    all.extend(entries().into_iter().enumerate().map(|(i, body)| {
        let name = body.name();
        let entry = entry(42, body);
        let again = sample(name, &entry);
        Sample { name: if i < 2 { format!("{name} ({i})") } else { name.to_owned() }, ..again }
    }));
    all.extend(hints().into_iter().map(|hint| sample(hint.name(), &hint)));
    all.extend([sample(admin::SNAPSHOT, &snapshot()), sample(admin::TICK, &tick()), sample(admin::AUDIT, &line())]);
    all
}

pub(super) fn ready() -> Sample {
    sample(
        "ready",
        &Ready {
            protocol: 1,
            server: ServerInfo { name: "chat".into(), version: "0.1.0".into(), node: "n1".into() },
            epoch: epoch(),
            user: ana(),
            role: ServerRole::User,
            limits: Limits::default(),
            expires_at: Some(later()),
            rooms: vec![summary(), direct_summary()],
            next: cursor(),
            blocked: vec![ana().id],
        },
    )
}

fn line() -> AuditLine {
    AuditLine {
        at: later(),
        actor: Some(ana()),
        action: "member:ban".into(),
        subject: "~bob in lobby".into(),
        detail: Some("spam".into()),
    }
}

fn snapshot() -> Snapshot {
    Snapshot { tick: tick(), audit: vec![line(), AuditLine { actor: None, detail: None, ..line() }] }
}

fn tick() -> Tick {
    Tick {
        at: later(),
        server: ServerInfo { name: "chat".into(), version: "0.1.0".into(), node: "n1".into() },
        uptime_s: 3_600,
        store: "ok".into(),
        bus: "ok".into(),
        rates: Rates { messages: 12.5, deliveries: 250.0, requests: 14.0, refusals: 0.5, commits: 8.0 },
        totals: Totals { messages: 1_000, deliveries: 20_000, slow_readers: 1, repaired: 2, auth_failures: 3 },
        commit: Latency { p50_ms: Some(2.5), p99_ms: Some(11.0) },
        lag: Latency::default(),
        connections: Connections { websocket: 20, polling: 1, users: 17 },
        queue: Queue { packets: 2, bytes: 512 },
        process: Usage { cpu_percent: Some(3.5), resident_bytes: Some(48_000_000), open_fds: None },
        rooms: vec![RoomLoad { room: lobby(), per_second: 12.5, entries: 900, followers: 20 }],
        people: vec![Person {
            user: guest().name,
            conn: 7,
            transport: "websocket".into(),
            queue_packets: 2,
            queue_bytes: 512,
            requests: 1,
            age_s: 60,
        }],
        slow: vec![SlowReader { at: later(), user: guest().name }],
        nodes: vec![NodeInfo {
            node: "n1".into(),
            address: "10.0.0.11:6969".into(),
            version: "0.1.0".into(),
            since: later(),
            own: true,
        }],
    }
}

fn refusal() -> Sample {
    let error = ErrorBody {
        code: ErrorCode::RateLimited,
        message: "too many messages; try again in 1.2 s".into(),
        retry_after_ms: Some(1_200),
        field: Some("text".into()),
    };
    Sample {
        name: "reply (refused)".into(),
        value: serde_json::to_value(Reply::<Empty>::new(Some("7".into()), Err(error))).unwrap(),
        again: |value| {
            let raw: crate::event::RawReply = serde_json::from_value(value.clone())?;
            let req_id = raw.req_id.clone();
            let outcome = raw.decode::<crate::event::room::Leave>();
            Ok(serde_json::to_value(Reply::new(req_id, outcome)).unwrap())
        },
    }
}

/// One of each kind; the first two are a message as it was sent and as it replays after an edit.
pub(super) fn entries() -> Vec<EntryBody> {
    vec![
        created(),
        EntryBody::Created {
            text: None,
            client_id: key(),
            reply_to: None,
            mentions: Vec::new(),
            superseded_by: Some(Seq(42)),
        },
        EntryBody::Edited {
            target: Seq(41),
            text: Some("hello!".into()),
            mentions: vec![guest().id],
            superseded_by: Some(Seq(43)),
        },
        EntryBody::Deleted { target: Seq(41) },
        EntryBody::Blanked { through: Seq(41), user: Some(guest().id) },
        EntryBody::Reacted { target: Seq(41), emoji: thumb(), on: true },
        EntryBody::RoomUpdated {
            topic: Some("New".into()),
            kind: Some(RoomKind::Private),
            owner: Some(guest()),
            retention_days: Some(30),
        },
        EntryBody::MemberRemoved { user: guest(), how: Removal::Ban, reason: Some("noise".into()) },
        EntryBody::MemberUpdated { user: guest(), role: Some(Role::Moderator), muted_until: Some(later()) },
    ]
}

pub(super) fn hints() -> Vec<Hint> {
    let (room, user) = (lobby, guest);
    vec![
        Hint::RoomHead { room: room(), head: Seq(42) },
        Hint::MemberJoined { room: room(), user: user() },
        Hint::MemberLeft { room: room(), user: user() },
        Hint::PresenceChanged { room: room(), user: user(), status: Status::Dnd, text: Some("deep".into()) },
        Hint::PresenceCount { room: room(), members: 900, present: 412 },
        Hint::TypingChanged { room: room(), user: user(), on: true },
        Hint::ReadChanged { room: room(), read: Seq(42), unread: 0, mentions: 0 },
        Hint::UserChanged { user: user() },
        Hint::UserErased { id: user().id },
        Hint::UserBlocked { user: user(), on: true },
        Hint::RoomAdded { room: Box::new(direct_summary()) },
        Hint::RoomGone { room: room() },
        Hint::Notice { code: "draining".into(), message: "back soon".into(), retry_after_ms: Some(900) },
        Hint::Custom { room: room(), from: user(), name: "poll.vote".into(), data: json!({"choice": 2}) },
    ]
}

/// Every name under which something is told, with a payload as it goes out: without `event` for what is live.
pub(super) fn live() -> Vec<(String, Value)> {
    let entries = entries().into_iter().map(|b| (b.name(), serde_json::to_value(entry(42, b)).unwrap()));
    let hints = hints().into_iter().map(|h| (h.name(), serde_json::to_value(&h).unwrap()));
    entries.chain(hints).map(|(name, value)| (name.to_owned(), value)).collect()
}
