//! Properties: what is written reads back the same, what is not known is kept, what is cleaned is clean.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ana, lobby, sync, told};
use crate::event::server::{EntryBody, Hint, Removal};
use crate::event::{Entry, ServerEvent};
use crate::model::{Role, RoomKind, Status, Sync, User, UserKind};
use crate::text::{self, clean, clean_label, is_forbidden, is_unsafe, visible, visible_line};
use crate::{ClientId, Emoji, RoomName, RoomRef, Seq, Timestamp, UserId, UserName};

/// A text made of what texts are made of, and of what they must not hold.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,8}",
        1 => prop::sample::select(vec![
            "\u{1b}[2J", "\r\n", "\r", "\u{9b}", "\u{202e}", "\u{200b}", "\u{feff}", "e\u{301}", "\u{301}", "\n", "\t", " ",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "🏴\u{e0061}", "\u{e0041}", "👨‍👩‍👧", "Å", "ﬁ", "각",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn user_name() -> impl Strategy<Value = UserName> {
    "~?[a-z0-9_][a-z0-9_.-]{1,31}".prop_map(|s| UserName::parse(&s).unwrap())
}

fn room_name() -> impl Strategy<Value = RoomName> {
    "[a-z0-9][a-z0-9._-]{0,63}".prop_map(|s| RoomName::parse(&s).unwrap())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn seq() -> impl Strategy<Value = Seq> {
    any::<u64>().prop_map(Seq)
}

fn user() -> impl Strategy<Value = User> {
    let kind = prop::sample::select(vec![UserKind::User, UserKind::Guest, UserKind::Bot]);
    (any::<u64>(), user_name(), any_text(), kind).prop_map(|(id, name, display_name, kind)| User {
        id: UserId::from_bits(id),
        name,
        display_name,
        kind,
    })
}

fn entry_body() -> impl Strategy<Value = EntryBody> {
    let mentions = || prop::collection::vec(any::<u64>().prop_map(UserId::from_bits), 0..4);
    let key = || "[!-~]{1,128}".prop_map(|s| ClientId::parse(&s).unwrap());
    let emoji = || prop::sample::select(vec!["👍", "❤️", "+", "é"]).prop_map(|s| Emoji::parse(s).unwrap());
    let maybe = || prop::option::of(seq());
    let text = || prop::option::of(any_text());
    prop_oneof![
        (text(), key(), maybe(), mentions(), maybe()).prop_map(
            |(text, client_id, reply_to, mentions, superseded_by)| EntryBody::Created {
                text,
                client_id,
                reply_to,
                mentions,
                superseded_by
            }
        ),
        (seq(), text(), mentions(), maybe()).prop_map(|(target, text, mentions, superseded_by)| EntryBody::Edited {
            target,
            text,
            mentions,
            superseded_by
        }),
        seq().prop_map(|target| EntryBody::Deleted { target }),
        (seq(), prop::option::of(user()))
            .prop_map(|(through, user)| EntryBody::Blanked { through, user: user.map(|user| user.id) }),
        (seq(), emoji(), any::<bool>()).prop_map(|(target, emoji, on)| EntryBody::Reacted { target, emoji, on }),
        (text(), prop::option::of(Just(RoomKind::Private)), prop::option::of(user()), prop::option::of(any::<u32>()))
            .prop_map(|(topic, kind, owner, retention_days)| EntryBody::RoomUpdated {
                topic,
                kind,
                owner,
                retention_days
            }),
        (user(), prop::sample::select(vec![Removal::Kick, Removal::Ban]), text())
            .prop_map(|(user, how, reason)| EntryBody::MemberRemoved { user, how, reason }),
        (user(), prop::option::of(Just(Role::Moderator)), prop::option::of(timestamp()))
            .prop_map(|(user, role, muted_until)| EntryBody::MemberUpdated { user, role, muted_until }),
    ]
}

proptest! {
    #[test]
    fn names_are_their_own_spelling(user in user_name(), room in room_name()) {
        prop_assert_eq!(&UserName::parse(user.as_str()).unwrap(), &user);
        prop_assert_eq!(&RoomName::parse(room.as_str()).unwrap(), &room);
        for place in [RoomRef::Direct(user), RoomRef::Room(room)] {
            prop_assert_eq!(RoomRef::parse(&place.to_string()).unwrap(), place);
        }
    }

    #[test]
    fn whatever_passes_as_a_name_is_harmless(s in any_text()) {
        if let Ok(name) = UserName::parse(&s) {
            let bare = name.as_str().trim_start_matches('~');
            prop_assert!((2..=32).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_graphic()));
        }
        if let Ok(room) = RoomName::parse(&s) {
            prop_assert!(room.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b'/'));
        }
        if let Ok(emoji) = Emoji::parse(&s) {
            prop_assert_eq!(Emoji::parse(emoji.as_str()).unwrap(), emoji);
        }
    }

    #[test]
    fn times_keep_their_milliseconds(at in timestamp()) {
        prop_assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        prop_assert!(at.to_string().ends_with('Z'));
    }

    #[test]
    fn ids_read_back(bits in any::<u64>()) {
        let id = UserId::from_bits(bits);
        prop_assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
    }

    #[test]
    fn a_text_that_is_no_id_is_refused(s in any_text()) {
        if let Ok(id) = s.parse::<UserId>() {
            prop_assert_eq!(id.to_string(), s);
        }
    }

    #[test]
    fn entries_read_back(seq in seq(), at in timestamp(), from in user(), room in room_name(), body in entry_body()) {
        let entry = Entry { room, seq, at, from, body };
        let mut value = serde_json::to_value(&entry).unwrap();
        let name = entry.body.name();
        prop_assert_eq!(&value["event"], name);
        prop_assert_eq!(ServerEvent::decode(name, value.clone()), ServerEvent::Entry(Box::new(entry.clone())));
        // A live event's name says what it is; `event` in the payload need not be there.
        value.as_object_mut().unwrap().remove("event");
        prop_assert_eq!(ServerEvent::decode(name, value), ServerEvent::Entry(Box::new(entry)));
    }

    #[test]
    fn hints_read_back(room in room_name(), user in user(), text in prop::option::of(any_text()), n in any::<u32>()) {
        for hint in [
            Hint::PresenceChanged { room: room.clone(), user: user.clone(), status: Status::Online, text },
            Hint::PresenceCount { room: room.clone(), members: n, present: n },
            Hint::ReadChanged { room, read: Seq(u64::from(n)), unread: n, mentions: n },
            Hint::UserChanged { user },
        ] {
            let value = serde_json::to_value(&hint).unwrap();
            prop_assert_eq!(ServerEvent::decode(hint.name(), value), ServerEvent::Hint(hint));
        }
    }

    #[test]
    fn what_is_not_known_is_kept(name in "[a-z]{1,8}:[a-z]{1,8}x", n in any::<i64>(), text in any_text()) {
        for data in [json!({"room": "lobby", "n": n, "text": text}), json!(text), Value::Null, json!([n])] {
            let kept = ServerEvent::Unknown { name: name.clone(), data: data.clone() };
            prop_assert_eq!(without_tag(ServerEvent::decode(&name, data)), kept);
        }
    }

    #[test]
    fn cleaning_twice_changes_nothing(s in any_text()) {
        if let Ok(once) = clean(&s, 8000) {
            prop_assert!(!once.contains(is_forbidden) && !once.is_empty() && once.len() <= 8000);
            prop_assert_eq!(clean(&once, 8000).unwrap(), once);
        }
        if let Ok(once) = clean_label(&s, 8000) {
            prop_assert!(!once.contains(['\n', '\r', '\t']));
            prop_assert_eq!(clean_label(&once, 8000).unwrap(), once);
        }
    }

    #[test]
    fn nothing_unsafe_is_left_visible(s in any_text()) {
        let flag = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        let shown = visible(&s).replace(flag, "");
        prop_assert!(!shown.contains(is_unsafe), "{:?}", shown);
        prop_assert!(!visible_line(&s).contains(char::is_control));
        let once = visible(&s).into_owned();
        prop_assert_eq!(visible(&once).into_owned(), once);
    }

    #[test]
    fn what_was_cleaned_is_found_without_its_accents(s in any_text()) {
        prop_assert_eq!(text::fold(&text::fold(&s)), text::fold(&s));
    }
}

/// Decoding writes the event's name into an object; what is unknown is compared without.
fn without_tag(event: ServerEvent) -> ServerEvent {
    match event {
        ServerEvent::Unknown { name, mut data } => {
            if let Value::Object(map) = &mut data {
                map.remove("event");
            }
            ServerEvent::Unknown { name, data }
        }
        other => other,
    }
}

#[test]
fn every_live_event_is_known_by_its_name() {
    for (name, mut value) in told::live() {
        value.as_object_mut().unwrap().remove("event");
        let known = matches!(ServerEvent::decode(&name, value), ServerEvent::Entry(_) | ServerEvent::Hint(_));
        assert!(known, "{name}");
    }
}

#[test]
fn a_payload_that_does_not_fit_its_name_is_kept_as_it_came() {
    for (name, data) in
        [("ready", json!({"protocol": 1})), ("reply", json!([1])), ("message:created", json!({"room": "lobby"}))]
    {
        assert!(matches!(ServerEvent::decode(name, data), ServerEvent::Unknown { .. }), "{name}");
    }
}

#[test]
fn an_entry_of_a_later_version_keeps_its_place_in_the_log() {
    let later = json!({
        "room": "lobby", "seq": 7, "at": "2026-11-22T16:12:00.000Z", "from": ana(), "question": "when?", "event": "x",
    });
    let ServerEvent::Entry(entry) = ServerEvent::decode("poll:created", later.clone()) else { panic!("not an entry") };
    assert_eq!((entry.seq, &entry.body), (Seq(7), &EntryBody::Unknown));
    let mut list = serde_json::to_value(sync()).unwrap();
    list["entries"].as_array_mut().unwrap().push(later);
    let sync: Sync = serde_json::from_value(list).unwrap();
    assert_eq!(sync.entries.unwrap().last().unwrap().body, EntryBody::Unknown);
}

#[test]
fn a_custom_event_cannot_pose_as_another() {
    let data = json!({"event": "room:gone", "room": "lobby", "head": 3});
    let hint = Hint::RoomHead { room: lobby(), head: Seq(3) };
    assert_eq!(ServerEvent::decode("room:head", data), ServerEvent::Hint(hint));
}
