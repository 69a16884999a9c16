use chat_common::event::EntryBody;
use chat_common::model::{Status, User, UserKind};
use chat_common::{ClientId, Seq, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cluster::ConnId;
use crate::cluster::gossip::{About, Person, Place, Says, What};
use crate::domain::presence::State;

const NODE: NodeId = NodeId(7);

fn envelope() -> Envelope {
    Envelope::new(Lineage::of("a store"))
}

fn user(id: u64, display_name: &str) -> User {
    User {
        id: UserId::from_bits(id),
        name: chat_common::UserName::parse("ana").unwrap(),
        display_name: display_name.to_owned(),
        kind: UserKind::User,
    }
}

fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn entry(seq: u64, text: String) -> Arc<Entry> {
    Arc::new(Entry {
        room: lobby(),
        seq: Seq(seq),
        at: Timestamp::from_millis(1_800_000_000_123),
        from: user(3, "Ana"),
        body: EntryBody::Created {
            text: Some(text),
            client_id: ClientId::parse("c-1").unwrap(),
            reply_to: None,
            mentions: vec![UserId::from_bits(9)],
            superseded_by: None,
        },
    })
}

/// One of each that nodes say.
fn what(version: u64, some: bool, which: u8) -> What {
    let state = || {
        let at = Timestamp::from_millis(1_800_000_000_123);
        State { status: Status::Dnd, text: some.then(|| "deep work".into()), since: at, chosen: at }
    };
    let id = UserId::from_bits(version);
    let about = || About { user: user(3, "Ana"), rooms: vec![Place { id: 7, name: lobby(), large: some }] };
    match which {
        0 => What::Changed {
            version,
            people: vec![
                Person { id, state: some.then(state), about: some.then(about) },
                Person { id, state: None, about: Some(about()) },
            ],
        },
        1 => What::Beat { version, digest: some.then_some(version) },
        2 => What::Ask { of: NodeId(version) },
        3 => What::Part { version, part: 0, parts: 1, people: vec![(id, state())] },
        4 => What::Counts { rooms: vec![(7, lobby())] },
        _ => What::Bye,
    }
}

/// One of each that goes over the wire.
fn signals() -> impl Strategy<Value = Signal> {
    let room = || any::<i64>().prop_map(RoomId);
    let id = || any::<u64>().prop_map(UserId::from_bits);
    let hint = (id(), "\\PC{0,60}", 0u8..3).prop_map(|(id, text, which)| match which {
        0 => Hint::TypingChanged { room: lobby(), user: user(id.bits(), &text), on: true },
        1 => {
            Hint::Custom { room: lobby(), from: user(1, "a"), name: "x".into(), data: json!({ "a": [text, 1, null] }) }
        }
        _ => Hint::ReadChanged { room: lobby(), read: Seq(id.bits()), unread: 3, mentions: 0 },
    });
    let hint = hint.boxed();
    prop_oneof![
        (room(), any::<u64>(), any::<String>())
            .prop_map(|(room, seq, text)| Signal::Entry { room, entry: entry(seq, text) }),
        (room(), hint.clone(), prop::option::of(id())).prop_map(|(room, hint, except)| Signal::Room {
            room,
            hint,
            except
        }),
        (id(), hint).prop_map(|(user, hint)| Signal::User { user, hint, except: None }),
        (room(), id()).prop_map(|(room, user)| Signal::Left { room, user }),
        room().prop_map(|room| Signal::Deleted { room, name: lobby() }),
        Just(Signal::Authority),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Signal::Relay(bytes.into())),
        (any::<u64>(), any::<u64>(), any::<bool>(), 0u8..6).prop_map(|(node, version, some, which)| {
            Signal::Nodes(Says { node: NodeId(node), what: what(version, some, which) })
        }),
    ]
}

proptest! {
    #[test]
    fn a_signal_reads_back_the_same(signal in signals(), node: u64) {
        let frame = envelope().write(NodeId(node), &signal).unwrap();
        let told = envelope().read(signal.topic().unwrap(), &frame).unwrap();
        prop_assert_eq!(told.from, NodeId(node));
        // Signals hold contract types only, whose debug text shows everything.
        prop_assert_eq!(format!("{:?}", told.signal), format!("{signal:?}"));
    }

    #[test]
    fn garbage_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(envelope().read(Topic::All, &bytes).is_err());
    }

    #[test]
    fn a_frame_that_was_cut_or_changed_is_no_panic(signal in signals(), cut: prop::sample::Index, flip: u8) {
        let frame = envelope().write(NODE, &signal).unwrap();
        let topic = signal.topic().unwrap();
        let at = cut.index(frame.len());
        let _whatever = envelope().read(topic, &frame[..at]);
        let mut changed = frame.to_vec();
        changed[at] ^= flip;
        let _whatever = envelope().read(topic, &changed);
    }
}

#[test]
fn what_a_later_version_tells_is_refused_by_name() {
    let frame = envelope().write(NODE, &Signal::Authority).unwrap();
    let with = |at: usize, byte: u8| {
        let mut changed = frame.to_vec();
        changed[at] = byte;
        envelope().read(Topic::All, &changed).unwrap_err()
    };
    assert_eq!(with(0, 2), Fault::Version(2));
    assert_eq!(with(1, 200), Fault::Kind(200));
    assert_eq!(with(2, !frame[2]), Fault::Foreign);
    assert_eq!(envelope().read(Topic::Relay, &frame).unwrap_err(), Fault::Topic);
    let mut longer = frame.to_vec();
    longer.extend_from_slice(b"what a later version adds");
    assert!(matches!(envelope().read(Topic::All, &longer).unwrap().signal, Signal::Authority));
}

#[test]
fn an_unknown_hint_is_dropped_without_repeating_what_it_says() {
    let mut out = envelope().header(NODE, kind::USER);
    out.put_u64(5);
    out.put_slice(br#"{"event":"later:thing","secret":"hunter2"}"#);
    let fault = envelope().read(Topic::User(UserId::from_bits(5)), &out).unwrap_err();
    assert!(matches!(fault, Fault::Body(_)) && !fault.to_string().contains("hunter2"), "{fault}");
}

#[test]
fn an_entry_of_a_later_version_keeps_its_place() {
    let mut value = serde_json::to_value(&*entry(4, "x".into())).unwrap();
    value["event"] = json!("later:entry");
    let mut out = envelope().header(NODE, kind::ENTRY);
    out.put_i64(1);
    out.put_slice(value.to_string().as_bytes());
    let told = envelope().read(Topic::Room(RoomId(1)), &out).unwrap();
    assert!(matches!(told.signal, Signal::Entry { entry, .. } if entry.seq == Seq(4)));
}

#[test]
fn what_is_too_large_becomes_an_order_to_look() {
    let room = RoomId(8);
    let large = Signal::Entry { room, entry: entry(1, "x".repeat(MAX_FRAME)) };
    let frame = envelope().write(NODE, &large).unwrap();
    let told = envelope().read(Topic::Room(room), &frame).unwrap();
    assert!(matches!(told.signal, Signal::Missed { room: Some(found) } if found == room));
    let data = json!("x".repeat(MAX_FRAME));
    let hint = Hint::Custom { room: lobby(), from: user(1, "a"), name: "x".into(), data };
    assert!(envelope().write(NODE, &Signal::Room { room, hint, except: None }).is_none());
}

#[test]
fn a_connection_of_this_node_means_nothing_on_another() {
    let signal =
        Signal::User { user: UserId::from_bits(5), hint: Hint::RoomGone { room: lobby() }, except: Some(ConnId(1)) };
    let frame = envelope().write(NODE, &signal).unwrap();
    let told = envelope().read(Topic::User(UserId::from_bits(5)), &frame).unwrap();
    assert!(matches!(told.signal, Signal::User { except: None, .. }));
}

#[test]
fn this_nodes_own_affairs_are_not_told() {
    assert!(envelope().write(NODE, &Signal::Missed { room: None }).is_none());
}
