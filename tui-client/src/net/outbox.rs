//! What of the outbox may go out now: in order within a room, one at a time, the first key for ever.
//!
//! The rows are on disk (`cache`); this decides. One message of a room is on its way at a time, since a second one
//! could overtake it when the first is put off; rooms do not wait for each other. A message that is older than ten
//! minutes when its turn comes is put aside and asked about: it may no longer be meant. Its successors go on.

use std::time::Duration;

use chat_common::event::message::SendReply;
use chat_common::{ClientId, ErrorBody, ErrorCode, RoomRef, Timestamp};

use super::state::Now;
use super::{OutboxState, Outgoing};
use crate::cache::{OutboxRow, RowState};

/// Beyond this age a message is not sent unasked.
pub const STALE: Duration = Duration::from_secs(600);
/// Messages on their way at once, over all rooms.
const ABREAST: usize = 8;
/// The longest wait that a server can impose.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Waiting,
    Sending,
    Stale,
    Refused,
}

#[derive(Clone, Debug)]
struct Item {
    row: OutboxRow,
    status: Status,
    failures: u32,
    /// It was on the wire before, outcome unknown: it is settled rather than asked about.
    tried: bool,
    not_before: Duration,
}

/// A change that is to be told, and what it means for the disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its row.
    pub position: i64,
    /// Its key.
    pub client_id: ClientId,
    /// Where to.
    pub room: RoomRef,
    /// How it is now.
    pub state: OutboxState,
}

/// The outbox as this process holds it, in the order of writing.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    items: Vec<Item>,
    paused_until: Duration,
}

fn change(row: &OutboxRow, state: OutboxState) -> Change {
    Change { position: row.position, client_id: row.message.client_id.clone(), room: row.message.room.clone(), state }
}

impl Outbox {
    /// Rows that are this process's now; one it has already is left as it is.
    pub fn add(&mut self, rows: Vec<OutboxRow>) -> Vec<Change> {
        let mut changes = vec![];
        for row in rows {
            if self.items.iter().any(|i| i.row.position == row.position) {
                continue;
            }
            let (status, state) = match &row.state {
                RowState::Queued => (Status::Waiting, OutboxState::Queued),
                RowState::Refused(error) => (Status::Refused, OutboxState::Refused { error: error.clone() }),
            };
            changes.push(change(&row, state));
            self.items.push(Item { row, status, failures: 0, tried: false, not_before: Duration::ZERO });
        }
        self.items.sort_by_key(|i| if i.row.position < 0 { (1, -i.row.position) } else { (0, i.row.position) });
        changes
    }

    /// Whether nothing is held, so that no claim need be renewed.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What is to be sent now, with the changes that this makes.
    pub fn due(&mut self, now: Now) -> (Vec<(i64, Outgoing)>, Vec<Change>) {
        let (mut send, mut changes) = (vec![], vec![]);
        if now.mono < self.paused_until {
            return (send, changes);
        }
        let mut abreast = self.items.iter().filter(|i| i.status == Status::Sending).count();
        let mut taken: Vec<RoomRef> =
            self.items.iter().filter(|i| i.status == Status::Sending).map(|i| i.row.message.room.clone()).collect();
        for item in &mut self.items {
            if abreast >= ABREAST {
                break;
            }
            if item.status != Status::Waiting || taken.contains(&item.row.message.room) {
                continue;
            }
            if !item.tried && !item.row.patient && now.wall.since(item.row.written_at) > STALE {
                item.status = Status::Stale;
                changes.push(change(&item.row, OutboxState::Stale { since: item.row.written_at }));
                continue;
            }
            taken.push(item.row.message.room.clone());
            if item.not_before > now.mono {
                continue;
            }
            item.status = Status::Sending;
            item.tried = true;
            abreast += 1;
            changes.push(change(&item.row, OutboxState::Sending));
            send.push((item.row.position, item.row.message.clone()));
        }
        (send, changes)
    }

    /// The server's answer, or that there was none.
    pub fn answered(&mut self, position: i64, result: Result<SendReply, ErrorBody>, now: Now) -> Option<Change> {
        let at = self.items.iter().position(|i| i.row.position == position && i.status == Status::Sending)?;
        let error = match result {
            Ok(reply) => {
                let item = self.items.remove(at);
                return Some(change(&item.row, OutboxState::Stored { seq: reply.seq, at: reply.at }));
            }
            Err(error) => error,
        };
        let item = &mut self.items[at];
        if error.code == ErrorCode::RateLimited {
            let wait = Duration::from_millis(error.retry_after_ms.unwrap_or(1_000).max(50)).min(LONGEST_WAIT);
            // The limit is the user's, not the room's.
            self.paused_until = self.paused_until.max(now.mono + wait);
            item.status = Status::Waiting;
            return Some(change(&item.row, OutboxState::Queued));
        }
        if error.code.is_retryable() || error.code == ErrorCode::Unauthorized {
            item.failures += 1;
            item.status = Status::Waiting;
            item.not_before = now.mono + Duration::from_secs(1 << item.failures.min(5)).min(LONGEST_WAIT);
            return Some(change(&item.row, OutboxState::Queued));
        }
        item.status = Status::Refused;
        item.row.state = RowState::Refused(error.clone());
        Some(change(&item.row, OutboxState::Refused { error }))
    }

    /// One's own message was seen in the log: the server has it, though its answer was lost.
    pub fn seen(&mut self, client_id: &ClientId, seq: chat_common::Seq, at: Timestamp) -> Option<Change> {
        let found = self
            .items
            .iter()
            .position(|i| i.row.message.client_id == *client_id && i.tried && i.status != Status::Sending)?;
        let item = self.items.remove(found);
        Some(change(&item.row, OutboxState::Stored { seq, at }))
    }

    /// What is on its way has an unknown outcome and is sent again on the next connection.
    pub fn disconnected(&mut self) -> Vec<Change> {
        self.paused_until = Duration::ZERO;
        let mut changes = vec![];
        for item in &mut self.items {
            item.not_before = Duration::ZERO;
            if item.status == Status::Sending {
                item.status = Status::Waiting;
                changes.push(change(&item.row, OutboxState::Queued));
            }
        }
        changes
    }

    /// Sends a refused or stale one after all.
    pub fn retry(&mut self, client_id: &ClientId, now: Now) -> Option<Change> {
        let item = self.items.iter_mut().find(|i| i.row.message.client_id == *client_id)?;
        if matches!(item.status, Status::Sending) {
            return None;
        }
        item.status = Status::Waiting;
        item.row.state = RowState::Queued;
        item.row.written_at = now.wall;
        item.not_before = Duration::ZERO;
        item.failures = 0;
        Some(change(&item.row, OutboxState::Queued))
    }

    /// Forgets one that is not on its way; gives its position.
    pub fn discard(&mut self, client_id: &ClientId) -> Option<i64> {
        let at =
            self.items.iter().position(|i| i.row.message.client_id == *client_id && i.status != Status::Sending)?;
        Some(self.items.remove(at).row.position)
    }

    /// When something can be due.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        if now < self.paused_until && self.items.iter().any(|i| i.status == Status::Waiting) {
            return Some(self.paused_until);
        }
        self.items.iter().filter(|i| i.status == Status::Waiting && i.not_before > now).map(|i| i.not_before).min()
    }
}

#[cfg(test)]
mod tests {
    use chat_common::Seq;

    use super::*;

    fn now(s: u64) -> Now {
        Now { mono: Duration::from_secs(s), wall: Timestamp::from_millis(1_000_000).plus(Duration::from_secs(s)) }
    }

    fn row(position: i64, room: &str) -> OutboxRow {
        OutboxRow {
            position,
            message: Outgoing {
                room: RoomRef::parse(room).unwrap(),
                text: position.to_string(),
                client_id: ClientId::parse(&format!("k{position}")).unwrap(),
                reply_to: None,
            },
            written_at: now(0).wall,
            state: RowState::Queued,
            patient: false,
        }
    }

    fn sent(outbox: &mut Outbox, at: Now) -> Vec<i64> {
        outbox.due(at).0.into_iter().map(|(p, _)| p).collect()
    }

    fn stored() -> Result<SendReply, ErrorBody> {
        Ok(SendReply { seq: Seq(1), at: now(0).wall, duplicate: false })
    }

    fn failed(code: ErrorCode) -> Result<SendReply, ErrorBody> {
        Err(ErrorBody { retry_after_ms: Some(1_500), ..ErrorBody::new(code, "no") })
    }

    #[test]
    fn a_room_goes_in_order_and_rooms_do_not_wait_for_each_other() {
        let mut o = Outbox::default();
        o.add(vec![row(1, "a"), row(2, "a"), row(3, "b")]);
        assert_eq!(sent(&mut o, now(0)), vec![1, 3]);
        assert_eq!(sent(&mut o, now(0)), Vec::<i64>::new());
        o.answered(1, stored(), now(0));
        assert_eq!(sent(&mut o, now(0)), vec![2]);
    }

    #[test]
    fn a_rate_limit_pauses_everything_and_keeps_the_order() {
        let mut o = Outbox::default();
        o.add(vec![row(1, "a"), row(2, "a"), row(3, "b")]);
        o.due(now(0));
        o.answered(1, failed(ErrorCode::RateLimited), now(1));
        assert_eq!(sent(&mut o, now(2)), Vec::<i64>::new());
        assert_eq!(o.wake_at(Duration::from_secs(2)), Some(Duration::from_millis(2_500)));
        assert_eq!(sent(&mut o, now(3)), vec![1]);
    }

    #[test]
    fn what_was_on_its_way_goes_again_first_with_the_same_key() {
        let mut o = Outbox::default();
        o.add(vec![row(1, "a"), row(2, "a")]);
        o.due(now(0));
        assert_eq!(o.disconnected().len(), 1);
        let (send, _) = o.due(now(1));
        assert_eq!((send[0].0, send[0].1.client_id.as_str()), (1, "k1"));
        // Also after a long time: its outcome is unknown, so it is settled, not asked about.
        o.disconnected();
        assert_eq!(sent(&mut o, now(5_000)), vec![1]);
        assert_eq!(o.answered(1, failed(ErrorCode::Unavailable), now(5_000)).unwrap().state, OutboxState::Queued);
        assert_eq!(sent(&mut o, now(5_001)), Vec::<i64>::new(), "its successor waits with it");
        assert_eq!(sent(&mut o, now(5_002)), vec![1]);
    }

    #[test]
    fn an_old_message_is_asked_about_and_the_next_goes_on() {
        let mut o = Outbox::default();
        let mut young = row(2, "a");
        young.written_at = now(900).wall;
        let patient = OutboxRow { patient: true, ..row(3, "b") };
        o.add(vec![row(1, "a"), young, patient]);
        let (send, changes) = o.due(now(901));
        assert_eq!(send.iter().map(|(p, _)| *p).collect::<Vec<_>>(), vec![2, 3]);
        assert!(matches!(changes[0].state, OutboxState::Stale { .. }));
        o.retry(&ClientId::parse("k1").unwrap(), now(902));
        o.answered(2, stored(), now(902));
        assert_eq!(sent(&mut o, now(902)), vec![1]);
    }

    #[test]
    fn a_refusal_stays_until_it_is_retried_or_discarded() {
        let mut o = Outbox::default();
        o.add(vec![row(1, "a"), row(2, "a")]);
        o.due(now(0));
        let change = o.answered(1, failed(ErrorCode::Muted), now(0)).unwrap();
        assert!(matches!(change.state, OutboxState::Refused { .. }));
        assert_eq!(sent(&mut o, now(0)), vec![2]);
        assert_eq!(o.discard(&ClientId::parse("k1").unwrap()), Some(1));
        assert_eq!(o.discard(&ClientId::parse("k2").unwrap()), None, "on its way");
    }

    #[test]
    fn a_message_seen_in_the_log_is_stored() {
        let mut o = Outbox::default();
        o.add(vec![row(1, "a")]);
        o.due(now(0));
        o.disconnected();
        let k = ClientId::parse("k1").unwrap();
        assert!(matches!(o.seen(&k, Seq(9), now(1).wall).unwrap().state, OutboxState::Stored { seq: Seq(9), .. }));
        assert!(o.is_empty());
    }
}
