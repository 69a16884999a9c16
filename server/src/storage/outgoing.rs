//! Outgoing webhooks: addresses that are told what happens in a room, how far each has been told, what they did not
//! take.

use async_trait::async_trait;
use chat_common::model::User;
use chat_common::rest::Told;
use chat_common::{RoomName, Seq, Timestamp, UserId};

use super::{RoomId, Signing, StoreResult};

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewOutgoing {
    /// Random, 22 characters.
    pub id: String,
    /// Whose events.
    pub room: RoomName,
    /// Where they go; checked.
    pub url: String,
    /// Which of them.
    pub events: Vec<Told>,
    /// Whether those that bots cause are told too.
    pub bots: bool,
    /// Signs what is sent.
    pub signing: Signing,
}

/// A webhook as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRow {
    /// To name it by.
    pub id: String,
    /// Whose events.
    pub room: RoomName,
    /// The same by its number.
    pub room_id: RoomId,
    /// Who made it; `None`: the owner of the machine.
    pub maker: Option<UserId>,
    /// Where they go.
    pub url: String,
    /// Which of them.
    pub events: Vec<Told>,
    /// Whether those that bots cause are told too.
    pub bots: bool,
    /// Signs what is sent.
    pub signing: Signing,
    /// When it was made.
    pub created_at: Timestamp,
    /// Everything of the log up to and with this was told, left out or given up.
    pub seq: Seq,
    /// The newest entry of the room.
    pub head: Seq,
    /// How often what comes next has failed.
    pub attempts: u32,
    /// Not to be tried before.
    pub next_at: Timestamp,
    /// Nothing has been taken since.
    pub failing_since: Option<Timestamp>,
    /// Why the last try failed.
    pub fault: Option<String>,
    /// Nothing is sent since.
    pub disabled_at: Option<Timestamp>,
    /// Events that were given up.
    pub dead: u32,
}

/// Somebody who became a member or is none any more: what no log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow {
    /// Its place in the queue of the webhook.
    pub id: i64,
    /// Who.
    pub user: User,
    /// Came (true) or went.
    pub joined: bool,
    /// When.
    pub at: Timestamp,
}

/// What an event that was given up was about; its text is read again from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The entry of this number.
    Entry(Seq),
    /// Somebody came (true) or went.
    Move(UserId, bool),
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRow {
    /// The id that its receiver knows it by.
    pub delivery: String,
    /// What it tells.
    pub event: Told,
    /// What it is about.
    pub cause: Cause,
    /// When it happened.
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub fault: String,
    /// It waits to be sent again.
    pub again: bool,
}

/// What stands next in the queue of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The log from `from` (told) to `to`.
    Log {
        /// Where the webhook is.
        from: Seq,
        /// Where it is afterwards.
        to: Seq,
    },
    /// A [`MoveRow`].
    Move(i64),
    /// A [`DeadRow`] that waits to be sent again.
    Again(String),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Sent,
    /// Nothing of it was to be told.
    Skipped,
    /// Not yet; again at this time.
    Failed {
        /// Why.
        fault: String,
        /// When to try again.
        next_at: Timestamp,
    },
    /// Not at all: it is put aside.
    GivenUp {
        /// As it is put aside.
        letter: Box<DeadRow>,
        /// When to try what follows.
        next_at: Timestamp,
    },
    /// Nothing more is sent to this address.
    Disabled {
        /// Why.
        fault: String,
    },
}

/// What waits to be told, in the words that both databases know.
pub(super) const WAITING: &str =
    "SELECT CAST((SELECT coalesce(sum(r.head - o.seq), 0) FROM outgoing o JOIN rooms r ON r.id = o.room
                  WHERE o.disabled_at IS NULL AND r.name IS NOT NULL) AS BIGINT)
       + (SELECT count(*) FROM outgoing_moves m JOIN outgoing o ON o.id = m.hook WHERE o.disabled_at IS NULL)";

/// Outgoing webhooks; who may moderate a room may make, see and change them, and so may the owner of the machine
/// (`actor: None`).
#[async_trait]
pub trait Outgoing {
    /// Stores one, from the room's present head on. `Forbidden` over `most`.
    async fn create_outgoing(
        &self,
        actor: Option<UserId>,
        new: NewOutgoing,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<OutgoingRow>;
    /// A room's, newest first.
    async fn outgoing(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<OutgoingRow>>;
    /// Deletes one with all that waits for it; false if there is none such.
    async fn delete_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool>;
    /// Another signing secret; false if there is none such.
    async fn rotate_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        signing: Signing,
        at: Timestamp,
    ) -> StoreResult<bool>;
    /// Lets a disabled one go on where it was; false if there is none such.
    async fn enable_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool>;
    /// What was given up, newest first; `None` if there is none such webhook.
    async fn dead_letters(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        now: Timestamp,
    ) -> StoreResult<Option<Vec<DeadRow>>>;
    /// Marks one event that was given up, or all, to be sent again: how many. `None` if there is none such webhook.
    async fn resend(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        delivery: Option<String>,
        at: Timestamp,
    ) -> StoreResult<Option<u32>>;

    /// Whether any webhook is to be told anything at all.
    async fn any_outgoing(&self) -> StoreResult<bool>;
    /// Those with something to be told now, those that waited longest first.
    async fn due_outgoing(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OutgoingRow>>;
    /// One by its id, if it is not disabled and its room is there.
    async fn outgoing_by_id(&self, id: &str) -> StoreResult<Option<OutgoingRow>>;
    /// The oldest of who came and went that it has not been told.
    async fn next_move(&self, id: &str) -> StoreResult<Option<MoveRow>>;
    /// The oldest that waits to be sent again.
    async fn next_again(&self, id: &str) -> StoreResult<Option<DeadRow>>;
    /// Writes down what came of a step; false: it was not (any more) the next one, nothing was changed.
    async fn settle(&self, id: &str, step: Step, outcome: Outcome, at: Timestamp) -> StoreResult<bool>;
    /// Events of all webhooks that wait to be told, those that are not wanted included.
    async fn outgoing_waiting(&self) -> StoreResult<u64>;
}

/// Events of one webhook that were given up and are kept; older ones are forgotten.
pub(super) const DEAD: u32 = 1_000;

/// Events as a set of bits, as they are stored.
pub(super) fn bits(events: &[Told]) -> i64 {
    events.iter().fold(0, |all, event| all | bit(*event))
}

/// The bit of an event. What is stored: never given to another one.
pub(super) fn bit(event: Told) -> i64 {
    match event {
        Told::MessageCreated => 1,
        Told::MessageEdited => 2,
        Told::MessageDeleted => 4,
        Told::ReactionChanged => 8,
        Told::MemberJoined => 16,
        Told::MemberLeft => 32,
        Told::MemberRemoved => 64,
        Told::MemberUpdated => 128,
        Told::RoomUpdated => 256,
    }
}

/// The events of a set of bits.
pub(super) fn events(bits: i64) -> Vec<Told> {
    Told::ALL.into_iter().filter(|event| bits & bit(*event) != 0).collect()
}
