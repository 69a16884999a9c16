//! Messages that the server has not confirmed yet.

use std::time::Duration;

use chat_common::{ClientId, ErrorBody, RoomRef, Timestamp};
use rusqlite::{Row, TransactionBehavior, params};

use super::view::{signed, unsigned};
use super::{Cache, CacheError, Outgoing};

/// How long a claim lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(30);
/// Messages in an outbox; beyond, a new one is refused rather than the disk filled.
const MOST: i64 = 10_000;

/// A message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The order in which it was written, over all rooms.
    pub position: i64,
    /// What to send.
    pub message: Outgoing,
    /// When it was written.
    pub written_at: Timestamp,
    /// How it is.
    pub state: RowState,
    /// It was put here on purpose (`send --queue`), so that it is sent however old it is.
    pub patient: bool,
}

/// How a row is; what is on its way is `Queued` on disk, since the disk cannot know how that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowState {
    /// To be sent.
    Queued,
    /// The server will not have it.
    Refused(ErrorBody),
}

const COLUMNS: &str = "position, client_id, room, text, reply_to, written_at, state, error, patient";

fn read(row: &Row<'_>) -> rusqlite::Result<Option<OutboxRow>> {
    let (Ok(client_id), Ok(room)) =
        (ClientId::parse(&row.get::<_, String>(1)?), RoomRef::parse(&row.get::<_, String>(2)?))
    else {
        return Ok(None);
    };
    let error: Option<String> = row.get(7)?;
    let state = match row.get::<_, String>(6)?.as_str() {
        "refused" => RowState::Refused(
            error
                .and_then(|e| serde_json::from_str(&e).ok())
                .unwrap_or_else(|| ErrorBody::new(chat_common::ErrorCode::Internal, "refused")),
        ),
        _ => RowState::Queued,
    };
    Ok(Some(OutboxRow {
        position: row.get(0)?,
        message: Outgoing { room, text: row.get(3)?, client_id, reply_to: row.get::<_, Option<i64>>(4)?.map(unsigned) },
        written_at: Timestamp::from_millis(row.get(5)?),
        state,
        patient: row.get(8)?,
    }))
}

impl Cache {
    /// The whole outbox of this owner, in order, whoever has claimed what.
    pub fn outbox(&self) -> Result<Vec<OutboxRow>, CacheError> {
        let inner = self.lock();
        let mut query =
            inner.db.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE owner = ?1 ORDER BY position"))?;
        let rows = query.query_map([&inner.owner], read)?.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Adds a message, claimed by this process if `claim`, otherwise left to whoever comes next; the same key in the same room stays the first one. `None`
    /// if the outbox is full.
    pub fn push(&self, message: &Outgoing, now: Timestamp, claim: bool) -> Result<Option<OutboxRow>, CacheError> {
        let mut inner = self.lock();
        let (owner, process) = (inner.owner.clone(), inner.process.clone());
        let tx = inner.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count: i64 = tx.query_row("SELECT count(*) FROM outbox WHERE owner = ?1", [&owner], |r| r.get(0))?;
        if count >= MOST {
            return Ok(None);
        }
        tx.execute(
            "INSERT INTO outbox (owner, client_id, room, text, reply_to, written_at, state, claimed_by, claimed_until, patient)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            params![
                owner,
                message.client_id.as_str(),
                message.room.to_string(),
                message.text,
                message.reply_to.map(signed),
                now.as_millis(),
                claim.then_some(process),
                if claim { now.plus(LEASE).as_millis() } else { 0 },
                !claim,
            ],
        )?;
        let row = tx.query_row(
            &format!("SELECT {COLUMNS} FROM outbox WHERE owner = ?1 AND room = ?2 AND client_id = ?3"),
            params![owner, message.room.to_string(), message.client_id.as_str()],
            read,
        )?;
        tx.commit()?;
        Ok(row)
    }

    /// Claims what nobody holds and renews what this process holds; gives back only what is newly claimed, in order.
    pub fn claim(&self, now: Timestamp) -> Result<Vec<OutboxRow>, CacheError> {
        let mut inner = self.lock();
        let (owner, process) = (inner.owner.clone(), inner.process.clone());
        let (at, until) = (now.as_millis(), now.plus(LEASE).as_millis());
        // Mostly there is nothing: then nobody else need wait for a lock either.
        let any: bool = inner.db.query_row(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE claimed_by = ?2
                 OR (owner = ?1 AND (claimed_by IS NULL OR claimed_until < ?3)))",
            params![owner, process, at],
            |r| r.get(0),
        )?;
        if !any {
            return Ok(vec![]);
        }
        let tx = inner.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute("UPDATE outbox SET claimed_until = ?2 WHERE claimed_by = ?1", params![process, until])?;
        let rows = {
            let mut query = tx.prepare_cached(&format!(
                "UPDATE outbox SET claimed_by = ?2, claimed_until = ?4
                 WHERE owner = ?1 AND (claimed_by IS NULL OR (claimed_by <> ?2 AND claimed_until < ?3))
                 RETURNING {COLUMNS}"
            ))?;
            query.query_map(params![owner, process, at, until], read)?.collect::<Result<Vec<_>, _>>()?
        };
        tx.commit()?;
        let mut rows: Vec<_> = rows.into_iter().flatten().collect();
        rows.sort_by_key(|r| r.position);
        Ok(rows)
    }

    /// Whether a claim would give anything; does not lock.
    pub fn claimable(&self, now: Timestamp) -> Result<bool, CacheError> {
        let inner = self.lock();
        Ok(inner.db.query_row(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE owner = ?1 AND (claimed_by IS NULL OR claimed_until < ?2))",
            params![inner.owner, now.as_millis()],
            |r| r.get(0),
        )?)
    }

    /// Gives every claim back, so that the next program need not wait for the leases.
    pub fn release(&self) -> Result<(), CacheError> {
        let inner = self.lock();
        inner.db.execute(
            "UPDATE outbox SET claimed_by = NULL, claimed_until = 0 WHERE claimed_by = ?1",
            params![inner.process],
        )?;
        Ok(())
    }

    /// The server has it, or its writer dropped it.
    pub fn remove(&self, position: i64) -> Result<(), CacheError> {
        let inner = self.lock();
        inner.db.prepare_cached("DELETE FROM outbox WHERE position = ?1")?.execute(params![position])?;
        Ok(())
    }

    /// How a message is from now on; a retried one counts as written now.
    pub fn mark(&self, position: i64, state: &RowState, now: Timestamp) -> Result<(), CacheError> {
        let inner = self.lock();
        match state {
            RowState::Queued => inner.db.execute(
                "UPDATE outbox SET state = 'queued', error = NULL, written_at = ?2 WHERE position = ?1",
                params![position, now.as_millis()],
            )?,
            RowState::Refused(error) => inner.db.execute(
                "UPDATE outbox SET state = 'refused', error = ?2 WHERE position = ?1",
                params![position, serde_json::to_string(error)?],
            )?,
        };
        Ok(())
    }
}
