//! The file on disk, also with several programs on it.

use chat_common::{Epoch, ErrorBody, ErrorCode, RoomName, Timestamp};

use super::*;

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs(s))
}

fn message(key: &str) -> Outgoing {
    Outgoing {
        room: RoomRef::parse("lobby").unwrap(),
        text: format!("text of {key}"),
        client_id: ClientId::parse(key).unwrap(),
        reply_to: Some(Seq(3)),
    }
}

fn keys(rows: &[OutboxRow]) -> Vec<&str> {
    rows.iter().map(|r| r.message.client_id.as_str()).collect()
}

struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self, owner: &str) -> Cache {
        Cache::open(&self.folder.path().join("below/state.sqlite3"), owner).unwrap()
    }
}

#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::new();
    let cache = file.open("a");
    cache.push(&message("k"), at(0), true).unwrap();
    for entry in std::fs::read_dir(file.folder.path().join("below")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_message_outlives_the_program_in_order_and_whole() {
    let file = File::new();
    {
        let cache = file.open("a");
        for key in ["k1", "k2", "k3"] {
            assert!(cache.push(&message(key), at(0), true).unwrap().is_some());
        }
        cache.remove(2).unwrap();
        let error = ErrorBody::new(ErrorCode::Muted, "no");
        cache.mark(3, &RowState::Refused(error), at(1)).unwrap();
    }
    let cache = file.open("a");
    let rows = cache.outbox().unwrap();
    assert_eq!(keys(&rows), vec!["k1", "k3"]);
    assert_eq!(rows[0].message, message("k1"));
    assert!(matches!(&rows[1].state, RowState::Refused(e) if e.code == ErrorCode::Muted));
}

#[test]
fn two_programs_never_hold_the_same_message() {
    let file = File::new();
    let (one, two) = (file.open("a"), file.open("a"));
    one.push(&message("mine"), at(0), true).unwrap();
    one.push(&message("anyones"), at(0), false).unwrap();
    assert_eq!(keys(&two.claim(at(1)).unwrap()), vec!["anyones"]);
    assert_eq!(one.claim(at(2)).unwrap(), vec![]);
    // The first one renews by claiming, the second one dies: its leases end.
    assert!(!one.claimable(at(30)).unwrap());
    one.claim(at(30)).unwrap();
    assert_eq!(keys(&one.claim(at(32)).unwrap()), vec!["anyones"]);
    one.release().unwrap();
    assert_eq!(keys(&two.claim(at(33)).unwrap()), vec!["mine", "anyones"]);
}

#[test]
fn many_programs_claim_at_once() {
    let file = File::new();
    let first = file.open("a");
    for n in 0..40 {
        first.push(&message(&format!("k{n}")), at(0), false).unwrap();
    }
    let path = file.folder.path().join("below/state.sqlite3");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let cache = Cache::open(&path, "a").unwrap();
            std::thread::spawn(move || cache.claim(at(1)).unwrap().len())
        })
        .collect();
    let claimed: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(claimed, 40);
}

#[test]
fn the_same_key_is_kept_once_and_the_first_text_stays() {
    let cache = Cache::in_memory("a").unwrap();
    let first = cache.push(&message("k"), at(0), true).unwrap().unwrap();
    let again = Outgoing { text: "another".to_owned(), ..message("k") };
    assert_eq!(cache.push(&again, at(1), true).unwrap().unwrap(), first);
}

#[test]
fn owners_are_kept_apart_and_a_provisional_one_is_adopted() {
    let file = File::new();
    let user = chat_common::UserId::from_bits(9);
    let cache = file.open(&Cache::provisional("http://h", "default"));
    cache.push(&message("k"), at(0), true).unwrap();
    let lobby = RoomRef::parse("lobby").unwrap();
    cache.save_draft(&lobby, "half a thou").unwrap();
    cache.identify(&Cache::owner("http://h", user)).unwrap();
    assert_eq!(keys(&cache.outbox().unwrap()), vec!["k"]);
    assert_eq!(cache.drafts().unwrap(), [(lobby, "half a thou".to_owned())]);
    cache.identify("somebody else").unwrap();
    assert!(cache.outbox().unwrap().is_empty());
    assert_eq!(cache.drafts().unwrap(), []);
    let again = file.open(&Cache::owner("http://h", user));
    assert_eq!(keys(&again.outbox().unwrap()), vec!["k"]);
}

#[test]
fn views_and_drafts_come_back() {
    let cache = Cache::in_memory("a").unwrap();
    let room = RoomName::parse("lobby").unwrap();
    assert_eq!(cache.load_view(&room).unwrap(), None);
    let view = View {
        room: room.clone(),
        summary: None,
        epoch: Epoch("e".to_owned()),
        first: Seq(1),
        head: Seq(u64::MAX),
        messages: vec![],
    };
    cache.save_view(&view).unwrap();
    let back = cache.load_view(&room).unwrap().unwrap();
    assert_eq!((back.first, back.head.0), (Seq(1), u64::MAX >> 1));
    cache.forget_view(&room).unwrap();
    assert_eq!(cache.load_view(&room).unwrap(), None);
    let room = RoomRef::parse("@bob").unwrap();
    cache.save_draft(&room, "x").unwrap();
    cache.save_draft(&room, "").unwrap();
    assert_eq!(cache.drafts().unwrap(), []);
    cache.save_draft(&room, "y").unwrap();
    assert_eq!(cache.drafts().unwrap(), [(room, "y".to_owned())]);
}

#[test]
fn the_views_of_an_earlier_version_are_kept() {
    let file = File::new();
    let path = file.folder.path().join("state.sqlite3");
    {
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(schema::STEPS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO view VALUES ('a', 'lobby', NULL, 'e', 1, 7, '[]', 5), ('b', 'ops', NULL, 'f', 2, 8, '[]', 6);
             PRAGMA user_version = 1;",
        )
        .unwrap();
    }
    let cache = Cache::open(&path, "b").unwrap();
    let room = RoomName::parse("ops").unwrap();
    let view = cache.load_view(&room).unwrap().unwrap();
    assert_eq!((view.epoch.0.as_str(), view.head), ("f", Seq(8)));
    assert_eq!(cache.load_view(&RoomName::parse("lobby").unwrap()).unwrap(), None, "another owner's");
    // What belongs to a view goes with it.
    cache.forget_view(&room).unwrap();
    let pages: i64 = cache.lock().db.query_row("SELECT count(*) FROM page", [], |r| r.get(0)).unwrap();
    assert_eq!(pages, 1);
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let file = File::new();
    drop(file.open("a"));
    let path = file.folder.path().join("below/state.sqlite3");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Cache::open(&path, "a"), Err(CacheError::Later(99))));
}
