//! The story that every back end must tell alike: functions over any [`Store`], run by each back end's tests.

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::EntryBody;
use chat_common::event::server::ServerRole;
use chat_common::model::UserKind;
use chat_common::{ClientId, RoomName, Seq, Timestamp, UserId, UserName};

use super::{Append, Appended, NewUser, Page, Store, StoreError, StoreResult};
use crate::domain::{Refusal, mention};

/// The day on which the stories begin.
pub fn start() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

/// So many milliseconds later.
pub fn later(ms: u64) -> Timestamp {
    start().plus(Duration::from_millis(ms))
}

/// A parsed room name.
pub fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A parsed user name.
pub fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// An account to be made; the id comes from the name.
pub fn account(wish: &str) -> NewUser {
    let bits = wish.bytes().fold(7u64, |h, b| h.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(b)));
    NewUser {
        id: UserId::from_bits(bits),
        name: name(wish),
        display_name: wish.to_owned(),
        kind: UserKind::User,
        role: ServerRole::User,
        password_hash: None,
        owner: None,
        invite_hash: None,
        at: start(),
    }
}

/// A stored account.
pub async fn user(store: &Arc<dyn Store>, wish: &str) -> UserId {
    store.create_user(account(wish)).await.unwrap().user.id
}

/// A message to be sent.
pub fn text(sender: UserId, to: &RoomName, key: &str, text: &str) -> Append {
    Append {
        sender,
        room: to.clone(),
        text: text.to_owned(),
        client_id: ClientId::parse(key).unwrap(),
        reply_to: None,
        mentions: mention::names(text),
        max_rooms: 200,
        at: start(),
    }
}

/// Sends one, whose key is its text's beginning.
pub async fn send(store: &Arc<dyn Store>, sender: UserId, to: &RoomName, key: &str, body: &str) -> Appended {
    store.append(text(sender, to, key, body)).await.unwrap()
}

/// The rule's no.
pub fn refused<T: std::fmt::Debug>(result: StoreResult<T>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// Whether it is `Forbidden`.
pub fn forbidden<T: std::fmt::Debug>(result: StoreResult<T>) -> bool {
    matches!(refused(result), Refusal::Forbidden(_))
}

/// Send, repeat, read.
pub async fn a_message_is_sent_and_read(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    assert_eq!(store.join(bob, &lobby, 200, start()).await.unwrap().0.members, 1);
    let first = send(&store, ana, &lobby, "k1", "chào @bob").await;
    assert_eq!((first.seq, first.joined, first.room.members, first.room.head), (Seq(1), true, 2, Seq(1)));
    let again = store.append(text(ana, &lobby, "k1", "chào @bob")).await.unwrap();
    assert_eq!((again.seq, again.at, again.entry), (first.seq, first.at, None));
    assert!(matches!(refused(store.append(text(ana, &lobby, "k1", "other")).await), Refusal::Conflict(_)));
    let second = send(&store, bob, &lobby, "k1", "hello").await;
    assert_eq!((second.seq, second.joined), (Seq(2), false));

    let entries = store.entries(first.room.id, Seq::ZERO, 100).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(Some(&entries[0]), first.entry.as_ref());
    let EntryBody::Created { mentions, text, .. } = &entries[0].body else { panic!("{entries:?}") };
    assert_eq!((mentions.as_slice(), text.as_deref()), ([bob].as_slice(), Some("chào @bob")));

    let page = store.messages(ana, first.room.id, Page::Latest, 50).await.unwrap();
    assert_eq!((page.messages.len(), page.first, page.head, page.has_more), (2, Seq(1), Seq(2), false));
    let view = store.view(bob, &lobby, start()).await.unwrap().unwrap();
    assert_eq!((view.unread, view.mentions), (1, 1));
}
