//! Finding messages by their text.

use std::sync::Arc;

use chat_common::event::history::Has;
use chat_common::model::RoomKind;
use chat_common::text::fold;
use chat_common::{Seq, UserId};

use super::*;
use crate::storage::{SearchPage, SearchQuery};

/// A search for words alone.
pub fn words(asker: UserId, words: &[&str]) -> SearchQuery {
    SearchQuery {
        asker,
        words: words.iter().map(|word| fold(word)).collect(),
        room: None,
        only: None,
        from: None,
        since: None,
        until: None,
        has: None,
        mention: false,
        after: None,
        limit: 50,
    }
}

fn seqs(page: &SearchPage) -> Vec<u64> {
    page.messages.iter().map(|message| message.seq.0).collect()
}

/// Vietnamese, Chinese, Japanese, case, accents, parts of words, quotes.
pub async fn search_finds_what_people_write(store: Arc<dyn Store>) {
    let lobby = room("lobby");
    let ana = user(&store, "ana").await;
    let texts = [
        "Điện thoại của tôi hỏng rồi",
        "明天下午三点开会",
        "東京タワーで会いましょう",
        "The QUICK brown fox",
        "He said \"don't\" AND left",
        "100% of a_b",
    ];
    for (i, body) in texts.iter().enumerate() {
        send(&store, ana, &lobby, &format!("k{i}"), body).await;
    }
    store.search_caught_up().await.unwrap();
    let find = async |given: &[&str]| seqs(&store.search(words(ana, given)).await.unwrap());
    assert_eq!(find(&["dien thoai"]).await, [1]);
    assert_eq!(find(&["Thoại", "HỎNG"]).await, [1]);
    assert_eq!(find(&["下午三点"]).await, [2]);
    assert_eq!(find(&["开会"]).await, [2], "two characters are fewer than the index knows");
    assert_eq!(find(&["会"]).await, [3, 2]);
    assert_eq!(find(&["タワー"]).await, [3]);
    assert_eq!(find(&["uic"]).await, [4]);
    assert_eq!(find(&["quick", "he"]).await, [4]);
    assert_eq!(find(&["\"don't\""]).await, [5]);
    assert_eq!(find(&["0% o"]).await, [6]);
    assert_eq!(find(&["a_b"]).await, [6]);
    assert!(find(&["a?b"]).await.is_empty());
    assert!(find(&["quick", "left"]).await.is_empty());
}

/// Only what one may read, and every filter.
pub async fn search_keeps_to_its_filters(store: Arc<dyn Store>) {
    let (lobby, ana, bob) = (room("lobby"), user(&store, "ana").await, user(&store, "bob").await);
    let den = make_room(&store, ana, "den", RoomKind::Private).await;
    store.join(bob, &lobby, 200, start()).await.unwrap();
    send(&store, ana, &lobby, "1", "apple one").await;
    send(&store, bob, &lobby, "2", "apple https://example.org").await;
    let late = Append { at: later(5_000), ..text(ana, &lobby, "3", "apple for @bob") };
    store.append(late).await.unwrap();
    send(&store, ana, &den, "1", "apple in the den").await;
    store.search_caught_up().await.unwrap();
    let lobby_id = store.access(ana, &lobby, start()).await.unwrap().unwrap().room.id;
    let find = async |query: SearchQuery| seqs(&store.search(query).await.unwrap());
    let by = |asker| words(asker, &["apple"]);
    assert_eq!(find(by(ana)).await, [1, 3, 2, 1]);
    assert_eq!(find(by(bob)).await, [3, 2, 1], "a stranger's private room is not searched");
    assert_eq!(find(SearchQuery { room: Some(lobby_id), ..by(ana) }).await, [3, 2, 1]);
    assert_eq!(find(SearchQuery { only: Some(vec![den.clone()]), ..by(ana) }).await, [1]);
    assert_eq!(find(SearchQuery { only: Some(vec![den]), ..by(bob) }).await, Vec::<u64>::new());
    assert_eq!(find(SearchQuery { from: Some(bob), ..by(ana) }).await, [2]);
    assert_eq!(find(SearchQuery { since: Some(later(5_000)), room: Some(lobby_id), ..by(ana) }).await, [3]);
    assert_eq!(find(SearchQuery { until: Some(later(5_000)), room: Some(lobby_id), ..by(ana) }).await, [2, 1]);
    assert_eq!(find(SearchQuery { has: Some(Has::Link), ..words(ana, &[]) }).await, [2]);
    assert_eq!(find(SearchQuery { mention: true, ..words(bob, &[]) }).await, [3]);
    assert_eq!(find(SearchQuery { room: Some(lobby_id), ..words(ana, &[]) }).await, [3, 2, 1]);
    let nonsense = store.search(SearchQuery { after: Some("x".into()), ..by(ana) }).await;
    assert!(matches!(refused(nonsense), Refusal::Invalid { field: "after", .. }));
    store
        .moderate(admin(&store, "root").await, &lobby, bob, Moderation::Ban { until: None }, None, start())
        .await
        .unwrap();
    assert_eq!(find(by(bob)).await, Vec::<u64>::new(), "a room that bans one is not searched");
}

/// Pages lead through everything once, with and without the index, in one room and in all.
pub async fn search_turns_pages(store: Arc<dyn Store>) {
    let (lobby, ana) = (room("lobby"), user(&store, "ana").await);
    let den = make_room(&store, ana, "den", RoomKind::Private).await;
    for i in 0..60 {
        send(&store, ana, if i % 3 == 0 { &den } else { &lobby }, &format!("k{i}"), "needle no").await;
    }
    store.search_caught_up().await.unwrap();
    let lobby_id = store.access(ana, &lobby, start()).await.unwrap().unwrap().room.id;
    for (word, within, all) in
        [("needle", None, 60), ("no", None, 60), ("needle", Some(lobby_id), 40), ("no", Some(lobby_id), 40)]
    {
        let (mut after, mut seen) = (None, std::collections::HashSet::new());
        loop {
            let query = SearchQuery { after, limit: 7, room: within, ..words(ana, &[word]) };
            let page = store.search(query).await.unwrap();
            for message in &page.messages {
                assert!(seen.insert((message.room.clone(), message.seq)), "{word} twice");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), all, "{word} {within:?}");
    }
}

/// What was edited away or deleted is found no more, whether the index had seen it or not.
pub async fn search_forgets(store: Arc<dyn Store>) {
    let (lobby, ana) = (room("lobby"), user(&store, "ana").await);
    for i in 0..4 {
        send(&store, ana, &lobby, &format!("k{i}"), &format!("secret number {i}")).await;
        if i == 1 {
            store.search_caught_up().await.unwrap();
        }
    }
    for seq in [1, 3] {
        store.edit(ana, &lobby, Seq(seq), "harmless".into(), vec![], start()).await.unwrap();
    }
    for seq in [2, 4] {
        store.delete(ana, &lobby, Seq(seq), start()).await.unwrap();
    }
    store.search_caught_up().await.unwrap();
    let find = async |word| seqs(&store.search(words(ana, &[word])).await.unwrap());
    assert!(find("secret").await.is_empty());
    assert!(find("se").await.is_empty() && find("number").await.is_empty());
    assert_eq!(find("harmless").await, [3, 1]);
}
