//! Webhooks: who may have them, how an address ends; those that tell, their place in the log, what they did not take.

use chat_common::Seq;
use chat_common::event::EntryBody;
use chat_common::model::UserKind;
use chat_common::rest::Told;

use super::*;
use crate::storage::{Cause, DeadRow, HookRow, NewOutgoing, Outcome, OutgoingRow, Signing, Step};

fn bot(wish: &str) -> NewUser {
    NewUser { kind: UserKind::Bot, ..account(wish) }
}

fn hook(id: &str, to: &RoomName, wish: &str) -> HookRow {
    HookRow {
        id: id.into(),
        room: to.clone(),
        bot: bot(wish).id,
        name: name(wish),
        signing: Signing("s".into()),
        created_at: start(),
    }
}

/// Members may not, moderators and the owner of the machine may; an address holds until it is rotated or deleted.
pub async fn webhooks_have_an_address_until_it_is_rotated(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let ops = make_room(&store, ana, "ops", RoomKind::Public).await;
    let made = store.create_hook(Some(bob), hook("h0", &ops, "no"), [0; 32], bot("no"), 2, start()).await;
    assert!(forbidden(made));
    for (actor, id, wish) in [(Some(ana), "h1", "ci"), (None, "h2", "alerts")] {
        let hash = [u8::try_from(wish.len()).unwrap(); 32];
        store.create_hook(actor, hook(id, &ops, wish), hash, bot(wish), 2, start()).await.unwrap();
    }
    assert!(forbidden(store.create_hook(None, hook("h3", &ops, "more"), [3; 32], bot("more"), 2, start()).await));
    let listed = store.hooks(None, &ops, start()).await.unwrap();
    assert_eq!(listed.iter().map(|h| h.id.as_str()).collect::<Vec<_>>(), ["h1", "h2"]);
    assert!(forbidden(store.hooks(Some(bob), &ops, start()).await));
    let found = store.hook("h1", [2; 32]).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.signing.0.as_str()), ("ci", "s"));
    let signing = Signing("new".into());
    assert!(forbidden(store.rotate_hook(Some(bob), &ops, "h1", [9; 32], signing.clone(), start()).await));
    assert_eq!(store.rotate_hook(Some(ana), &ops, "none", [9; 32], signing.clone(), start()).await.unwrap(), None);
    let rotated = store.rotate_hook(Some(ana), &ops, "h1", [9; 32], signing, start()).await.unwrap().unwrap();
    assert_eq!(rotated.signing.0, "new");
    assert_eq!(store.hook("h1", [2; 32]).await.unwrap(), None);
    assert_eq!(store.hook("h1", [9; 32]).await.unwrap(), Some(rotated));
    assert!(store.delete_hook(None, &ops, "h1", start()).await.unwrap());
    assert!(!store.delete_hook(None, &ops, "h1", start()).await.unwrap());
    assert_eq!(store.hook("h1", [9; 32]).await.unwrap(), None);
    let direct = store.ensure_direct(ana, bob, start()).await.unwrap().0.name;
    assert_eq!(
        refused(store.hooks(None, &direct, start()).await),
        Refusal::ROOM,
        "nobody looks into a conversation of two"
    );
}

fn outgoing(id: &str, to: &RoomName, events: &[Told]) -> NewOutgoing {
    NewOutgoing {
        id: id.into(),
        room: to.clone(),
        url: "https://bot.example/".into(),
        events: events.to_vec(),
        bots: false,
        signing: Signing("whsec_s".into()),
    }
}

async fn due(store: &Arc<dyn Store>) -> Vec<OutgoingRow> {
    store.due_outgoing(start(), 10).await.unwrap()
}

/// From where it was made on; a failure waits, a success goes on, disabled it rests, deleted it is gone.
pub async fn outgoing_webhooks_go_on_where_they_were(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let ops = make_room(&store, ana, "ops", RoomKind::Public).await;
    send(&store, ana, &ops, "a", "before").await;
    assert!(forbidden(store.create_outgoing(Some(bob), outgoing("o0", &ops, &Told::USUAL), 1, start()).await));
    assert!(!store.any_outgoing().await.unwrap());
    let made = store.create_outgoing(Some(ana), outgoing("o1", &ops, &Told::USUAL), 1, start()).await.unwrap();
    assert_eq!((made.seq, made.head, made.maker, &made.events[..]), (Seq(1), Seq(1), Some(ana), &Told::USUAL[..]));
    assert!(forbidden(store.create_outgoing(None, outgoing("o2", &ops, &Told::USUAL), 1, start()).await));
    assert!(store.any_outgoing().await.unwrap());
    assert_eq!(due(&store).await, []);
    send(&store, ana, &ops, "b", "after").await;
    let row = due(&store).await.remove(0);
    assert_eq!((row.seq, row.head, row.signing.0.as_str()), (Seq(1), Seq(2), "whsec_s"));
    let step = Step::Log { from: Seq(1), to: Seq(2) };
    let failed = Outcome::Failed { fault: "it answered 500".into(), next_at: later(1_000) };
    assert!(store.settle("o1", step.clone(), failed, later(1)).await.unwrap());
    assert_eq!(due(&store).await, []);
    let row = store.due_outgoing(later(1_000), 10).await.unwrap().remove(0);
    assert_eq!((row.attempts, row.failing_since, row.fault.as_deref()), (1, Some(later(1)), Some("it answered 500")));
    assert!(store.settle("o1", step.clone(), Outcome::Sent, later(2)).await.unwrap());
    assert!(!store.settle("o1", step, Outcome::Sent, later(2)).await.unwrap(), "it is done");
    let row = store.outgoing(Some(ana), &ops, start()).await.unwrap().remove(0);
    assert_eq!((row.seq, row.attempts, row.failing_since, row.fault), (Seq(2), 0, None, None));
    let rest = Step::Log { from: Seq(2), to: Seq(2) };
    assert!(store.settle("o1", rest.clone(), Outcome::Disabled { fault: "gone".into() }, later(3)).await.unwrap());
    assert!(!store.settle("o1", rest, Outcome::Disabled { fault: "gone".into() }, later(3)).await.unwrap());
    send(&store, ana, &ops, "c", "unheard").await;
    assert_eq!((due(&store).await.len(), store.any_outgoing().await.unwrap()), (0, false));
    assert_eq!(store.outgoing_by_id("o1").await.unwrap(), None);
    assert!(forbidden(store.enable_outgoing(Some(bob), &ops, "o1", start()).await));
    assert!(store.enable_outgoing(Some(ana), &ops, "o1", start()).await.unwrap());
    assert_eq!(due(&store).await[0].seq, Seq(2));
    assert!(store.rotate_outgoing(None, &ops, "o1", Signing("whsec_n".into()), start()).await.unwrap());
    assert_eq!(store.outgoing_by_id("o1").await.unwrap().unwrap().signing.0, "whsec_n");
    assert!(store.delete_outgoing(Some(ana), &ops, "o1", start()).await.unwrap());
    assert!(!store.delete_outgoing(Some(ana), &ops, "o1", start()).await.unwrap());
    assert!(!store.rotate_outgoing(None, &ops, "o1", Signing::default(), start()).await.unwrap());
    store.create_outgoing(None, outgoing("o3", &ops, &Told::USUAL), 1, start()).await.unwrap();
    send(&store, ana, &ops, "d", "late").await;
    store.delete_room(ana, &ops, start()).await.unwrap();
    assert_eq!((due(&store).await, store.outgoing_by_id("o3").await.unwrap()), (vec![], None));
}

/// No log tells who comes and goes; those webhooks that want it have a queue of it.
pub async fn who_came_and_went_is_queued(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let ops = make_room(&store, ana, "ops", RoomKind::Public).await;
    let both = [Told::MemberJoined, Told::MemberLeft];
    for (id, events) in [("o1", &both[..]), ("o2", &both[1..]), ("o3", &[Told::MessageCreated][..])] {
        store.create_outgoing(Some(ana), outgoing(id, &ops, events), 9, start()).await.unwrap();
    }
    store.join(bob, &ops, 200, start()).await.unwrap();
    store.leave(bob, &ops, start()).await.unwrap();
    let next = async |id: &str| store.next_move(id).await.unwrap();
    let first = next("o1").await.unwrap();
    assert_eq!((first.user.id, first.joined, first.at), (bob, true, start()));
    assert_eq!(due(&store).await.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ["o1", "o2"]);
    assert!(store.settle("o1", Step::Move(first.id), Outcome::Sent, start()).await.unwrap());
    assert!(!store.settle("o1", Step::Move(first.id), Outcome::Sent, start()).await.unwrap());
    let second = next("o1").await.unwrap();
    assert_eq!((second.user.id, second.joined), (bob, false));
    assert!(!next("o2").await.unwrap().joined);
    assert_eq!(next("o3").await, None);
    assert!(store.settle("o1", Step::Move(second.id), Outcome::Skipped, start()).await.unwrap());
    assert_eq!(next("o1").await, None);
}

/// What was given up keeps no text, and waits until somebody wants it sent again.
pub async fn what_was_given_up_is_kept_and_sent_again(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let ops = make_room(&store, ana, "ops", RoomKind::Public).await;
    store.create_outgoing(Some(ana), outgoing("o1", &ops, &Told::USUAL), 9, start()).await.unwrap();
    send(&store, ana, &ops, "a", "one").await;
    let letter = |delivery: &str, cause: Cause| DeadRow {
        delivery: delivery.into(),
        event: if matches!(cause, Cause::Entry(_)) { Told::MessageCreated } else { Told::MemberJoined },
        cause,
        at: start(),
        attempts: 12,
        fault: "it answered 500".into(),
        again: false,
    };
    let step = Step::Log { from: Seq(0), to: Seq(1) };
    let up = |d: DeadRow| Outcome::GivenUp { letter: Box::new(d), next_at: later(9) };
    assert!(store.settle("o1", step.clone(), up(letter("d1", Cause::Entry(Seq(1)))), later(1)).await.unwrap());
    assert!(!store.settle("o1", step, up(letter("d1", Cause::Entry(Seq(1)))), later(1)).await.unwrap());
    send(&store, ana, &ops, "b", "two").await;
    let step = Step::Log { from: Seq(1), to: Seq(2) };
    assert!(store.settle("o1", step, up(letter("d2", Cause::Move(bob, true))), later(2)).await.unwrap());
    let dead = store.dead_letters(Some(ana), &ops, "o1", start()).await.unwrap().unwrap();
    assert_eq!(dead, [letter("d2", Cause::Move(bob, true)), letter("d1", Cause::Entry(Seq(1)))]);
    assert!(forbidden(store.dead_letters(Some(bob), &ops, "o1", start()).await));
    assert_eq!(store.dead_letters(None, &ops, "none", start()).await.unwrap(), None);
    let row = store.outgoing(None, &ops, start()).await.unwrap().remove(0);
    assert_eq!((row.dead, row.seq, row.attempts, row.next_at), (2, Seq(2), 0, later(9)));
    assert_eq!(store.resend(None, &ops, "none", None, start()).await.unwrap(), None);
    assert_eq!(store.resend(None, &ops, "o1", Some("none".into()), start()).await.unwrap(), Some(0));
    assert_eq!(store.resend(Some(ana), &ops, "o1", Some("d1".into()), start()).await.unwrap(), Some(1));
    assert_eq!(store.next_again("o1").await.unwrap().unwrap().delivery, "d1");
    let again = Step::Again("d1".into());
    let failed = Outcome::Failed { fault: "still".into(), next_at: start() };
    assert!(store.settle("o1", again.clone(), failed, start()).await.unwrap());
    assert_eq!(store.next_again("o1").await.unwrap(), None);
    assert_eq!(store.resend(Some(ana), &ops, "o1", None, start()).await.unwrap(), Some(2));
    let dead = store.next_again("o1").await.unwrap().unwrap();
    assert_eq!((dead.attempts, dead.fault.as_str()), (13, "still"));
    assert!(store.settle("o1", again, Outcome::Sent, start()).await.unwrap());
    assert_eq!(store.next_again("o1").await.unwrap().unwrap().delivery, "d2");
    store.delete_outgoing(None, &ops, "o1", start()).await.unwrap();
    assert_eq!(store.next_again("o1").await.unwrap(), None);
}

/// With a user go the webhooks it made, and what waits in others' about it; its texts go from what others are still to
/// be told.
pub async fn an_erased_users_outgoing_webhooks_go(store: Arc<dyn Store>) {
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let ops = make_room(&store, bob, "ops", RoomKind::Public).await;
    let all = [Told::MessageCreated, Told::MessageDeleted, Told::MemberJoined];
    store.create_outgoing(Some(bob), outgoing("bobs", &ops, &all), 9, start()).await.unwrap();
    let mine = make_room(&store, ana, "mine", RoomKind::Public).await;
    store.create_outgoing(Some(ana), outgoing("anas", &mine, &all), 9, start()).await.unwrap();
    store.join(ana, &ops, 200, start()).await.unwrap();
    store.join(bob, &mine, 200, start()).await.unwrap();
    send(&store, ana, &ops, "a", "for the receiver alone").await;
    send(&store, bob, &ops, "b", "stays").await;
    let letter = DeadRow {
        delivery: "d1".into(),
        event: Told::MemberJoined,
        cause: Cause::Move(ana, true),
        at: start(),
        attempts: 12,
        fault: "it answered 500".into(),
        again: true,
    };
    let moved = store.next_move("bobs").await.unwrap().unwrap();
    let up = Outcome::GivenUp { letter: Box::new(letter), next_at: start() };
    assert!(store.settle("bobs", Step::Move(moved.id), up, start()).await.unwrap());
    store.leave(ana, &ops, start()).await.unwrap();
    store.join(ana, &ops, 200, start()).await.unwrap();
    assert_eq!(store.next_move("bobs").await.unwrap().unwrap().user.id, ana);

    store.erase_user(None, ana, true, start()).await.unwrap();
    assert_eq!(store.outgoing_by_id("anas").await.unwrap(), None);
    assert_eq!(store.next_move("anas").await.unwrap(), None, "with all that waited for it");
    assert_eq!(store.next_move("bobs").await.unwrap(), None);
    assert_eq!(store.dead_letters(Some(bob), &ops, "bobs", start()).await.unwrap(), Some(vec![]));
    while store.blank_next(0, start()).await.unwrap().is_some() {}
    let row = store.outgoing_by_id("bobs").await.unwrap().unwrap();
    assert_eq!(row.seq, Seq(0), "it has been told nothing yet");
    let waiting = store.entries(row.room_id, row.seq, 100).await.unwrap();
    let said: Vec<_> = waiting
        .iter()
        .filter_map(|e| match &e.body {
            EntryBody::Created { text, .. } => Some((e.from.name.as_str(), text.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(said, [("erased", None), ("bob", Some("stays"))]);
    assert_eq!(store.outgoing_waiting().await.unwrap(), row.head.0, "each entry, wanted or not");
}
