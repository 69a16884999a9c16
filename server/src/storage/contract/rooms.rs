//! Making, finding, entering, leaving, changing and deleting rooms.

use std::sync::Arc;

use chat_common::event::EntryBody;
use chat_common::model::{Role, RoomKind};
use chat_common::{Seq, UserId};

use super::*;
use crate::storage::{Authority, RoomView};

fn names(views: &[RoomView]) -> Vec<&str> {
    views.iter().map(|view| view.access.room.name.as_str()).collect()
}

/// Who finds which rooms.
pub async fn rooms_are_found_by_who_may(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    make_room(&store, ana, "den", RoomKind::Private).await;
    store.create_room(ana, room("news"), RoomKind::Public, "Điện và nước".into(), 200, start()).await.unwrap();
    assert!(matches!(
        refused(store.create_room(bob, room("den"), RoomKind::Public, String::new(), 200, start()).await),
        Refusal::Conflict(_)
    ));
    assert!(forbidden(store.create_room(ana, room("third"), RoomKind::Public, String::new(), 2, start()).await));
    let direct = store.create_room(ana, room("dm-x"), RoomKind::Public, String::new(), 200, start()).await;
    assert!(matches!(refused(direct), Refusal::Invalid { field: "room", .. }));

    let list = async |who: UserId, query: Option<&str>, after: Option<&str>, limit| {
        let after = after.map(room);
        store.list_rooms(who, query.map(str::to_owned), after, limit, start()).await.unwrap()
    };
    assert_eq!(names(&list(ana, None, None, 10).await), ["den", "lobby", "news"]);
    assert_eq!(names(&list(bob, None, None, 10).await), ["lobby", "news"]);
    assert_eq!(names(&list(bob, Some("dien"), None, 10).await), ["news"]);
    assert_eq!(names(&list(ana, None, Some("den"), 1).await), ["lobby"]);
    assert_eq!(names(&store.views_of(ana, None, 10, start()).await.unwrap()), ["den", "news"]);
    assert_eq!(names(&store.views_of(ana, Some(room("den")), 10, start()).await.unwrap()), ["news"]);
    assert_eq!(store.rooms_of(bob).await.unwrap(), []);
    assert_eq!(store.rooms_of(ana).await.unwrap().len(), 2);
    assert_eq!(store.access(ana, &room("nowhere"), start()).await.unwrap(), None);
    let access = store.access(ana, &room("den"), start()).await.unwrap().unwrap();
    assert_eq!(access.membership.unwrap().role, Role::Owner);
}

/// Pages of members are in the order of names, whether most users are in the room or the first of them are not.
pub async fn members_page_by_name(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for n in 0..24 {
        ids.push(user(&store, &format!("user{n:02}")).await);
    }
    let hall = make_room(&store, ids[23], "hall", RoomKind::Public).await;
    // The later names first, so that the first steps by name meet nobody of the room; then all.
    for joined in [12..23, 0..12] {
        for n in joined.clone().rev() {
            store.join(ids[n], &hall, 200, start()).await.unwrap();
        }
        let id = store.access(ids[23], &hall, start()).await.unwrap().unwrap().room.id;
        let wanted: Vec<String> = (if joined.start == 0 { 0 } else { 12 }..24).map(|n| format!("user{n:02}")).collect();
        for limit in [1, 2, 5, 50] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.members(id, after.clone(), limit).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= limit as usize);
                after = Some(last.user.name.clone());
                found.extend(page.into_iter().map(|m| m.user.name.to_string()));
            }
            assert_eq!(found, wanted, "pages of {limit}");
        }
    }
}

/// Joining, leaving, inviting; who follows an owner.
pub async fn members_come_and_go(store: Arc<dyn Store>) {
    let (ana, bob, eve) = (user(&store, "ana").await, user(&store, "bob").await, user(&store, "eve").await);
    let den = make_room(&store, ana, "den", RoomKind::Private).await;
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    assert_eq!(refused(store.join(bob, &den, 200, start()).await), Refusal::ROOM);
    assert_eq!(refused(store.join(bob, &room("nowhere"), 200, start()).await), Refusal::ROOM);
    assert!(forbidden(store.join(bob, &hall, 0, start()).await));
    assert!(store.join(bob, &hall, 200, later(1)).await.unwrap().1);
    assert!(!store.join(bob, &hall, 200, later(2)).await.unwrap().1);
    assert!(forbidden(store.invite(bob, &hall, eve, 200, start()).await));
    assert!(store.invite(ana, &den, bob, 200, start()).await.unwrap().1);
    assert!(store.invite(bob, &den, eve, 200, start()).await.unwrap().1, "any member of a private room invites");
    assert!(!store.invite(bob, &den, eve, 200, start()).await.unwrap().1);

    let id = store.access(ana, &den, start()).await.unwrap().unwrap().room.id;
    let members = store.members(id, None, 10).await.unwrap();
    assert_eq!(members.iter().map(|m| m.user.name.as_str()).collect::<Vec<_>>(), ["ana", "bob", "eve"]);
    assert_eq!(store.members(id, Some(name("ana")), 1).await.unwrap()[0].user.id, bob);
    assert_eq!(store.member_ids(id).await.unwrap().len(), 3);
    let stranger = user(&store, "zoe").await;
    let sharing = store.sharing_a_room(ana, &[ana, bob, eve, stranger]).await.unwrap();
    assert_eq!(sharing, [ana, bob, eve]);

    store.moderate(ana, &den, eve, Moderation::Role(Role::Moderator), None, start()).await.unwrap();
    assert!(store.leave(ana, &den, start()).await.unwrap().1);
    assert_eq!(refused(store.leave(ana, &den, start()).await), Refusal::ROOM);
    let role = async |who| store.access(who, &den, start()).await.unwrap().unwrap().membership.map(|m| m.role);
    assert_eq!((role(ana).await, role(bob).await, role(eve).await), (None, Some(Role::Member), Some(Role::Owner)));
    let (direct, _) = store.ensure_direct(ana, bob, start()).await.unwrap();
    assert!(forbidden(store.leave(ana, &direct.name, start()).await));
    let view = store.view(ana, &direct.name, start()).await.unwrap().unwrap();
    assert_eq!(view.access.peer.map(|peer| peer.id), Some(bob));
    assert!(matches!(refused(store.ensure_direct(ana, ana, start()).await), Refusal::Invalid { .. }));
    store.set_block(ana, eve, true, start()).await.unwrap();
    assert!(forbidden(store.ensure_direct(eve, ana, start()).await));
}

/// Topic, kind, owner: entries, rights and authority.
pub async fn rooms_change(store: Arc<dyn Store>) {
    let (ana, bob, eve) = (user(&store, "ana").await, user(&store, "bob").await, user(&store, "eve").await);
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    store.join(bob, &hall, 200, start()).await.unwrap();
    let topic = |who, topic: &str| store.update_room(who, &hall, Some(topic.to_owned()), None, start());
    assert!(forbidden(topic(bob, "mine").await));
    let change = topic(ana, "Tea").await.unwrap();
    let expected = EntryBody::RoomUpdated { topic: Some("Tea".into()), kind: None, owner: None, retention_days: None };
    assert_eq!((change.entry.map(|e| e.body), change.room.topic.as_str()), (Some(expected), "Tea"));
    assert_eq!(topic(ana, "Tea").await.unwrap().entry, None);

    let (_, cursor) = store.authority_since(None).await.unwrap();
    store.moderate(ana, &hall, bob, Moderation::Role(Role::Moderator), None, start()).await.unwrap();
    assert!(forbidden(store.update_room(bob, &hall, None, Some(RoomKind::Private), start()).await));
    let closed = store.update_room(ana, &hall, None, Some(RoomKind::Private), start()).await.unwrap().room;
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [Authority::RoomClosed(closed.id)]);
    assert_eq!(refused(store.join(eve, &hall, 200, start()).await), Refusal::ROOM);

    assert!(forbidden(store.transfer(bob, &hall, bob, start()).await));
    assert_eq!(refused(store.transfer(ana, &hall, eve, start()).await), Refusal::NotFound { what: "member" });
    let change = store.transfer(ana, &hall, bob, start()).await.unwrap();
    assert!(matches!(change.entry.unwrap().body, EntryBody::RoomUpdated { owner: Some(owner), .. } if owner.id == bob));
    let role = async |who| store.access(who, &hall, start()).await.unwrap().unwrap().membership.unwrap().role;
    assert_eq!((role(ana).await, role(bob).await), (Role::Moderator, Role::Owner));
}

/// A deleted room is gone with all that was in it; its name may be used again, its id not.
pub async fn a_deleted_room_is_gone(store: Arc<dyn Store>) {
    let (ana, bob, root) = (user(&store, "ana").await, user(&store, "bob").await, admin(&store, "root").await);
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    for i in 0..150 {
        send(&store, bob, &hall, &format!("k{i}"), "something to forget").await;
    }
    let old = store.access(bob, &hall, start()).await.unwrap().unwrap().room.id;
    let (_, cursor) = store.authority_since(None).await.unwrap();
    assert!(forbidden(store.delete_room(bob, &hall, start()).await));
    assert_eq!(store.delete_room(root, &hall, start()).await.unwrap().id, old);
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [Authority::RoomDeleted(old)]);
    assert_eq!(store.access(bob, &hall, start()).await.unwrap(), None);
    assert_eq!(store.bounds(old).await.unwrap(), None);
    assert_eq!(store.entries(old, Seq::ZERO, 10).await.unwrap(), []);
    assert_eq!(store.rooms_of(bob).await.unwrap(), []);
    let hall = make_room(&store, bob, "hall", RoomKind::Public).await;
    let new = store.access(bob, &hall, start()).await.unwrap().unwrap().room;
    assert!(new.id > old && new.head == Seq::ZERO);
    store.search_caught_up().await.unwrap();
    let found = store.search(search::words(bob, &["forget"])).await.unwrap();
    assert!(found.messages.is_empty());
    let audit = store.audit(None, 10).await.unwrap().0;
    assert!(audit.iter().any(|line| line.action == "room:delete" && line.subject == "hall"));
}
