//! Sends what outgoing webhooks are to be told: from each room's log, from where each webhook is in the store, in order
//! and at least once. One node of a cluster is at it, by a lease; several webhooks are told at once, each one thing at a
//! time. One that does not take what it is sent is tried again, later and later; then the event is put aside, and after
//! a day without any success the webhook is disabled and its maker told.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chat_common::event::server::Hint;
use chat_common::model::UserKind;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::letter::{Letter, event_of};
use super::wanted;
use crate::cluster::tap::Stir;
use crate::outbound::{Answer, CALL, Caller};
use crate::service::accounts::secret;
use crate::service::counters::Told;
use crate::service::lead::{Held, Lead};
use crate::service::{Result, Services, tell};
use crate::storage::{Cause, DeadRow, Led, NodeId, Outcome, OutgoingRow, Step};

/// Webhooks that are called at once; further ones wait their turn.
const AT_ONCE: usize = 16;
/// Webhooks looked up in one go.
const ROWS: u32 = 64;
/// Entries of one room looked at in one go.
const ENTRIES: u32 = 100;
/// Deliveries of one webhook before the others have their turn.
const TURN: usize = 50;
/// The store is asked so often while there are webhooks at all.
const POLL: Duration = Duration::from_secs(1);
/// And so often while there are none: another node may have made one.
const IDLE: Duration = Duration::from_secs(5);
/// What comes together is looked up together.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes of a fault that are kept.
const FAULT: usize = 300;

/// When what is tried again, and when it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The first wait; it doubles with each try.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Tries of one event before it is put aside.
    pub tries: u32,
    /// A webhook that has taken nothing for so long is disabled.
    pub disable: Duration,
}

impl Default for Timing {
    /// An event is tried for about half an hour.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(600),
            tries: 12,
            disable: Duration::from_secs(24 * 3_600),
        }
    }
}

/// What sending works with.
pub struct Parts {
    /// The use cases.
    pub services: Arc<Services>,
    /// Who calls.
    pub out: Arc<dyn Caller>,
    /// This run of this server; `None` where no other process can have the store.
    pub node: Option<NodeId>,
    /// Told when something may be new.
    pub stirs: broadcast::Receiver<Stir>,
    /// When to let go.
    pub drain: CancellationToken,
    /// When what is tried again.
    pub timing: Timing,
}

/// What a turn works with.
#[derive(Clone)]
struct Sender {
    s: Arc<Services>,
    out: Arc<dyn Caller>,
    timing: Timing,
    /// Nothing is sent without it.
    held: Held,
}

/// Sends until `drain`; then gives the lease up and returns.
pub async fn run(parts: Parts) {
    let Parts { services: s, out, node, mut stirs, drain, timing } = parts;
    let lead = Lead::new(Led::Outgoing, node);
    let mut busy: HashSet<String> = HashSet::new();
    let mut turns: JoinSet<String> = JoinSet::new();
    while !drain.is_cancelled() {
        let any = match round(&s, &lead).await {
            Ok(Round::None) => false,
            Ok(Round::Elsewhere) => true,
            Ok(Round::Due(rows)) => {
                for row in rows {
                    if turns.len() >= AT_ONCE || !busy.insert(row.id.clone()) {
                        continue;
                    }
                    let sender = Sender { s: Arc::clone(&s), out: Arc::clone(&out), timing, held: lead.held() };
                    turns.spawn(async move {
                        let id = row.id.clone();
                        if let Err(error) = sender.turn(row).await {
                            tracing::debug!(%error, "an outgoing webhook waits");
                        }
                        id
                    });
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "outgoing webhooks wait for the store");
                true
            }
        };
        tokio::select! {
            Some(done) = turns.join_next(), if !turns.is_empty() => match done {
                Ok(id) => {
                    busy.remove(&id);
                }
                Err(error) => {
                    tracing::error!(%error, "telling an outgoing webhook ended before its end");
                    busy.clear();
                    turns.shutdown().await;
                }
            },
            () = stirred(&mut stirs), if any => {}
            () = s.wake.notified() => {}
            () = tokio::time::sleep(if any { POLL } else { IDLE }) => {}
            () = drain.cancelled() => {}
        }
    }
    // What is under way is sent again by the next one.
    turns.shutdown().await;
    lead.give_up(&*s.store).await;
}

/// Waits until something may be new.
async fn stirred(stirs: &mut broadcast::Receiver<Stir>) {
    loop {
        match stirs.recv().await {
            Ok(Stir::Authority) => {}
            // The bus has ended: the poll is enough.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            _ => break,
        }
    }
    tokio::time::sleep(GATHER).await;
    while !matches!(
        stirs.try_recv(),
        Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed)
    ) {}
}

enum Round {
    /// There is no webhook.
    None,
    /// Another node is at it.
    Elsewhere,
    /// These have something to be told.
    Due(Vec<OutgoingRow>),
}

async fn round(s: &Services, lead: &Lead) -> Result<Round> {
    let waiting = &s.counters.outgoing.waiting;
    if !s.store.any_outgoing().await? {
        lead.give_up(&*s.store).await;
        waiting.store(0, Ordering::Relaxed);
        return Ok(Round::None);
    }
    if !lead.hold(&*s.store).await? {
        waiting.store(0, Ordering::Relaxed);
        return Ok(Round::Elsewhere);
    }
    waiting.store(s.store.outgoing_waiting().await?, Ordering::Relaxed);
    Ok(Round::Due(s.store.due_outgoing(s.now(), ROWS).await?))
}

/// What comes next for a webhook.
enum Next {
    Nothing,
    Skip(Step),
    Send(Step, Box<Letter>, Cause),
}

impl Sender {
    /// Tells one webhook what waits for it, up to the first failure.
    async fn turn(&self, mut row: OutgoingRow) -> Result<()> {
        for _ in 0..TURN {
            // Another node may be at it already, or soon.
            if !self.held.lasts(CALL) {
                return Ok(());
            }
            let went_on = match self.next(&row).await? {
                Next::Nothing => return Ok(()),
                Next::Skip(step) => self.s.store.settle(&row.id, step, Outcome::Skipped, self.s.now()).await?,
                Next::Send(step, letter, cause) => self.send(&row, step, &letter, cause).await?,
            };
            if !went_on {
                return Ok(());
            }
            // What was changed meanwhile (its secret, that it is deleted) holds from the next event on.
            match self.s.store.outgoing_by_id(&row.id).await? {
                Some(now) => row = now,
                None => return Ok(()),
            }
        }
        self.s.wake.notify_one();
        Ok(())
    }

    async fn next(&self, row: &OutgoingRow) -> Result<Next> {
        let (store, epoch) = (&self.s.store, self.s.store.epoch());
        if let Some(dead) = store.next_again(&row.id).await? {
            return self.again(row, dead).await;
        }
        if row.seq < row.head {
            let entries = store.entries(row.room_id, row.seq, ENTRIES).await?;
            let mut last = row.head;
            for entry in &entries {
                last = entry.seq;
                let Some(event) = event_of(entry).filter(|event| row.events.contains(event)) else { continue };
                if !wanted(&self.s, row, entry.from.id, entry.from.kind == UserKind::Bot).await? {
                    continue;
                }
                let letter = Letter::entry(&epoch, &row.id, entry, event)?;
                let step = Step::Log { from: row.seq, to: entry.seq };
                return Ok(Next::Send(step, Box::new(letter), Cause::Entry(entry.seq)));
            }
            // Nothing of it is wanted, or it is not kept any more.
            return Ok(Next::Skip(Step::Log { from: row.seq, to: last }));
        }
        let Some(moved) = store.next_move(&row.id).await? else { return Ok(Next::Nothing) };
        let step = Step::Move(moved.id);
        if !wanted(&self.s, row, moved.user.id, moved.user.kind == UserKind::Bot).await? {
            return Ok(Next::Skip(step));
        }
        let letter = Letter::moved(&epoch, row, &moved)?;
        Ok(Next::Send(step, Box::new(letter), Cause::Move(moved.user.id, moved.joined)))
    }

    /// An event that was given up, as it reads now.
    async fn again(&self, row: &OutgoingRow, dead: DeadRow) -> Result<Next> {
        let (store, epoch) = (&self.s.store, self.s.store.epoch());
        let step = Step::Again(dead.delivery.clone());
        let letter = match dead.cause {
            Cause::Entry(seq) => {
                let found = store.entries(row.room_id, seq.prev(), 1).await?;
                found.iter().find(|e| e.seq == seq).map(|e| Letter::entry(&epoch, &row.id, e, dead.event))
            }
            Cause::Move(user, joined) => store
                .user(user)
                .await?
                .map(|who| Letter::moved_again(&epoch, row, dead.delivery.clone(), (&who.user, joined, dead.at))),
        };
        Ok(match letter.transpose()? {
            Some(letter) => Next::Send(step, Box::new(letter), dead.cause),
            // Not kept any more.
            None => Next::Skip(step),
        })
    }

    /// Sends once; true: it is dealt with, and what follows may be sent.
    async fn send(&self, row: &OutgoingRow, step: Step, letter: &Letter, cause: Cause) -> Result<bool> {
        let begun = Instant::now();
        let answer = self.out.call(&letter.post(row, self.s.now())).await;
        let counted = &self.s.counters.outgoing;
        counted.took.time(begun.elapsed());
        if !self.held.lasts(Duration::ZERO) {
            return Ok(false);
        }
        let (fault, retry_after) = match answer {
            Ok(Answer { status: 200..300, .. }) => {
                counted.came(Told::Taken);
                return Ok(self.s.store.settle(&row.id, step, Outcome::Sent, self.s.now()).await?);
            }
            Ok(Answer { status: 410, .. }) => {
                counted.came(Told::Failed);
                self.disable(row, step, "it answered 410: gone for good").await?;
                return Ok(false);
            }
            Ok(answer) => (format!("it answered {}", answer.status), answer.retry_after),
            Err(why) => (why, None),
        };
        counted.came(Told::Failed);
        let fault = fault[..fault.floor_char_boundary(FAULT)].to_owned();
        self.failed(row, step, letter, cause, fault, retry_after).await
    }

    async fn failed(
        &self,
        row: &OutgoingRow,
        step: Step,
        letter: &Letter,
        cause: Cause,
        fault: String,
        retry_after: Option<Duration>,
    ) -> Result<bool> {
        let (now, tried) = (self.s.now(), row.attempts + 1);
        if matches!(step, Step::Again(_)) {
            let outcome = Outcome::Failed { fault, next_at: now };
            return Ok(self.s.store.settle(&row.id, step, outcome, now).await?);
        }
        let wait = backoff(&self.timing, row.attempts)?.max(retry_after.unwrap_or_default());
        let next_at = now.plus(wait);
        if row.failing_since.is_some_and(|since| since.plus(self.timing.disable) <= now) {
            self.disable(row, step, &fault).await?;
            return Ok(false);
        }
        let outcome = if tried < self.timing.tries {
            Outcome::Failed { fault, next_at }
        } else {
            tracing::info!(webhook = row.id, room = %row.room, "an outgoing webhook did not take an event; it is put aside");
            let letter = DeadRow {
                delivery: letter.delivery.clone(),
                event: letter.event,
                cause,
                at: letter.at,
                attempts: tried,
                fault,
                again: false,
            };
            self.s.counters.outgoing.came(Told::Dead);
            Outcome::GivenUp { letter: Box::new(letter), next_at }
        };
        self.s.store.settle(&row.id, step, outcome, now).await?;
        Ok(false)
    }

    /// Sends nothing more there, and says so to who made it.
    async fn disable(&self, row: &OutgoingRow, step: Step, fault: &str) -> Result<()> {
        let outcome = Outcome::Disabled { fault: fault.to_owned() };
        if !self.s.store.settle(&row.id, step, outcome, self.s.now()).await? {
            return Ok(());
        }
        tracing::warn!(webhook = row.id, room = %row.room, fault, "an outgoing webhook is disabled");
        if let Some(maker) = row.maker {
            let message = format!(
                "the outgoing webhook {} of #{} is disabled: {fault}; when its receiver is well again, enable it",
                row.id, row.room
            );
            let hint = Hint::Notice { code: "outgoing_disabled".to_owned(), message, retry_after_ms: None };
            tell::user(&self.s, maker, hint, None).await;
        }
        Ok(())
    }
}

/// The wait after so many failures before this one: doubled each time, and anything between the half and the whole of
/// it, so that those who failed together do not come back together.
fn backoff(timing: &Timing, failed: u32) -> Result<Duration> {
    let whole = timing.first.saturating_mul(1u32.checked_shl(failed.min(20)).unwrap_or(u32::MAX)).min(timing.longest);
    let random = u16::from_be_bytes(secret::random::<2>()?);
    Ok(whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u16::MAX)))
}
