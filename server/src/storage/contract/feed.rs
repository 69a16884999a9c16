//! The feed for other systems: its place in each room, what it never gets.

use chat_common::Seq;

use super::*;
use crate::storage::{FeedRoom, RoomId};

async fn pending(store: &Arc<dyn Store>) -> Vec<FeedRoom> {
    store.feed_pending(RoomId(0), 100).await.unwrap()
}

async fn turn(store: &Arc<dyn Store>, owner: UserId, name: &RoomName, kind: RoomKind) {
    store.update_room(owner, name, None, Some(kind), start()).await.unwrap();
}

/// Everything of a public room is pending until the feed has moved behind it.
pub async fn the_feed_goes_on_where_it_was(store: Arc<dyn Store>) {
    let ana = user(&store, "ana").await;
    let one = make_room(&store, ana, "one", RoomKind::Public).await;
    let two = make_room(&store, ana, "two", RoomKind::Public).await;
    assert_eq!((pending(&store).await, store.feed_lag().await.unwrap()), (vec![], 0));
    let first = send(&store, ana, &one, "a", "first").await.room.id;
    send(&store, ana, &one, "b", "second").await;
    let second = send(&store, ana, &two, "c", "third").await.room.id;
    let row = |room, fed, head| FeedRoom { room, fed: Seq(fed), head: Seq(head) };
    assert_eq!(pending(&store).await, [row(first, 0, 2), row(second, 0, 1)]);
    assert_eq!(store.feed_pending(first, 100).await.unwrap(), [row(second, 0, 1)]);
    assert_eq!(store.feed_pending(RoomId(0), 1).await.unwrap().len(), 1);
    assert_eq!(store.feed_lag().await.unwrap(), 3);
    assert!(store.feed_holds(first, Seq(0)).await.unwrap());
    assert!(store.feed_advance(first, Seq(0), Seq(1)).await.unwrap());
    assert!(!store.feed_advance(first, Seq(0), Seq(1)).await.unwrap(), "it is not there any more");
    assert!(!store.feed_holds(first, Seq(0)).await.unwrap());
    assert_eq!(pending(&store).await[0], row(first, 1, 2));
    assert!(store.feed_advance(first, Seq(1), Seq(2)).await.unwrap());
    assert_eq!((pending(&store).await, store.feed_lag().await.unwrap()), (vec![row(second, 0, 1)], 1));
    store.delete_room(ana, &two, start()).await.unwrap();
    assert_eq!(pending(&store).await, []);
    assert!(!store.feed_holds(second, Seq(0)).await.unwrap());
    assert!(!store.feed_advance(second, Seq(0), Seq(1)).await.unwrap());
}

/// What was written while a room was private is never pending, even when it has become public since.
pub async fn the_feed_skips_what_was_private(store: Arc<dyn Store>) {
    let ana = user(&store, "ana").await;
    let born = make_room(&store, ana, "born", RoomKind::Private).await;
    send(&store, ana, &born, "a", "secret").await;
    assert_eq!(pending(&store).await, []);
    turn(&store, ana, &born, RoomKind::Public).await;
    let found = pending(&store).await[0];
    assert!(found.fed >= Seq(1), "{found:?}");
    let room = found.room;
    let seq = send(&store, ana, &born, "b", "for everyone").await.seq;
    assert_eq!(pending(&store).await[0].head, seq);
    // The feed is behind when the room closes: what it has not got it does not get; not later either.
    let fed = pending(&store).await[0].fed;
    turn(&store, ana, &born, RoomKind::Private).await;
    assert_eq!(pending(&store).await, []);
    assert!(!store.feed_holds(room, fed).await.unwrap());
    let secret = send(&store, ana, &born, "c", "secret again").await.seq;
    turn(&store, ana, &born, RoomKind::Public).await;
    assert!(!store.feed_holds(room, fed).await.unwrap(), "what was read meanwhile must not be told");
    assert!(!store.feed_advance(room, fed, seq).await.unwrap());
    assert!(pending(&store).await.iter().all(|p| p.fed >= secret), "{:?}", pending(&store).await);
    // A new topic is no new kind.
    let fed = send(&store, ana, &born, "d", "public").await.seq.prev();
    store.update_room(ana, &born, Some("a topic".into()), None, start()).await.unwrap();
    assert!(pending(&store).await[0].fed <= fed);
}
