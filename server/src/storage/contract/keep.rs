//! What is kept no longer: retention, erased users; and that a store knows whether it is sound.

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::EntryBody;
use chat_common::model::{Role, RoomKind, UserKind};
use chat_common::rest::Scope;
use chat_common::{Emoji, Seq, Timestamp};

use super::search::words;
use super::*;
use crate::storage::{Authority, Blanked, Page, RoomId, SessionRow, TokenRow};

const DAY: Duration = Duration::from_secs(86_400);

fn days(n: u32) -> Timestamp {
    start().plus(DAY * n)
}

async fn id_of(store: &Arc<dyn Store>, who: UserId, room: &RoomName) -> RoomId {
    store.access(who, room, start()).await.unwrap().unwrap().room.id
}

async fn texts(store: &Arc<dyn Store>, who: UserId, room: RoomId) -> Vec<Option<String>> {
    let page = store.messages(who, room, Page::Latest, 200).await.unwrap();
    page.messages.into_iter().map(|message| message.text).collect()
}

/// Everything that is due, step by step.
async fn all(store: &Arc<dyn Store>, default_days: u32, at: Timestamp) -> Vec<Blanked> {
    let mut steps = Vec::new();
    while let Some(step) = store.blank_next(default_days, at).await.unwrap() {
        steps.push(step);
        assert!(steps.len() < 100, "it never ends");
    }
    steps
}

/// What is older than a room keeps it loses its text for good; the log stays whole and tells it.
pub async fn old_texts_are_blanked(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    store.join(bob, &hall, 200, start()).await.unwrap();
    for i in 0..5u32 {
        let wish = text(bob, &hall, &format!("k{i}"), &format!("needle {i} @ana"));
        store.append(Append { at: days(i), ..wish }).await.unwrap();
    }
    let hall_id = id_of(&store, ana, &hall).await;
    store.react(ana, &hall, Seq(1), Emoji::parse("👍").unwrap(), true, days(4)).await.unwrap();
    store.edit(bob, &hall, Seq(2), "needle changed".into(), vec![], days(4)).await.unwrap();
    store.search_caught_up().await.unwrap();
    assert!(all(&store, 0, days(400)).await.is_empty(), "nothing is due while nobody said so");

    assert!(forbidden(store.set_retention(Some(bob), &hall, Some(2), 2, days(4)).await), "the owner alone");
    let change = store.set_retention(Some(ana), &hall, Some(2), 2, days(4)).await.unwrap();
    assert_eq!(change.room.retention_days, Some(2));
    assert!(matches!(change.entry.unwrap().body, EntryBody::RoomUpdated { retention_days: Some(2), .. }));
    assert_eq!(store.set_retention(Some(ana), &hall, Some(2), 2, days(4)).await.unwrap().entry, None, "a repeat");

    // Of five days the last two are kept, and the one in the middle to the millisecond.
    let steps = all(&store, 0, days(4)).await;
    assert_eq!(steps.iter().map(|step| step.messages).sum::<u32>(), 2);
    let entry = steps[0].change.clone().unwrap().entry.unwrap();
    assert_eq!(entry.body, EntryBody::Blanked { through: Seq(2), user: None });
    assert_eq!(entry.from.id, ana, "in a room's log its owner stands for the server");
    let kept: Vec<bool> = texts(&store, ana, hall_id).await.iter().map(Option::is_some).collect();
    assert_eq!(kept, [false, false, true, true, true]);
    assert!(all(&store, 0, days(4)).await.is_empty(), "once");
    store.search_caught_up().await.unwrap();
    let found = store.search(words(ana, &["needle"])).await.unwrap();
    assert_eq!(found.messages.iter().map(|m| m.seq.0).collect::<Vec<_>>(), [5, 4, 3], "neither text of the second");
    let page = store.messages(ana, hall_id, Page::Latest, 9).await.unwrap();
    assert!(page.messages[0].deleted && page.messages[0].reactions.is_empty());
    assert_eq!(page.messages[1].rev, entry.seq);
    let log = store.entries(hall_id, Seq::ZERO, 100).await.unwrap();
    let seqs: Vec<u64> = log.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (1..=entry.seq.0).collect::<Vec<_>>(), "no hole");
    assert!(matches!(&log[0].body, EntryBody::Created { text: None, superseded_by: Some(by), .. } if *by == entry.seq));
    // A repeat is still a repeat.
    let again = store.append(text(bob, &hall, "k0", "needle 0 @ana")).await.unwrap();
    assert_eq!((again.seq, again.entry), (Seq(1), None));
    let lines = store.audit(None, 10).await.unwrap().0;
    let line = lines.iter().find(|line| line.action == "room:retention").unwrap();
    assert_eq!((line.subject.as_str(), line.detail.as_deref()), ("hall", Some("2")));
}

/// The server's default is for rooms that say nothing, direct conversations among them; large rooms go in steps.
pub async fn the_default_is_for_rooms_that_say_nothing(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let (lobby, kept) = (room("lobby"), make_room(&store, ana, "kept", RoomKind::Private).await);
    let (direct, _) = store.ensure_direct(ana, bob, start()).await.unwrap();
    for i in 0..150 {
        send(&store, ana, &lobby, &format!("k{i}"), "old").await;
    }
    send(&store, ana, &kept, "k", "for ever").await;
    send(&store, ana, &direct.name, "k", "between two").await;
    store.set_retention(None, &kept, Some(0), 0, start()).await.unwrap();
    assert!(forbidden(store.set_retention(None, &direct.name, Some(1), 1, start()).await));
    let none = store.set_retention(None, &room("nowhere"), Some(1), 1, start()).await;
    assert_eq!(refused(none), Refusal::ROOM);
    let steps = all(&store, 7, days(8)).await;
    assert!(steps.len() >= 3, "{} steps", steps.len());
    assert_eq!(steps.iter().map(|step| step.messages).sum::<u32>(), 151);
    let kept_id = id_of(&store, ana, &kept).await;
    assert_eq!(texts(&store, ana, kept_id).await, [Some("for ever".to_owned())]);
    assert_eq!(texts(&store, ana, direct.id).await, [None]);
    store.set_retention(None, &kept, None, 7, days(8)).await.unwrap();
    assert_eq!(all(&store, 7, days(8)).await.len(), 1, "the default again");
    assert_eq!(texts(&store, ana, kept_id).await, [None]);
}

/// An erased user leaves nothing of itself but what it wrote, and its name to nobody.
pub async fn an_erased_user_is_gone(store: Arc<dyn Store>) {
    let (ana, bob, root) = (user(&store, "ana").await, user(&store, "bob").await, admin(&store, "root").await);
    let hall = make_room(&store, ana, "hall", RoomKind::Public).await;
    for who in [bob, root] {
        store.join(who, &hall, 200, start()).await.unwrap();
    }
    let (direct, _) = store.ensure_direct(ana, bob, start()).await.unwrap();
    send(&store, ana, &hall, "1", "to stay").await;
    send(&store, bob, &hall, "2", "hello @ana").await;
    send(&store, ana, &direct.name, "1", "between us").await;
    store.set_profile(ana, Some(name("anna")), Some("Anna A.".into()), start()).await.unwrap();
    store.set_block(bob, ana, true, start()).await.unwrap();
    let moderation = Moderation::Role(Role::Moderator);
    store.moderate(root, &hall, bob, moderation, None, start()).await.unwrap();
    store.moderate(bob, &hall, root, Moderation::Kick, None, start()).await.unwrap_err();
    store.set_server_role(Some(root), ana, ServerRole::Admin, start()).await.unwrap();
    store.set_server_role(Some(root), ana, ServerRole::User, start()).await.unwrap();
    let session = SessionRow {
        id: "session".into(),
        user: ana,
        agent: None,
        created_at: start(),
        used_at: start(),
        expires_at: days(30),
    };
    store.create_session(session, [1; 32]).await.unwrap();
    let bot = NewUser { kind: UserKind::Bot, owner: Some(ana), ..account("anna-bot") };
    let token = TokenRow {
        id: "token".into(),
        owner: ana,
        bot: bot.id,
        name: name("anna-bot"),
        scopes: vec![Scope::Read],
        rooms: None,
        created_at: start(),
        expires_at: None,
    };
    let bot_id = bot.id;
    store.create_token(token, [2; 32], bot).await.unwrap();
    let (_, cursor) = store.authority_since(None).await.unwrap();

    let rooms = store.erase_user(Some(root), ana, false, start()).await.unwrap();
    assert_eq!(rooms.len(), 2);
    assert_eq!(rooms.iter().find(|room| room.name == hall).unwrap().members, 2);
    assert!(store.user(ana).await.unwrap().is_none());
    assert!(store.session("session", start()).await.unwrap().is_none());
    assert!(store.token_by_hash([2; 32]).await.unwrap().is_none());
    assert!(store.blocks(bob).await.unwrap().is_empty());
    assert_eq!(store.user(bot_id).await.unwrap().unwrap().owner, None, "its bot stays as an author of nobody's");
    let (told, _) = store.authority_since(Some(cursor)).await.unwrap();
    let expected = [Authority::Token("token".into()), Authority::User { user: ana, except: None }];
    assert_eq!(told, expected);
    assert_eq!(refused(store.erase_user(Some(root), ana, false, start()).await), Refusal::USER);
    assert_eq!(refused(store.append(text(ana, &hall, "9", "still here?")).await), Refusal::USER);

    // Its words stay, under nobody's name; the other one of a conversation sees who is not there any more.
    let hall_id = id_of(&store, bob, &hall).await;
    let page = store.messages(bob, hall_id, Page::Latest, 9).await.unwrap();
    assert_eq!(page.messages[0].text.as_deref(), Some("to stay"));
    assert_eq!((page.messages[0].from.id, page.messages[0].from.name.as_str()), (ana, "erased"));
    assert_eq!(store.access(bob, &hall, start()).await.unwrap().unwrap().membership.unwrap().role, Role::Owner);
    let view = store.view(bob, &direct.name, start()).await.unwrap().unwrap();
    let peer = view.access.peer.unwrap();
    assert_eq!((peer.id, peer.name.as_str(), view.access.room.members), (ana, "erased", 1));
    assert!(all(&store, 0, days(1)).await.is_empty(), "its texts stay");

    // Neither of its names, nor one that looks like it, is given again; nobody is called as those who are not there.
    for (n, wish) in ["ana", "anna", "erased", "server"].into_iter().enumerate() {
        let wish = NewUser { id: UserId::from_bits(77 + n as u64), ..account(wish) };
        assert!(matches!(refused(store.create_user(wish).await), Refusal::Conflict(_)));
    }
    // The audit knows it by its id alone.
    let lines = store.audit(None, 50).await.unwrap().0;
    let line = lines.iter().find(|line| line.action == "user:erase").unwrap();
    assert_eq!((line.subject.clone(), line.detail.as_deref()), (ana.to_string(), Some("its texts stay")));
    assert_eq!(lines.iter().filter(|line| line.action == "user:role" && line.subject == ana.to_string()).count(), 2);
    for line in &lines {
        let said = format!("{} {}", line.subject, line.detail.as_deref().unwrap_or_default());
        assert!(!said.split(' ').any(|word| word == "ana" || word == "anna"), "{said}");
    }
}

/// With its texts: they go in steps, from every room, and nobody else's do.
pub async fn an_erased_users_texts_go(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let (lobby, hall) = (room("lobby"), make_room(&store, bob, "hall", RoomKind::Public).await);
    for i in 0..140 {
        send(&store, ana, &lobby, &format!("k{i}"), "mine").await;
        if i % 10 == 0 {
            send(&store, bob, &lobby, &format!("k{i}"), "another's").await;
        }
    }
    send(&store, ana, &hall, "k", "there, too").await;
    store.search_caught_up().await.unwrap();
    store.erase_user(None, ana, true, start()).await.unwrap();
    let steps = all(&store, 0, start()).await;
    assert_eq!(steps.iter().map(|step| step.messages).sum::<u32>(), 141);
    assert!(steps.len() >= 3);
    let entry = steps[0].change.clone().unwrap().entry.unwrap();
    assert!(matches!(entry.body, EntryBody::Blanked { user: Some(user), .. } if user == ana));
    store.search_caught_up().await.unwrap();
    assert!(store.search(words(bob, &["mine"])).await.unwrap().messages.is_empty());
    let found = store.search(words(bob, &["another"])).await.unwrap().messages;
    assert_eq!(found.len(), 14);
    let hall_id = id_of(&store, bob, &hall).await;
    assert_eq!(texts(&store, bob, hall_id).await, [None]);
}

/// A store in use is found sound; so is one whose index was made anew, and it finds what it found.
pub async fn a_used_store_is_sound(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let (lobby, gone) = (room("lobby"), make_room(&store, ana, "gone", RoomKind::Public).await);
    for i in 0..40u64 {
        let seq = send(&store, ana, &lobby, &format!("k{i}"), &format!("số {i}, 下午三点 @bob")).await.seq;
        if i % 7 == 0 {
            store.edit(ana, &lobby, seq, "edited".into(), vec![], start()).await.unwrap();
        }
        if i % 11 == 0 {
            store.delete(ana, &lobby, seq, start()).await.unwrap();
        }
        send(&store, ana, &gone, &format!("k{i}"), "x").await;
    }
    send(&store, bob, &lobby, "short", "ab").await;
    store.mark_read(bob, &lobby, Seq(3), false).await.unwrap();
    store.delete_room(ana, &gone, start()).await.unwrap();
    let before = store.search(words(ana, &["下午三点"])).await.unwrap().messages.len();
    store.search_caught_up().await.unwrap();
    let report = store.verify(&|_, _, _| {}).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.rooms, 1);
    store.repair_index().await.unwrap();
    store.search_caught_up().await.unwrap();
    assert_eq!(store.verify(&|_, _, _| {}).await.unwrap().findings, []);
    let after = store.search(words(ana, &["下午三点"])).await.unwrap().messages.len();
    assert!(after >= before && after > 20, "{before} {after}");
    // Reading it from outside the rules.
    let lobby_row = store.room(&lobby).await.unwrap().unwrap();
    let all = store.messages_after(lobby_row.id, Seq::ZERO, 500).await.unwrap();
    assert_eq!(all.len(), 41);
    assert_eq!(store.messages_after(lobby_row.id, all[40].seq, 500).await.unwrap(), []);
    assert_eq!(store.user_id(&name("ana")).await.unwrap(), Some(ana));
    assert_eq!(store.seq_before(lobby_row.id, later(1)).await.unwrap(), all[40].seq);
    assert_eq!(store.seq_before(lobby_row.id, start()).await.unwrap(), Seq::ZERO);
}
