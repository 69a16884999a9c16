//! Searches and cursors, against a real store with a few messages in it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chat_common::event::history::Has;
use chat_common::model::{Message, RoomKind};
use chat_common::text::fold;
use chat_common::{ClientId, Clock, RoomName, SystemClock, Timestamp, UserId, UserName};
use chat_server::service::search::words;
use chat_server::storage::sqlite::{SqliteOptions, SqliteStore};
use chat_server::storage::{Append, NewUser, SearchQuery, Store, StoreError};

/// What is searched: words of several scripts, operators of the index's language, quotes, wildcards.
const TEXTS: &[&str] = &[
    "hello world",
    "Điện thoại của tôi",
    "日本語のテキスト 開会了",
    "NOT AND OR NEAR(\"a b\", 3) col:text ^start pre*",
    "it's \"quoted\" and 'single' -- comment; DROP TABLE messages",
    "100% _under_ \\back\\slash {brace} [x] (y)",
    "see https://example.org/a?b=c&d=%20",
    "emoji 👍🏽 👨‍👩‍👧 flags 🇻🇳",
    "aaa aaaa aaaaa",
    "ß ﬁ Å I İ ı",
];

struct Place {
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
    asker: UserId,
    // Removed with the process, however it ends, by the system's care for its folder of temporary files.
    _folder: tempfile::TempDir,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (store, asker) = runtime.block_on(fill(&folder));
    Place { runtime, store, asker, _folder: folder }
});

async fn fill(folder: &tempfile::TempDir) -> (Arc<dyn Store>, UserId) {
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("chat.db")), Arc::new(SystemClock)).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let asker = UserId::from_bits(7);
    for (bits, name) in [(7, "ana"), (8, "bob"), (9, "eve")] {
        let new = NewUser::plain(UserId::from_bits(bits), UserName::parse(name).unwrap(), SystemClock.now());
        store.create_user(new).await.unwrap();
    }
    let ops = RoomName::parse("ops").unwrap();
    store.create_room(asker, ops, RoomKind::Public, String::new(), 200, SystemClock.now()).await.unwrap();
    for (i, text) in TEXTS.iter().enumerate() {
        let append = Append {
            sender: asker,
            room: RoomName::parse(if i % 2 == 0 { "lobby" } else { "ops" }).unwrap(),
            text: (*text).to_owned(),
            client_id: ClientId::parse(&format!("k{i}")).unwrap(),
            reply_to: None,
            mentions: Vec::new(),
            max_rooms: 200,
            at: SystemClock.now(),
        };
        store.append(append).await.unwrap();
    }
    // The index follows behind the sending; its last word says that all are in it.
    let until = Instant::now() + Duration::from_secs(20);
    while store
        .search(SearchQuery { words: vec!["hello".into()], ..anything(asker) })
        .await
        .unwrap()
        .messages
        .is_empty()
        || store
            .search(SearchQuery { words: vec!["aaaaa".into()], ..anything(asker) })
            .await
            .unwrap()
            .messages
            .is_empty()
    {
        assert!(Instant::now() < until, "the index does not follow");
        tokio::task::yield_now().await;
    }
    (store, asker)
}

fn anything(asker: UserId) -> SearchQuery {
    SearchQuery {
        asker,
        words: Vec::new(),
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

fn texts_of(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(|m| m.text.as_deref()).collect()
}

/// The first byte holds filters, the rest is looked for. Exactly the texts that hold all words are found.
pub(crate) fn search(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Ok(words) = words(text) else { return };
    let place = &*PLACE;
    let query = SearchQuery {
        words: words.clone(),
        has: (first & 1 != 0).then_some(Has::Link),
        from: (first & 2 != 0).then_some(place.asker),
        since: (first & 4 != 0).then_some(Timestamp::from_millis(i64::MIN)),
        until: (first & 8 != 0).then_some(Timestamp::from_millis(i64::MAX)),
        limit: if first & 16 != 0 { 0 } else { 50 },
        ..anything(place.asker)
    };
    let link = query.has.is_some();
    let few = query.limit == 0;
    let found = place.runtime.block_on(place.store.search(query)).expect("every text can be looked for");
    let wanted: Vec<&str> = TEXTS
        .iter()
        .rev()
        .copied()
        .filter(|t| words.iter().all(|w| fold(t).contains(w.as_str())) && (!link || t.contains("https://")))
        .take(if few { 1 } else { TEXTS.len() })
        .collect();
    assert_eq!(texts_of(&found.messages), wanted, "{words:?}");
}

/// Any text as a cursor of every list: refused as `after`, or a page that ends.
pub(crate) fn cursors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let place = &*PLACE;
    place.runtime.block_on(async {
        let (store, asker) = (&place.store, place.asker);
        let mut after = Some(text.to_owned());
        let mut newest = None;
        // Ten messages, one a page, and the page behind the last.
        for _ in 0..=TEXTS.len() {
            let page = SearchQuery { after: after.take(), limit: 1, ..anything(asker) };
            match store.search(page).await {
                Ok(page) => {
                    for message in &page.messages {
                        assert!(newest.is_none_or(|n| message.at <= n), "a page goes back in time");
                        newest = Some(message.at);
                    }
                    after = page.next;
                }
                Err(StoreError::Refused(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
            if after.is_none() {
                break;
            }
        }
        assert!(after.is_none(), "the search does not end");
        if let Ok(name) = text.parse::<RoomName>() {
            let rooms = store.list_rooms(asker, None, Some(name.clone()), 50, SystemClock.now()).await.unwrap();
            assert!(rooms.iter().all(|r| r.access.room.name > name), "a list begins behind its cursor");
        }
        if let Ok(name) = text.parse::<UserName>() {
            let users = store.list_users(None, Some(name.clone()), 50).await.unwrap();
            assert!(users.len() <= 3);
        }
        if let Ok(line) = text.parse::<i64>() {
            store.audit(Some(line), 50).await.unwrap();
            store.authority_since(Some(line)).await.unwrap();
        }
    });
}
