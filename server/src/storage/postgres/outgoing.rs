//! Outgoing webhooks: their rows, their queues, what came of each step.

use async_trait::async_trait;
use chat_common::rest::Told;
use chat_common::{RoomName, Timestamp, UserId};
use futures_util::FutureExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::hooks::moderated;
use super::{PostgresStore, audit, error, rows};
use crate::domain::Refusal;
use crate::storage::outgoing::{DEAD, WAITING, bit, bits, events};
use crate::storage::{
    Cause, DeadRow, MoveRow, NewOutgoing, Outcome, Outgoing, OutgoingRow, RoomId, Signing, Step, StoreResult,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, r.name, o.room, o.maker, o.url, o.events, o.bots, o.signing, o.created_at, o.seq, r.head,
               o.attempts, o.next_at, o.failing_since, o.fault, o.disabled_at,
               (SELECT count(*) FROM outgoing_dead d WHERE d.hook = o.id)
             FROM outgoing o JOIN rooms r ON r.id = o.room ",
            $rest
        )
    };
}

macro_rules! select_dead {
    ($rest:literal) => {
        concat!("SELECT delivery, event, seq, who, at, attempts, fault, again FROM outgoing_dead ", $rest)
    };
}

fn row(row: &PgRow) -> StoreResult<OutgoingRow> {
    let time = |at| -> StoreResult<Option<Timestamp>> { Ok(rows::time(row.try_get(at)?)) };
    Ok(OutgoingRow {
        id: row.try_get(0)?,
        room: RoomName::parse(row.try_get(1)?).map_err(|_| error::damaged("room name"))?,
        room_id: RoomId(row.try_get(2)?),
        maker: row.try_get::<Option<i64>, _>(3)?.map(rows::user_id),
        url: row.try_get(4)?,
        events: events(row.try_get(5)?),
        bots: row.try_get(6)?,
        signing: Signing(row.try_get(7)?),
        created_at: Timestamp::from_millis(row.try_get(8)?),
        seq: rows::seq(row.try_get(9)?),
        head: rows::seq(row.try_get(10)?),
        attempts: rows::count(row.try_get(11)?),
        next_at: Timestamp::from_millis(row.try_get(12)?),
        failing_since: time(13)?,
        fault: row.try_get(14)?,
        disabled_at: time(15)?,
        dead: rows::count(row.try_get(16)?),
    })
}

fn dead(row: &PgRow) -> StoreResult<DeadRow> {
    let event = events(row.try_get(1)?).first().copied().ok_or_else(|| error::damaged("event"))?;
    let cause = match (row.try_get::<Option<i64>, _>(2)?, row.try_get::<Option<i64>, _>(3)?) {
        (Some(seq), _) => Cause::Entry(rows::seq(seq)),
        (None, Some(who)) => Cause::Move(rows::user_id(who), event == Told::MemberJoined),
        (None, None) => return Err(error::damaged("cause of a delivery")),
    };
    Ok(DeadRow {
        delivery: row.try_get(0)?,
        event,
        cause,
        at: Timestamp::from_millis(row.try_get(4)?),
        attempts: rows::count(row.try_get(5)?),
        fault: row.try_get(6)?,
        again: row.try_get(7)?,
    })
}

async fn create(
    conn: &mut PgConnection,
    actor: Option<UserId>,
    new: &NewOutgoing,
    most: u32,
    at: Timestamp,
) -> StoreResult<OutgoingRow> {
    let room = moderated(conn, actor, &new.room, at).await?;
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM outgoing WHERE room = $1")
        .bind(room.id.0)
        .fetch_one(&mut *conn)
        .await?;
    if there >= i64::from(most) {
        return Err(Refusal::Forbidden("this room has too many outgoing webhooks; delete one first").into());
    }
    sqlx::query(
        "INSERT INTO outgoing (id, room, maker, url, events, bots, signing, created_at, seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&new.id)
    .bind(room.id.0)
    .bind(actor.map(rows::user_in))
    .bind(&new.url)
    .bind(bits(&new.events))
    .bind(new.bots)
    .bind(&new.signing.0)
    .bind(at.as_millis())
    .bind(rows::seq_in(room.head))
    .execute(&mut *conn)
    .await?;
    audit::add(conn, actor, "outgoing:create", room.name.as_str(), Some(&new.id), at).await?;
    row(&sqlx::query(select!("WHERE o.id = $1")).bind(&new.id).fetch_one(conn).await?)
}

/// One statement about a webhook (`$1`) of a room (`$2`), with a text (`$3`) or null.
struct Change {
    action: &'static str,
    statement: &'static str,
    text: Option<String>,
}

/// Changes one row of a room and writes it into the audit; false: there is none.
async fn change(
    conn: &mut PgConnection,
    (actor, room, at): (Option<UserId>, &RoomName, Timestamp),
    id: &str,
    what: Change,
) -> StoreResult<bool> {
    let room = moderated(conn, actor, room, at).await?;
    let done = sqlx::query(what.statement).bind(id).bind(room.id.0).bind(what.text).execute(&mut *conn).await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    audit::add(conn, actor, what.action, room.name.as_str(), Some(id), at).await?;
    Ok(true)
}

async fn is_there(conn: &mut PgConnection, id: &str, room: RoomId) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outgoing WHERE id = $1 AND room = $2)")
        .bind(id)
        .bind(room.0)
        .fetch_one(conn)
        .await?)
}

/// Takes the step out of the queue; false: it does not stand there.
async fn taken(conn: &mut PgConnection, id: &str, step: &Step) -> StoreResult<bool> {
    let query = match step {
        Step::Log { from, to } => sqlx::query("UPDATE outgoing SET seq = $3 WHERE id = $1 AND seq = $2")
            .bind(id)
            .bind(rows::seq_in(*from))
            .bind(rows::seq_in(*to)),
        Step::Move(row) => sqlx::query("DELETE FROM outgoing_moves WHERE hook = $1 AND id = $2").bind(id).bind(row),
        Step::Again(delivery) => {
            sqlx::query("DELETE FROM outgoing_dead WHERE hook = $1 AND delivery = $2").bind(id).bind(delivery)
        }
    };
    Ok(query.execute(conn).await?.rows_affected() == 1)
}

async fn settle(conn: &mut PgConnection, id: &str, step: &Step, outcome: &Outcome, at: Timestamp) -> StoreResult<bool> {
    match outcome {
        Outcome::Sent => {
            let done = taken(conn, id, step).await?;
            if done {
                sqlx::query(
                    "UPDATE outgoing SET attempts = 0, next_at = 0, failing_since = NULL, fault = NULL
                     WHERE id = $1 AND (attempts <> 0 OR next_at <> 0 OR failing_since IS NOT NULL OR fault IS NOT NULL)",
                )
                .bind(id)
                .execute(conn)
                .await?;
            }
            Ok(done)
        }
        Outcome::Skipped => taken(conn, id, step).await,
        Outcome::Failed { fault, next_at } => failed(conn, id, step, fault, *next_at, at).await,
        Outcome::GivenUp { letter, next_at } => {
            Ok(taken(conn, id, step).await? && given_up(conn, id, letter, *next_at, at).await?)
        }
        Outcome::Disabled { fault } => {
            let done =
                sqlx::query("UPDATE outgoing SET disabled_at = $2, fault = $3 WHERE id = $1 AND disabled_at IS NULL")
                    .bind(id)
                    .bind(at.as_millis())
                    .bind(fault)
                    .execute(&mut *conn)
                    .await?;
            let done = done.rows_affected() == 1;
            if done {
                audit::add(conn, None, "outgoing:disable", id, Some(fault), at).await?;
            }
            Ok(done)
        }
    }
}

async fn failed(
    conn: &mut PgConnection,
    id: &str,
    step: &Step,
    fault: &str,
    next_at: Timestamp,
    at: Timestamp,
) -> StoreResult<bool> {
    if let Step::Again(delivery) = step {
        let done = sqlx::query(
            "UPDATE outgoing_dead SET again = false, attempts = attempts + 1, fault = $3
             WHERE hook = $1 AND delivery = $2",
        )
        .bind(id)
        .bind(delivery)
        .bind(fault)
        .execute(conn)
        .await?;
        return Ok(done.rows_affected() == 1);
    }
    let from = match step {
        Step::Log { from, .. } => Some(rows::seq_in(*from)),
        _ => None,
    };
    let done = sqlx::query(
        "UPDATE outgoing SET attempts = attempts + 1, next_at = $2, fault = $3,
           failing_since = coalesce(failing_since, $4) WHERE id = $1 AND ($5::bigint IS NULL OR seq = $5)",
    )
    .bind(id)
    .bind(next_at.as_millis())
    .bind(fault)
    .bind(at.as_millis())
    .bind(from)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn given_up(
    conn: &mut PgConnection,
    id: &str,
    letter: &DeadRow,
    next_at: Timestamp,
    at: Timestamp,
) -> StoreResult<bool> {
    let (seq, who) = match &letter.cause {
        Cause::Entry(seq) => (Some(rows::seq_in(*seq)), None),
        Cause::Move(who, _) => (None, Some(rows::user_in(*who))),
    };
    sqlx::query(
        "INSERT INTO outgoing_dead (hook, delivery, event, seq, who, at, attempts, fault, dead_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (hook, delivery) DO UPDATE SET attempts = excluded.attempts, fault = excluded.fault, again = false,
           dead_at = excluded.dead_at",
    )
    .bind(id)
    .bind(&letter.delivery)
    .bind(bit(letter.event))
    .bind(seq)
    .bind(who)
    .bind(letter.at.as_millis())
    .bind(i64::from(letter.attempts))
    .bind(&letter.fault)
    .bind(at.as_millis())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM outgoing_dead WHERE hook = $1 AND delivery IN
           (SELECT delivery FROM outgoing_dead WHERE hook = $1 ORDER BY dead_at DESC, at DESC, delivery OFFSET $2)",
    )
    .bind(id)
    .bind(i64::from(DEAD))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE outgoing SET attempts = 0, next_at = $2, fault = $3, failing_since = coalesce(failing_since, $4)
         WHERE id = $1",
    )
    .bind(id)
    .bind(next_at.as_millis())
    .bind(&letter.fault)
    .bind(at.as_millis())
    .execute(conn)
    .await?;
    Ok(true)
}

impl PostgresStore {
    async fn change_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        what: Change,
        at: Timestamp,
    ) -> StoreResult<bool> {
        let (room, id) = (room.clone(), id.to_owned());
        self.write(move |c| async move { change(c, (actor, &room, at), &id, what).await }.boxed()).await
    }
}

#[async_trait]
impl Outgoing for PostgresStore {
    async fn create_outgoing(
        &self,
        actor: Option<UserId>,
        new: NewOutgoing,
        most: u32,
        at: Timestamp,
    ) -> StoreResult<OutgoingRow> {
        self.write(move |c| async move { create(c, actor, &new, most, at).await }.boxed()).await
    }

    async fn outgoing(&self, actor: Option<UserId>, room: &RoomName, now: Timestamp) -> StoreResult<Vec<OutgoingRow>> {
        let room = room.clone();
        self.read(move |c| {
            async move {
                let room = moderated(c, actor, &room, now).await?;
                let found = sqlx::query(select!("WHERE o.room = $1 ORDER BY o.created_at DESC, o.id"))
                    .bind(room.id.0)
                    .fetch_all(c)
                    .await?;
                found.iter().map(row).collect()
            }
            .boxed()
        })
        .await
    }

    async fn delete_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool> {
        const STATEMENT: &str = "DELETE FROM outgoing WHERE id = $1 AND room = $2 AND $3::text IS NULL";
        let what = Change { action: "outgoing:delete", statement: STATEMENT, text: None };
        self.change_outgoing(actor, room, id, what, at).await
    }

    async fn rotate_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        signing: Signing,
        at: Timestamp,
    ) -> StoreResult<bool> {
        const STATEMENT: &str = "UPDATE outgoing SET signing = $3 WHERE id = $1 AND room = $2";
        let what = Change { action: "outgoing:rotate", statement: STATEMENT, text: Some(signing.0) };
        self.change_outgoing(actor, room, id, what, at).await
    }

    async fn enable_outgoing(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<bool> {
        const STATEMENT: &str =
            "UPDATE outgoing SET disabled_at = NULL, attempts = 0, next_at = 0, failing_since = NULL
                                 WHERE id = $1 AND room = $2 AND $3::text IS NULL";
        let what = Change { action: "outgoing:enable", statement: STATEMENT, text: None };
        self.change_outgoing(actor, room, id, what, at).await
    }

    async fn dead_letters(
        &self,
        actor: Option<UserId>,
        room: &RoomName,
        id: &str,
        now: Timestamp,
    ) -> StoreResult<Option<Vec<DeadRow>>> {
        let (room, id) = (room.clone(), id.to_owned());
        self.read(move |c| {
            async move {
                let room = moderated(c, actor, &room, now).await?;
                if !is_there(c, &id, room.id).await? {
                    return Ok(None);
                }
                let found = sqlx::query(select_dead!("WHERE hook = $1 ORDER BY dead_at DESC, at DESC, delivery"))
                    .bind(&id)
                    .fetch_all(c)
                    .await?;
                found.iter().map(dead).collect::<StoreResult<_>>().map(Some)
            }
            .boxed()
        })
        .await
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
        self.write(move |c| {
            async move {
                let room = moderated(c, actor, &room, at).await?;
                if !is_there(c, &id, room.id).await? {
                    return Ok(None);
                }
                let marked = sqlx::query(
                    "UPDATE outgoing_dead SET again = true WHERE hook = $1 AND ($2::text IS NULL OR delivery = $2)",
                )
                .bind(&id)
                .bind(delivery)
                .execute(&mut *c)
                .await?;
                audit::add(c, actor, "outgoing:resend", room.name.as_str(), Some(&id), at).await?;
                Ok(Some(u32::try_from(marked.rows_affected()).unwrap_or(u32::MAX)))
            }
            .boxed()
        })
        .await
    }

    async fn any_outgoing(&self) -> StoreResult<bool> {
        self.read(|c| {
            async move {
                let any = "SELECT EXISTS (SELECT 1 FROM outgoing WHERE disabled_at IS NULL)";
                Ok(sqlx::query_scalar(any).fetch_one(c).await?)
            }
            .boxed()
        })
        .await
    }

    async fn due_outgoing(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OutgoingRow>> {
        self.read(move |c| {
            async move {
                let found = sqlx::query(select!(
                    "WHERE o.disabled_at IS NULL AND o.next_at <= $1 AND r.name IS NOT NULL
                       AND (o.seq < r.head OR EXISTS (SELECT 1 FROM outgoing_moves m WHERE m.hook = o.id)
                            OR EXISTS (SELECT 1 FROM outgoing_dead d WHERE d.hook = o.id AND d.again))
                     ORDER BY o.next_at, o.id LIMIT $2"
                ))
                .bind(now.as_millis())
                .bind(i64::from(limit))
                .fetch_all(c)
                .await?;
                found.iter().map(row).collect()
            }
            .boxed()
        })
        .await
    }

    async fn outgoing_by_id(&self, id: &str) -> StoreResult<Option<OutgoingRow>> {
        let id = id.to_owned();
        self.read(move |c| {
            async move {
                let found = sqlx::query(select!("WHERE o.id = $1 AND r.name IS NOT NULL AND o.disabled_at IS NULL"))
                    .bind(&id)
                    .fetch_optional(c)
                    .await?;
                found.as_ref().map(row).transpose()
            }
            .boxed()
        })
        .await
    }

    async fn next_move(&self, id: &str) -> StoreResult<Option<MoveRow>> {
        let id = id.to_owned();
        self.read(move |c| {
            async move {
                let found: Option<(i64, i64, bool, i64)> = sqlx::query_as(
                    "SELECT id, who, joined, at FROM outgoing_moves WHERE hook = $1 ORDER BY id LIMIT 1",
                )
                .bind(&id)
                .fetch_optional(&mut *c)
                .await?;
                let Some((id, who, joined, at)) = found else { return Ok(None) };
                let who = rows::user_id(who);
                let user = rows::Users::of(c, &[who]).await?.get(who)?;
                Ok(Some(MoveRow { id, user, joined, at: Timestamp::from_millis(at) }))
            }
            .boxed()
        })
        .await
    }

    async fn next_again(&self, id: &str) -> StoreResult<Option<DeadRow>> {
        let id = id.to_owned();
        self.read(move |c| {
            async move {
                let found =
                    sqlx::query(select_dead!("WHERE hook = $1 AND again ORDER BY dead_at, at, delivery LIMIT 1"))
                        .bind(&id)
                        .fetch_optional(c)
                        .await?;
                found.as_ref().map(dead).transpose()
            }
            .boxed()
        })
        .await
    }

    async fn settle(&self, id: &str, step: Step, outcome: Outcome, at: Timestamp) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(move |c| async move { settle(c, &id, &step, &outcome, at).await }.boxed()).await
    }

    async fn outgoing_waiting(&self) -> StoreResult<u64> {
        self.read(|c| {
            async move {
                let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(c).await?;
                Ok(waiting.unsigned_abs())
            }
            .boxed()
        })
        .await
    }
}
