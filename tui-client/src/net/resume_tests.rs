//! Whatever order entries and answers come in: told once, in order, nothing between left out.

use chat_common::event::EntryBody;
use chat_common::model::{User, UserKind};
use chat_common::{ClientId, UserId, UserName};
use proptest::prelude::*;

use super::*;

fn room() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn entry(seq: u64) -> Entry {
    Entry {
        room: room(),
        seq: Seq(seq),
        at: Timestamp::from_millis(1_000_000 + i64::try_from(seq).unwrap_or(i64::MAX - 2_000_000)),
        from: User {
            id: UserId::from_bits(1),
            name: UserName::parse("ana").unwrap(),
            display_name: String::new(),
            kind: UserKind::User,
        },
        body: EntryBody::Created {
            text: Some(seq.to_string()),
            client_id: ClientId::parse("k").unwrap(),
            reply_to: None,
            mentions: vec![],
            superseded_by: None,
        },
    }
}

fn epoch(n: &str) -> Epoch {
    Epoch(n.to_owned())
}

fn at(seq: u64) -> Option<Position> {
    Some(Position { epoch: epoch("e"), seq: Seq(seq), at: None })
}

fn page(from: u64, to: u64, head: u64) -> Sync {
    Sync {
        epoch: epoch("e"),
        first: Seq(1),
        head: Seq(head),
        reset: false,
        entries: Some((from..=to).map(entry).collect()),
        messages: None,
        next: (to < head).then_some(Seq(to)),
    }
}

fn reset(e: &str, first: u64, head: u64) -> Sync {
    Sync {
        epoch: epoch(e),
        first: Seq(first),
        head: Seq(head),
        reset: true,
        entries: None,
        messages: Some(vec![]),
        next: None,
    }
}

fn told(out: &[Out]) -> Vec<u64> {
    out.iter().filter_map(|o| if let Out::Entry(e) = o { Some(e.seq.0) } else { None }).collect()
}

fn asked(out: &[Out]) -> Vec<u64> {
    out.iter().filter_map(|o| if let Out::Ask { after, .. } = o { Some(after.0) } else { None }).collect()
}

const T: Duration = Duration::ZERO;

#[test]
fn a_hole_is_asked_for_once_and_filled_in_order() {
    let mut log = Log::new(room(), false, None);
    let mut out = vec![];
    log.sync(reset("e", 1, 3), T, &mut out);
    for seq in [4, 7, 6, 7, 9] {
        log.entry(entry(seq), &mut out);
    }
    assert_eq!((told(&out), asked(&out)), (vec![4], vec![4]));
    out.clear();
    log.sync(page(5, 8, 9), T, &mut out);
    assert_eq!((told(&out), asked(&out)), (vec![5, 6, 7, 8, 9], vec![]));
    assert_eq!(out.last(), Some(&Out::Repairing(false)));
}

#[test]
fn entries_before_the_answer_to_a_join_are_held() {
    let mut log = Log::new(room(), false, None);
    let mut out = vec![];
    log.entry(entry(6), &mut out);
    log.entry(entry(5), &mut out);
    assert!(out.is_empty());
    log.sync(reset("e", 1, 4), T, &mut out);
    assert!(matches!(out[0], Out::Reset { head: Seq(4), .. }));
    assert_eq!(told(&out), vec![5, 6]);
}

#[test]
fn a_lost_tail_shows_by_the_head() {
    let mut log = Log::new(room(), false, at(4));
    let mut out = vec![];
    log.sync(page(5, 4, 4), T, &mut out);
    log.head(Seq(4), &mut out);
    assert!(out.is_empty());
    log.head(Seq(6), &mut out);
    assert_eq!(asked(&out), vec![4]);
    log.sync(page(5, 6, 6), T, &mut out);
    assert_eq!(told(&out), vec![5, 6]);
}

#[test]
fn a_follower_hears_of_a_trimmed_log_and_of_another_store() {
    let mut log = Log::new(room(), true, at(4));
    let mut out = vec![];
    log.sync(reset("e", 10, 12), T, &mut out);
    assert_eq!(out[0], Out::Gap { after: Seq(4), next: Seq(10), epoch_changed: false });
    assert_eq!(asked(&out), vec![9]);
    out.clear();
    log.sync(page(10, 12, 12), T, &mut out);
    assert_eq!(told(&out), vec![10, 11, 12]);
    out.clear();
    log.disconnected();
    // A restored store: 1..=13 again, of which 13 alone is younger than what was told.
    log.sync(reset("f", 1, 13), T, &mut out);
    assert_eq!(out[0], Out::Gap { after: Seq(12), next: Seq(1), epoch_changed: true });
    let again = Sync { epoch: epoch("f"), ..page(1, 13, 13) };
    log.sync(again, T, &mut out);
    assert_eq!(told(&out), vec![13]);
}

#[test]
fn a_follower_asks_for_all_when_too_much_is_missing() {
    let mut log = Log::new(room(), true, at(4));
    let mut out = vec![];
    log.sync(reset("e", 1, 5_000), T, &mut out);
    assert!(out.contains(&Out::Repairing(true)));
    assert_eq!(out.iter().filter(|o| matches!(o, Out::Ask { full: true, .. })).count(), 1);
}

#[test]
fn a_lying_server_is_asked_a_bounded_number_of_times() {
    let mut log = Log::new(room(), false, at(4));
    let mut out = vec![];
    log.sync(page(5, 4, 4), T, &mut out);
    log.head(Seq(1 << 63), &mut out);
    let mut questions = 0;
    for minute in 1..100 {
        questions += asked(&out).len();
        if !asked(&out).is_empty() {
            out.clear();
            log.sync(page(5, 4, 1 << 63), Duration::from_secs(60 * minute), &mut out);
        } else {
            out.clear();
        }
        log.tick(Duration::from_secs(60 * minute + 59), &mut out);
    }
    assert!(questions <= 6, "{questions}");
    for seq in 0..5_000u64 {
        log.entry(entry(u64::MAX - seq), &mut out);
    }
    assert!(log.held.len() <= HELD);
}

proptest! {
    /// An honest server behind a network that loses, repeats and reorders: everything is told once and in order.
    #[test]
    fn any_delivery_ends_whole(order in proptest::collection::vec((1u64..40, any::<bool>()), 0..120), cut in 0usize..120) {
        let mut log = Log::new(room(), false, at(0));
        let (mut out, mut told_all, mut head) = (vec![], vec![], 0u64);
        log.sync(page(1, 0, 0), T, &mut out);
        for (i, (seq, lost)) in order.iter().enumerate() {
            head = head.max(*seq);
            if i == cut {
                log.disconnected();
                let last = log.at().unwrap().1.0;
                log.sync(page(last + 1, head, head), T, &mut out);
            }
            if !lost {
                log.entry(entry(*seq), &mut out);
            }
            let questions = asked(&out);
            prop_assert!(questions.len() <= 1);
            told_all.extend(told(&out));
            out.clear();
            for after in questions {
                // Two pages at most at once, to see paging.
                log.sync(page(after + 1, (after + 7).min(head), head), T, &mut out);
            }
        }
        log.head(Seq(head), &mut out);
        for _ in 0..40 {
            let questions = asked(&out);
            told_all.extend(told(&out));
            out.clear();
            for after in questions {
                log.sync(page(after + 1, (after + 7).min(head), head), T, &mut out);
            }
        }
        prop_assert_eq!(told_all, (1..=head).collect::<Vec<_>>());
    }
}
