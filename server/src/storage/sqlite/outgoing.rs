//! Outgoing webhooks: their rows, their queues, what came of each step.

use async_trait::async_trait;
use chat_common::{RoomName, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::hooks::moderated;
use super::{SqliteStore, audit, rows};
use crate::domain::Refusal;
use crate::storage::outgoing::{DEAD, WAITING, bit, bits, events};
use crate::storage::{
    Cause, DeadRow, MoveRow, NewOutgoing, Outcome, Outgoing, OutgoingRow, RoomId, RoomRow, Signing, Step, StoreResult,
};

const COLUMNS: &str = "o.id, r.name, o.room, o.maker, o.url, o.events, o.bots, o.signing, o.created_at, o.seq, r.head,
    o.attempts, o.next_at, o.failing_since, o.fault, o.disabled_at,
    (SELECT count(*) FROM outgoing_dead d WHERE d.hook = o.id) FROM outgoing o JOIN rooms r ON r.id = o.room";

fn row(row: &Row<'_>) -> rusqlite::Result<OutgoingRow> {
    let room: String = row.get(1)?;
    Ok(OutgoingRow {
        id: row.get(0)?,
        room: RoomName::parse(&room).map_err(|_| rows::bad(1, "room name"))?,
        room_id: RoomId(row.get(2)?),
        maker: row.get::<_, Option<i64>>(3)?.map(rows::user_id),
        url: row.get(4)?,
        events: events(row.get(5)?),
        bots: row.get(6)?,
        signing: Signing(row.get(7)?),
        created_at: Timestamp::from_millis(row.get(8)?),
        seq: rows::seq(row.get(9)?),
        head: rows::seq(row.get(10)?),
        attempts: row.get(11)?,
        next_at: Timestamp::from_millis(row.get(12)?),
        failing_since: rows::time(row.get(13)?),
        fault: row.get(14)?,
        disabled_at: rows::time(row.get(15)?),
        dead: row.get(16)?,
    })
}

fn by_id(conn: &Connection, id: &str) -> StoreResult<Option<OutgoingRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE o.id = ?1 AND r.name IS NOT NULL AND o.disabled_at IS NULL"))?
        .query_row([id], row)
        .optional()?)
}

fn create(
    conn: &Connection,
    actor: Option<UserId>,
    new: &NewOutgoing,
    most: u32,
    at: Timestamp,
) -> StoreResult<OutgoingRow> {
    let room = moderated(conn, actor, &new.room, at)?;
    let there: u32 =
        conn.prepare_cached("SELECT count(*) FROM outgoing WHERE room = ?1")?.query_row([room.id.0], |r| r.get(0))?;
    if there >= most {
        return Err(Refusal::Forbidden("this room has too many outgoing webhooks; delete one first").into());
    }
    conn.prepare_cached(
        "INSERT INTO outgoing (id, room, maker, url, events, bots, signing, created_at, seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.id,
        room.id.0,
        actor.map(rows::user_in),
        new.url,
        bits(&new.events),
        new.bots,
        new.signing.0,
        at.as_millis(),
        rows::seq_in(room.head)
    ])?;
    audit::add(conn, actor, "outgoing:create", room.name.as_str(), Some(&new.id), at)?;
    Ok(conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE o.id = ?1"))?.query_row([&new.id], row)?)
}

fn of(conn: &Connection, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<OutgoingRow>> {
    let room = moderated(conn, actor, room, now)?;
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE o.room = ?1 ORDER BY o.created_at DESC, o.id"))?;
    let found = statement.query_map([room.id.0], row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Changes one row of a room and writes it into the audit; false: there is none.
fn change(
    conn: &Connection,
    (actor, room, at): (Option<UserId>, &RoomName, Timestamp),
    id: &str,
    action: &str,
    statement: impl FnOnce(&Connection, &RoomRow) -> StoreResult<usize>,
) -> StoreResult<bool> {
    let room = moderated(conn, actor, room, at)?;
    if statement(conn, &room)? == 0 {
        return Ok(false);
    }
    audit::add(conn, actor, action, room.name.as_str(), Some(id), at)?;
    Ok(true)
}

fn is_there(conn: &Connection, id: &str, room: RoomId) -> StoreResult<bool> {
    let found = conn
        .prepare_cached("SELECT 1 FROM outgoing WHERE id = ?1 AND room = ?2")?
        .query_row(params![id, room.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn dead(row: &Row<'_>) -> rusqlite::Result<DeadRow> {
    let (event, seq, who): (i64, Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let event = events(event).first().copied().ok_or_else(|| rows::bad(1, "event"))?;
    let cause = match (seq, who) {
        (Some(seq), _) => Cause::Entry(rows::seq(seq)),
        (None, Some(who)) => Cause::Move(rows::user_id(who), event == chat_common::rest::Told::MemberJoined),
        (None, None) => return Err(rows::bad(2, "cause")),
    };
    Ok(DeadRow {
        delivery: row.get(0)?,
        event,
        cause,
        at: Timestamp::from_millis(row.get(4)?),
        attempts: row.get(5)?,
        fault: row.get(6)?,
        again: row.get(7)?,
    })
}

const DEAD_COLUMNS: &str = "delivery, event, seq, who, at, attempts, fault, again FROM outgoing_dead";

fn letters(
    conn: &Connection,
    actor: Option<UserId>,
    room: &RoomName,
    id: &str,
    now: Timestamp,
) -> StoreResult<Option<Vec<DeadRow>>> {
    let room = moderated(conn, actor, room, now)?;
    if !is_there(conn, id, room.id)? {
        return Ok(None);
    }
    let mut statement = conn
        .prepare_cached(&format!("SELECT {DEAD_COLUMNS} WHERE hook = ?1 ORDER BY dead_at DESC, at DESC, delivery"))?;
    let found = statement.query_map([id], dead)?;
    Ok(Some(found.collect::<Result<_, _>>()?))
}

fn resend(
    conn: &Connection,
    (actor, room, at): (Option<UserId>, &RoomName, Timestamp),
    id: &str,
    delivery: Option<&str>,
) -> StoreResult<Option<u32>> {
    let room = moderated(conn, actor, room, at)?;
    if !is_there(conn, id, room.id)? {
        return Ok(None);
    }
    let marked = conn
        .prepare_cached("UPDATE outgoing_dead SET again = 1 WHERE hook = ?1 AND (?2 IS NULL OR delivery = ?2)")?
        .execute(params![id, delivery])?;
    audit::add(conn, actor, "outgoing:resend", room.name.as_str(), Some(id), at)?;
    Ok(Some(u32::try_from(marked).unwrap_or(u32::MAX)))
}

fn due(conn: &Connection, now: Timestamp, limit: u32) -> StoreResult<Vec<OutgoingRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE o.disabled_at IS NULL AND o.next_at <= ?1 AND r.name IS NOT NULL
           AND (o.seq < r.head OR EXISTS (SELECT 1 FROM outgoing_moves m WHERE m.hook = o.id)
                OR EXISTS (SELECT 1 FROM outgoing_dead d WHERE d.hook = o.id AND d.again))
         ORDER BY o.next_at, o.id LIMIT ?2"
    ))?;
    let found = statement.query_map(params![now.as_millis(), limit], row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn next_move(conn: &Connection, id: &str) -> StoreResult<Option<MoveRow>> {
    let found: Option<(i64, i64, bool, i64)> = conn
        .prepare_cached("SELECT id, who, joined, at FROM outgoing_moves WHERE hook = ?1 ORDER BY id LIMIT 1")?
        .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .optional()?;
    let Some((id, who, joined, at)) = found else { return Ok(None) };
    let user = rows::Users::default().get(conn, rows::user_id(who))?;
    Ok(Some(MoveRow { id, user, joined, at: Timestamp::from_millis(at) }))
}

fn next_again(conn: &Connection, id: &str) -> StoreResult<Option<DeadRow>> {
    Ok(conn
        .prepare_cached(&format!(
            "SELECT {DEAD_COLUMNS} WHERE hook = ?1 AND again ORDER BY dead_at, at, delivery LIMIT 1"
        ))?
        .query_row([id], dead)
        .optional()?)
}

/// Takes the step out of the queue; false: it does not stand there.
fn taken(conn: &Connection, id: &str, step: &Step) -> StoreResult<bool> {
    let changed = match step {
        Step::Log { from, to } => conn
            .prepare_cached("UPDATE outgoing SET seq = ?3 WHERE id = ?1 AND seq = ?2")?
            .execute(params![id, rows::seq_in(*from), rows::seq_in(*to)])?,
        Step::Move(row) => {
            conn.prepare_cached("DELETE FROM outgoing_moves WHERE hook = ?1 AND id = ?2")?.execute(params![id, row])?
        }
        Step::Again(delivery) => conn
            .prepare_cached("DELETE FROM outgoing_dead WHERE hook = ?1 AND delivery = ?2")?
            .execute(params![id, delivery])?,
    };
    Ok(changed == 1)
}

fn stands(conn: &Connection, id: &str, step: &Step) -> StoreResult<bool> {
    let Step::Log { from, .. } = step else { return Ok(true) };
    let seq: Option<i64> =
        conn.prepare_cached("SELECT seq FROM outgoing WHERE id = ?1")?.query_row([id], |r| r.get(0)).optional()?;
    Ok(seq.map(rows::seq) == Some(*from))
}

fn settle(conn: &Connection, id: &str, step: &Step, outcome: &Outcome, at: Timestamp) -> StoreResult<bool> {
    match outcome {
        Outcome::Sent => {
            let done = taken(conn, id, step)?;
            if done {
                conn.prepare_cached(
                    "UPDATE outgoing SET attempts = 0, next_at = 0, failing_since = NULL, fault = NULL
                     WHERE id = ?1 AND (attempts <> 0 OR next_at <> 0 OR failing_since IS NOT NULL OR fault IS NOT NULL)",
                )?
                .execute([id])?;
            }
            Ok(done)
        }
        Outcome::Skipped => taken(conn, id, step),
        Outcome::Failed { fault, next_at } => {
            if let Step::Again(delivery) = step {
                let changed = conn
                    .prepare_cached(
                        "UPDATE outgoing_dead SET again = 0, attempts = attempts + 1, fault = ?3
                         WHERE hook = ?1 AND delivery = ?2",
                    )?
                    .execute(params![id, delivery, fault])?;
                return Ok(changed == 1);
            }
            if !stands(conn, id, step)? {
                return Ok(false);
            }
            let changed = conn
                .prepare_cached(
                    "UPDATE outgoing SET attempts = attempts + 1, next_at = ?2, fault = ?3,
                       failing_since = coalesce(failing_since, ?4) WHERE id = ?1",
                )?
                .execute(params![id, next_at.as_millis(), fault, at.as_millis()])?;
            Ok(changed == 1)
        }
        Outcome::GivenUp { letter, next_at } => given_up(conn, id, step, letter, *next_at, at),
        Outcome::Disabled { fault } => {
            let changed = conn
                .prepare_cached(
                    "UPDATE outgoing SET disabled_at = ?2, fault = ?3 WHERE id = ?1 AND disabled_at IS NULL",
                )?
                .execute(params![id, at.as_millis(), fault])?;
            if changed == 1 {
                audit::add(conn, None, "outgoing:disable", id, Some(fault), at)?;
            }
            Ok(changed == 1)
        }
    }
}

fn given_up(
    conn: &Connection,
    id: &str,
    step: &Step,
    letter: &DeadRow,
    next_at: Timestamp,
    at: Timestamp,
) -> StoreResult<bool> {
    if !taken(conn, id, step)? {
        return Ok(false);
    }
    let (seq, who) = match &letter.cause {
        Cause::Entry(seq) => (Some(rows::seq_in(*seq)), None),
        Cause::Move(who, _) => (None, Some(rows::user_in(*who))),
    };
    conn.prepare_cached(
        "INSERT OR REPLACE INTO outgoing_dead (hook, delivery, event, seq, who, at, attempts, fault, again, dead_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)",
    )?
    .execute(params![
        id,
        letter.delivery,
        bit(letter.event),
        seq,
        who,
        letter.at.as_millis(),
        letter.attempts,
        letter.fault,
        at.as_millis()
    ])?;
    conn.prepare_cached(
        "DELETE FROM outgoing_dead WHERE hook = ?1 AND delivery IN
           (SELECT delivery FROM outgoing_dead WHERE hook = ?1 ORDER BY dead_at DESC, at DESC, delivery LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![id, DEAD])?;
    conn.prepare_cached(
        "UPDATE outgoing SET attempts = 0, next_at = ?2, fault = ?3, failing_since = coalesce(failing_since, ?4)
         WHERE id = ?1",
    )?
    .execute(params![id, next_at.as_millis(), letter.fault, at.as_millis()])?;
    Ok(true)
}

#[async_trait]
impl Outgoing for SqliteStore {
    async fn create_outgoing(
        &self,
        actor: Option<UserId>,
        new: NewOutgoing,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<OutgoingRow> {
        self.write(move |c| create(c, actor, &new, most, at)).await
    }

    async fn outgoing(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<OutgoingRow>> {
        let room = room.clone();
        self.read(move |c| of(c, actor, &room, now)).await
    }

    async fn delete_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| {
            change(c, (actor, &room, at), &id, "outgoing:delete", |c, room| {
                Ok(c.prepare_cached("DELETE FROM outgoing WHERE id = ?1 AND room = ?2")?
                    .execute(params![id, room.id.0])?)
            })
        })
        .await
    }

    async fn rotate_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        signing: Signing,
        at: Timestamp,
    ) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| {
            change(c, (actor, &room, at), &id, "outgoing:rotate", |c, room| {
                Ok(c.prepare_cached("UPDATE outgoing SET signing = ?3 WHERE id = ?1 AND room = ?2")?
                    .execute(params![id, room.id.0, signing.0])?)
            })
        })
        .await
    }

    async fn enable_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| {
            change(c, (actor, &room, at), &id, "outgoing:enable", |c, room| {
                Ok(c.prepare_cached(
                    "UPDATE outgoing SET disabled_at = NULL, attempts = 0, next_at = 0, failing_since = NULL
                     WHERE id = ?1 AND room = ?2",
                )?
                .execute(params![id, room.id.0])?)
            })
        })
        .await
    }

    async fn dead_letters(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        now: Timestamp,
    ) -> StoreResult<Option<Vec<DeadRow>>> {
        let (room, id) = (room.clone(), id.to_owned());
        self.read(move |c| letters(c, actor, &room, &id, now)).await
    }

    async fn resend(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        delivery: Option<String>,
        at: Timestamp,
    ) -> StoreResult<Option<u32>> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| resend(c, (actor, &room, at), &id, delivery.as_deref())).await
    }

    async fn any_outgoing(&self) -> StoreResult<bool> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM outgoing WHERE disabled_at IS NULL LIMIT 1")?;
            Ok(statement.query_row([], |_| Ok(())).optional()?.is_some())
        })
        .await
    }

    async fn due_outgoing(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OutgoingRow>> {
        self.read(move |c| due(c, now, limit)).await
    }

    async fn outgoing_by_id(&self, id: &str) -> StoreResult<Option<OutgoingRow>> {
        let id = id.to_owned();
        self.read(move |c| by_id(c, &id)).await
    }

    async fn next_move(&self, id: &str) -> StoreResult<Option<MoveRow>> {
        let id = id.to_owned();
        self.read(move |c| next_move(c, &id)).await
    }

    async fn next_again(&self, id: &str) -> StoreResult<Option<DeadRow>> {
        let id = id.to_owned();
        self.read(move |c| next_again(c, &id)).await
    }

    async fn settle(&self, id: &str, step: Step, outcome: Outcome, at: Timestamp) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(move |c| settle(c, &id, &step, &outcome, at)).await
    }

    async fn outgoing_waiting(&self) -> StoreResult<u64> {
        self.read(|c| Ok(c.prepare_cached(WAITING)?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())).await
    }
}
