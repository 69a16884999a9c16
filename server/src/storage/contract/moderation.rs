//! Kick, ban, mute, role: rights, entries, audit, authority.

use std::sync::Arc;

use chat_common::event::EntryBody;
use chat_common::event::server::Removal;
use chat_common::model::{Role, RoomKind};
use chat_common::{RoomName, UserId};

use super::*;
use crate::storage::{Authority, LOCAL};

struct Cast {
    hall: RoomName,
    owner: UserId,
    moderator: UserId,
    member: UserId,
}

async fn cast(store: &Arc<dyn Store>) -> Cast {
    let (owner, moderator, member) =
        (user(store, "owner").await, user(store, "moderator").await, user(store, "member").await);
    let hall = make_room(store, owner, "hall", RoomKind::Public).await;
    for who in [moderator, member] {
        store.join(who, &hall, 200, start()).await.unwrap();
    }
    store.moderate(owner, &hall, moderator, Moderation::Role(Role::Moderator), None, start()).await.unwrap();
    Cast { hall, owner, moderator, member }
}

/// Nobody acts on equals or betters; strangers on nobody.
pub async fn rank_decides(store: Arc<dyn Store>) {
    let Cast { hall, owner, moderator, member } = cast(&store).await;
    let (stranger, root) = (user(&store, "stranger").await, admin(&store, "root").await);
    let act = async |actor, user, what| store.moderate(actor, &hall, user, what, None, start()).await;
    let mute = || Moderation::Mute { until: later(9) };
    for (actor, target) in [
        (stranger, member),
        (member, moderator),
        (member, member),
        (moderator, moderator),
        (moderator, owner),
        (owner, root),
        (owner, owner),
    ] {
        for what in [Moderation::Kick, mute(), Moderation::Ban { until: None }, Moderation::Unban] {
            assert!(forbidden(act(actor, target, what.clone()).await), "{what:?} by {actor} on {target}");
        }
    }
    assert!(forbidden(act(moderator, member, Moderation::Role(Role::Moderator)).await));
    let make_owner = act(owner, member, Moderation::Role(Role::Owner)).await;
    assert!(matches!(refused(make_owner), Refusal::Invalid { field: "role", .. }));
    assert_eq!(refused(act(owner, stranger, Moderation::Kick).await), Refusal::NotFound { what: "member" });
    let past = act(owner, stranger, Moderation::Ban { until: Some(start()) }).await;
    assert!(matches!(refused(past), Refusal::Invalid { field: "until", .. }));
    assert!(act(moderator, member, mute()).await.is_ok());
    assert!(act(root, owner, Moderation::Kick).await.is_ok(), "an admin stands above an owner");
    let role = store.access(moderator, &hall, start()).await.unwrap().unwrap().membership.unwrap().role;
    assert_eq!(role, Role::Owner, "the eldest moderator follows");
    let (direct, _) = store.ensure_direct(owner, member, start()).await.unwrap();
    let in_direct = store.moderate(owner, &direct.name, member, Moderation::Kick, None, start()).await;
    assert!(forbidden(in_direct));
}

/// A kick and a ban end the membership, tell it, and write authority and audit; a mute outlives leaving.
pub async fn removals_are_told_and_kept(store: Arc<dyn Store>) {
    let Cast { hall, owner, member, .. } = cast(&store).await;
    let (_, cursor) = store.authority_since(None).await.unwrap();
    let act = async |what, reason: Option<&str>| {
        store.moderate(owner, &hall, member, what, reason.map(str::to_owned), start()).await.unwrap()
    };
    let until = later(1_000);
    let change = act(Moderation::Mute { until }, None).await;
    assert!(matches!(change.entry.unwrap().body, EntryBody::MemberUpdated { muted_until: Some(u), .. } if u == until));
    assert_eq!(act(Moderation::Mute { until }, None).await.entry, None);
    store.leave(member, &hall, start()).await.unwrap();
    store.join(member, &hall, 200, start()).await.unwrap();
    let access = store.access(member, &hall, start()).await.unwrap().unwrap();
    assert_eq!(access.membership.unwrap().muted_until, Some(until), "leaving does not lift a mute");
    act(Moderation::Mute { until: start() }, None).await;

    let change = act(Moderation::Kick, Some("rude")).await;
    let EntryBody::MemberRemoved { user, how, reason } = change.entry.unwrap().body else { panic!("not removed") };
    assert_eq!((user.id, how, reason.as_deref()), (member, Removal::Kick, Some("rude")));
    assert_eq!(change.room.members, 2);
    let room_row = Authority::Room { user: member, room: change.room.id };
    assert_eq!(store.authority_since(Some(cursor)).await.unwrap().0, [room_row]);

    assert!(act(Moderation::Ban { until: Some(until) }, None).await.entry.is_some());
    assert_eq!(act(Moderation::Ban { until: Some(until) }, None).await.entry, None);
    assert_eq!(store.access(member, &hall, start()).await.unwrap().unwrap().banned_until, Some(until));
    assert_eq!(refused(store.join(member, &hall, 200, start()).await), Refusal::Banned { until: Some(until) });
    assert_eq!(refused(store.invite(owner, &hall, member, 200, start()).await), Refusal::Banned { until: Some(until) });
    assert!(store.join(member, &hall, 200, until).await.unwrap().1, "a ban ends by itself");
    act(Moderation::Ban { until: None }, None).await;
    assert_eq!(refused(store.join(member, &hall, 200, until).await), Refusal::Banned { until: None });
    assert_eq!(act(Moderation::Unban, None).await.entry, None);
    assert!(store.join(member, &hall, 200, start()).await.unwrap().1);

    let (lines, _) = store.audit(None, 50).await.unwrap();
    let actions: Vec<_> = lines.iter().map(|line| line.action.as_str()).collect();
    let expected =
        ["member:unban", "member:ban", "member:ban", "member:kick", "member:mute", "member:mute", "member:role"];
    assert_eq!(actions, expected);
    assert_eq!((lines[3].subject.as_str(), lines[3].detail.as_deref()), ("member in hall", Some("rude")));
    assert_eq!(lines[3].actor.as_ref().map(|actor| actor.id), Some(owner));
    let (page, cursor) = store.audit(None, 3).await.unwrap();
    assert_eq!(page, lines[..3]);
    assert_eq!(store.audit(cursor, 50).await.unwrap().0, lines[3..]);
}

/// A moderator's and an admin's deletion stands in the audit, an author's does not.
pub async fn moderators_delete(store: Arc<dyn Store>) {
    let Cast { hall, moderator, member, .. } = cast(&store).await;
    let root = admin(&store, "root").await;
    for key in ["a", "b", "c"] {
        send(&store, member, &hall, key, key).await;
    }
    let first =
        store.bounds(store.access(member, &hall, start()).await.unwrap().unwrap().room.id).await.unwrap().unwrap().1;
    let [a, b, c] = [first.prev().prev(), first.prev(), first];
    assert!(store.delete(member, &hall, a, start()).await.unwrap().entry.is_some());
    assert!(store.delete(moderator, &hall, b, start()).await.unwrap().entry.is_some());
    assert!(store.delete(root, &hall, c, start()).await.unwrap().entry.is_some());
    let lines = store.audit(None, 50).await.unwrap().0;
    let deleted: Vec<_> = lines.iter().filter(|line| line.action == "message:delete").collect();
    assert_eq!(deleted.len(), 2);
    assert_eq!(deleted[0].subject, format!("hall #{c}"));
}

/// The owner of the machine may do in rooms what an admin may; the audit names nobody, the log the room's owner.
pub async fn the_owner_of_the_machine_acts(store: Arc<dyn Store>) {
    let Cast { hall, owner, member, .. } = cast(&store).await;
    make_room(&store, member, "attic", RoomKind::Private).await;
    store.ensure_direct(owner, member, start()).await.unwrap();
    let all = async |query: Option<&str>, after: Option<&str>, limit| {
        let found = store.all_rooms(query.map(str::to_owned), after.map(room), limit).await.unwrap();
        found.into_iter().map(|row| row.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(all(None, None, 9).await, ["attic", "hall", "lobby"], "private ones too, direct conversations not");
    assert_eq!(all(None, Some("attic"), 9).await, ["hall", "lobby"]);
    assert_eq!(all(None, None, 1).await, ["attic"]);
    assert_eq!(all(Some("al"), None, 9).await, ["hall"]);

    let id = store.access(owner, &hall, start()).await.unwrap().unwrap().room.id;
    let ban = Moderation::Ban { until: Some(later(5_000)) };
    let banned = store.moderate(LOCAL, &hall, member, ban, None, start()).await.unwrap();
    assert_eq!(banned.entry.unwrap().from.id, owner);
    let bans = store.room_bans(id, start()).await.unwrap();
    assert_eq!((bans.len(), bans[0].0.id, bans[0].1), (1, member, later(5_000)));
    assert!(store.room_bans(id, later(6_000)).await.unwrap().is_empty(), "it is over");
    store.moderate(LOCAL, &hall, member, Moderation::Unban, None, start()).await.unwrap();
    assert!(store.room_bans(id, start()).await.unwrap().is_empty());

    store.join(member, &hall, 200, start()).await.unwrap();
    store.update_room(LOCAL, &hall, Some("new".into()), Some(RoomKind::Private), start()).await.unwrap();
    let handed = store.transfer(LOCAL, &hall, member, start()).await.unwrap();
    assert_eq!(handed.entry.unwrap().from.id, member, "who owns it now");
    store.delete_room(LOCAL, &hall, start()).await.unwrap();
    assert_eq!(refused(store.delete_room(LOCAL, &hall, start()).await), Refusal::ROOM);

    let (lines, newest) = store.audit(None, 100).await.unwrap();
    let by_nobody: Vec<&str> = lines.iter().filter(|l| l.actor.is_none()).map(|l| l.action.as_str()).collect();
    assert_eq!(by_nobody, ["room:delete", "room:transfer", "room:kind", "member:unban", "member:ban"]);
    // Followed from the beginning, it is the same the other way round.
    let followed = store.audit_after(0, 100).await.unwrap();
    assert!(followed.iter().map(|(_, line)| line).eq(lines.iter().rev()));
    let last = followed.last().unwrap().0;
    assert!(newest.unwrap() <= last && store.audit_after(last, 100).await.unwrap().is_empty());
    assert_eq!(store.audit_after(last - 1, 100).await.unwrap().len(), 1);
    assert_eq!(store.audit_after(0, 2).await.unwrap(), followed[..2]);
}
