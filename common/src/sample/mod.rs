//! One sample of every payload that crosses the wire. The snapshot of all of them is the contract at a glance; the
//! properties say that nothing is lost on the way.

mod properties;
mod requests;
mod rest;
mod told;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::Request;
use crate::event::server::EntryBody;
use crate::event::{Entry, Reply};
use crate::model::{Member, Message, Presence, Reaction, Role, RoomKind, RoomSummary, Status, Sync, User, UserKind};
use crate::{ClientId, Cursor, Emoji, Epoch, RoomName, RoomRef, Seq, Timestamp, UserId, UserName};

/// A payload with its name, and how it reads and writes again.
struct Sample {
    name: String,
    value: Value,
    again: fn(&Value) -> Result<Value, serde_json::Error>,
}

fn sample<T: Serialize + DeserializeOwned>(name: &str, payload: &T) -> Sample {
    Sample {
        name: name.to_owned(),
        value: serde_json::to_value(payload).unwrap(),
        again: |value| serde_json::to_value(serde_json::from_value::<T>(value.clone())?),
    }
}

/// A request and its positive reply.
fn call<R: Request>(request: &R, reply: R::Reply) -> [Sample; 2] {
    let reply = Reply::new(Some("7".to_owned()), Ok(reply));
    [
        sample(R::NAME, request),
        Sample {
            name: format!("{} → reply", R::NAME),
            value: serde_json::to_value(reply).unwrap(),
            again: |value| {
                let raw: crate::event::RawReply = serde_json::from_value(value.clone())?;
                let req_id = raw.req_id.clone();
                Ok(serde_json::to_value(Reply::new(req_id, raw.decode::<R>())).unwrap())
            },
        },
    ]
}

fn all() -> Vec<Sample> {
    let mut all = requests::all();
    all.extend(told::all());
    all.extend(rest::all());
    all
}

fn at() -> Timestamp {
    Timestamp::from_millis(1_795_363_200_000)
}

fn later() -> Timestamp {
    Timestamp::from_millis(1_795_366_800_500)
}

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn lobby_ref() -> RoomRef {
    RoomRef::Room(lobby())
}

fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn key() -> ClientId {
    ClientId::parse("0192f1c0-7e57-7000-8000-000000000001").unwrap()
}

fn thumb() -> Emoji {
    Emoji::parse("👍").unwrap()
}

fn epoch() -> Epoch {
    Epoch("7c1d4b2a90".to_owned())
}

fn cursor() -> Option<Cursor> {
    Some(Cursor("bGFzdA".to_owned()))
}

fn ana() -> User {
    let id = UserId::from_bits(0x1234_5678_9abc_def0);
    User { id, name: name("ana"), display_name: "Ana".to_owned(), kind: UserKind::User }
}

fn guest() -> User {
    User { id: UserId::from_bits(77), name: name("~bob"), display_name: "bob".to_owned(), kind: UserKind::Guest }
}

fn summary() -> RoomSummary {
    RoomSummary {
        room: lobby(),
        kind: RoomKind::Public,
        peer: None,
        topic: "Come in".to_owned(),
        role: Some(Role::Member),
        first: Seq(1),
        head: Seq(42),
        read: Seq(40),
        unread: 2,
        mentions: 1,
        members: 3,
        present: 2,
        muted_until: None,
        retention_days: None,
    }
}

fn direct_summary() -> RoomSummary {
    let room = RoomName::direct(ana().id, guest().id);
    RoomSummary { room, kind: RoomKind::Direct, peer: Some(guest()), muted_until: Some(later()), ..summary() }
}

fn member() -> Member {
    Member { user: ana(), role: Role::Moderator, joined_at: at(), muted_until: Some(later()) }
}

fn present() -> Presence {
    Presence { user: ana(), status: Status::Away, text: Some("lunch".to_owned()), since: at() }
}

fn message() -> Message {
    Message {
        room: lobby(),
        seq: Seq(41),
        rev: Seq(42),
        at: at(),
        from: ana(),
        text: Some("hello @~bob".to_owned()),
        client_id: key(),
        reply_to: Some(Seq(40)),
        mentions: vec![guest().id],
        edited_at: Some(later()),
        deleted: false,
        reactions: vec![Reaction { emoji: thumb(), count: 2, me: true }],
    }
}

fn deleted_message() -> Message {
    Message {
        text: None,
        reply_to: None,
        mentions: Vec::new(),
        edited_at: None,
        deleted: true,
        reactions: Vec::new(),
        ..message()
    }
}

fn entry(seq: u64, body: EntryBody) -> Entry {
    Entry { room: lobby(), seq: Seq(seq), at: at(), from: ana(), body }
}

fn created() -> EntryBody {
    EntryBody::Created {
        text: Some("hello @~bob".to_owned()),
        client_id: key(),
        reply_to: Some(Seq(40)),
        mentions: vec![guest().id],
        superseded_by: None,
    }
}

fn sync() -> Sync {
    Sync {
        epoch: epoch(),
        first: Seq(1),
        head: Seq(42),
        reset: false,
        entries: Some(vec![entry(41, created())]),
        messages: None,
        next: Some(Seq(41)),
    }
}

fn reset() -> Sync {
    Sync { reset: true, entries: None, messages: Some(vec![message(), deleted_message()]), next: None, ..sync() }
}

#[test]
fn every_payload_is_as_it_was() {
    let all: serde_json::Map<String, Value> = all().into_iter().map(|s| (s.name, s.value)).collect();
    insta::assert_json_snapshot!(all);
}

#[test]
fn every_sample_reads_back_as_it_was_written() {
    for sample in all() {
        assert_eq!((sample.again)(&sample.value).unwrap(), sample.value, "{}", sample.name);
    }
}

#[test]
fn readers_ignore_fields_they_do_not_know() {
    for sample in all() {
        let mut newer = sample.value.clone();
        // A nested one, too: a newer version may add a field anywhere.
        add_field(&mut newer);
        let again = (sample.again)(&newer).unwrap_or_else(|e| panic!("{}: {e}", sample.name));
        if !sample.name.contains("event:") {
            assert_eq!(again, sample.value, "{}", sample.name);
        }
    }
}

fn add_field(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(add_field);
            // A map of rooms has names for keys.
            if !map.keys().any(|k| k == "lobby") {
                map.insert("added_later".to_owned(), Value::from(1));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(add_field),
        _ => {}
    }
}

#[test]
fn the_document_names_every_event_and_every_limit() {
    let document = include_str!("../../../docs/protocol.md");
    for sample in all() {
        let name = sample.name.split(' ').next().unwrap_or_default();
        if name.contains(':') || ["ready", "ping", "search", "typing", "reply"].contains(&name) {
            assert!(document.contains(&format!("`{name}`")) || document.contains(&format!("{name} {{")), "{name}");
        }
    }
    for code in crate::ErrorCode::ALL {
        let row = format!("| `{code}` |");
        let line = document.lines().find(|l| l.starts_with(&row)).unwrap_or_else(|| panic!("{code}"));
        assert!(line.contains(&code.http_status().to_string()), "{line}");
    }
    let limits = serde_json::to_value(crate::Limits::default()).unwrap();
    let configuration = include_str!("../../../docs/configuration.md");
    for name in limits.as_object().unwrap().keys() {
        assert!(configuration.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn no_secret_is_shown_by_debug() {
    let refresh = crate::event::session::Refresh { token: "s3cret".to_owned() };
    assert!(!format!("{refresh:?}").contains("s3cret"));
    let login = crate::rest::Login { name: "ana".to_owned(), password: "s3cret".to_owned() };
    assert!(!format!("{login:?}").contains("s3cret"));
}
